"""The reconciliation: every frame and label by its id, from the cameras' books over the log to what the monitor and retrain have saved. Pure.

An equation has two sides that were counted by different witnesses, and holds when they differ by nothing that it does not name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from benchmarks.faults.book import Book, heard_from, lost
from benchmarks.faults.garbage import MUTATED
from benchmarks.faults.held import Learned, Logged, Watched
from benchmarks.faults.spans import Span, cause_of, lost_without_cause
from contracts.events import FRAMES, LABELS
from contracts.ports import Place

REPUBLISHED: Final = 500
"""Records of one publish at most: what a server says again that was killed, or whose log went away, between publishing and acknowledging.
serving/delivery/publisher.py."""
_UNCOUNTED: Final = frozenset({"bad-request", "client-gone", "not-ready"})
"""Problems that a camera cannot be sure to hear: of the bytes behind a request that said less than it sent, and after it left. Or that
the run's own look at /readyz is told, too."""


class Equation(msgspec.Struct, frozen=True):
    """`left` and `right` as counted; it holds when right - left lies in [0, slack]. `about` names both witnesses."""

    name: str
    left: int
    right: int
    about: str
    slack: int = 0

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return 0 <= self.right - self.left <= self.slack


class Found(msgspec.Struct):
    """Everything that the witnesses say. `dropped` is what servers say they dropped; `duplicated` what was published twice on purpose."""

    book: Book
    logged: Logged
    watched: Watched
    learned: Learned
    spans: Sequence[Span]
    dropped: int
    duplicated: int
    poisoned: int
    unstored: int
    """Sampled frames that the frame store does not have."""
    counters: Mapping[str, Counter[str]]
    """By server: what its last life counted, `answered` and problems."""
    lives: Mapping[str, int]
    crashes: Sequence[str]
    unready: Sequence[str]
    exits: Mapping[str, int]
    champion_moved: bool
    series: Mapping[str, int]


def equations(found: Found) -> list[Equation]:
    """All of them."""
    return [_whole(found), *_frames(found), *_consumed(found), *_labels(found), *_letters(found), *_counters(found), *_house(found)]


def _whole(found: Found) -> Equation:
    """From the first book to the last in one line; the others say where it breaks."""
    book, logged = found.book, found.logged
    accepted, unheard = book.accepted(), book.of_fate("unknown")
    arrived, twice = len(logged.frames.keys() - accepted.keys()), logged.records.total() - len(logged.events)
    missing = accepted.keys() - logged.frames.keys()
    return Equation(
        "frames accepted = frames consumed, each once + dropped and counted",
        len(accepted) + arrived,
        _taken(found) - twice + found.dropped - _held_up(book),
        f"cameras' books (with {arrived} of {len(unheard)} frames whose answer was cut) against the monitor's saved counts (less {twice} records that stand "
        f"on the log twice) and servers' word; {sum(topic == FRAMES for _, topic, _, _ in logged.dead)} dead letters of frames are the poison below",
        slack=len(unheard) if missing else 0,
    )


def _taken(found: Found) -> int:
    """Records of frames that the monitor has consumed, as it saved."""
    return sum(counts.frames + counts.repeats for counts in found.watched.cameras.values())


def _held_up(book: Book) -> int:
    """Labels that were refused since their events could not be written: servers count them among what they dropped."""
    return sum(posted.attempt is not None and posted.attempt.problem == "labels-held-up" for posted in book.labels)


