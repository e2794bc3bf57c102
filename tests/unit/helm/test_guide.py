"""What docs/kubernetes.md says is so: its values render, what it calls by name is made, and its commands are there."""

import re
from pathlib import Path
from typing import Any

import yaml

from standalone.__main__ import HANDED_OVER
from tests.chart import NAME, notes, render, values

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "kubernetes.md").read_text()
VALUES: dict[str, Any] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[0])


def test_its_values_make_what_it_calls_by_name() -> None:
    made = {name for _, name in render(VALUES, "cells")}
    named = {name.removesuffix("-") for name in re.findall(r"cells-keepsight-[a-z-]+", GUIDE)}  # pods have a number behind
    assert named <= made
    assert VALUES["serving"]["keys"]["existingSecret"] == VALUES["monitor"]["keys"]["existingSecret"] == "keepsight-keys"
    assert "create secret generic keepsight-keys --from-file=keys" in GUIDE


def test_values_that_it_names_exist() -> None:
    known = yaml.safe_load((ROOT / "helm" / "keepsight" / "values.yaml").read_text())
    for path in re.findall(r"`((?:[a-z]+[A-Za-z]*\.)+[A-Za-z]+)(?::[^`]*)?`", GUIDE):
        if path.partition(".")[0] not in known or path == "values.yaml":
            continue
        place = known
        for part in path.split("."):
            assert part in place, path
            place = place[part]


def test_commands_of_the_notes_are_keepsights_own() -> None:
    for command in re.findall(r"-- keepsight ([a-z-]+)", notes(values("minimal"))):
        assert command in {*HANDED_OVER, "status"}
    assert f"service/{NAME}-monitor 8081" in notes(values("minimal"))
