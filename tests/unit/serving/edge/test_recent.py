"""Recent answers are found by their frame's id, and bounded."""

import msgspec

from contracts.predictions import Classification
from serving.edge.recent import Recent
from serving.queueing.frame import Answer

ANSWER = Answer(
    frame_id="0",
    camera="line-1",
    model="small",
    version="1",
    variant="champion",
    prediction=Classification(labels=("china",), probabilities=(1.0,)),
    confidence=1.0,
    entropy=0.0,
    sample=None,
    captured_at=0.0,
    received_at=0.0,
)


def test_the_last_answers_are_kept() -> None:
    recent = Recent(kept=3)
    answers = [msgspec.structs.replace(ANSWER, frame_id=str(number)) for number in range(5)]
    for answer in answers:
        recent.keep(answer)
    assert [recent.get(answer.frame_id) for answer in answers] == [None, None, *answers[2:]]
    recent.keep(answers[4])
    assert recent.get("2") == answers[2]
