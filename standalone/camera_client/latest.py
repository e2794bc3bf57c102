"""A live source: a thread looks, the camera sends. What waits is bounded, and when sending falls behind the oldest shots go."""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from standalone.camera_client.clock import Clock
from standalone.camera_client.errors import SourceError
from standalone.camera_client.retry import wait_s
from standalone.camera_client.shot import Fate, Shot

HELD_BYTES: Final = 64 << 20
"""Shots that wait when every frame is to be kept: the newest 64 MiB, some minutes of JPEGs at camera rates."""
Exposure = Callable[[], Shot]
"""A frame as it was seen, encoded when called: what is never sent need not be encoded."""
_GLANCE_S: Final = 0.2
_ENDS_S: Final = 3.0


class StreamAwayError(Exception):
    """A stream broke, or cannot be opened now. The message says why."""


class Live:
    """A Source over `watch`, which opens the stream and yields exposures until it breaks; it is then opened again, waiting longer each time.

    With `newest` one exposure waits at most. `once`: the stream has an end (a file that plays), and is not opened again. `say` tells a person.
    """

    total = None
    left_out = 0
    hint = ""

    def __init__(
        self,
        watch: Callable[[], Iterator[Exposure]],
        clock: Clock,
        rng: random.Random,
        say: Callable[[str], None],
        *,
        newest: bool = True,
        once: bool = False,
        give_up_after_s: float = float("inf"),
    ) -> None:
        self.skipped = 0
        self._watch, self._clock, self._rng, self._say = watch, clock, rng, say
        self._newest, self._once, self._give_up_after_s = newest, once, give_up_after_s
        self._changed = threading.Condition()
        self._waiting: deque[Exposure | Shot] = deque()
        self._held_bytes = 0
        self._over = False
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._look, name="stream", daemon=True)
        self._thread.start()

    def take(self) -> Shot | None:
        """The newest shot, or the oldest that is kept, waited for."""
        with self._changed:
            while not self._waiting:
                if self._failed:
                    raise SourceError(self._failed)
                if self._over or self._clock.stopping:
                    return None
                self._changed.wait(_GLANCE_S)
            taken = self._popped()
        return taken if isinstance(taken, Shot) else taken()

    def newer(self) -> Shot | None:
        """The newest shot if one came since."""
        with self._changed:
            if not self._newest or not self._waiting:
                return None
            taken = self._popped()
        return taken if isinstance(taken, Shot) else taken()

    def settled(self, shot: Shot, fate: Fate) -> None:
        """Nothing is kept of a live shot."""
        self.skipped += fate == "skipped"

    def close(self) -> None:
        """Stop looking. The stream's own timeout bounds how long its thread may hang."""
        with self._changed:
            self._over = True
        self._thread.join(_ENDS_S)

    def _popped(self) -> Exposure | Shot:
        taken = self._waiting.popleft()
        self._held_bytes -= len(taken.content) if isinstance(taken, Shot) else 0
        self._changed.notify_all()
        return taken

    def _look(self) -> None:
        failures, failing_since = 0, 0.0
        while not self._over and not self._clock.stopping:
            try:
                for exposure in self._watch():
                    if failures:
                        self._say("the stream is back")
                    failures = 0
                    if not self._put(exposure):
                        return
                reason = "the stream ended"
            except StreamAwayError as error:
                reason = str(error)
            except Exception as error:  # a thread that dies in silence would leave the camera waiting for ever
                self._end(f"the stream cannot be read: {error!r}")
                return
            if self._once:
                self._end(None)
                return
            if not failures:
                failing_since = self._clock.elapsed()
                self._say(f"{reason}. Opening it again until it is there")
            failures += 1
            if self._clock.elapsed() - failing_since > self._give_up_after_s:
                self._end(f"{reason}. Gave up after {failures} tries (--give-up-after)")
                return
            self._clock.wait(wait_s(failures, 0.0, self._rng))

    def _put(self, exposure: Exposure) -> bool:
        """Let an exposure wait; False when nobody looks any more."""
        item: Exposure | Shot = exposure if self._newest else exposure()
        with self._changed:
            self._held_bytes += len(item.content) if isinstance(item, Shot) else 0
            self._waiting.append(item)
            while len(self._waiting) > 1 and (self._newest or self._held_bytes > HELD_BYTES):
                self._popped()
                self.skipped += 1
            self._changed.notify_all()
            return not self._over and not self._clock.stopping

    def _end(self, failed: str | None) -> None:
        with self._changed:
            self._over, self._failed = True, failed
            self._changed.notify_all()
