"""What the demo holds Keepsight to, promise by promise: facts in, kept or not out. The demo exits 0 only if all are kept."""

from collections.abc import Callable
from typing import Final

from standalone.facts import Facts, Promise, SeenIncident
from standalone.photographs import Kind
from standalone.scenario import SMEARED_CAMERA

POLY_ACCURACY: Final = 0.76
POLY_BALANCED: Final = 0.66
"""`Always functional` would score .71 and .50 on poly: the floor on balanced accuracy is what asks for recall."""
MONO_LOSS: Final = 0.03
"""Below the old champion on the same sealed cells: against the manifest's benchmark, which other cells made, sampling alone moves it by several points."""


def judge(facts: Facts) -> tuple[Promise, ...]:
    """All promises in the order of the story."""
    return tuple(Promise(name, *check(facts)) for name, check in PROMISES.items())


def drifts(facts: Facts) -> list[SeenIncident]:
    """The true incidents about the line's new product."""
    return [one for one in facts.incidents if one.cause != "camera_fault" and not one.false]


def faults(facts: Facts) -> list[SeenIncident]:
    """The true incidents about the smeared lens."""
    return [one for one in facts.incidents if one.cause == "camera_fault" and not one.false]


def _quiet_before(facts: Facts) -> tuple[bool, str]:
    switched = facts.moments.switched_s if facts.moments.switched_s is not None else facts.moments.ended_s
    early = [one.headline for one in facts.incidents if one.false and one.opened_at_s < switched]
    return not early, "; ".join(early) or f"{switched - facts.moments.live_s:.0f} s of mono cells without an incident"


def _drift_found(facts: Facts) -> tuple[bool, str]:
    found = drifts(facts)
    if not found or facts.moments.switched_s is None:
        return False, "no incident said that the line had changed"
    first = min(found, key=lambda one: one.opened_at_s)
    missing = [
        name for name, there in (("cameras", first.cameras), ("evidence", first.evidence), ("effect", _effects(found))) if not there
    ]
    if missing:
        return False, f"the incident {first.headline!r} does not say its {' and '.join(missing)}"
    after = first.opened_at_s - facts.moments.switched_s
    return True, f"{first.headline} ({after:.0f} s after the switch)"


def _effects(incidents: list[SeenIncident]) -> list[str]:
    return [effect for incident in incidents for effect in incident.effect]


def _fault_triaged(facts: Facts) -> tuple[bool, str]:
    found = faults(facts)
    if not found:
        return False, f"no incident said that {SMEARED_CAMERA} has a fault"
    still = [one.headline for one in found if one.closed_at_s is None]
    return not still, f"still open: {still[0]}" if still else found[0].headline


def _fault_not_learnt(facts: Facts) -> tuple[bool, str]:
    if not facts.trained_labels:
        return False, "no training set was found"
    said = f"{facts.smeared_trained} of {facts.smeared_labelled} labelled frames from behind the smeared lens are among {facts.trained_labels} trained on"
    return facts.smeared_trained == 0, said


def _accepted(facts: Facts) -> tuple[bool, str]:
    if not facts.gates:
        return False, "no candidate passed its gates"
    failed = [gate.gate for gate in facts.gates if gate.verdict == "fail"]
    if failed:
        return False, f"published although {', '.join(failed)} failed"
    if facts.moments.swapped_s is None:
        return False, "the candidate did not become champion"
    return True, f"{sum(gate.verdict == 'pass' for gate in facts.gates)} of {len(facts.gates)} gates passed, none failed"


def _poly_accuracy(facts: Facts) -> tuple[bool, str]:
    return _at_least(facts, "poly", "accuracy", POLY_ACCURACY)


def _poly_balanced(facts: Facts) -> tuple[bool, str]:
    return _at_least(facts, "poly", "balanced_accuracy", POLY_BALANCED)


def _at_least(facts: Facts, kind: Kind, metric: str, floor: float) -> tuple[bool, str]:
    moments = facts.proof.answering.get(kind, {})
    if "after" not in moments:
        return False, "there is no proof after the swap"
    after = getattr(moments["after"], metric).value
    return after >= floor, f"{after:.3f}, at least {floor:.2f} is promised"


def _mono_kept(facts: Facts) -> tuple[bool, str]:
    moments = facts.proof.answering.get("mono", {})
    if "after" not in moments or "before" not in moments:
        return False, "there is no proof on mono before and after"
    before, after = moments["before"].accuracy.value, moments["after"].accuracy.value
    said = f"{before:.3f} before, {after:.3f} after on the same cells"
    return after >= before - MONO_LOSS, f"{said}; at most {MONO_LOSS:.2f} less is promised"


def _closed(facts: Facts) -> tuple[bool, str]:
    still = [one.headline for one in facts.incidents if one.closed_at_s is None]
    return not still and bool(facts.incidents), "; ".join(still) or f"{len(facts.incidents)} opened, all closed"


def _quiet_after(facts: Facts) -> tuple[bool, str]:
    switched = facts.moments.switched_s
    late = [one.headline for one in facts.incidents if one.false and switched is not None and one.opened_at_s >= switched]
    return not late, "; ".join(late) or "no false incident after the switch"


def _no_frame_lost(facts: Facts) -> tuple[bool, str]:
    return facts.frames.out > 0 and not facts.frames.lost, f"{facts.frames.out} sent, {facts.frames.arrived} answered and scored"


def _no_event_lost(facts: Facts) -> tuple[bool, str]:
    return facts.events.out > 0 and not facts.events.lost, f"{facts.events.out} published by serving, {facts.events.arrived} read"


def _told(facts: Facts) -> tuple[bool, str]:
    return not facts.troubles, "; ".join(facts.troubles) or "every step came in time, and every service stopped in order"


PROMISES: Final[dict[str, Callable[[Facts], tuple[bool, str]]]] = {
    "told to its end": _told,
    "no false incident before the drift": _quiet_before,
    "drift found": _drift_found,
    "camera fault triaged": _fault_triaged,
    "faulty frames in no training set": _fault_not_learnt,
    "candidate accepted by its gates": _accepted,
    "poly accuracy recovered": _poly_accuracy,
    "poly balanced accuracy recovered": _poly_balanced,
    "mono kept": _mono_kept,
    "incidents closed": _closed,
    "no false incident after": _quiet_after,
    "no frame lost": _no_frame_lost,
    "no event lost": _no_event_lost,
}
