"""What labels do to incidents: told once, corrected, blamed, and asked for when an estimate says that the model suffers."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from contracts.events import AnyEvent, FrameLabelled, IncidentOpened, IncidentUpdated, RetrainRequested
from contracts.incidents import Incident
from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.predictions import Box, BoxesTruth, Classification, ClassTruth, Detections, Scored, classification
from contracts.repository import ModelRepository
from monitor.identity import derived_id
from monitor.incidents.label_desk import UNJOINED
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.quality.labelled import KEPT, UNUSED, Labelled
from monitor.quality.labels import LabelChannel
from monitor.standard import Standard, Standards
from tests.monitor_line import MODEL, Line, black, usual
from tests.small_model import LABELS

POLICY = Policy(
    block_frames=16, confirm_blocks=3, lone_blocks=6, quiet_blocks=4, recovered_blocks=8, silence_s=60.0, burst_labels=80
)
CAMERAS = ("cam-1", "cam-2", "cam-3")
UNSURE = classification(LABELS, [0.51, 0.49])


class Desk:
    """A judge with its memory, and what it said."""

    def __init__(self, folder: Path, policy: Policy = POLICY) -> None:
        self.line = Line(folder)
        self.memory = Memory()
        self.judge = Judge(MODEL, policy, self.memory, Standards(ModelRepository(self.line.url), MODEL, policy))

    def see(self, events: Iterable[AnyEvent]) -> list[AnyEvent]:
        return [word for event in events for word in self.judge.apply(event, self.line.now)]

    def labels(self, n: int, errors: int, camera: str = "cam-1", **changes: object) -> list[AnyEvent]:
        """`n` labels of new frames of a camera, `errors` of every ten of them wrong."""
        line = self.line
        return self.see(line.label(line.frame(camera, usual(), **changes), i % 10 >= errors) for i in range(n))  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.see(made.line.pass_by(CAMERAS, 64, usual()))
    return made


def incidents(said: list[AnyEvent]) -> list[Incident]:
    return [word.incident for word in said if isinstance(word, IncidentOpened | IncidentUpdated)]


def requests(said: list[AnyEvent]) -> list[RetrainRequested]:
    return [word for word in said if isinstance(word, RetrainRequested)]


# Once, again, corrected.


def test_a_label_posted_again_counts_once_and_a_corrected_one_is_corrected(desk: Desk) -> None:
    frame = desk.line.frame("cam-1", usual())
    desk.see([desk.line.label(frame, True), desk.line.label(frame, True), desk.line.label(frame, False)])
    channel, own = desk.memory.labels["1"], desk.memory.labelled["1"]["cam-1"]
    assert (channel.tally.n, channel.tally.loss, channel.again, channel.corrected) == (1, 1, 1, 1)
    assert (own.tally.n, own.tally.loss) == (1, 1)
    assert channel.overall is not None
    assert channel.overall.taken == 1  # the alarm's evidence took the frame once
    desk.see([desk.line.label(frame, True)])
    assert (channel.tally.n, channel.tally.loss, channel.corrected) == (1, 0, 2)
    assert sum(channel.tally.hits.values()) == 1


def test_of_two_truths_that_come_in_the_wrong_order_the_one_said_last_holds(desk: Desk) -> None:
    frame = desk.line.frame("cam-1", usual())
    late = desk.line.label(frame, True)
    desk.see([desk.line.label(frame, False, occurred_at=late.occurred_at + 60), late])
    channel = desk.memory.labels["1"]
    assert (channel.tally.n, channel.tally.loss, channel.again, channel.corrected) == (1, 1, 1, 0)
    desk.see([desk.line.label(frame, True, occurred_at=late.occurred_at + 120)])
    assert (channel.tally.loss, channel.corrected) == (0, 1)


def test_a_label_without_an_answer_of_a_version_we_know_is_unjoined_and_counted_once(desk: Desk) -> None:
    frame = desk.line.frame("cam-1", usual())
    shadow = (Scored("1", "shadow", frame.prediction),)
    stranger = (Scored("77", "champion", frame.prediction),)
    for predictions in ((), shadow, stranger, stranger):
        desk.see(
            [
                desk.line.label(
                    frame if predictions is stranger else desk.line.frame("cam-1", usual()), True, predictions=predictions
                )
            ]
        )
    assert desk.memory.rollout.counts[UNJOINED] == 3
    assert desk.memory.labels == {}


def test_a_candidate_that_answered_is_judged_by_its_own_labels_and_never_alarms(desk: Desk) -> None:
    desk.line.publish_for_other("2")
    said = desk.see(
        desk.line.label(
            frame := desk.line.frame("cam-1", usual(), "2"), False, predictions=(Scored("2", "candidate", frame.prediction),)
        )
        for _ in range(80)
    )
    assert desk.memory.labels["2"].tally.n == 80
    assert requests(said) == []


def test_the_age_of_labels_is_kept_for_the_newest_only(desk: Desk) -> None:
    line = desk.line
    desk.see(line.label(frame := line.frame("cam-1", usual()), True, occurred_at=frame.captured_at + 3600 + i) for i in range(70))
    assert desk.memory.labels["1"].ages[-1] == 3669
    assert len(desk.memory.labels["1"].ages) == 64


def test_labels_of_old_frames_are_new_after_those_of_younger_ones_and_memory_is_bounded(desk: Desk) -> None:
    seen, ids = Labelled(), [desk.line.frame("cam-1", usual()).frame_id for _ in range(KEPT + 20)]
    assert {seen.see(one, i % 3, 1e9) for i, one in enumerate(reversed(ids))} == {None}
    assert [seen.see(one, UNUSED, 1e9 + 1) for one in ids[:KEPT]] == [(len(ids) - 1 - i) % 3 for i in range(KEPT)]
    assert {seen.see(one, 0, 1e9 + 2) for one in ids[:KEPT]} == {UNUSED}
    assert (len(seen.frames), len(seen.times)) == (KEPT * 5, KEPT * 4)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=Labelled) == seen
    with pytest.raises(ValueError, match="expected a UUIDv7"):
        seen.see("no id", 0, 1e9)


def test_frames_of_an_earlier_release_have_no_time_and_any_truth_is_newer(desk: Desk) -> None:
    old, new = (desk.line.frame("cam-1", usual()).frame_id for _ in range(2))
    before = Labelled()
    before.see(old, 1, 1e9)
    seen = msgspec.msgpack.decode(msgspec.msgpack.encode([before.frames]), type=Labelled)
    seen.see(new, 2, 1e9)
    assert [seen.outdated(one, 5e8) for one in (old, new)] == [False, True]
    assert (seen.see(old, 2, 1e9), seen.see(new, 0, 1e9)) == (1, 2)


def test_a_truth_of_another_task_judges_nothing(desk: Desk) -> None:
    desk.see([desk.line.label(desk.line.frame("cam-1", usual()), True, truth=BoxesTruth(()))])
    assert desk.memory.labels["1"].unused == {"truth of another task": 1}


# Who is to blame.


def test_the_broken_camera_and_the_broken_class_are_named_as_labels_grow(desk: Desk) -> None:
    said = []
    for i in range(300):
        camera = CAMERAS[i % 3]
        frame = desk.line.frame(camera, usual())
        said += desk.see([desk.line.label(frame, camera != "cam-3" or i % 10 == 0)])
    assert len(requests(said)) == 1
    shares = {c.name: c.share for c in incidents(said)[0].contributions if c.kind == "camera"}
    assert max(shares, key=lambda name: shares[name]) == "cam-3"
    named = {e.camera: e for e in incidents(said)[-1].evidence if e.channel == "labels" and e.camera}
    assert set(named) == {"cam-3"}
    assert named["cam-3"].ratio >= 1
    assert "false discovery rate" in named["cam-3"].detail
    assert (
        "over all its labels of version" in named["cam-3"].detail
    )  # not the figure of the headline, which is since the errors began


# The burst.


def unsure(desk: Desk) -> Incident:
    """The model's answers grow unsure on all cameras, though right: its own estimate of its accuracy falls. The incident that opens."""
    changes = {"prediction": UNSURE, "confidence": 0.51, "entropy": UNSURE.entropy}
    said = desk.see(desk.line.pass_by(CAMERAS, 80, usual(), **changes))
    assert requests(said) == []  # an estimate alone never asks for it
    told = [incident for incident in incidents(said) if incident.labels_wanted]
    assert all(incident.headline.endswith("(label 80 frames to know)") for incident in told)
    return told[-1]


