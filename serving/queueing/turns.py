"""Frames that wait, by camera: each camera has its turn, none takes all the room, and where a camera wants it only its newest frame waits.

Cameras whose frames wait are served in turn (Nagle, RFC 970, 1985). A camera may hold as many slots as are free, and no more (Choudhury and Hahne, "Dynamic
queue length thresholds in a shared-memory ATM switch", 1998, with a factor of 1): alone it has half of the room, two that send too much have a third each,
and what is left is for cameras that send little. For one thread.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Sequence

from serving.queueing.frame import Frame


class Turns:
    """Room for `limit` frames, those on their way included: a slot is reserved before a body is read. `newest_wins` are cameras of which one frame waits."""

    def __init__(self, limit: int, newest_wins: Container[str] = ()) -> None:
        self._limit, self._newest_wins = limit, newest_wins
        self._reserved: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[Frame]] = OrderedDict()
        self._depth = self._on_their_way = 0

    def __len__(self) -> int:
        """Frames that wait."""
        return self._depth

    @property
    def slots(self) -> int:
        """Slots that are taken, by frames that wait or are on their way."""
        return self._depth + self._on_their_way

    @property
    def oldest_at(self) -> float:
        """When the frame that waits longest was queued."""
        return min(frames[0].queued_at for frames in self._waiting.values())

    def reserve(self, camera: str) -> bool:
        """Take a slot for a frame of `camera` ("": not known yet). False when there is none for it.

        A frame that will replace a waiting one may always come, one at a time: even in overload it is the newest that waits, for twice the memory at most.
        """
        held, waits = self._reserved.get(camera, 0), self._waiting.get(camera, ())
        replaces = camera in self._newest_wins and waits and not held
        if held + len(waits) >= self._limit - self.slots and not replaces:
            return False
        self._reserved[camera] = held + 1
        self._on_their_way += 1
        return True

    def release(self, camera: str, count: int = 1) -> None:
        """Give reserved slots back."""
        self._on_their_way -= count
        left = self._reserved[camera] - count
        if left:
            self._reserved[camera] = left
        else:
            del self._reserved[camera]

    def put(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Queue frames of one camera, that came together, on the slots reserved for them.

        Returns those that wait no longer because newer ones of a camera whose newest wins do; a replaced frame's turn is its successor's.
        """
        camera = frames[0].camera_name
        self.release(camera, len(frames))
        waiting = self._waiting.setdefault(camera, deque())
        superseded: Sequence[Frame] = ()
        if waiting and camera in self._newest_wins:
            if frames[-1].captured_at < waiting[-1].captured_at:  # it was overtaken on its way
                return frames
            superseded = tuple(waiting)
            waiting.clear()
        waiting.extend(frames)
        self._depth += len(frames) - len(superseded)
        return superseded

    @property
    def small_waits(self) -> bool:
        """Whether it is some camera's turn with a frame that is not large."""
        return any(not frames[0].large for frames in self._waiting.values())

    def pop(self, may: Callable[[Frame], bool] = lambda _: True) -> Frame | None:
        """The frame whose turn it is, of those that `may` be taken now; None when none may. Who is passed by keeps the turn."""
        camera = next((name for name, frames in self._waiting.items() if may(frames[0])), None)
        if camera is None:
            return None
        frames = self._waiting[camera]
        frame = frames.popleft()
        if frames:
            self._waiting.move_to_end(camera)
        else:
            del self._waiting[camera]
        self._depth -= 1
        return frame

    def remove(self, frame: Frame) -> bool:
        """Take a frame out of the middle. False when it does not wait."""
        frames = self._waiting.get(frame.camera_name)
        if frames is None or frame not in frames:
            return False
        frames.remove(frame)
        if not frames:
            del self._waiting[frame.camera_name]
        self._depth -= 1
        return True
