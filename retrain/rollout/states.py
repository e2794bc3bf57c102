"""How a gated version becomes the champion, or does not: the pure state machine of a rollout.

    [awaiting_approval] -> shadow -> canary (a share of the cameras, step by step) -> champion -> watch -> stable
    from any of them: rolling_back -> rolled_back; a person's refusal, or a champion that changed meanwhile: rejected

A step ends on evidence, frames that the version scored in the step's role and time; no data is a hold, never a pass. A new champion is watched, and a
rollback over, when every server says that it answers with that version. Time, frames, live cameras and servers' reports are passed in; what comes out is
the next state with its reason, and which channels it means. Moving them is drive.py's work.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from contracts.channels import Channels
from contracts.events import GateResult, RolloutState
from contracts.predictions import Variant
from retrain.rollout.guards import Guards, Role
from retrain.rollout.replicas import Standing

Approval = Literal["auto", "on_inconclusive", "always"]
ENDED: Final = ("stable", "rolled_back", "rejected")
GUARDED: Final = ("shadow", "canary", "champion", "watch")
BESIDE: Final = "it is scored beside the champion and answers nobody"
_ROLES: Final[dict[RolloutState, Role]] = {"shadow": "shadow", "canary": "candidate", "champion": "champion", "watch": "champion"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What each step wants; see the settings of the same names. `shares` rise; frames and seconds are per step."""

    shadow_frames: int
    shadow_s: float
    shares: Sequence[float]
    canary_frames: int
    canary_s: float
    watch_frames: int
    watch_s: float
    rollback_deadline_s: float
    shadow_previous: bool = False


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A version on its way. Times are Unix seconds; `previous` is the channel as it was before, where a rollback leaves it.

    `frames` counts what the version scored in this state's role since `entered_at`, `shadow_frames` what it scored in the shadow meanwhile.
    `applied`: the channels stand as this state means them, since `sequence`. `waits_for`: the servers that a step still waits for after the deadline.
    `gates` is the SHA-256 of the gates' verdicts as its ModelPublished tells them, empty where there were none; the thresholds are those of a detector's
    boxes.
    """

    version: str
    parent: str
    labels: tuple[str, ...]
    state: RolloutState
    entered_at: float
    reason: str
    previous: str | None = None
    job_id: str = ""
    share: float = 0.0
    frames: int = 0
    shadow_frames: int = 0
    applied: bool = False
    sequence: int = 0
    digest: str = ""
    parent_digest: str = ""
    threshold: float = 0.5
    parent_threshold: float = 0.5
    gates: str = ""
    waits_for: str = ""
    by: str = "retrain"
    guards: Guards = msgspec.field(default_factory=Guards)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it by itself."""
        return self.state in ENDED


def begin(
    version: str,
    channels: Channels,
    parent: str,
    labels: tuple[str, ...],
    gates: Sequence[GateResult],
    approval: Approval,
    now: float,
    job_id: str = "",
) -> Rollout:
    """The first state of a published version, whose gates compared it with `parent`."""
    verdicts = hashlib.sha256(msgspec.json.encode(tuple(gates))).hexdigest() if gates else ""
    rollout = msgspec.structs.replace(fresh(version, channels, parent, labels, now, job_id), gates=verdicts)
    if channels.champion != parent:
        return entered(
            rollout, "rejected", now, f"it was compared with version {parent}, but the champion is {channels.champion} by now"
        )
    open_gates = [gate.gate for gate in gates if gate.verdict == "inconclusive"]
    if approval == "always":
        return entered(rollout, "awaiting_approval", now, "every version needs a person's approval here")
    if open_gates:
        return entered(rollout, "awaiting_approval", now, f"inconclusive gates need a person's approval: {', '.join(open_gates)}")
    return entered(rollout, "shadow", now, f"its gates passed: {BESIDE}")


def scored(rollout: Rollout, version: str, variant: Variant) -> Rollout:
    """Count a frame as evidence: the version's in its role."""
    if version != rollout.version:
        return rollout
    if variant == _ROLES.get(rollout.state):
        return msgspec.structs.replace(rollout, frames=rollout.frames + 1)
    if variant == "shadow" and rollout.state == "canary":
        return msgspec.structs.replace(rollout, shadow_frames=rollout.shadow_frames + 1)
    return rollout


