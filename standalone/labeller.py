"""The inspector of the demo: labels, late, the randomly sampled frames of the line, through the same endpoint that any labelling tool would use.

A cell is labelled once: who has inspected a cell does not inspect it again when it passes another time.
"""

import heapq
import json
import threading
import time
from typing import Final

from standalone.camera import Answer, Connection, NotAnsweredError

LABELLED_BY: Final = "inspector"
AT_ONCE: Final = 100


class Labeller(threading.Thread):
    """Posts a label for each eligible answer `delay_s` seconds after its capture, once a second, until stopped."""

    def __init__(self, address: str, delay_s: float) -> None:
        super().__init__(name="labeller", daemon=True)
        self.posted: list[Answer] = []
        """What was labelled, in the order of posting."""
        self.refused: list[str] = []
        self._connection = Connection(address)
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, str, Answer]] = []
        self._seen: set[int] = set()
        self._stopping = threading.Event()

    def offer(self, answer: Answer) -> None:
        """Remember an answered frame for labelling, if it was drawn at random and its cell is new. Any thread."""
        with self._lock:
            if answer.sample == "uniform" and answer.shot.cell.number not in self._seen:
                self._seen.add(answer.shot.cell.number)
                heapq.heappush(self._waiting, (answer.captured_at + self._delay_s, answer.frame_id, answer))

    def stop(self) -> None:
        """Post nothing further."""
        self._stopping.set()

    def run(self) -> None:
        """Post what is due."""
        while not self._stopping.wait(1.0):
            while due := self._due(time.time()):
                self._post(due)
        self._connection.close()

    def _due(self, now: float) -> list[Answer]:
        due: list[Answer] = []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now and len(due) < AT_ONCE:
                due.append(heapq.heappop(self._waiting)[2])
        return due

    def _post(self, answers: list[Answer]) -> None:
        labels = [{"frame_id": answer.frame_id, "label": answer.shot.cell.label, "labelled_by": LABELLED_BY} for answer in answers]
        try:
            self._connection.post("/v1/labels", json.dumps(labels).encode(), "application/json")
        except NotAnsweredError as error:
            self.refused.append(str(error))
            # Serving takes all of a request or nothing, and names the frames at fault: the others are posted again without them.
            named = frames_named(error.content)
            if named and (rest := [answer for answer in answers if answer.frame_id not in named]) and len(rest) < len(answers):
                self._post(rest)
        else:
            self.posted += answers


def frames_named(problem: bytes) -> frozenset[str]:
    """The frames that a refusal names, none when it names none."""
    try:
        content = json.loads(problem)
    except ValueError:
        return frozenset()
    names = content.get("frame_ids", []) if isinstance(content, dict) else []
    return frozenset(str(name) for name in names) if isinstance(names, list) else frozenset()
