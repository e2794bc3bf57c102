"""From the labels that a training process doubted to the next round: what people said of them is in its request, and nobody waits for labels in vain."""

import msgspec
import pytest

from contracts.events import FrameLabelled, GateResult, ReviewLabel
from contracts.predictions import ClassTruth
from retrain.labels.doubts import Verdict
from retrain.request import CandidateOutcome, Suspect
from tests.unit.retrain.jobs.test_supervision import RUNNING, START, Desk, desk

__all__ = ["desk"]  # the fixture
HELD = CandidateOutcome(
    verdict="held",
    reason="labels: about 20 % may be wrong",
    gates=(GateResult("labels", "inconclusive", 0.2, 0.08, "doubted"),),
    suspects=(Suspect("f0", "china", "flower", 0.1), Suspect("f1", "china", "flower", 0.2), Suspect("f2", "china", "flower", 0.3)),
)


def label(desk: Desk, number: int, said: str = "china", at: float = START) -> None:
    desk.labels.add(
        FrameLabelled(
            event_id=f"{number}{at}", occurred_at=at, model="small", frame_id=f"f{number}", camera="c", site="s", captured_at=START,
            truth=ClassTruth(said), predictions=(), stored=f"frames/small/{number}.jpg", sample="uniform",
        )
    )  # fmt: skip


def review(desk: Desk, frame: str, verdict: Verdict) -> None:
    desk.labels.doubts.reviewed(
        ReviewLabel(event_id=frame, occurred_at=START + 10, model="small", frame_id=frame, by="ada", verdict=verdict)
    )


@pytest.mark.parametrize("corrected", [False, True])
def test_a_job_held_by_doubted_labels_goes_on_when_all_were_looked_at(desk: Desk, corrected: bool) -> None:
    for number in range(12):
        label(desk, number)
    desk.jobs.save(msgspec.structs.replace(RUNNING, owner=""))
    desk.look(START)
    desk.process.over, desk.process.answer = True, msgspec.structs.replace(HELD, fence=desk.jobs.get("j").fence)  # type: ignore[union-attr]
    held = desk.look(START)
    assert held.hold == "data"
    assert held.detail == f"{HELD.reason}; it is tried again with 17 new labels, 12 were tried"
    assert [frame.frame_id for frame in desk.labels.doubts.listed(9)] == ["f0", "f1", "f2"]
    review(desk, "f0", "right")
    review(desk, "f1", "wrong")
    assert desk.look(START + 20).hold == "data"
    if corrected:
        label(desk, 2, "flower", START + 15)
    else:
        review(desk, "f2", "unsure")
    job = desk.look(START + 30)
    assert (job.state, job.round) == ("running", RUNNING.round + 1)
    desk.process.over, desk.process.answer = False, None
    desk.look(START + 31)
    asked = msgspec.json.decode((desk.folder / "jobs" / "j" / str(job.round) / "request.json").read_bytes())
    assert (asked["confirmed"], asked["withdrawn"]) == (["f0"], ["f1"])
    assert "f1" not in [frame["frame_id"] for frame in asked["labels"]]
    assert not desk.labels.doubts.settled()  # a process that is held once more waits for labels, or for another look
