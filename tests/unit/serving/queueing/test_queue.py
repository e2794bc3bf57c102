"""The queue: its bound, batches of what waits, fair shares, deadlines, and the shadow's place."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from serving.models.served import Served
from serving.queueing.frame import Frame
from serving.queueing.queue import FrameQueue, Work
from serving.scoring.scored import event_of
from serving.scoring.seen import Eye
from serving.scoring.shadow import ShadowFrame
from tests.serving_process import eventually
from tests.small_model import photographs
from tests.unit.serving import parts

(JPEG,), _ = photographs(1)


def _put(queue: FrameQueue, count: int) -> list[Frame]:
    frames = [parts.frame(JPEG, number=number) for number in range(count)]
    for frame in frames:
        assert queue.reserve("line-1")
        queue.put([frame])
    return frames


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return parts.served(tmp_path_factory.mktemp("repository"))


def _shadows(served: Served, count: int) -> list[ShadowFrame]:
    seen = Eye().see(parts.frame(JPEG), parts.lineup(served))
    (scores,) = served.score(seen.view.pixels[None], [seen.view.header], 0)
    assert scores
    event = event_of("small", seen, scores, None, parts.NOW)
    return [ShadowFrame(event, seen.view, None, b"") for _ in range(count)]


def test_a_worker_takes_all_that_waits_up_to_the_largest_batch() -> None:
    queue = FrameQueue(limit=22, shadow_limit=1, workers=2, max_batch=8)
    frames = _put(queue, 11)
    assert queue.depth == 11
    first, second = queue.take(), queue.take()
    assert first
    assert second
    assert [*first.frames, *second.frames] == frames
    assert (len(first.frames), len(second.frames)) == (8, 3)


def test_waiting_frames_are_shared_with_an_idle_worker() -> None:
    queue = FrameQueue(limit=20, shadow_limit=1, workers=2, max_batch=8)
    sizes: list[int] = []

    def work() -> None:
        while (taken := queue.take()) is not None:
            sizes.append(len(taken.frames))

    idle = threading.Thread(target=work, daemon=True)
    idle.start()
    eventually("an idle worker", lambda: queue._idle)
    with queue._changed:  # both frames are there before anybody looks
        _put(queue, 6)
        mine = queue.take()
    assert mine
    assert len(mine.frames) == 3
    queue.close()
    idle.join(60)
    assert sizes == [3]


def test_frames_that_run_one_by_one_are_taken_a_moment_at_a_time() -> None:
    clock = [0.0]
    one_by_one = [True]
    queue = FrameQueue(limit=40, shadow_limit=1, workers=2, max_batch=8, clock=lambda: clock[0], one_by_one=lambda: one_by_one[0])

    def sizes(frame_s: float) -> list[int]:
        found = []
        for _ in range(5):
            work = queue.take()
            assert work
            found.append(len(work.frames))
            clock[0] += frame_s * len(work.frames)
            queue.finished(work)
        return found

    _put(queue, 20)
    assert sizes(0.008) == [1, 2, 2, 2, 2]
    assert sizes(0.040) == [2, 1, 1, 1, 1], "no worker keeps frames that another could begin"
    one_by_one[0] = False
    work = queue.take()
    assert work
    assert len(work.frames) == 5


def test_each_frame_wakes_a_worker() -> None:
    """And no more than one: a wake-up for nothing costs as much as the event. What a frame woke nobody for would wait for the next."""
    queue = FrameQueue(limit=8, shadow_limit=1, workers=3, max_batch=1)
    taken: list[Frame] = []

    def work() -> None:
        while (found := queue.take()) is not None:
            taken.extend(found.frames)
            queue.finished(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for count in range(1, 200, 2):
        one, another = _put(queue, 2)
        eventually("both are taken", lambda: len(taken), lambda found, wanted=count + 1: found == wanted)
        assert {id(frame) for frame in taken[-2:]} == {id(one), id(another)}
    queue.close()
    for thread in threads:
        thread.join()


def test_slots_are_bounded_counting_bodies_still_being_read() -> None:
    queue = FrameQueue(limit=3, shadow_limit=1, workers=1, max_batch=8)
    _put(queue, 2)
    assert queue.reserve("line-2")
    assert not queue.reserve("line-3")
    queue.release("line-2")
    assert queue.reserve("line-3")
    queue.release("line-3")
    assert queue.take()
    assert queue.reserve("line-1")


def test_a_frame_is_withdrawn_only_while_it_waits() -> None:
    queue = FrameQueue(limit=3, shadow_limit=1, workers=1, max_batch=1)
    first, second = _put(queue, 2)
    assert queue.withdraw(second)
    assert not queue.withdraw(second)
    taken = queue.take()
    assert taken
    assert taken.frames == [first]
    assert not queue.withdraw(first)
    assert queue.depth == 0


def _runs_cost(queue: FrameQueue, now: float, run_s: float, each_s: float) -> None:
    """Let the queue see batches of 1 and 2 frames that took run_s and each_s for each frame."""
    for frames in ([parts.frame(JPEG)], [parts.frame(JPEG)] * 2):
        queue.finished(Work(frames, [], now - run_s - each_s * len(frames)))


def test_where_a_run_costs_more_than_its_frames_a_batch_is_held_open_until_it_is_full() -> None:
    queue = FrameQueue(limit=9, shadow_limit=1, workers=1, max_batch=3, max_wait_s=1000, clock=lambda: 5000.0)
    _runs_cost(queue, 5000.0, run_s=1000.0, each_s=1.0)
    _put(queue, 2)
    taken: list[int] = []

    def work() -> None:
        while (work := queue.take()) is not None:
            taken.append(len(work.frames))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    _put(queue, 1)
    eventually("a full batch", lambda: taken)
    _put(queue, 1)
    queue.close()  # whoever waits is not held any longer
    worker.join(60)
    assert taken == [3, 1]


@pytest.mark.parametrize(("run_s", "max_wait_s"), [(1.0, 1000.0), (1000.0, 0.0)], ids=["a CPU", "not allowed"])
def test_a_batch_is_not_held_open_where_that_does_not_pay(run_s: float, max_wait_s: float) -> None:
    queue = FrameQueue(limit=9, shadow_limit=1, workers=1, max_batch=3, max_wait_s=max_wait_s, clock=lambda: 5000.0)
    _runs_cost(queue, 5000.0, run_s, each_s=1.0)
    _put(queue, 2)
    taken = queue.take()
    assert taken
    assert len(taken.frames) == 2


def test_an_overloaded_queue_says_when_there_is_room_by_what_its_workers_did_lately() -> None:
    now = [100.0]
    queue = FrameQueue(limit=64, shadow_limit=1, workers=2, max_batch=8, clock=lambda: now[0])
    assert queue.retry_after_s == 1
    _put(queue, 24)
    work = queue.take()
    assert work
    now[0] += 4.0
    queue.finished(work)
    assert queue.retry_after_s == 4  # 16 frames of half a second, two at a time
    assert queue.reserve("line-2")
    assert queue.retry_after_s == 5


def test_after_a_burst_of_one_camera_the_frame_of_another_is_in_the_next_batch() -> None:
    queue = FrameQueue(limit=64, shadow_limit=1, workers=1, max_batch=8)
    _put(queue, 32)
    under_way = queue.take()
    other = parts.frame(JPEG, "line-2")
    assert queue.reserve("line-2")
    queue.put([other])
    following = queue.take()
    assert under_way
    assert following
    assert other in following.frames


def test_shadows_wait_behind_frames_and_are_bounded(served: Served) -> None:
    queue = FrameQueue(limit=20, shadow_limit=10, workers=2, max_batch=8)
    assert len(queue.put_shadow(_shadows(served, 12))) == 2
    queue = FrameQueue(limit=20, shadow_limit=10, workers=2, max_batch=8)
    queue.put_shadow(_shadows(served, 3))
    _put(queue, 2)
    first, second = queue.take(), queue.take()
    assert first
    assert second
    assert (len(first.frames), len(first.shadow)) == (2, 0)
    assert (len(second.frames), len(second.shadow)) == (0, 3)


def test_under_steady_load_frames_and_a_backlog_of_shadows_alternate(served: Served) -> None:
    queue = FrameQueue(limit=40, shadow_limit=10, workers=2, max_batch=2)
    queue.put_shadow(_shadows(served, 10))
    kinds = ""
    for _ in range(8):
        _put(queue, 2)
        taken = queue.take()
        assert taken
        kinds += "f" if taken.frames else "s"
        queue.finished(taken)
    assert kinds == "fsfsfsff"  # until the backlog is half the room


def test_when_frames_fall_behind_they_go_first(served: Served) -> None:
    queue = FrameQueue(limit=20, shadow_limit=10, workers=2, max_batch=1)
    queue.put_shadow(_shadows(served, 10))
    _put(queue, 10)
    for _ in range(4):
        taken = queue.take()
        assert taken
        assert taken.frames
        queue.finished(taken)


def test_one_worker_stays_free_of_shadows(served: Served) -> None:
    queue = FrameQueue(limit=10, shadow_limit=10, workers=2, max_batch=1)
    queue.put_shadow(_shadows(served, 3))
    first = queue.take()
    assert first
    assert first.shadow
    _put(queue, 1)
    second = queue.take()
    assert second
    assert second.frames
    queue.finished(first)
    third = queue.take()
    assert third
    assert third.shadow


def test_a_batch_of_shadows_is_of_one_version(served: Served, tmp_path: Path) -> None:
    other = parts.served(tmp_path, "2", seed=1)
    queue = FrameQueue(limit=10, shadow_limit=10, workers=1, max_batch=8)
    queue.put_shadow([*_shadows(served, 2), *_shadows(other, 1)])
    first = queue.take()
    assert first
    assert {shadow.view.served.version for shadow in first.shadow} == {"1"}


def test_a_closed_queue_gives_out_what_it_has_and_ends(served: Served) -> None:
    queue = FrameQueue(limit=10, shadow_limit=10, workers=2, max_batch=8)
    _put(queue, 1)
    queue.put_shadow(_shadows(served, 1))
    queue.close()
    for _ in range(2):
        taken = queue.take()
        assert taken
        queue.finished(taken)
    assert queue.take() is None


LARGE = cv2.imencode(".png", np.zeros((2000, 2000, 3), np.uint8))[1].tobytes()
LARGER = cv2.imencode(".png", np.zeros((3000, 3000, 3), np.uint8))[1].tobytes()


def _queued(queue: FrameQueue, content: bytes, camera: str) -> Frame:
    frame = parts.frame(content, camera)
    assert queue.reserve(camera)
    queue.put([frame])
    return frame


def test_a_large_frame_is_taken_alone_and_small_ones_pass_it_by() -> None:
    queue = FrameQueue(limit=30, shadow_limit=1, workers=2, max_batch=8)
    first, second = _queued(queue, LARGE, "a"), _queued(queue, LARGE, "b")
    small = [_queued(queue, JPEG, camera) for camera in "cd"]
    large = queue.take()
    assert large
    assert large.frames == [first]
    others = queue.take()
    assert others
    assert others.frames == small  # b's turn is kept, and is next
    queue.finished(others)
    third = _queued(queue, JPEG, "c")
    following = queue.take()
    assert following
    assert following.frames == [third]  # a worker is left to small frames while any wait
    queue.finished(following)
    alone = queue.take()
    assert alone
    assert alone.frames == [second]  # now none waits


def test_a_worker_waits_where_only_large_frames_do_and_others_have_their_pixels() -> None:
    queue = FrameQueue(limit=30, shadow_limit=1, workers=2, max_batch=8)
    frames = [_queued(queue, LARGER, camera) for camera in "abc"]
    first = queue.take()
    assert first
    taken: list[Work | None] = []
    worker = threading.Thread(target=lambda: taken.append(queue.take()))
    worker.start()
    eventually("the other worker waits", lambda: queue._idle == 1)
    queue.finished(first)
    worker.join()
    assert [work.frames for work in (first, *taken) if work] == [[frames[0]], [frames[1]]]
    queue.close()
    assert taken[0]
    queue.finished(taken[0])
    last = queue.take()
    assert last
    assert last.frames == [frames[2]]