def test_the_number_of_labels_that_an_incident_speaks_of_does_not_fall(desk: Desk) -> None:
    desk.labels(100, errors=0)
    told = [i.headline for i in incidents(desk.labels(150, errors=7))]
    counts = [int(found[1]) for headline in told if (found := re.search(r"by (\d+) labels", headline))]
    assert len(counts) >= 3
    assert counts == sorted(counts)


def test_an_estimate_over_its_limit_asks_for_labels_and_tells_a_person_to_label(desk: Desk) -> None:
    incident = unsure(desk)
    assert (incident.labels_wanted, incident.labels_have) == (80, 0)
    assert incident.action.startswith(
        "By the model's own estimate it answers worse, which may be wrong here. Label 80 uniformly sampled frames"
    )


def test_a_burst_that_confirms_the_harm_pages_and_asks_for_retraining_once(desk: Desk) -> None:
    unsure(desk)
    said = desk.labels(200, errors=9)
    (request,) = requests(said)
    told = incidents(said)
    assert told[-1].severity == "page"
    assert told[-1].action.startswith("Retraining was requested")
    assert 0 < told[-1].labels_have < 80
    assert request.incident_id == told[-1].incident_id
    (case,) = desk.memory.cases.values()
    assert case.burst is not None
    assert case.burst.verdict == "confirmed"
    assert desk.memory.labels["1"].alarmed_at  # the other road is closed for this episode


