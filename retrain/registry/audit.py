"""What the ledger proves: that nobody touched it, and which model answered which camera when. Pure: rows, events and channels in, findings out.

A chain of hashes shows an altered or removed row. It does not show a tail that was cut off, nor a ledger that was written anew from some row on: that is
what the log is for, whose events name the ledger's hashes as they were said. Who may rewrite the state and the log alike is beyond any audit here.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Literal, NamedTuple

import msgspec

from contracts.channels import Channels
from contracts.events import AnyEvent, Decided, JobAdvanced, RolloutAdvanced
from contracts.predictions import Variant
from retrain.state.ledger import CHANNELS, GENESIS, Text, chained

MOST: Final = 20
"""Findings told; what was rewritten differs from its first row on."""
Breach = Literal["altered", "missing", "cut", "rewritten", "channels", "model"]


class Finding(msgspec.Struct, frozen=True):
    """Something that cannot be. `row` is the ledger's row that it concerns, 0 where it is none."""

    breach: Breach
    row: int
    detail: str


class Anchor(NamedTuple):
    """An event's word on the ledger: its last row's hash then, or the very row (`sequence`, 0: not said). `at` is Unix seconds."""

    hash: str
    at: float
    event: str
    sequence: int = 0


class Verified(msgspec.Struct, frozen=True):
    """What was looked at, and what was found. Times are Unix seconds, None where there is nothing.

    `anchors` events bear the ledger out, from `anchored_since` on; rows before the first of them rest on the chain alone. `pending` channel states are newer
    than the ledger: the service enters them at its next tick.
    """

    model: str
    rows: int
    head: str
    since: float | None
    until: float | None
    anchors: int
    anchored_since: float | None
    channels: int
    pending: int
    findings: tuple[Finding, ...]
    more: int = 0
    """Findings beyond those told."""


class Served(msgspec.Struct, frozen=True):
    """A version answered a camera from `since` to `until` (Unix seconds, None: still), by the channels from `sequence` on.

    Channels name versions, not cameras: `seen` says whether any frame of the camera is known.
    """

    camera: str
    version: str
    variant: Variant
    digest: str
    """SHA-256 of the model; empty where neither ledger nor repository knows it."""
    since: float
    until: float | None
    sequence: int
    by: str
    reason: str
    seen: bool = True


class _Change(msgspec.Struct):
    """A channel row's facts."""

    after: Channels
    versions: dict[str, dict[str, str]] = {}


def anchor(event: AnyEvent) -> Anchor | None:
    """What an event says of the ledger, if anything."""
    match event:
        case Decided():
            return Anchor(event.hash, event.occurred_at, "Decided", event.sequence)
        case JobAdvanced() | RolloutAdvanced() if event.ledger:
            return Anchor(event.ledger, event.occurred_at, type(event).__name__)
    return None


def verify(
    model: str,
    rows: Sequence[Text],
    anchors: Iterable[Anchor],
    history: Sequence[Channels],
    digest_of: Callable[[str], str],
) -> Verified:
    """Hold the ledger against itself, the events on the log, and the repository's channels and models. `digest_of` gives "" for a version that is gone.

    The order in which they are read matters: log and repository first, for the ledger knows everything before they do.
    """
    said: dict[str, Anchor] = {}
    for one in anchors:
        if one.sequence or one.hash not in said:
            said[one.hash] = one
    changes = list(_changes(rows))
    findings = [*_chain(rows), *_anchored(rows, said.values()), *_channels(changes, history), *_models(changes, digest_of)]
    newest = changes[-1][1].after.sequence if changes else 0
    return Verified(
        model=model,
        rows=len(rows),
        head=rows[-1].hash if rows else "",
        since=rows[0].at if rows else None,
        until=rows[-1].at if rows else None,
        anchors=len(said),
        anchored_since=min((one.at for one in said.values()), default=None),
        channels=len(changes),
        pending=sum(state.sequence > newest for state in history),
        findings=tuple(findings[:MOST]),
        more=max(0, len(findings) - MOST),
    )


