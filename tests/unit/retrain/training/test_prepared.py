"""Frames decoded once: the production path's pixels, in a file that is whole or not there."""

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.errors import FrameError, StoreError
from contracts.files import sha256
from contracts.frames import see
from contracts.manifest import InputSpec
from retrain.training import prepared as module
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


def test_a_frame_that_does_not_decode_leaves_nothing_behind(tmp_path: Path, frames: list[bytes]) -> None:
    with pytest.raises(FrameError):
        make(tmp_path, [*frames, b"no picture"])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_is_made_again(tmp_path: Path, frames: list[bytes]) -> None:
    found = np.array(make(tmp_path, frames))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert (make(tmp_path, frames) == found).all()


def test_a_full_disk_is_said_with_the_path_and_leaves_nothing(
    tmp_path: Path, frames: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StoreError, match=r"prepared-\w+\.u8: prepared frames \(0 MB\) cannot be kept there: .*No space left"):
        make(tmp_path, frames)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_reported(tmp_path: Path, frames: list[bytes]) -> None:
    told: list[float] = []
    prepared(tmp_path, [sha256(one) for one in frames], frames.__getitem__, SPEC, report=told.append)
    assert told == [64 / 70, 1.0]
