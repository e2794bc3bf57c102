"""The operating page's table of log lines: each is said somewhere in serving's code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [line.split("|")[1] for line in (ROOT / "docs" / "operating-serving.md").read_text().splitlines() if line.startswith("| `")]
LINES = [name for row in ROWS for name in re.findall(r"`([a-z_]+)`", row)]
CODE = "".join(path.read_text() for path in sorted((ROOT / "serving").rglob("*.py")))


@pytest.mark.parametrize("name", LINES)
def test_a_line_of_the_table_is_said(name: str) -> None:
    assert f'"{name}"' in CODE


def test_the_table_was_found() -> None:
    assert "events_dropped" in LINES
