"""Frames judged by a baseline that they are not in: the limits and the rule of production, and clear errors."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts import baseline as baselines
from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.manifest import BASELINE, MANIFEST, Manifest
from contracts.repository import ModelRepository
from monitor.judge_baseline import Judgement, judged, main
from monitor.policy import Policy
from tests.small_model import publish_small_version

POLICY = Policy()


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Baseline]:
    url = str(tmp_path_factory.mktemp("repository"))
    publish_small_version(url)
    return ModelRepository(url).baseline("small", "1")


def test_its_own_frames_are_quiet_and_shifted_ones_open_one_incident(version: tuple[Manifest, Baseline]) -> None:
    manifest, known = version
    quiet = judged(manifest, known, known, POLICY)
    assert (quiet.alarms, quiet.blocks, quiet.block_frames, quiet.unjudged) == (0, 4, 24, "")
    assert quiet.worst < 1
    loud = judged(manifest, known, replace(known, embedding=known.embedding + 3), POLICY)
    assert loud.alarms == 1
    assert loud.worst > 1
    assert loud.led_by.startswith("embedding")
    assert judged(manifest, known, known, POLICY) == quiet


def test_too_few_frames_for_the_blocks_of_an_incident_are_not_judged(version: tuple[Manifest, Baseline]) -> None:
    manifest, known = version
    assert judged(manifest, known, known, Policy(confirm_blocks=7)).unjudged == (
        "96 frames, 112 are needed: an incident takes 7 blocks in a row"
    )


def test_blocks_are_as_large_as_the_policy_s_where_there_are_frames_enough(version: tuple[Manifest, Baseline]) -> None:
    manifest, known = version
    assert judged(manifest, known, known, Policy(block_frames=16)).blocks == 6


@pytest.fixture
def folder(tmp_path: Path, version: tuple[Manifest, Baseline]) -> Path:
    manifest, known = version
    for name, content in (
        (MANIFEST, manifests.encode(manifest)),
        (BASELINE, baselines.encode(known)),
        ("rows.npz", baselines.encode(known)),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_command_writes_one_judgement(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), str(folder / "rows.npz")]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Judgement).blocks == 4


def test_what_cannot_be_read_or_does_not_fit_is_named(
    folder: Path, version: tuple[Manifest, Baseline], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = folder / "rows.npz"
    rows.write_bytes(baselines.encode(replace(version[1], labels=("x", "y"))))
    assert main([str(folder), str(rows)]) == 2
    assert "not of the classes" in capsys.readouterr().err
    rows.write_bytes(b"torn")
    assert main([str(folder), str(rows)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main([str(folder), str(folder / "none.npz")]) == 2
    assert "none.npz cannot be read: No such file" in capsys.readouterr().err
    assert main([]) == 2
    assert "VERSION_FOLDER" in capsys.readouterr().err
    assert main(["--help"]) == 0