def spans(rows: Iterable[Text], camera: str, digest_of: Callable[[str], str]) -> list[Served]:
    """Which version answered a camera, from the first channels on; neighbours differ. `digest_of` is asked for what old rows do not name.

    A state holds until a later one does: where a clock was set back between two, the later one counts from its own time on.
    """
    found: list[Served] = []
    until: float | None = None
    for _, change in reversed(list(_changes(rows))):
        state = change.after
        if until is not None and state.changed_at >= until:
            continue
        version, variant = state.answering(camera)
        digest = change.versions.get(version, {}).get("digest") or digest_of(version)
        since = Served(camera, version, variant, digest, state.changed_at, until, state.sequence, state.by, state.reason)
        if found and (found[-1].version, found[-1].variant, found[-1].digest) == (version, variant, digest):
            since = msgspec.structs.replace(since, until=found.pop().until)
        found.append(since)
        until = state.changed_at
    return found[::-1]


def served(found: Sequence[Served], at: float) -> Served | None:
    """Who answered at a time (Unix seconds); None before the first channels."""
    return next((one for one in reversed(found) if one.since <= at), None)


def _changes(rows: Iterable[Text]) -> Iterable[tuple[int, _Change]]:
    """The channel rows that can be read, by their places; one that cannot was altered, and breaks the chain."""
    for row in rows:
        if row.kind == CHANNELS:
            with suppress(msgspec.MsgspecError):
                yield row.sequence, msgspec.json.decode(row.body, type=_Change)


def _chain(rows: Sequence[Text]) -> Iterable[Finding]:
    previous, expected = GENESIS, 1
    for row in rows:
        if row.sequence != expected:
            gone = f"row {expected} is" if row.sequence == expected + 1 else f"rows {expected} to {row.sequence - 1} are"
            yield Finding("missing", row.sequence, f"{gone} missing")
        elif row.hash != chained(previous, *row[:4]):
            yield Finding("altered", row.sequence, f"row {row.sequence} ({row.kind}) or the one before it was altered")
        previous, expected = row.hash, row.sequence + 1


def _anchored(rows: Sequence[Text], anchors: Iterable[Anchor]) -> Iterable[Finding]:
    """What the log says otherwise, in the order in which it was said."""
    by_place, hashes, last = {row.sequence: row for row in rows}, {row.hash for row in rows}, rows[-1].sequence if rows else 0
    lacking = sorted((one for one in anchors if one.hash not in hashes), key=lambda one: (one.at, one.sequence))
    if (newest := max((one.sequence for one in lacking), default=0)) > last:
        yield Finding("cut", last, f"the ledger ends with row {last}, the log holds decisions up to row {newest}")
    for one in lacking:
        if one.sequence in by_place:
            yield Finding("rewritten", one.sequence, f"row {one.sequence} is not what the log says that it was")
        elif not one.sequence:
            yield Finding(
                "rewritten", 0, f"the row that a {one.event} of {one.at:.0f} names is not there: cut off, or written anew"
            )


def _channels(changes: Sequence[tuple[int, _Change]], history: Sequence[Channels]) -> Iterable[Finding]:
    """Where ledger and repository tell the past of the channels differently."""
    kept = {state.sequence: state for state in history}
    entered = [change.after.sequence for _, change in changes]
    for row, change in changes:
        state = kept.get(change.after.sequence)
        if state is None:
            yield Finding("channels", row, f"channel state {change.after.sequence} is gone from the repository")
        elif state != change.after:
            yield Finding("channels", row, f"channel state {change.after.sequence} reads otherwise in the repository")
    for state in history:
        if state.sequence not in entered and entered and state.sequence < entered[-1]:
            yield Finding("channels", 0, f"channel state {state.sequence} of the repository is not in the ledger")


def _models(changes: Sequence[tuple[int, _Change]], digest_of: Callable[[str], str]) -> Iterable[Finding]:
    """Where a version's model is not the one that the ledger named first."""
    first: dict[str, tuple[int, str]] = {}
    for row, change in changes:
        for version, known in sorted(change.versions.items()):
            if digest := known.get("digest"):
                first.setdefault(version, (row, digest))
    for version, (row, digest) in first.items():
        if (found := digest_of(version)) not in ("", digest):
            yield Finding(
                "model", row, f"version {version} has the digest {found[:12]}… in the repository, {digest[:12]}… in the ledger"
            )
