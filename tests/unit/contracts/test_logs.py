"""Log lines are JSON, one a decision, whatever is in their fields."""

import json
import logging
import os
import subprocess
import sys
from datetime import datetime

import pytest

SCRIPT = """
import logging, numpy as np, pathlib
from contracts.logs import Logger, log_to_stderr
log_to_stderr("monitor", "{level}")
log = Logger("drift")
log.info("started", cameras=("a", "b"), path=pathlib.Path("/x"), share=np.float32(0.5), count=np.int64(3), nothing=float("nan"))
log.warning("text", said='two "lines"\\nand ü')
try:
    1 / 0
except ZeroDivisionError:
    log.error("broke", trace=True, where=ValueError("x"))
    log.error("broke_quietly")
logging.getLogger("kafka.client").info("chatter")
logging.getLogger("kafka.client").warning("bootstrap %s", "failed")
"""


def lines(level: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(level=level)], capture_output=True, text=True, check=True, timeout=120, env={**os.environ, "PYTHONPATH": "."}
    )  # fmt: skip
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.fixture(scope="module")
def all_lines() -> list[dict[str, object]]:
    return lines("INFO")


def test_one_line_an_event(all_lines: list[dict[str, object]]) -> None:
    assert [line["event"] for line in all_lines] == ["started", "text", "broke", "broke_quietly", "bootstrap failed"]
    assert [line["level"] for line in all_lines] == ["info", "warning", "error", "error", "warning"]
    for line in all_lines:
        assert line["service"] == "monitor"
        assert datetime.fromisoformat(str(line["time"])).tzinfo is not None


def test_fields_keep_their_values(all_lines: list[dict[str, object]]) -> None:
    started = all_lines[0]
    assert (started["cameras"], started["path"], started["share"], started["count"]) == (["a", "b"], "/x", 0.5, 3)
    assert started["nothing"] is None
    assert all_lines[1]["said"] == 'two "lines"\nand ü'


def test_a_trace_only_where_asked(all_lines: list[dict[str, object]]) -> None:
    assert "ZeroDivisionError" in str(all_lines[2]["trace"])
    assert all_lines[2]["where"] == "x"
    assert "trace" not in all_lines[3]


def test_other_libraries_speak_up_from_warning(all_lines: list[dict[str, object]]) -> None:
    assert all_lines[4]["logger"] == "kafka.client"
    assert "logger" not in all_lines[0]


def test_the_level_is_ours_to_choose() -> None:
    assert [line["event"] for line in lines("ERROR")] == ["broke", "broke_quietly", "bootstrap failed"]


def test_importing_changes_no_logging() -> None:
    before = logging.getLogger().handlers[:]
    import contracts.logs  # noqa: F401

    assert logging.getLogger().handlers == before
