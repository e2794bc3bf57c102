"""The drift watch of one camera under one version: frames into blocks, blocks into the bank of weighted means, the bank into ratios and runs.

Constant in time and space: sums of the block under way, at most CHUNK pending rows, the bank. A chunk is folded when it is full, never earlier, so
that the same frames give the same bits however they were batched and wherever the process was killed between.
"""

from array import array
from typing import Final

import msgspec
import numpy as np

from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Finding, Reading
from monitor.incidents.history import History
from monitor.items.reference import Reference

CHUNK: Final = 8
"""Rows folded into sums at once: numpy's cost per call is shared by them (5 us a frame; 3 at 16, 9 at 4), and few enough to keep as they are."""
EXAMPLES: Final = 4
ALLOWANCE: Final = 0.75
"""Of a channel's limit: what the CUSUM of its ratios is allowed a block. The estimated change point is where that CUSUM last left zero (Page 1954)."""


class Watch(msgspec.Struct):
    """State of a (camera, version); `version` and the reference's shapes must match."""

    camera: str
    version: str
    pending: bytearray = msgspec.field(default_factory=bytearray)
    """float32 [<= CHUNK, width]"""
    sums: bytes = b""
    """float32 [F + 2 F' + 1] over the block's folded frames: features, then what their form is made of"""
    folded: int = 0
    bank: bytes = b""
    """float32 [S, F]: its rounding is a millionth of the smallest standard error"""
    blocks: int = 0
    block_since: float = 0.0
    ratios: tuple[float, ...] = ()
    """Each channel's statistic over its limit at the last block."""
    runs: tuple[int, ...] = ()
    """Blocks in a row at or above the limit, per channel."""
    excess: tuple[float, ...] = ()
    """Each channel's CUSUM of its ratios above ALLOWANCE."""
    since: tuple[float, ...] = ()
    """When each channel's CUSUM last left zero: the start of its block; 0 while it is zero."""
    above: int = 0
    """Blocks in a row in which any channel was at or above its limit."""
    quiet: int = 0
    quiet_worst: float = 0.0
    """The highest ratio in the row of quiet blocks."""
    examples: list[str] = []
    """Stored paths of the newest sampled frames."""
    usual: list[str] = []
    """The same at the last block without any excursion: what the camera showed before."""
    form: bytes = b""
    """float32 [2 F']: the average form of the newest blocks (see form.py)"""
    history: History = msgspec.field(default_factory=History)

    @property
    def worst(self) -> float:
        """The highest ratio now; 0 while warming."""
        return max(self.ratios, default=0.0)

    def take(self, row: list[float], at: float, stored: str | None, reference: Reference, block_frames: int) -> bool:
        """Take one frame's row at event time `at`; True when it closed a block."""
        if not self.pending and not self.folded:
            self.block_since = at
        if stored:
            self.examples = [*self.examples, stored][-EXAMPLES:]
        self.pending += array("f", row)
        if len(self.pending) < CHUNK * 4 * len(row):
            return False
        self._fold(reference)
        if self.folded < block_frames:
            return False
        self._close(reference, at)
        return True

    def finding(self, reference: Reference) -> Finding:
        """What the newest block says."""
        bank = self.bank_of(reference)
        began = self.since or (0.0,) * len(self.ratios)
        readings = tuple(
            Reading(channel.name, channel.family, "self", ratio, since if ratio >= 1 else 0.0, reference.parts(bank, channel))
            for channel, ratio, since in zip(reference.channels, self.ratios, began, strict=False)
        )
        shape = reference.form.read(_unpacked(self.form), reference.answers(bank)) if self.form else None
        return Finding(
            self.camera, self.version, self.blocks, self.above, self.block_since, readings, reference.performance(bank), shape,
            self.history.course(), reference.expectations(bank),
        )  # fmt: skip

    def bank_of(self, reference: Reference) -> Floats:
        """The bank [S, F], zeros while warming."""
        shape = (len(reference.scales), len(reference.level))
        return _unpacked(self.bank).reshape(shape) if self.bank else np.zeros(shape)

    def rest(self) -> None:
        """Another version answers now: give up the block under way, keep what blocks have shown."""
        self.pending, self.sums, self.folded = bytearray(), b"", 0

    def restart(self) -> None:
        """Forget everything but who it is and what it showed before: the camera was at fault, and what it shows is no evidence."""
        fresh = Watch(self.camera, self.version, usual=self.usual)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))

    def _fold(self, reference: Reference) -> None:
        rows = np.frombuffer(bytes(self.pending), np.float32).reshape(-1, reference.layout.width)
        total = np.concatenate([reference.features(rows).sum(axis=0), reference.form.columns(rows).sum(axis=0)])
        self.sums = _packed(total + _unpacked(self.sums) if self.sums else total)
        self.folded += len(rows)
        self.pending = bytearray()

    def _close(self, reference: Reference, at: float) -> None:
        mean, form = np.split(_unpacked(self.sums) / self.folded, [len(reference.level)])
        bank = reference.step(self.bank_of(reference), mean)
        self.form = _packed(reference.form.average(_unpacked(self.form) if self.form else None, form))
        self.history.push(at, *reference.form.point(form))
        ratios = tuple(float(ratio) for ratio in reference.ratios(bank))
        runs = self.runs or (0,) * len(ratios)
        since = self.since or (0.0,) * len(ratios)
        self.runs = tuple(run + 1 if ratio >= 1 else 0 for run, ratio in zip(runs, ratios, strict=True))
        excess = self.excess or (0.0,) * len(ratios)
        self.excess = tuple(max(0.0, before + ratio - ALLOWANCE) for before, ratio in zip(excess, ratios, strict=True))
        self.since = tuple((began or self.block_since) if e else 0.0 for began, e in zip(since, self.excess, strict=True))
        self.ratios, self.bank, self.blocks = ratios, _packed(bank), self.blocks + 1
        loud = max(ratios) >= 1
        self.above = self.above + 1 if loud else 0
        self.quiet = 0 if loud else self.quiet + 1
        self.quiet_worst = max(self.quiet_worst, *ratios) if self.quiet > 1 else max(ratios)
        if not any(self.since):
            self.usual = self.examples
        self.sums, self.folded = b"", 0


def _packed(values: Floats) -> bytes:
    return values.astype(np.float32).tobytes()


def _unpacked(values: bytes) -> Floats:
    return np.frombuffer(values, np.float32).astype(np.float64)
