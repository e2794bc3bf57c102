"""docs/security.md says the limits that hold."""

import importlib
import json
import re
from pathlib import Path

from serving.problems import KINDS
from serving.settings import ServingSettings

PAGE = (Path(__file__).parents[4] / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| `([\w.]+)` \| ([\d.]+) \| (.*) \|$", PAGE, re.MULTILINE)


def test_each_limit_has_the_value_that_is_told() -> None:
    assert len(ROWS) == 29
    for name, value, _ in ROWS:
        module, _, constant = name.rpartition(".")
        actual = getattr(importlib.import_module(module), constant) if module else ServingSettings.model_fields[name].default
        assert json.dumps(actual) == value, name


def test_each_status_is_that_of_its_problem() -> None:
    told = re.findall(r"(\d{3}) `([a-z-]+)`", PAGE)
    assert len(told) > 10
    for status, problem in told:
        assert KINDS[problem].status == int(status), problem