def advance(
    rollout: Rollout, plan: Plan, now: float, live: Collection[str], servers: Standing, alarm: str | None = None
) -> Rollout:
    """The next state when the evidence for it is there, else the same object. `live` are the cameras that sent frames lately."""
    if alarm is not None and rollout.state in GUARDED:
        return roll_back(rollout, now, alarm, "retrain")
    waited_s = now - rollout.entered_at
    match rollout.state:
        case "shadow" if rollout.frames >= plan.shadow_frames and waited_s >= plan.shadow_s and live:
            return _canary(rollout, plan, now, live, _counted(rollout, waited_s))
        case "canary" if (after := _from_canary(rollout, plan, now, live)) is not rollout:
            return after
        case "shadow" | "canary" if rollout.frames or rollout.shadow_frames:
            return msgspec.structs.replace(rollout, waits_for="") if rollout.waits_for else rollout
        case "shadow" | "canary" if waited_s > plan.rollback_deadline_s:
            return _waiting(rollout, servers, rollout.digest, "frames")
        case "champion" if rollout.frames:
            reason = f"{servers.counted()} with it; watched for {plan.watch_s:g} s and {plan.watch_frames} frames"
            return _awaited(rollout, rollout.digest, plan, now, servers) or entered(rollout, "watch", now, reason)
        case "watch" if rollout.frames >= plan.watch_frames and waited_s >= plan.watch_s:
            reason = f"{_counted(rollout, waited_s)}; {servers.counted()} with it"
            return _awaited(rollout, rollout.digest, plan, now, servers) or entered(rollout, "stable", now, reason)
        case "rolling_back":
            reason = f"{servers.counted()} with version {rollout.parent} again: {rollout.reason}"
            return _awaited(rollout, rollout.parent_digest, plan, now, servers) or entered(rollout, "rolled_back", now, reason)
    return rollout


def roll_back(rollout: Rollout, now: float, reason: str, by: str) -> Rollout:
    """Put the parent back, from any state but those that ended without the version as champion."""
    if rollout.state in ("rolling_back", "rolled_back", "rejected"):
        return rollout
    if rollout.state == "awaiting_approval":
        return entered(rollout, "rejected", now, reason, by=by)
    counts = rollout.guards.summary() if rollout.guards.frames or rollout.guards.given else "no frame scored yet"
    return entered(rollout, "rolling_back", now, f"{reason}; in state {rollout.state} with {counts}", by=by)


def abandoned(rollout: Rollout, channels: Channels, now: float) -> Rollout:
    """Someone else moved the channels: the rollout ends and leaves them as they are."""
    reason = (
        f"{channels.by or 'someone'} changed the channels (champion {channels.champion}): {channels.reason or 'no reason given'}"
    )
    return msgspec.structs.replace(entered(rollout, "rolled_back", now, reason, by=channels.by), applied=True)


def channels_of(rollout: Rollout, plan: Plan) -> dict[str, object] | None:
    """The channels that a state means; None when it means none.

    In the canary the version goes on in the shadow of the cameras that it does not answer: that is what it is compared with, and what a step
    without a camera rests on. During the watch the parent shadows the new champion.
    """
    old: dict[str, object] = {
        "champion": rollout.parent,
        "candidate": None,
        "share": 0.0,
        "shadow": None,
        "previous": rollout.previous,
    }
    new = {**old, "champion": rollout.version, "shadow": rollout.parent, "previous": rollout.parent}
    match rollout.state:
        case "awaiting_approval" | "rejected":
            return None
        case "shadow":
            return {**old, "shadow": rollout.version}
        case "canary":
            return {**old, "shadow": rollout.version, "candidate": rollout.version, "share": rollout.share}
        case "champion" | "watch":
            return new
        case "stable":
            return new if plan.shadow_previous else {**new, "shadow": None}
    return old


def assigned(rollout: Rollout, share: float, live: Collection[str]) -> list[str]:
    """The live cameras that the version would answer at a share, sorted."""
    canary = Channels(champion=rollout.parent, candidate=rollout.version, share=share)
    return sorted(camera for camera in live if canary.answering(camera)[1] == "candidate")


