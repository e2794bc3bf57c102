"""A first version whose network is chosen, and one that begins from a weights file: trained on scanned digits, published, retrained from. No services run."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.files import Folder
from contracts.manifest import WEIGHTS
from contracts.repository import ModelRepository
from retrain.models.network import pack
from retrain.models.recipe import EFFICIENTNET, SMALL_CONV, find
from retrain.request import CandidateRequest
from retrain.trainer import bootstrap, bootstrap_choice
from retrain.trainer.origin import origin
from tests.small_pictures import pictures

CLASSES = ("0", "1", "2")
SIDE = 32


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 digits of three classes as PNGs, in groups of five."""
    folder = tmp_path_factory.mktemp("digits")
    images, truth = pictures()
    with (folder / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "group", "camera"))
        for place, number in enumerate(np.flatnonzero(truth < 3)[:150].tolist()):
            (folder / f"{number}.png").write_bytes(cv2.imencode(".png", images[number])[1].tobytes())
            rows.writerow((f"{number}.png", truth[number], f"g{place // 5}", "cam-1"))
    return folder / "index.csv"


def arguments(index: Path, house: Path, *more: str) -> list[str]:
    stores = ["--repository", f"{house}/repository", "--frame-store", f"{house}/frames", "--cache", f"{house}/cache"]
    return [*stores, "--model", "digits", "--frames", str(index), "--labels", ",".join(CLASSES), *more]


def test_the_network_is_chosen_told_and_published(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(arguments(index, tmp_path, "--choose", "--sides", str(SIDE))) == 0
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if line.startswith("|")]
    tried = {row[0]: row for row in rows[2:]}
    assert set(tried) == {EFFICIENTNET, SMALL_CONV}
    assert all(float(row[2].split()[0]) > 0.8 and float(row[4]) > 0.0 and float(row[6]) > 0.0 for row in tried.values())
    chosen = next(row for row in tried.values() if row[-1].startswith("chosen"))
    repository = ModelRepository(f"{tmp_path}/repository")
    manifest = repository.manifest("digits", "1")
    assert manifest.lineage.recipe == chosen[0] == SMALL_CONV
    assert manifest.lineage.notes.startswith("2 networks tried (choice.md); chosen")
    assert manifest.input.height == SIDE
    assert manifest.benchmark is not None
    assert f"{manifest.benchmark.balanced_accuracy.value:.3f}" == chosen[2].split()[0]
    assert repository.file("digits", "1", bootstrap.CHOICE).decode() in said
    assert repository.channels("digits").champion == "1"


@pytest.mark.parametrize(("more", "status"), [(["--dry-run"], 0), (["--latency-ms", "0.000001"], 2)])
def test_nothing_is_published_for_show_nor_above_the_limit(
    index: Path, tmp_path: Path, more: list[str], status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap_choice, "installed", lambda: (SMALL_CONV,))
    monkeypatch.setattr(bootstrap_choice, "TIMED", 5)
    assert bootstrap.main(arguments(index, tmp_path, "--choose", "--sides", str(SIDE), *more)) == status
    answered = capsys.readouterr()
    assert answered.out.count("| small-conv |") == 1
    assert ("no network can be chosen, nothing is published: the table says why" in answered.err) == bool(status)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


def test_a_network_from_a_file_carries_its_weights_to_the_next_training(index: Path, tmp_path: Path) -> None:
    network = find(SMALL_CONV).build("classification", CLASSES, SIDE, seed=9)
    (tmp_path / "w.safetensors").write_bytes(pack(network))
    more = ["--recipe", SMALL_CONV, "--recipe-weights", f"{tmp_path}/w.safetensors", "--side", str(SIDE)]
    assert bootstrap.main(arguments(index, tmp_path, *more)) == 0
    (tmp_path / "w.safetensors").unlink()
    repository = ModelRepository(f"{tmp_path}/repository")
    version = repository.read("digits", "1")
    assert WEIGHTS in version.manifest.files
    request = CandidateRequest(
        job_id="j", request_key="k", model="digits", parent="1", repository=repository.url, frame_store="", since=0.0, labels=(), seed=1,
    )  # fmt: skip
    frames = [np.asarray(cv2.resize(image, (SIDE, SIDE)), dtype=np.uint8) for image in pictures()[0][:8]]
    found = origin(request, version, repository, frames)
    assert found.own, "the body is the file's, no recipe's own"
    assert [name for name in Folder(f"{tmp_path}/cache").names("") if name.startswith("body-")]


def test_a_name_that_is_taken_is_said_before_anything_is_trained(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = arguments(index, tmp_path, "--recipe", SMALL_CONV, "--side", str(SIDE))
    assert bootstrap.main(small) == 0
    first = ModelRepository(f"{tmp_path}/repository").manifest("digits", "1")
    assert bootstrap.main(small) == 0
    assert ModelRepository(f"{tmp_path}/repository").manifest("digits", "1") == first
    capsys.readouterr()
    assert bootstrap.main([*small[:-1], "64"]) == 2
    answered = capsys.readouterr()
    assert answered.err == "keepsight: digits has a version 1 already, made otherwise: take --version 2\n"
    assert answered.out == ""
    fewer = index.with_name("fewer.csv")
    fewer.write_text("".join(index.read_text().splitlines(keepends=True)[:-1]))
    for other in (["--frames", str(fewer)], ["--seed", "9"]):
        assert bootstrap.main([*small, *other]) == 2
        answered = capsys.readouterr()
        assert "made otherwise: take --version 2" in answered.err
        assert "exporting the network" not in answered.out
    assert bootstrap.main([*small[:-1], "64", "--version", "2"]) == 0
    advice = capsys.readouterr().out.splitlines()[-1]
    assert advice == "The champion is still version 1. To bring this one to all cameras: keepsight promote 2 --reason WHY"


def test_a_process_that_is_ended_leaves_nothing_behind(index: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "retrain.trainer.bootstrap", "--frames", str(index), "--labels", ",".join(CLASSES)]
    with subprocess.Popen(
        [*command, "--choose", "--dry-run"], stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": f"{tmp_path}/tmp"}
    ) as process:
        assert process.stdout is not None
        assert any('"exporting the network"' in line for line in process.stdout)
        process.terminate()
    assert process.returncode == 130
    assert list((tmp_path / "tmp").glob("keepsight-*")) == []
