"""Steps of a training process: lines that the service reads, and results that are made once, whole or not at all, however the process dies."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.files import Folder
from retrain.request import Step
from retrain.steps import Steps

INPUTS = ("a1", "b2")
MADE = {"weights.bin": b"weights", "curve.json": b"[]"}

DIES = """
import os, signal, sys
from contracts.files import Folder
from retrain.steps import Steps

class Mortal(Folder):
    left = int(sys.argv[2])
    def write(self, path, content, durable=True):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().write(path, content, durable)

def make():
    open(sys.argv[1] + "/made", "a").write("x")
    return {"weights.bin": b"weights", "curve.json": b"[]"}

Steps(folder=Mortal(sys.argv[1])).once("fit", ("a1", "b2"), make)
os.kill(os.getpid(), signal.SIGKILL)
"""


def steps(folder: Path) -> Steps:
    return Steps(io.StringIO(), Folder(str(folder)))


def made() -> Mapping[str, bytes]:
    return MADE


def never() -> Mapping[str, bytes]:
    raise AssertionError("made again")


def place(folder: Path) -> Path:
    (found,) = (folder / "steps").iterdir()
    return found


def test_a_line_says_the_step_and_its_figures() -> None:
    stream = io.StringIO()
    Steps(stream)("train", 0.123456, "epoch 3", loss=0.5, images_per_s=40)
    assert msgspec.json.decode(stream.getvalue(), type=Step) == Step(
        "train", 0.1235, "epoch 3", {"loss": 0.5, "images_per_s": 40.0}
    )


def test_a_figure_that_is_no_number_loses_no_line() -> None:
    stream = io.StringIO()
    Steps(stream)("training", 0.5, "", loss=float("nan"))
    assert msgspec.json.decode(stream.getvalue(), type=Step).metrics == {"loss": 1e12}


def test_what_is_said_all_the_time_is_written_twice_a_second(tmp_path: Path) -> None:
    """An attempt of hours must not fill the disk with how far it is."""
    stream, now_s = io.StringIO(), 0.0
    say = Steps(stream, monotonic=lambda: now_s)
    for number in range(2001):
        now_s = number / 1000
        say("train", number / 2000)
        say("judge", 0.0) if number == 700 else None
    lines = [msgspec.json.decode(line, type=Step) for line in stream.getvalue().splitlines()]
    assert [(line.step, line.progress) for line in lines] == [
        *(("train", 0.0), ("train", 0.25), ("judge", 0.0), ("train", 0.5), ("train", 0.75), ("train", 1.0))
    ]


def test_what_was_made_is_read(tmp_path: Path) -> None:
    first = steps(tmp_path).once("fit", INPUTS, made)
    again = steps(tmp_path).once("fit", INPUTS, never)
    assert first == again == MADE
    assert list(first) == list(again) == sorted(MADE)


@pytest.mark.parametrize(("name", "inputs"), [("fit", ("a1", "b3")), ("fit", ("a1b2",)), ("fit", ()), ("judge", INPUTS)])
def test_another_step_or_other_inputs_are_another_result(tmp_path: Path, name: str, inputs: tuple[str, ...]) -> None:
    steps(tmp_path).once("fit", INPUTS, made)
    assert steps(tmp_path).once(name, inputs, lambda: {"other": b"1"}) == {"other": b"1"}
    assert steps(tmp_path).once("fit", INPUTS, never) == MADE


def altered(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"weightz")


def torn(folder: Path) -> None:
    (folder / "done.json").write_bytes((folder / "done.json").read_bytes()[:-3])


def missing(folder: Path) -> None:
    (folder / "curve.json").unlink()


@pytest.mark.parametrize("harm", [altered, torn, missing])
def test_what_is_not_whole_is_made_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    steps(tmp_path).once("fit", INPUTS, made)
    harm(place(tmp_path))
    assert steps(tmp_path).once("fit", INPUTS, made) == MADE
    assert steps(tmp_path).once("fit", INPUTS, never) == MADE


def test_a_step_that_fails_leaves_nothing_finished(tmp_path: Path) -> None:
    def fails() -> Mapping[str, bytes]:
        raise StoreError("no disk")

    with pytest.raises(StoreError):
        steps(tmp_path).once("fit", INPUTS, fails)
    assert steps(tmp_path).once("fit", INPUTS, made) == MADE


def test_without_a_folder_it_is_made_each_time() -> None:
    count: list[int] = []

    def counted() -> Mapping[str, bytes]:
        count.append(1)
        return MADE

    say = Steps(io.StringIO())
    assert say.once("fit", INPUTS, counted) == say.once("fit", INPUTS, counted) == MADE
    assert len(count) == 2


@pytest.mark.parametrize("name", ["done.json", "../outcome.json", ""])
def test_files_have_names_of_their_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"done\.json|is not a name"):
        steps(tmp_path).once("fit", INPUTS, lambda: {name: b""})


@pytest.mark.parametrize(("writes", "times_made"), [(0, 2), (1, 2), (2, 2), (3, 1)])
def test_a_process_killed_at_any_write_is_as_if_it_had_not_been(tmp_path: Path, writes: int, times_made: int) -> None:
    """Killed before the first file, between the files, before done.json, and after it: only then the step is not done again."""
    environment = {**os.environ, "PYTHONPATH": "."}
    killed = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), str(writes)], env=environment, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    with (tmp_path / "made").open("a") as file:

        def again() -> Mapping[str, bytes]:
            file.write("x")
            return MADE

        assert steps(tmp_path).once("fit", INPUTS, again) == MADE
    assert (tmp_path / "made").read_text() == "x" * times_made
    assert steps(tmp_path).once("fit", INPUTS, never) == MADE