def test_a_burst_without_a_crossing_says_so_with_the_interval_and_nothing_is_retrained(desk: Desk) -> None:
    unsure(desk)
    said = desk.labels(80, errors=0)
    assert requests(said) == []
    last = incidents(said)[-1]
    assert last.labels_have == 80
    assert "not confirmed by 80 labels: accuracy 1.00 [0.9" in last.action
    assert [i.labels_have for i in incidents(said)] == [10, 20, 40, 80]  # at doublings and at the end
    widened = desk.see(desk.line.pass_by(CAMERAS, 80, usual(), prediction=UNSURE, confidence=0.51, entropy=UNSURE.entropy))
    assert all("not confirmed" in i.action for i in incidents(widened))


def test_labels_that_do_not_count_do_not_feed_a_burst(desk: Desk) -> None:
    incident = unsure(desk)
    line = desk.line
    early = [line.label(line.frame("cam-1", usual()), False, captured_at=incident.since - 10) for _ in range(5)]
    chosen = [line.label(line.frame("cam-1", usual()), False, sample="uncertain") for _ in range(5)]
    elsewhere = [line.label(line.frame("cam-9", usual()), False) for _ in range(5)]
    desk.see([*early, *chosen, *elsewhere])
    desk.see(line.frame("cam-2", black()) for _ in range(30))
    desk.see(line.label(line.frame("cam-2", black()), False) for _ in range(5))
    (case,) = (case for case in desk.memory.cases.values() if case.kind == "drift")
    assert case.burst is None
    assert case.tally.n == 0


