"""Asks stores on threads of its own, so that a page waits only so long: a store that hangs leaves a page without its answer, never without the page."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, wait
from typing import Any, Final, TypeVar

from contracts.errors import StoreError

PATIENT_S: Final = 5.0
"""A healthy object store answers in 30 to 300 ms. The server ends a request after 30 s: a page may ask a few stores, one after another."""
V = TypeVar("V")


class Patience:
    """Asks `what` with at most `most` threads at once, however many pages wait; they end when nothing is left to ask. Any thread may call."""

    def __init__(self, what: str, most: int, wait_s: float = PATIENT_S) -> None:
        self._what, self._most, self._wait_s = what, most, wait_s
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._at_work = 0

    def ask(self, question: Callable[[], V]) -> V:
        """The answer. Raises what the question raises, and StoreError when there is none in time."""
        (answer,) = self.ask_all([question])
        return answer()

    def ask_all(self, questions: Sequence[Callable[[], V]]) -> list[Callable[[], V]]:
        """Asks them at once; each answer is to be called for, and raises as in `ask`."""
        asked: list[Future[V]] = [Future() for _ in questions]
        with self._lock:
            self._waiting.extend(zip(asked, questions, strict=True))
            for _ in range(min(len(asked), self._most - self._at_work)):
                self._at_work += 1
                threading.Thread(target=self._work, name="console-store", daemon=True).start()
        wait(asked, self._wait_s)
        with self._lock:  # nobody waits for those any more
            self._waiting = deque(one for one in self._waiting if not (one[0] in asked and one[0].cancel()))
        return [lambda one=one: self._answer(one) for one in asked]  # type: ignore[misc]  # its own future each

    def _answer(self, asked: Future[V]) -> V:
        try:
            return asked.result(0)
        except (CancelledError, TimeoutError):
            raise StoreError(f"{self._what} has not answered within {self._wait_s:g} s") from None

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work -= 1
                    return
                asked, question = self._waiting.popleft()
            try:
                asked.set_result(question())
            except BaseException as error:  # it is raised where the answer is called for
                asked.set_exception(error)