def _frames(found: Found) -> Iterator[Equation]:
    book, logged = found.book, found.logged
    accepted, unknown = book.accepted(), book.of_fate("unknown")
    unknown_ids = {sent.frame_id for sent in unknown if sent.frame_id}
    nameless = Counter(sent.camera for sent in unknown if not sent.frame_id)
    missing = accepted.keys() - logged.frames.keys()
    held_up = _held_up(book)
    yield Equation(
        "accepted frames that are not on the log = frames dropped and counted",
        len(missing) + held_up,
        found.dropped,
        f"cameras' books against the log, by id (with {held_up} labels refused meanwhile); servers' word of what they dropped while a disk was full. Above it "
        "at most: frames dropped whose answer was lost",
        slack=len(unknown) if missing else 0,
    )
    unasked = list(logged.frames.keys() - accepted.keys() - unknown_ids)
    of_camera = Counter(logged.frames[frame_id][0] for frame_id in unasked)
    beyond = sum(max(0, count - nameless[camera]) for camera, count in of_camera.items())
    yield Equation(
        "frames on the log that no camera sent, or that were refused", 0, beyond, "the log against cameras' books, by id"
    )
    yield Equation(
        "photographs' tries cut while nothing cut connections",
        0,
        lost_without_cause(book.frames, found.spans),
        "cameras' books against the hours of kills and restarts",
    )
    other = sum(
        logged.frames[frame_id] != (heard.camera, heard.version, heard.label)
        for frame_id, heard in accepted.items()
        if frame_id in logged.frames
    )
    yield Equation(
        "answers that differ from their event", 0, other, "camera, version and class as the camera heard and as the log has it"
    )
    strange = [sent for sent in book.frames if sent.kind not in ("photograph", MUTATED) and sent.heard is not None]
    yield Equation("garbage that was answered as a frame", 0, len(strange), "cameras' books")
    failed = sum(attempt.status >= 500 and attempt.status != 503 for sent in book.frames for attempt in sent.attempts)
    yield Equation("answers of 500 and above but 503", 0, failed, "cameras' books")


def _consumed(found: Found) -> Iterator[Equation]:
    logged, watched = found.logged, found.watched
    records, folded = logged.records.total(), len(logged.events)
    repeats = sum(span.repeats for span in found.spans) * len(found.lives)
    yield Equation(
        "frame records on the log = frames + records that stand there twice",
        folded + found.duplicated,
        records,
        f"{found.duplicated} published twice on purpose; above it what a server was not sure that the log had taken, at most "
        f"{REPUBLISHED} each time, and frames that two servers scored",
        slack=REPUBLISHED * repeats + len(lost(found.book.frames)),
    )
    off = {
        camera: (count, taken)
        for camera, count in logged.records.items()
        if count != (taken := counted.frames + counted.repeats if (counted := watched.cameras.get(camera)) else 0)
    }
    yield Equation(
        "frame records on the log = consumed by the monitor",
        _taken(found),
        records,
        "the log against the counts of each camera in the monitor's saved state (repeats included), which a kill does not set back"
        + "".join(f"; {camera}: {count} and {taken}" for camera, (count, taken) in sorted(off.items())[:5]),
    )
    yield Equation("cameras of which that is not so", 0, len(off), "the same, camera by camera")
    unique = Counter(logged.frames[frame_id][0] for frame_id in logged.frames)
    twice = sum(max(0, counts.frames - counts.late - unique[camera]) for camera, counts in watched.cameras.items())
    unjudged = sum(
        max(0, unique[camera] - counts.frames + counts.late)
        for camera, counts in watched.cameras.items()
    )  # fmt: skip
    late, repeats = (sum(getattr(counts, name) for counts in watched.cameras.values()) for name in ("late", "repeats"))
    yield Equation(
        "frames judged twice",
        0,
        twice,
        f"the monitor's counts of a camera against its frames on the log; {repeats} repeats were told; {late} came too late to be told "
        f"from one, {unjudged} of them for the first time: counted, not judged",
    )
    for name, offsets in (("the monitor", watched.offsets), ("retrain", found.learned.offsets)):
        behind = sum(abs(end - offsets.get(place, 0)) for place, end in _ends(logged))
        yield Equation(
            f"records that {name} has not come to", 0, behind, "the ends of the log against the places saved with its state"
        )


def _labels(found: Found) -> Iterator[Equation]:
    logged = found.logged
    accepted = {posted.event_id for posted in found.book.labels if posted.event_id}
    unsure = {posted.frame_id for posted in found.book.labels if posted.attempt is not None and posted.attempt.status == 0}
    yield Equation(
        "labels accepted = label events on the log",
        len(accepted & logged.labels.keys()),
        len(accepted),
        "the labeller's book against the log, by event id",
    )
    surplus = [event for event, frame_id in logged.labels.items() if event not in accepted and frame_id not in unsure]
    yield Equation(
        "label events that nobody posted", 0, len(surplus), f"the same; {len(unsure)} labels were posted without an answer"
    )
    poisoned = sum(topic == LABELS for topic, _, _ in logged.unreadable)
    yield Equation(
        "label records on the log = consumed by the monitor + dead letters",
        found.watched.taken.get("FrameLabelled", 0) + poisoned,
        logged.label_records + poisoned,
        "the log against the counts in the monitor's saved state",
    )
    frames = set(logged.labels.values())
    yield Equation(
        "labelled frames on the log = labels that retrain keeps",
        len(found.learned.labels & frames),
        len(found.learned.labels | frames),
        "by frame id, in retrain's saved state",
    )


