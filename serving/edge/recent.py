"""The last answers to frames that their senders named: a frame that is sent again because its answer was lost on the way is not scored again."""

from collections import OrderedDict
from typing import Final

from serving.queueing.frame import Answer

KEPT: Final = 2048
"""Some twenty seconds of a busy server, about as long as clients try again; 4 MB. Later ones are scored again under the same ids, which the log's readers
count once."""


class Recent:
    """By frame id. For one thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def get(self, frame_id: str) -> Answer | None:
        """The answer that the frame had."""
        return self._answers.get(frame_id)

    def keep(self, answer: Answer) -> None:
        """Remember an answer, and forget the oldest beyond what is kept."""
        self._answers[answer.frame_id] = answer
        if len(self._answers) > self._kept:
            self._answers.popitem(last=False)