@pytest.mark.parametrize(("road", "alpha", "at"), [("burst", 0.01, range(3, 15)), ("alarm", 1e-30, range(20, 21))])
def test_whichever_road_comes_first_asks_and_the_other_one_does_not_ask_again(
    tmp_path: Path, road: str, alpha: float, at: range
) -> None:
    desk = Desk(tmp_path, dataclasses.replace(POLICY, label_arl=100.0, burst_alpha=alpha))
    desk.see(desk.line.pass_by(CAMERAS, 64, usual()))
    unsure(desk)
    asked = [n for n in range(1, 80) for _ in requests(desk.labels(1, errors=9))]
    assert len(asked) == 1
    assert asked[0] in at
    (case,) = desk.memory.cases.values()
    assert case.burst is not None
    assert case.burst.verdict == "confirmed"  # both roads were gone to the end
    assert desk.memory.labels["1"].value > 100


def test_a_truth_the_version_does_not_know_is_an_error_that_can_be_corrected_into_one_it_knows(desk: Desk) -> None:
    frame = desk.line.frame("cam-1", usual())
    assert isinstance(frame.prediction, Classification)
    desk.see([desk.line.label(frame, True, truth=ClassTruth("scratch")), desk.line.label(frame, True)])
    tally = desk.memory.labels["1"].tally
    assert (tally.n, tally.loss, tally.true) == (1, 1, {"scratch": 1})  # who it was is not remembered: it stays


def test_old_versions_are_forgotten_but_never_the_champion(desk: Desk) -> None:
    memory = desk.memory
    for k in range(1, 14):
        made = memory.channel(str(k), lambda k=k: LabelChannel(str(k)))  # type: ignore[misc]  # bound now
        made.last_at = float(k)
        memory.camera_labels("cam-1", str(k)).last_at = float(k)
    assert list(memory.labels) == ["1", *map(str, range(7, 14))]
    assert sorted(version for version, each in memory.labelled.items() if "cam-1" in each) == ["11", "12", "13"]
    assert memory.part("labels", "2") is None
    assert memory.part("labelled", "cam-1\x1f2") is None


# Detectors.


def detector_judge(policy: Policy) -> tuple[Judge, Memory]:
    manifest = Manifest(
        model=MODEL, version="1", created_at=0.0, task="detection", labels=("bolt",), input=InputSpec("x", 8, 8), boxes="b", embedding="e",
        lineage=Lineage("import"), files={},
    )  # fmt: skip
    memory = Memory()
    memory.rollout.champion = "1"
    return Judge(MODEL, policy, memory, lambda _: Standard(manifest, None, "detection")), memory


def boxes_label(number: int, found: bool) -> FrameLabelled:
    box = Box("bolt", 10, 10, 30, 30)
    said = Detections((msgspec.structs.replace(box, score=0.9),) if found else ())
    at = 1_750_000_000.0 + number
    return FrameLabelled(
        event_id=derived_id(at, "label", number), occurred_at=at + 60, model=MODEL, frame_id=derived_id(at, number), camera="cam-1", site="hall",
        captured_at=at, truth=BoxesTruth((box,)), predictions=(Scored("1", "champion", said),), sample="uniform",
    )  # fmt: skip


def test_a_detector_s_labels_are_counted_and_with_a_tolerated_loss_they_alarm() -> None:
    labels = [boxes_label(i, i < 60 or i % 10 == 0) for i in range(160)]
    counting, memory = detector_judge(Policy())
    assert [word for label in labels for word in counting.apply(label, label.occurred_at)] == []
    channel = memory.labels["1"]
    assert (channel.tally.n, channel.tally.loss, len(channel.window.frames)) == (160, 90, 160)
    assert channel.window.map50 is not None
    assert channel.window.map50.value == pytest.approx(44 / 101)  # 70 of 160 are found, and nothing else: recalls 0 to 0.43
    judging, memory = detector_judge(Policy(label_frame_loss=0.2))
    said = [word for label in labels for word in judging.apply(label, label.occurred_at)]
    assert len(requests(said)) == 1
    (opened,) = incidents(said)[:1]
    assert (opened.cause, opened.severity) == ("quality_decay", "page")
    (estimate,) = opened.estimates
    assert (estimate.metric, estimate.before) == ("frame_f1", 0.8)
    assert estimate.high < 0.8
    assert "frame_f1" in opened.headline
