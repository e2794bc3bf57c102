"""How the steps of a training are told to a person, and what the settings file answers."""

import sys
from pathlib import Path

import pytest

from standalone import train_model
from standalone.settings_file import write_house


def step(name: str, progress: float, detail: str = "") -> str:
    return f'{{"step":"{name}","progress":{progress},"detail":"{detail}","metrics":{{}}}}\n'


def test_a_step_is_told_when_it_begins_and_when_it_went_on_a_good_way() -> None:
    lines = [
        step("reading", 0.0, "a.csv"),
        *(step("embedding", 0.1 + 0.01 * n) for n in range(8)),
        "| network |\n",
        step("done", 1.0),
    ]
    assert list(train_model.told(lines)) == [
        "   0%  reading: a.csv",
        "  10%  embedding",
        "  15%  embedding",
        "| network |",
        " 100%  done",
    ]


def test_the_settings_file_names_the_stores_and_the_status_is_the_process_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = write_house(tmp_path, "doors")
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$*"\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    said: list[str] = []
    assert train_model.run(["--choose", "--settings", str(house)], said.append) == 7
    assert said == [
        f"-m retrain.trainer.bootstrap --choose --model doors --repository {tmp_path}/repository --frame-store {tmp_path}/frames --settings {house}"
    ]
