"""Brings one post to serving however long it takes: waits while the server is busy or away, and says when it went away and when it came back."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from standalone.camera_client.clock import Clock
from standalone.camera_client.connection import Connection, Reply, UnreachableError
from standalone.camera_client.errors import GaveUpError, TurnedAwayError
from standalone.camera_client.retry import TRIES_OF_A_FAILING_FRAME, Verdict, problem_of, retry_after_s, verdict, wait_s

_TOLD_AFTER: Final = 3
"""Failures in a row before a person is told: one or two are everyday life."""


@dataclass(frozen=True, slots=True)
class Post:
    """What is to be sent; `path` with its query."""

    path: str
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the server said of a post, in the end. `took_s` is the last try alone; `tries` counts all."""

    reply: Reply
    answered: bool
    took_s: float
    tries: int
    problem: str = ""
    detail: str = ""


@dataclass(slots=True)
class Troubles:
    """What did not go at once: 429 answers, other answers that ask to come again, and tries without an answer."""

    busy: int = 0
    failing: int = 0
    unreachable: int = 0


class Courier:
    """One post at a time. `key` gives the bearer key ("" for none) and is asked again when the server does not take it; `say` tells a person."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        rng: random.Random,
        give_up_after_s: float,
        say: Callable[[str], None],
        key: Callable[[], str] = str,
    ) -> None:
        self.troubles = Troubles()
        self._connection, self._clock, self._rng = connection, clock, rng
        self._give_up_after_s, self._say, self._key = give_up_after_s, say, key
        self._bearer = key()
        self._failures = 0
        self._failing_since = 0.0

    def deliver(self, current: Callable[[], Post]) -> Delivery | None:
        """Ask `current` before every try what to send, and send it until the server says yes or no. None: the camera is to stop.

        Raises GaveUpError when no answer came for too long, TurnedAwayError when no post of this camera will ever pass.
        """
        tries = failed = 0
        while not self._clock.stopping:
            post = current()
            tries += 1
            begun = self._clock.elapsed()
            try:
                reply = self._connection.post(post.path, post.body, self._headers(post))
            except UnreachableError as error:
                self.troubles.unreachable += 1
                reason, floor_s = str(error), 0.0
            else:
                took_s = self._clock.elapsed() - begun
                problem, detail = ("", "") if 200 <= reply.status < 300 else problem_of(reply.body)
                failed += reply.status == 500
                judged = self._judged(reply, problem, detail)
                if judged is not Verdict.AGAIN or failed >= TRIES_OF_A_FAILING_FRAME:
                    self._recovered()
                    return Delivery(reply, judged is Verdict.ANSWERED, took_s, tries, problem or f"status-{reply.status}", detail)
                floor_s = retry_after_s(reply.retry_after, self._clock.now())
                reason = f"{self._connection.server.url} answers {reply.status} {problem}: {detail}"
            if self._clock.wait(self._wait_s(reason, floor_s)):
                break
        return None

    def _headers(self, post: Post) -> dict[str, str]:
        headers = {"Content-Type": post.content_type}
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._bearer}"
        return headers

    def _judged(self, reply: Reply, problem: str, detail: str) -> Verdict:
        """As `verdict`; a key that was changed in its file meanwhile is tried before giving in. Raises TurnedAwayError."""
        judged = verdict(reply.status, problem)
        if reply.status == 429:
            self.troubles.busy += 1
        elif judged is Verdict.AGAIN:
            self.troubles.failing += 1
        if judged is not Verdict.TURNED_AWAY:
            return judged
        if reply.status in (401, 403) and (bearer := self._key()) != self._bearer:
            self._bearer = bearer
            return Verdict.AGAIN
        raise TurnedAwayError(
            f"{self._connection.server.url} answers {reply.status}{f' {problem}' if problem else ''}: {_advice(reply, problem, detail)}"
        )

    def _wait_s(self, reason: str, floor_s: float) -> float:
        """The wait before the next try. Raises GaveUpError when it would end too late."""
        if not self._failures:
            self._failing_since = self._clock.elapsed()
        self._failures += 1
        if self._failures == _TOLD_AFTER:
            self._say(
                f"{reason}. Trying on{'' if self._give_up_after_s == float('inf') else f', for {self._give_up_after_s:g} s in all'}"
            )
        pause_s = wait_s(self._failures, floor_s, self._rng)
        if self._clock.elapsed() + pause_s - self._failing_since > self._give_up_after_s:
            raise GaveUpError(
                f"{reason}. Gave up after {self._failures} tries in {self._clock.elapsed() - self._failing_since:.0f} s (--give-up-after)"
            )
        return pause_s

    def _recovered(self) -> None:
        if self._failures >= _TOLD_AFTER:
            self._say(
                f"the server answers again, after {self._clock.elapsed() - self._failing_since:.1f} s and {self._failures} tries"
            )
        self._failures = 0


def _advice(reply: Reply, problem: str, detail: str) -> str:
    if reply.status == 401:
        return f"{detail or 'it wants a key'}. Give the camera's key with --key-file"
    if 300 <= reply.status < 400:
        return "it sends elsewhere; give the address of serving itself with --server"
    if not problem:
        return f"{detail or 'nothing more'}. Is that Keepsight's serving? Look at --server"
    return detail
