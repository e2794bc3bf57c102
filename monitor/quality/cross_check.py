"""What the field's concept-drift detectors would have said of the same labels: ADWIN, Page-Hinkley, DDM and KSWIN, from river, at their defaults.

For people who know them, beside the guaranteed alarm and never instead of it: they page nobody, open nothing and are no evidence. They assume
independent errors and promise no number of false alarms (benchmarks/monitor/labels.py measures both).

River's objects cannot be saved as ours are (one is compiled, pickles break between releases). So the losses that they saw are kept, at most MOST, a
byte each, and a monitor that starts shows them the same losses again: the same bits. When MOST are reached they begin anew on the newest half. River
is imported at the first label: it takes two seconds and 170 MiB.
"""

from typing import Any, Final, NamedTuple

import msgspec

MOST: Final = 2000
"""Losses kept: 2 kB a version."""
DETECTORS: Final = ("ADWIN", "Page-Hinkley", "DDM", "KSWIN")
VERSIONS: Final = 3
"""Kept running at once: those labelled last."""
_SEED: Final = 1


class ErrorStream(msgspec.Struct):
    """The newest losses of a version, each rounded to 1/255, and how often each detector alarmed in all and when last (0: never)."""

    losses: bytes = b""
    alarms: dict[str, int] = {}
    last_at: dict[str, float] = {}


class _Running(NamedTuple):
    """Detectors, and the losses that they saw."""

    detectors: dict[str, Any]
    losses: bytes


class CrossCheck:
    """The detectors at work, by version. Nothing of them is saved: where a stream is not what they saw, they are made anew from it."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

    def take(self, version: str, stream: ErrorStream, loss: float, at: float) -> list[str]:
        """Show the version's detectors a loss in [0, 1] of a frame taken `at`; those that alarm."""
        running = self._running.pop(version, None)
        if running is None or running.losses != stream.losses:
            running = _Running(_shown(stream.losses), stream.losses)
        byte = bytes((round(255 * loss),))
        alarmed = _show(running.detectors, byte)
        for name in alarmed:
            stream.alarms[name] = stream.alarms.get(name, 0) + 1
            stream.last_at[name] = at
        stream.losses += byte
        if len(stream.losses) >= MOST:
            stream.losses = stream.losses[-MOST // 2 :]
            running = _Running(_shown(stream.losses), stream.losses)
        self._running[version] = _Running(running.detectors, stream.losses)
        while len(self._running) > VERSIONS:
            del self._running[next(iter(self._running))]
        return alarmed


def _shown(losses: bytes) -> dict[str, Any]:
    """Fresh detectors that have seen `losses`."""
    from river.drift import ADWIN, KSWIN, PageHinkley
    from river.drift.binary import DDM

    made: tuple[Any, ...] = (ADWIN(), PageHinkley(), DDM(), KSWIN(seed=_SEED))  # type: ignore[no-untyped-call]  # ADWIN's constructor
    running = dict(zip(DETECTORS, made, strict=True))
    for loss in losses:
        _show(running, bytes((loss,)))
    return running


def _show(running: dict[str, Any], byte: bytes) -> list[str]:
    loss = byte[0] / 255
    alarmed = []
    for name, one in running.items():
        one.update(round(loss) if name == "DDM" else loss)  # DDM takes right or wrong
        if one.drift_detected:
            alarmed.append(name)
    return alarmed
