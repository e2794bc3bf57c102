"""A clock that tests turn, a server that answers by script, and small parts of a camera."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from standalone.camera_client.connection import Connection, Reply, UnreachableError, server_of
from standalone.camera_client.courier import Courier
from standalone.camera_client.shot import Fate, Shot

NOW = 1_767_225_600.0
OK = Reply(200, b'{"frame_id": "f"}')
BUSY = Reply(429, b'{"type": "urn:keepsight:problem:overloaded", "detail": "later"}', "2")
AWAY = UnreachableError("it is away")


def problem(status: int, kind: str, detail: str = "as it is") -> Reply:
    """A refusal of Keepsight's."""
    return Reply(status, f'{{"type": "urn:keepsight:problem:{kind}", "detail": "{detail}"}}'.encode())


@dataclass
class TurnedClock:
    """Time passes only where somebody waits; `waits` are the pauses. `meanwhile` is called in each pause."""

    waits: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    stopping: bool = False
    passed_s: float = 0.0

    def now(self) -> float:
        return NOW + self.passed_s

    def elapsed(self) -> float:
        return self.passed_s

    def wait(self, seconds: float) -> bool:
        if seconds > 0 and not self.stopping:
            self.waits.append(seconds)
            self.passed_s += seconds
            self.meanwhile()
        assert self.passed_s < 1e6, "it waits for ever"
        return self.stopping


class Scripted(Connection):
    """Answers with `script` in turn, then always with 200; keeps what was posted. An exception in the script is raised."""

    def __init__(self, clock: TurnedClock, script: Sequence[Reply | Exception] = (), took_s: float = 0.01) -> None:
        super().__init__(server_of("http://serving:8080"), 1.0)
        self.posts: list[tuple[str, bytes, Mapping[str, str]]] = []
        self._clock, self._script, self._took_s = clock, list(script), took_s

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.posts.append((path, body, dict(headers)))
        self._clock.passed_s += self._took_s
        said = self._script.pop(0) if self._script else OK
        if isinstance(said, Exception):
            raise said
        return said


def courier(connection: Connection, clock: TurnedClock, said: list[str] | None = None, give_up_after_s: float = 300.0) -> Courier:
    """A courier whose waits are drawn with a fixed seed."""
    return Courier(connection, clock, random.Random("line-1"), give_up_after_s, (said if said is not None else []).append)


class Shots:
    """A source of numbered shots; the numbers in `arrive` are there as newer ones at that many calls of `newer`."""

    total: int | None
    left_out = 0
    hint = ""

    def __init__(self, count: int, newer: Sequence[int | None] = ()) -> None:
        self.total = count
        self.skipped = 0
        self.fates: list[tuple[str, Fate]] = []
        self._left = list(range(1, count + 1))
        self._newer = list(newer)

    def take(self) -> Shot | None:
        return self._shot(self._left.pop(0)) if self._left else None

    def newer(self) -> Shot | None:
        number = self._newer.pop(0) if self._newer else None
        return None if number is None else self._shot(number)

    def settled(self, shot: Shot, fate: Fate) -> None:
        self.skipped += fate == "skipped"
        self.fates.append((shot.name, fate))

    def close(self) -> None:
        """Nothing is open."""

    def _shot(self, number: int) -> Shot:
        return Shot(f"frame {number}", NOW + number, f"{number}".encode())
