"""`keepsight labels` beside a real serving process: what is handed out is what serving stored, and what is imported is what its endpoint would say."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from contracts.events import RETRAIN, LabelsWanted
from contracts.frame_store import FrameStore
from contracts.predictions import ClassTruth
from tests.serving_process import ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

FRAMES, TRUTH = photographs(40)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path, sample_share=0.4, uncertain_share=0.2)
    publish_small_version(house.repository)
    yield house
    assert house.stop() == 0


def keepsight(house: ServingProcess, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "standalone", "labels", *map(str, arguments), "--settings", str(house.write_settings())]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def list_of(house: ServingProcess) -> LabelsWanted:
    """What a retrain service that starts now asks for first."""
    command = [sys.executable, "-m", "retrain", "--settings", str(house.write_settings()), "--port", "0"]
    service = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        return eventually("a list of frames to label", lambda: house.logged(RETRAIN, LabelsWanted), bool)[-1]
    finally:
        service.terminate()
        assert service.wait(60) == 0


def test_frames_out_labels_in(serving: ServingProcess) -> None:
    serving.start()
    store = FrameStore(str(serving.home / "frames"))
    answers = [serving.answered(content) for content in FRAMES]
    sampled = {answer["frame_id"]: at for at, answer in enumerate(answers) if answer["sample"]}
    serving.scored(len(FRAMES))
    for frame_id in sampled:
        eventually("the card", partial(store.card, "small", frame_id))
    assert {frame.frame_id for frame in list_of(serving).frames} == set(sampled)
    to = serving.home / "to-label"
    done = keepsight(serving, "next", 200, "--to", to)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((to / "labels.csv").open()))
    assert {Path(row["picture"]).stem for row in rows} == set(sampled)
    for row in rows:
        at = sampled[Path(row["picture"]).stem]
        assert (to / row["picture"]).read_bytes() == FRAMES[at]
        assert (row["why"] == "uncertain") is (answers[at]["sample"] != "uniform")
        row["label"] = ("china", "flower")[TRUTH[at]]
    with (to / "filled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = keepsight(serving, "import", to / "filled.csv", "--by", "eve")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(rows)} labels put on the log, of 1 camera" in done.stdout
    events = serving.labelled(len(rows))
    assert {event.frame_id: event.truth for event in events} == {
        frame_id: ClassTruth(("china", "flower")[TRUTH[at]]) for frame_id, at in sampled.items()
    }
    posted = [{"frame_id": event.frame_id, "label": ("china", "flower")[TRUTH[sampled[event.frame_id]]]} for event in events]
    assert serving.label(posted).json["accepted"] == len(events)
    assert "no stored frame waits for a label" in keepsight(serving, "next").stdout
