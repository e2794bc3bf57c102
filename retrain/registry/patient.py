"""The model repository for a service that may not wait: a question that it has not answered within a bound counts as away.

The service asks some small ones inside its transaction, where PostgreSQL waits 10 s for a client that says nothing. A hard mount of NFS, or an object store
behind a network that drops packets, is silent for minutes. What was asked goes on in its thread, and until that is over nothing else is asked: what it may
still write, a manifest or a state of the channels, is written once and found by the next try.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, Final, NamedTuple, TypeVar

from contracts.channels import Channels
from contracts.errors import StoreError
from contracts.manifest import Manifest
from contracts.repository import ModelRepository

BOUND_S: Final = 3.0
"""Three questions in a row, the most between two statements of a transaction, stay below the 10 s."""
T = TypeVar("T")


class _Question(NamedTuple):
    what: str
    since_s: float
    answer: Future[Any]


class PatientRepository(ModelRepository):
    """As the repository at `url`, for one thread; what is asked inside transactions raises StoreError after `bound_s`. Others take the time they need."""

    def __init__(self, url: str, bound_s: float = BOUND_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(url)
        self._bound_s = bound_s
        self._monotonic = monotonic
        self._pending: _Question | None = None
        self._asking = threading.local()

    def has(self, model: str, version: str) -> bool:
        """See ModelRepository."""
        return self._soon(f"version {version}", lambda: ModelRepository.has(self, model, version))

    def manifest(self, model: str, version: str) -> Manifest:
        """See ModelRepository."""
        return self._soon(f"the manifest of version {version}", lambda: ModelRepository.manifest(self, model, version))

    def finish(self, manifest: Manifest) -> Manifest:
        """See ModelRepository."""
        return self._soon(f"the end of version {manifest.version}", lambda: ModelRepository.finish(self, manifest))

    def channels(self, model: str) -> Channels:
        """See ModelRepository."""
        return self._soon("the channels", lambda: ModelRepository.channels(self, model))

    def set_channels(self, model: str, new: Channels) -> Channels:
        """See ModelRepository."""
        return self._soon("the next channels, to be written,", lambda: ModelRepository.set_channels(self, model, new))

    def _soon(self, what: str, ask: Callable[[], T]) -> T:
        if getattr(self._asking, "here", False):  # a question within a question
            return ask()
        if self._pending is not None and not self._pending.answer.done():
            raise self._silent(self._pending)
        answer: Future[T] = Future()
        self._pending = _Question(what, self._monotonic(), answer)
        threading.Thread(target=self._answer, args=(ask, answer), name="repository", daemon=True).start()
        wait_for([answer], self._bound_s)
        if not answer.done():
            raise self._silent(self._pending)
        return answer.result()

    def _answer(self, ask: Callable[[], T], answer: "Future[T]") -> None:
        self._asking.here = True
        try:
            answer.set_result(ask())
        except BaseException as error:  # raised where it was asked
            answer.set_exception(error)

    def _silent(self, question: _Question) -> StoreError:
        since_s = self._monotonic() - question.since_s
        return StoreError(f"the repository {self.url} was asked for {question.what} {since_s:.0f} s ago and has not answered yet")
