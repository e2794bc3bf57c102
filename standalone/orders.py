"""What a person orders of a running house: commands that stand on the log as events.

An order is refused here when nothing waits for it, so that a typo is told at once and not in a service's log. What retrain makes of one about a version is
waited for a moment, and told.
"""

import getpass
import time
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import SettingsError
from contracts.events import (
    Acknowledge,
    AnyEvent,
    Approve,
    Decided,
    MarkFalseAlarm,
    Promote,
    Reject,
    RequestRetrain,
    Rollback,
    RolloutAdvanced,
    encode,
)
from contracts.ids import new_id
from contracts.log import open_bus
from contracts.repository import ModelRepository
from standalone.log_so_far import LogSoFar
from standalone.status import Say, State, house_of, opened, read

ORDERS: Final = {
    "approve": "let a version that waits for approval begin its rollout",
    "reject": "refuse a version: before its rollout for good, during it by rolling back",
    "rollback": "put the previous version back at once",
    "promote": "bring a version by the steps of a rollout to all cameras, an archived one too; with --force at once",
    "retrain": "ask for a retraining on the labels that are there",
    "acknowledge": "say that you have seen an incident",
    "false-alarm": "say that an incident was none: it closes if it is open, and its like is not reported again",
}
ABOUT_A_VERSION: Final = (Approve, Reject, Rollback, Promote)
TARGETS: Final = {
    "approve": "VERSION",
    "reject": "VERSION",
    "promote": "VERSION",
    "acknowledge": "INCIDENT",
    "false-alarm": "INCIDENT",
}
"""What an order is about; the others are about the model."""


def order(settings: Path, name: str, target: str, by: str, reason: str, say: Say, force: bool = False, wait_s: float = 0.0) -> int:
    """Put a command on the log, and wait for retrain's answer where it gives one. Returns 0, or 1 when it refused.

    Raises SettingsError when nothing waits for the command, saying what does.
    """
    house = house_of(settings)
    bus = open_bus(house.log, "keepsight-operator", house.log_security)
    try:
        log = opened(bus, house.model)
        try:
            state = read(log, ModelRepository(house.repository), house.model)
            event = command(house.model, state, name, target, by or getpass.getuser(), reason, time.time(), force)
            bus.publish([encode(event, "keepsight/operator")])
            say(f"{name} is on the log as {type(event).__name__} {event.event_id}; `keepsight status` shows what comes of it")
            if wait_s > 0 and isinstance(event, ABOUT_A_VERSION):
                return _told(event, log, time.monotonic() + wait_s, say)
        finally:
            log.close()
    finally:
        bus.close()
    return 0


def answer(order: AnyEvent, event: AnyEvent) -> tuple[bool, str] | None:
    """What retrain says to an order about a version, if the event is that: whether it did something, and what or why not."""
    if not isinstance(order, ABOUT_A_VERSION) or not isinstance(event, Decided):
        return None
    said = msgspec.json.decode(event.body)
    if event.kind == "command_refused" and said.get("order") == order.event_id:
        return False, str(said["why"])
    version = said.get("version")
    if event.kind == "rollout_advanced" and said["by"] == order.by and (isinstance(order, Rollback) or order.version == version):
        return True, f"version {version} is in state {said['state'].replace('_', ' ')}: {said['why']}"
    return None


def _told(order: AnyEvent, log: LogSoFar, until: float, say: Say) -> int:
    """Say what comes of an order. `until` is monotonic seconds."""
    while time.monotonic() < until:
        for event in log.events():
            if (found := answer(order, event)) is not None:
                done, what = found
                say(what if done else f"refused: {what}")
                return 0 if done else 1
    say("nobody has answered yet: is the retrain service running, and its repository there?")
    return 0


def command(model: str, state: State, name: str, target: str, by: str, reason: str, now: float, force: bool = False) -> AnyEvent:
    """The event of an order, if something waits for it."""
    about = {"event_id": new_id(now), "occurred_at": now, "model": model, "by": by}
    match name:
        case "approve" | "reject":
            kind = Approve if name == "approve" else Reject
            return kind(**about, version=_waiting(state, name, target), reason=reason)  # type: ignore[arg-type]  # of `about`
        case "rollback":
            if not _on_its_way(state) and (state.channels is None or state.channels.previous is None):
                raise SettingsError(f"model {model!r} has no version on its way and no previous one to go back to")
            return Rollback(**about, reason=reason)  # type: ignore[arg-type]  # of `about`
        case "promote":
            if not reason:
                raise SettingsError("a promotion needs --reason TEXT: it is kept in the record")
            return Promote(**about, version=_promotable(model, state, target, force), reason=reason, force=force)  # type: ignore[arg-type]  # of `about`
        case "retrain":
            return RequestRetrain(**about, reason=reason)  # type: ignore[arg-type]  # of `about`
        case "acknowledge":
            return Acknowledge(**about, incident_id=_open(state, target), reason=reason)  # type: ignore[arg-type]  # of `about`
        case "false-alarm":
            return MarkFalseAlarm(**about, incident_id=_any(state, target), reason=reason)  # type: ignore[arg-type]  # of `about`
    raise SettingsError(f"{name!r} is no order; known: {', '.join(ORDERS)}")


def _waiting(state: State, name: str, version: str) -> str:
    """The version, if an order about it can have an effect."""
    rollout = state.rollout
    stoppable = ("awaiting_approval",) if name == "approve" else ("awaiting_approval", "shadow", "canary", "champion", "watch")
    if rollout is None or rollout.version != version or rollout.state not in stoppable:
        now = (
            f"the last rollout is version {rollout.version}, {rollout.state.replace('_', ' ')}"
            if rollout
            else "there was no rollout yet"
        )
        raise SettingsError(f"there is nothing to {name} in version {version!r}: {now}. See keepsight status")
    return version


def _promotable(model: str, state: State, version: str, force: bool) -> str:
    """The version, if it is there, is not the champion, and no other is on its way."""
    champion = state.channels.champion if state.channels else None
    if version not in state.versions:
        raise SettingsError(f"model {model!r} has no version {version!r}; finished: {', '.join(state.versions) or 'none'}")
    if version == champion:
        raise SettingsError(f"version {version!r} answers already: it is the champion")
    if (rollout := _on_its_way(state)) is not None:
        if rollout.version != version:
            raise SettingsError(
                f"version {rollout.version!r} is on its way ({rollout.state.replace('_', ' ')}): reject it, or wait"
            )
        if not force:
            raise SettingsError(f"version {version!r} is on its way ({rollout.state.replace('_', ' ')}): only --force changes that")
    return version


def _on_its_way(state: State) -> RolloutAdvanced | None:
    """The rollout that has not come to its end."""
    ended = state.rollout is None or state.rollout.state in ("stable", "rolled_back", "rejected")
    return None if ended else state.rollout


def _open(state: State, incident: str) -> str:
    """The open incident whose id is or begins with `incident`."""
    found = [one for one in state.incidents if one.startswith(incident)]
    if len(found) != 1:
        known = ", ".join(state.incidents) or "none"
        raise SettingsError(f"{len(found)} open incidents begin with {incident!r}; open: {known}")
    return found[0]


def _any(state: State, incident: str) -> str:
    """The incident whose id is or begins with `incident`: an open one, else one that closed lately."""
    closed = [one for one in state.closed if one.startswith(incident)]
    if len(closed) == 1 and not any(one.startswith(incident) for one in state.incidents):
        return closed[0]
    return _open(state, incident)
