"""A candidate that passed every check of its files and is unfit for the frames that come: real serving and real retrain, on one log and one repository."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from contracts.events import RolloutAdvanced
from tests.retrain_house import CAMERAS, MODEL, House
from tests.serving_process import Load, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version
from tests.unfit_version import publish_unfit_version

SOUND, _ = photographs(7, seed=3)
BRIGHT = cv2.imencode(".png", np.full((64, 64, 3), 255, np.uint8))[1].tobytes()
NEVER = "100000"


class Line:
    """Both services; the candidate's training publishes an unfit version."""

    def __init__(self, folder: Path, how: Literal["fails", "nan"], **settings: str) -> None:
        self.house = House(folder, **settings)
        staging = folder / "staging"
        shutil.rmtree(staging)
        publish_small_version(str(staging), MODEL, "1")
        publish_unfit_version(str(staging), "2", how)
        self.serving = ServingProcess(
            folder / "serving", MODEL, {camera: {"site": "hall"} for camera in CAMERAS}, report_interval_s=0.2
        )
        self.serving.home.mkdir()
        self.serving.repository, self.serving.log = self.house.repository.url, f"embedded://{folder}/log"
        self.frames = list(SOUND)

    def start(self) -> None:
        self.serving.start()
        self.house.start()
        since = time.time()
        labels = (self.house.label(since + number * 0.001, CAMERAS[number % 3]) for number in range(20))
        self.house.publish(self.house.request(since), *labels)

    def steps(self) -> list[RolloutAdvanced]:
        self.house.read()
        return [event for event in self.house.events if isinstance(event, RolloutAdvanced)]

    def reached(self, state: str) -> RolloutAdvanced:
        found = eventually(state, self.steps, lambda steps: state in [step.state for step in steps])
        return next(step for step in found if step.state == state)

    def stop(self) -> None:
        self.house.close()
        self.serving.stop()


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    made: list[Line] = []
    yield made
    for line in made:
        line.stop()


def test_one_that_fails_on_a_third_of_the_frames_never_leaves_the_shadow(tmp_path: Path, lines: list[Line]) -> None:
    line = Line(tmp_path, "fails", shadow_frames=NEVER)
    lines.append(line)
    line.frames += [BRIGHT] * 3
    line.start()
    with Load(line.serving, line.frames, CAMERAS) as load:
        reason = line.reached("rolling_back").reason
        back = line.reached("rolled_back").reason
    assert "it failed on" in reason or "guard errors" in reason
    assert "in state shadow" in reason
    assert "1 server answers with version 1 again" in back
    assert not load.refused  # who sent the frames noticed nothing
    assert {answer["version"] for _, answer in load.answers} == {"1"}


def test_one_that_answers_values_that_are_no_numbers_is_taken_from_the_canary(tmp_path: Path, lines: list[Line]) -> None:
    line = Line(tmp_path, "nan", canary_shares="1.0", canary_frames=NEVER)
    lines.append(line)
    line.start()
    with Load(line.serving, line.frames, CAMERAS) as load:
        line.reached("canary")
        eventually("answers of the candidate", lambda: [answer for _, answer in load.answers[-20:] if answer["version"] == "2"])
        line.frames[:] = [BRIGHT]
        assert "it failed on" in line.reached("rolling_back").reason
        line.reached("rolled_back")
        so_far = len(load.answers)
        eventually("answers again", lambda: load.answers[so_far:], lambda found: len(found) > 20)
    assert {reply.problem for reply in load.refused} == {"invalid-output"}
    assert line.house.repository.channels(MODEL).champion == "1"
