"""Every kind of loss that the run could meet breaks an equation, and nothing else does."""

import math
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from benchmarks.faults.book import LOST, Attempt, Book, Heard, Posted, Sent
from benchmarks.faults.held import Learned, Logged, Watched
from benchmarks.faults.reconcile import Equation, Found, equations
from benchmarks.faults.spans import Span
from contracts.events import FRAMES, LABELS
from contracts.incidents import Incident
from contracts.ports import Place
from monitor.camera import Counts

F, L = Place(FRAMES, 0), Place(LABELS, 0)
KILL = Span("serving killed", 100.0, 108.0, 110.0, cuts=True, repeats=True)
COUNT = 20


def tried(status: int, at: float = 50.0, problem: str = "", server: str = "serving-1") -> Attempt:
    return Attempt(server, 1, at, 0.01, status, problem)


def sound() -> Found:
    """A run in which all is as it should be: twenty frames answered, one cut by the kill, one refused, a label, a poisoned record, a repeat."""
    book, logged = Book(), Logged()
    for number in range(COUNT):
        heard = Heard(f"f{number}", "cam", "1", "china")
        book.frames.append(Sent("cam", "photograph", 50.0, f"f{number}", [tried(200)], heard))
        logged.frames[f"f{number}"], logged.events[f"e{number}"] = ("cam", "1", "china"), 1
    book.frames.append(Sent("cam", "photograph", 101.0, "cut", [tried(LOST, 101.0)]))
    book.frames.append(Sent("cam", "noise", 60.0, "", [tried(415, 60.0, "not-an-image")]))
    book.labels.append(Posted("f1", "china", tried(200), "l1"))
    logged.events["e0"] = 2
    logged.records["cam"] = COUNT + 1
    logged.labels, logged.label_records = {"l1": "f1"}, 1
    logged.unreadable = {(FRAMES, 0, 5)}
    logged.dead[("monitor", FRAMES, 0, 5)] = 1
    logged.ends = {F: COUNT + 2, L: 1}
    places = dict(logged.ends)
    return Found(
        book=book,
        logged=logged,
        watched=Watched(
            places, {"cam": Counts(frames=COUNT, judged=COUNT, repeats=1)}, {"FrameScored": COUNT + 1, "FrameLabelled": 1}
        ),
        learned=Learned(places, {"f1"}, 0),
        spans=[KILL],
        dropped=0,
        duplicated=1,
        poisoned=1,
        unstored=0,
        counters={"serving-1": Counter({"answered": COUNT, "not-an-image": 1})},
        lives={"serving-1": 1},
        crashes=[],
        unready=[],
        exits={"serving-1": 0},
        champion_moved=False,
        series={"serving-1": 400},
    )


def broken(found: Found) -> list[str]:
    return [one.name for one in equations(found) if not one.holds]


def test_a_sound_run_holds() -> None:
    assert broken(sound()) == []


def lose_an_answered_frame(found: Found) -> None:
    del found.logged.frames["f3"]


def invent_a_frame(found: Found) -> None:
    found.logged.frames["nobody's"] = ("cam", "1", "china")


def answer_otherwise(found: Found) -> None:
    found.logged.frames["f3"] = ("cam", "1", "flower")


def answer_garbage(found: Found) -> None:
    found.book.frames[-1].heard = Heard("f0", "cam", "1", "china")


def fail_on_a_frame(found: Found) -> None:
    found.book.frames[-1].attempts = [tried(500, 60.0, "internal")]


def cut_without_a_fault(found: Found) -> None:
    found.book.frames[COUNT].attempts = [tried(LOST, 300.0)]


def write_it_a_thousand_times(found: Found) -> None:
    found.logged.records["cam"] += 1000


def consume_less(found: Found) -> None:
    found.watched.cameras["cam"].repeats = 0


def consume_another_camera(found: Found) -> None:
    found.logged.records = Counter({"cam": COUNT, "other": 1})


def judge_twice(found: Found) -> None:
    found.watched.cameras["cam"].frames, found.watched.cameras["cam"].repeats = COUNT + 1, 0


