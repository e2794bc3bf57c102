"""Frames decoded once: the production path's pixels, in a file that is whole or not there."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.errors import FrameError, StoreError
from contracts.files import sha256
from contracts.frames import see
from contracts.manifest import InputSpec
from retrain.training.prepared import prepared

SPEC = InputSpec("image", 32, 48, decode="reduced")


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    photograph = load_sample_images().images[0]
    return [cv2.imencode(".jpg", photograph[:, start : start + 300])[1].tobytes() for start in range(0, 140, 2)]


def make(folder: Path, frames: list[bytes], spec: InputSpec = SPEC, threads: int = 1) -> np.ndarray:
    return prepared(folder, [sha256(one) for one in frames], frames.__getitem__, spec, threads)


def test_pixels_are_those_that_serving_sees(tmp_path: Path, frames: list[bytes]) -> None:
    for threads in (1, 3):
        found = make(tmp_path / str(threads), frames, threads=threads)
        assert (found == np.stack([see(one, SPEC) for one in frames])).all()
        assert not found.flags.writeable


def test_they_are_decoded_once_and_other_frames_or_inputs_are_others(tmp_path: Path, frames: list[bytes]) -> None:
    def never(number: int) -> bytes:
        raise AssertionError(number)

    first = make(tmp_path, frames)
    again = prepared(tmp_path, [sha256(one) for one in frames], never, SPEC)
    assert (first == again).all()
    make(tmp_path, frames[:-1])
    make(tmp_path, frames[::-1])
    make(tmp_path, frames, InputSpec("image", 32, 48, "letterbox", "reduced"))
    make(tmp_path, frames, InputSpec("other", 32, 48, decode="reduced"))  # a name changes no pixel
    assert len(list(tmp_path.iterdir())) == 4


def test_a_frame_that_does_not_decode_leaves_no_bytes_behind(tmp_path: Path, frames: list[bytes]) -> None:
    with pytest.raises(FrameError):
        make(tmp_path, [*frames, b"no picture"])
    assert [(path.suffix, path.stat().st_size) for path in tmp_path.iterdir()] == [(".part", 0)]


def test_a_file_that_was_cut_is_made_again(tmp_path: Path, frames: list[bytes]) -> None:
    found = np.array(make(tmp_path, frames))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert (make(tmp_path, frames) == found).all()


def test_a_disk_that_is_full_is_said_with_the_path_and_given_back_what_was_taken(tmp_path: Path, frames: list[bytes]) -> None:
    """A limit on the size of files stands for the disk: the system refuses to write on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match=r"prepared-\w+\.u8: prepared frames \(0 MB\) cannot be kept there: .*File too large"):
            make(tmp_path, frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".part"
    assert left.stat().st_size < 10_000
    assert len(make(tmp_path, frames)) == len(frames)


def test_several_processes_make_it_once(tmp_path: Path, frames: list[bytes]) -> None:
    """Threads stand for processes: each opens the file for itself, and the lock is on what is opened."""
    read: list[int] = []

    def content(number: int) -> bytes:
        read.append(number)
        return frames[number]

    def one(_: int) -> np.ndarray:
        return prepared(tmp_path, [sha256(one) for one in frames], content, SPEC)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, range(4)))
    assert sorted(read) == list(range(len(frames)))
    assert all((each == found[0]).all() for each in found)


def test_what_a_killed_process_left_is_made_anew(tmp_path: Path, frames: list[bytes]) -> None:
    found = np.array(make(tmp_path, frames))
    (path,) = tmp_path.iterdir()
    path.rename(path.with_suffix(".part")).write_bytes(b"x" * 1000)
    assert (make(tmp_path, frames) == found).all()


def test_progress_is_reported(tmp_path: Path, frames: list[bytes]) -> None:
    told: list[float] = []
    prepared(tmp_path, [sha256(one) for one in frames], frames.__getitem__, SPEC, report=told.append)
    assert told == [64 / 70, 1.0]