def _letters(found: Found) -> Iterator[Equation]:
    logged = found.logged
    expected = {("monitor", *origin) for origin in logged.unreadable} | {
        ("retrain", *origin) for origin in logged.unreadable if origin[0] == LABELS
    }
    yield Equation(
        "records poisoned = records that are no event", found.poisoned, len(logged.unreadable), "what was injected against the log"
    )
    yield Equation(
        "dead letters = unreadable records, once by each that reads them",
        len(logged.dead.keys() & expected),
        max(logged.dead.total(), len(expected)),
        "by reader and origin",
    )
    taken = found.watched.taken.get("FrameScored", 0)
    dead = sum(handler == "monitor" and topic == FRAMES for handler, topic, _, _ in logged.dead)
    ends = sum(end for place, end in logged.ends.items() if place.topic == FRAMES)
    yield Equation(
        "offsets of keepsight.frames = events consumed + dead letters",
        taken + dead,
        ends,
        "the log's own numbering (dense on the embedded log) against the monitor's saved counts and the letters it wrote",
    )


def _counters(found: Found) -> Iterator[Equation]:
    for server, counted in found.counters.items():
        told = heard_from(found.book, server, found.lives[server])
        names = sorted((told.keys() | counted.keys()) - _UNCOUNTED)
        off = sum(abs(told[name] - counted[name]) for name in names)
        refused = sum(told[name] for name in names if name != "answered")
        yield Equation(
            f"what {server} counted in its last life = what was heard of it",
            0,
            off,
            f"/metrics against the books, by problem: {told['answered']} answered, {refused} refused"
            + "".join(f"; {name}: {told[name]} heard, {counted[name]} counted" for name in names if told[name] != counted[name]),
        )


def _house(found: Found) -> Iterator[Equation]:
    yield Equation("services that died unordered", 0, len(found.crashes), "; ".join(found.crashes) or "watched all the time")
    yield Equation("services not ready at the end", 0, len(found.unready), ", ".join(found.unready) or "/readyz of each")
    wrong = [f"{name}: {status}" for name, status in found.exits.items() if status]
    yield Equation("stops with another status than 0", 0, len(wrong), ", ".join(wrong) or "SIGTERM in order, exit statuses")
    stuck = [span.name for span in found.spans if span.recovered_at == float("inf")]
    yield Equation(
        "faults after which it was not well again",
        0,
        len(stuck),
        ", ".join(stuck) or "ready, spools empty, no lag, within a minute",
    )
    yield Equation(
        "changes of the model",
        0,
        found.champion_moved + len(found.logged.retraining) + found.learned.jobs,
        "channels before and after, requests and jobs on the log" + "".join(f"; {one}" for one in found.logged.retraining[:3]),
    )
    false = [incident for incident in found.logged.opened.values() if not cause_of(incident, found.spans)]
    yield Equation(
        "incidents that belong to no fault",
        0,
        len(false),
        "; ".join(incident.headline for incident in false[:5])
        or f"{len(found.logged.opened)} were opened, each by a fault that looks so",
    )
    over = [f"{name}: {count}" for name, count in found.series.items() if not 0 < count <= SERIES_LIMIT]
    most = max(found.series.values(), default=0)
    yield Equation("services beyond their series", 0, len(over), ", ".join(over) or f"at most {most} of {SERIES_LIMIT}")


SERIES_LIMIT: Final = 60_000
"""sample_limit of dashboards/prometheus/prometheus.yaml."""


def _ends(logged: Logged) -> list[tuple[Place, int]]:
    return [(place, end) for place, end in logged.ends.items() if place.topic in (FRAMES, LABELS)]
