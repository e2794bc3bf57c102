"""How a gated version becomes the champion, or does not: the pure state machine of a rollout.

    [awaiting_approval] -> shadow -> canary (a share of the cameras, step by step) -> champion -> watch -> stable
    from any of them: rolling_back -> rolled_back; a person's refusal, or a champion that changed meanwhile: rejected

A step ends on evidence, frames that the version scored in the step's role and time; no data is a hold, never a pass. Time, frames and live cameras
are passed in; what comes out is the next state with its reason, and which channels it means. Moving them is drive.py's work.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from contracts.channels import Channels
from contracts.events import GateResult, RolloutState
from contracts.predictions import Variant
from retrain.rollout.guards import Guards, Role

Approval = Literal["auto", "on_inconclusive", "always"]
ENDED: Final = ("stable", "rolled_back", "rejected")
GUARDED: Final = ("shadow", "canary", "champion", "watch")
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
    shadow_previous: bool = False


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A version on its way. Times are Unix seconds; `previous` is the channel as it was before, where a rollback leaves it.

    `frames` counts what the version scored in this state's role since `entered_at`, `shadow_frames` what it scored in the shadow meanwhile.
    `applied`: the channels stand as this state means them.
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
    rollout = Rollout(
        version=version,
        parent=parent,
        labels=labels,
        state="shadow",
        entered_at=now,
        reason="",
        previous=channels.previous,
        job_id=job_id,
    )
    if channels.champion != parent:
        return _to(
            rollout, "rejected", now, f"it was compared with version {parent}, but the champion is {channels.champion} by now"
        )
    open_gates = [gate.gate for gate in gates if gate.verdict == "inconclusive"]
    if approval == "always":
        return _to(rollout, "awaiting_approval", now, "every version needs a person's approval here")
    if approval == "on_inconclusive" and open_gates:
        return _to(rollout, "awaiting_approval", now, f"inconclusive gates need a person's approval: {', '.join(open_gates)}")
    return _to(rollout, "shadow", now, "its gates passed: it is scored beside the champion and answers nobody")


def scored(rollout: Rollout, version: str, variant: Variant, received_at: float) -> Rollout:
    """Count a frame as evidence: the version's in its role, or, in a rollback, the parent's as champion again."""
    if rollout.state == "rolling_back":
        back = version == rollout.parent and variant == "champion" and received_at > rollout.entered_at
        return msgspec.structs.replace(rollout, frames=rollout.frames + 1) if back else rollout
    if version != rollout.version:
        return rollout
    if variant == _ROLES.get(rollout.state):
        return msgspec.structs.replace(rollout, frames=rollout.frames + 1)
    if variant == "shadow" and rollout.state == "canary":
        return msgspec.structs.replace(rollout, shadow_frames=rollout.shadow_frames + 1)
    return rollout


def advance(rollout: Rollout, plan: Plan, now: float, live: Collection[str], alarm: str | None) -> Rollout:
    """The next state when the evidence for it is there, else the same object. `live` are the cameras that sent frames lately."""
    if alarm is not None and rollout.state in GUARDED:
        return roll_back(rollout, now, alarm, "retrain")
    waited_s = now - rollout.entered_at
    match rollout.state:
        case "shadow" if rollout.frames >= plan.shadow_frames and waited_s >= plan.shadow_s and live:
            return _canary(rollout, plan, now, live, _counted(rollout, waited_s))
        case "canary":
            return _from_canary(rollout, plan, now, live)
        case "champion" if rollout.frames:
            return _to(
                rollout, "watch", now, f"it answers as champion; watched for {plan.watch_s:g} s and {plan.watch_frames} frames"
            )
        case "watch" if rollout.frames >= plan.watch_frames and waited_s >= plan.watch_s:
            return _to(rollout, "stable", now, _counted(rollout, waited_s))
        case "rolling_back" if rollout.frames:
            return _to(rollout, "rolled_back", now, f"version {rollout.parent} answers again: {rollout.reason}")
    return rollout


def approve(rollout: Rollout, now: float, by: str, reason: str) -> Rollout:
    """A person lets a waiting version begin; anything else stays as it is."""
    if rollout.state != "awaiting_approval":
        return rollout
    return _to(rollout, "shadow", now, f"approved by {by}{_because(reason)}", by=by)


def reject(rollout: Rollout, now: float, by: str, reason: str) -> Rollout:
    """A person refuses a version: before its rollout for good, during it by rolling back."""
    if rollout.state == "awaiting_approval":
        return _to(rollout, "rejected", now, f"rejected by {by}{_because(reason)}", by=by)
    return roll_back(rollout, now, f"rejected by {by}{_because(reason)}", by) if rollout.state in GUARDED else rollout


def roll_back(rollout: Rollout, now: float, reason: str, by: str) -> Rollout:
    """Put the parent back, from any state but those that ended without the version as champion."""
    if rollout.state in ("rolling_back", "rolled_back", "rejected"):
        return rollout
    if rollout.state == "awaiting_approval":
        return _to(rollout, "rejected", now, reason, by=by)
    counts = rollout.guards.summary() if rollout.guards.frames else "no frame scored yet"
    return _to(rollout, "rolling_back", now, f"{reason}; in state {rollout.state} with {counts}", by=by)


def abandoned(rollout: Rollout, channels: Channels, now: float) -> Rollout:
    """Someone else moved the channels: the rollout ends and leaves them as they are."""
    reason = (
        f"{channels.by or 'someone'} changed the channels (champion {channels.champion}): {channels.reason or 'no reason given'}"
    )
    return msgspec.structs.replace(_to(rollout, "rolled_back", now, reason, by=channels.by), applied=True)


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
        return _to(rollout, "champion", now, f"{evidence}: it answers every camera", share=1.0)
    share = next((share for share in left if assigned(rollout, share, live)), left[-1])
    cameras = assigned(rollout, share, live)
    skipped = [f"{one:.0%}" for one in left if one < share]
    reason = f"{evidence}; {share:.0%} of the cameras: {_few(cameras)}"
    if not cameras:
        reason = f"{evidence}; none of {len(live)} live cameras falls into {share:.0%}: the evidence goes on in the shadow"
    if skipped:
        reason += f" (skipped {', '.join(skipped)}: no live camera there)"
    return _to(rollout, "canary", now, reason, share=share)


def _to(rollout: Rollout, state: RolloutState, now: float, reason: str, share: float | None = None, by: str = "retrain") -> Rollout:
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
        by=by,
    )


def _counted(rollout: Rollout, waited_s: float) -> str:
    return f"{rollout.frames} frames in {waited_s:.0f} s; {rollout.guards.summary()}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _few(cameras: Sequence[str]) -> str:
    return ", ".join(cameras[:5]) + (f" and {len(cameras) - 5} more" if len(cameras) > 5 else "")
