"""What the monitor remembers of a video camera: the minutes that are not judged yet, how its judged minutes went, and the records of its aspects.

A block holds one minute of one version in additive sums. They are whole numbers, so that any split of the frames, merged in any order, gives the same
bits. Frames become features a few at a time; a chunk is folded when it is full or its minute ends, never earlier.
"""

from array import array
from typing import Final

import msgspec
import numpy as np

from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Scope
from monitor.items.replay import Replay
from monitor.standard import overspent
from monitor.video.hours import Hours
from monitor.video.limits import MINUTES_A_MONTH
from monitor.video.plan import Plan

UNIT: Final = 2.0**-20
"""The sums' resolution: a millionth of a grey level or of a probability."""
LARGEST: Final = 2.0**22
"""Features are cut there: ten million frames a minute cannot overflow their sum."""
CHUNK: Final = 8
"""Frames that become features at once, as monitor/items/watch.py has it."""
EXAMPLES: Final = 4
VERSIONS_KEPT: Final = 2
"""A version that is rolled back to has not to warm again: its almanacs are kept."""
AWAY: Final = 60
"""Minutes without an answer after which a version's live records are let go: the frames that trail a swap are over, and its bank speaks of the past."""


class Block(msgspec.Struct):
    """The frames of one minute (since 1970) that one version answered."""

    minute: int
    version: str
    n: int = 0
    sums: bytes = b""
    """int64 [F], in UNITs"""
    pending: bytearray = msgspec.field(default_factory=bytearray)
    """float32 [< CHUNK, width]"""

    def take(self, row: list[float], plan: Plan) -> None:
        """Take one frame's row."""
        self.pending += array("f", row).tobytes()
        if len(self.pending) >= CHUNK * 4 * plan.width:
            self.fold(plan)

    def fold(self, plan: Plan) -> None:
        """Turn the frames that wait into sums. Rows with a number that is none are left out."""
        rows = np.frombuffer(bytes(self.pending), np.float32).reshape(-1, plan.width)
        values = plan.features(rows[np.isfinite(rows).all(axis=1)])
        self.merge(len(values), np.rint(np.clip(values, -LARGEST, LARGEST) / UNIT).astype(np.int64).sum(axis=0).tobytes())
        self.pending = bytearray()

    def merge(self, n: int, sums: bytes) -> None:
        """Add the sums of other frames of the same minute and version."""
        self.n += n
        self.sums = (np.frombuffer(self.sums, np.int64) + np.frombuffer(sums, np.int64)).tobytes() if self.sums else sums

    def mean(self, plan: Plan) -> Floats:
        """The minute's mean features [F]; NaN without a usable frame."""
        if self.pending:
            self.fold(plan)
        if not self.n:
            return np.full(sum(len(j.aspect.features) for j in plan.judged), np.nan)
        return np.frombuffer(self.sums, np.int64) * UNIT / self.n


class Scene(msgspec.Struct, array_like=True):
    """A video camera. `above` and `quiet` count judged minutes in a row with and without a channel at its limit."""

    camera: str
    blocks: list[Block] = []
    """Of the minutes that are not judged yet: two at most, three around a change of versions."""
    version: str = ""
    """That answered the minute judged last."""
    versions: dict[str, tuple[int, str]] = {}
    """The last VERSIONS_KEPT that answered: the minute in which each last did, and the pixels that it saw (plan.py)."""
    minutes: int = 0
    minute: int = 0
    """The one judged last."""
    above: int = 0
    quiet: int = 0
    quiet_worst: float = 0.0
    """The highest ratio in the row of quiet minutes."""
    ratios: dict[str, float] = {}
    """Each channel's higher ratio of self and peer, in the minute judged last."""
    alarms: int = 0
    """Channels, by scope, with an open alarm."""
    rehearsed: int = 0
    """Minutes of its reference that were judged as they came, by what was known before them: out of fold."""
    raised: int = 0
    """Alarms that opened in them."""
    history: int = 0
    """Minutes of its own history that the image is judged by, as these pixels show it."""
    examples: list[str] = []
    """Stored paths of the newest sampled frames."""
    usual: list[str] = []
    """The same when its alarms were last closed: what it showed before."""
    hours: dict[Scope, Hours] = {}
    """Of the image, since its residuals have a unit: how a drift came about."""

    @property
    def replay(self) -> Replay | None:
        """What its own reference raised out of fold, while it grew; None before."""
        return Replay(self.raised, self.rehearsed / MINUTES_A_MONTH) if self.rehearsed else None

    def demoted(self, pages_a_month: float) -> str:
        """Why its drift is told as tickets only; "" when it may page. One alarm in the weeks of a reference says too little."""
        replay = self.replay
        return overspent(pages_a_month, replay.rate) if replay is not None and replay.alarms > 1 else ""

    def block(self, minute: int, version: str) -> Block:
        """The block of a minute and version, made at first need."""
        block = next((b for b in self.blocks if b.minute == minute and b.version == version), None)
        if block is None:
            block = Block(minute, version)
            self.blocks = [*self.blocks, block]
        return block

    def answered_by(self, version: str, pixels: str, minute: int) -> tuple[list[str], list[str]]:
        """A version answered a minute: the sources of records that are away since then, and those of them to be forgotten for good."""
        self.versions[version] = minute, pixels
        kept = sorted(self.versions, key=lambda each: (-self.versions[each][0], each))[:VERSIONS_KEPT]
        away = self._sources_but([each for each in kept if minute - self.versions[each][0] <= AWAY])
        gone = self._sources_but(kept)
        self.versions = {each: seen for each, seen in self.versions.items() if each in kept}
        return away, gone

    def _sources_but(self, versions: list[str]) -> list[str]:
        """The other versions, and the pixels that only those saw."""
        others = [each for each in self.versions if each not in versions]
        seen = [self.versions[each][1] for each in versions]
        return others + [pixels for each in others if (pixels := self.versions[each][1]) not in seen]

    def past(self, scope: Scope) -> Hours:
        """The image's hours in a scope, made at first need."""
        return self.hours.setdefault(scope, Hours())

    def judged(self, minute: int, version: str, ratios: dict[str, float], alarms: int) -> None:
        """A minute was judged: each channel's ratio, and how many alarms are open."""
        self.minute, self.version, self.ratios, self.alarms = minute, version, ratios, alarms
        self.minutes += 1
        worst = max(ratios.values(), default=0.0)
        loud = worst >= 1
        self.above = self.above + 1 if loud else 0
        self.quiet = 0 if loud else self.quiet + 1
        self.quiet_worst = max(self.quiet_worst, worst) if self.quiet > 1 else worst
        if not alarms:
            self.usual = self.examples


class Track(msgspec.Struct, array_like=True):
    """The live record of one aspect of a camera (aspect.py). `source`: the version that made the numbers; of the image, the pixels (plan.py)."""

    camera: str
    aspect: str
    source: str
    record: bytes


class Almanac(msgspec.Struct, array_like=True):
    """The almanac record of the same: it changes at the end of each slot only, and is saved only then."""

    camera: str
    aspect: str
    source: str
    record: bytes