def stand_still(found: Found) -> None:
    found.watched.offsets = {F: COUNT, L: 1}


def read_no_labels(found: Found) -> None:
    found.learned.offsets = {F: COUNT + 2}


def lose_a_label(found: Found) -> None:
    found.logged.labels = {}


def invent_a_label(found: Found) -> None:
    found.logged.labels["l2"] = "f2"


def forget_a_label(found: Found) -> None:
    found.learned.labels = set()


def bury_nothing(found: Found) -> None:
    found.logged.dead.clear()


def bury_twice(found: Found) -> None:
    found.logged.dead[("monitor", FRAMES, 0, 5)] = 2


def miscount(found: Found) -> None:
    found.counters["serving-1"]["answered"] += 1  # type: ignore[index]


def drop_and_not_say(found: Found) -> None:
    found.dropped = 1


def crash(found: Found) -> None:
    found.crashes = ["monitor ended by itself"]


def stay_away(found: Found) -> None:
    found.spans = [msgspec.structs.replace(KILL, recovered_at=math.inf)]


def stop_badly(found: Found) -> None:
    found.exits = {"serving-1": -9}


def move_the_champion(found: Found) -> None:
    found.champion_moved = True


def ask_for_retraining(found: Found) -> None:
    found.logged.retraining = ["RetrainRequested"]


def cry_wolf(found: Found) -> None:
    wolf = Incident(
        incident_id="i",
        cause="environment_change",
        severity="page",
        headline="h",
        action="a",
        site="s",
        cameras=("cam",),
        version="1",
        since=105.0,
        opened_at=105.0,
    )
    found.logged.opened["i"] = wolf


def export_too_much(found: Found) -> None:
    found.series = {"serving-1": 60_001}


@pytest.mark.parametrize(
    "harm",
    [
        lose_an_answered_frame,
        invent_a_frame,
        answer_otherwise,
        answer_garbage,
        fail_on_a_frame,
        cut_without_a_fault,
        write_it_a_thousand_times,
        consume_less,
        consume_another_camera,
        judge_twice,
        stand_still,
        read_no_labels,
        lose_a_label,
        invent_a_label,
        forget_a_label,
        bury_nothing,
        bury_twice,
        miscount,
        drop_and_not_say,
        crash,
        stay_away,
        stop_badly,
        move_the_champion,
        ask_for_retraining,
        cry_wolf,
        export_too_much,
    ],
)
def test_no_harm_goes_unseen(harm: Callable[[Found], None]) -> None:
    found = sound()
    harm(found)
    assert broken(found)


def test_what_is_dropped_and_counted_is_no_loss() -> None:
    found = sound()
    lose_an_answered_frame(found)
    found.logged.events.pop("e3")
    found.logged.records["cam"] -= 1
    found.logged.ends[F] -= 1
    found.watched.offsets[F] = found.learned.offsets[F] = COUNT + 1
    found.watched.cameras["cam"].frames -= 1
    found.watched.taken["FrameScored"] -= 1
    found.dropped = 1
    assert broken(found) == []


def test_a_frame_whose_answer_was_cut_may_have_arrived() -> None:
    found = sound()
    found.logged.frames["cut"] = ("cam", "1", "china")
    assert "frames on the log that no camera sent, or that were refused" not in broken(found)


def test_a_frame_without_an_id_of_its_own_is_told_by_its_camera() -> None:
    found = sound()
    found.book.frames[COUNT].frame_id = ""
    found.logged.frames["the server's"] = ("cam", "1", "china")
    name = "frames on the log that no camera sent, or that were refused"
    assert name not in broken(found)
    found.logged.frames["one more"] = ("cam", "1", "china")
    assert name in broken(found)


@pytest.mark.parametrize(
    ("left", "right", "slack", "holds"), [(3, 3, 0, True), (3, 4, 0, False), (4, 3, 5, False), (3, 8, 5, True), (3, 9, 5, False)]
)
def test_an_equation_leans_one_way_at_most(left: int, right: int, slack: int, holds: bool) -> None:
    assert Equation("", left, right, "", slack).holds is holds