def fresh(version: str, channels: Channels, parent: str, labels: tuple[str, ...], now: float, job_id: str = "") -> Rollout:
    """A rollout of a version against `parent` that has not begun."""
    return Rollout(
        version=version,
        parent=parent,
        labels=labels,
        state="shadow",
        entered_at=now,
        reason="",
        previous=channels.previous,
        job_id=job_id,
    )


def _awaited(rollout: Rollout, digest: str, plan: Plan, now: float, servers: Standing) -> Rollout | None:
    """None when every server answers with the model `digest`; else the rollout, which names those that do not once the deadline is over."""
    if servers.all_on(digest, "champion", rollout.sequence):
        return None
    if now - rollout.entered_at <= plan.rollback_deadline_s:
        return rollout
    return _waiting(rollout, servers, digest, "any server's report")


def _waiting(rollout: Rollout, servers: Standing, digest: str, otherwise: str) -> Rollout:
    """The rollout as it names the servers that do not hold the model `digest` as its state means it; `otherwise` when each does, or none reports."""
    waits_for = _few(servers.lacking(digest, _ROLES.get(rollout.state, "champion"), rollout.sequence)) or otherwise
    return rollout if waits_for == rollout.waits_for else msgspec.structs.replace(rollout, waits_for=waits_for)


def _from_canary(rollout: Rollout, plan: Plan, now: float, live: Collection[str]) -> Rollout:
    waited_s = now - rollout.entered_at
    if assigned(rollout, rollout.share, live):
        if rollout.frames < plan.canary_frames or waited_s < plan.canary_s:
            return rollout
        return _canary(rollout, plan, now, live, _counted(rollout, waited_s))
    if not live:
        return rollout
    if any(assigned(rollout, share, live) for share in plan.shares if share > rollout.share):
        return _canary(rollout, plan, now, live, f"no camera of the {rollout.share:.0%} sends frames")
    if rollout.frames + rollout.shadow_frames < plan.canary_frames or waited_s < plan.canary_s:
        return rollout
    return _canary(rollout, plan, now, live, f"{rollout.shadow_frames} frames in the shadow, no camera in the canary")


def _canary(rollout: Rollout, plan: Plan, now: float, live: Collection[str], evidence: str) -> Rollout:
    """The next canary step that holds a live camera, the last one when none does; after the last the version is champion."""
    left = [share for share in plan.shares if share > rollout.share]
    if not left:
        return entered(rollout, "champion", now, f"{evidence}: it answers every camera", share=1.0)
    share = next((share for share in left if assigned(rollout, share, live)), left[-1])
    cameras = assigned(rollout, share, live)
    skipped = [f"{one:.0%}" for one in left if one < share]
    reason = f"{evidence}; {share:.0%} of the cameras: {_few(cameras)}"
    if not cameras:
        reason = f"{evidence}; none of {len(live)} live cameras falls into {share:.0%}: the evidence goes on in the shadow"
    if skipped:
        reason += f" (skipped {', '.join(skipped)}: no live camera there)"
    return entered(rollout, "canary", now, reason, share=share)


def entered(
    rollout: Rollout, state: RolloutState, now: float, reason: str, share: float | None = None, by: str = "retrain"
) -> Rollout:
    """The rollout as it enters a state, where its evidence begins at nothing."""
    kept = {"canary": rollout.share, "champion": 1.0, "watch": 1.0, "stable": 1.0}.get(state, 0.0)
    return msgspec.structs.replace(
        rollout,
        state=state,
        entered_at=now,
        reason=reason,
        share=kept if share is None else share,
        frames=0,
        shadow_frames=0,
        applied=False,
        waits_for="",
        by=by,
    )


def _counted(rollout: Rollout, waited_s: float) -> str:
    return f"{rollout.frames} frames in {waited_s:.0f} s; {rollout.guards.summary()}"


def because(reason: str) -> str:
    """What follows a verb, where a person gave a reason."""
    return f": {reason}" if reason else ""


def _few(cameras: Sequence[str]) -> str:
    return ", ".join(cameras[:5]) + (f" and {len(cameras) - 5} more" if len(cameras) > 5 else "")
