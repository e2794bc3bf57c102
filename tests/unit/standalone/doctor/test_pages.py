"""The pages of production and of troubleshooting: nothing in them that does not exist: commands, settings, metrics, problems, pages and their headings."""

import argparse
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.settings import MonitorSettings
from retrain import audit_command
from retrain.labels import command as labels_command
from retrain.settings import RetrainSettings
from serving.problems import KINDS
from serving.settings import ServingSettings
from serving.transport import key_command
from standalone import __main__ as keepsight
from standalone import jobs
from standalone.doctor import command as doctor
from tests.alert_rules import EXPORTED, METRIC, ROOT

PAGES = [ROOT / "docs" / name for name in ("production.md", "troubleshooting.md")]
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BLOCK = re.compile(r"```sh\n(.*?)\n```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "jobs": jobs._parser,
    "audit": audit_command._parser,
    "labels": labels_command._parser,
    "doctor": doctor.parser,
    "key": key_command._parser,
}
ELSEWHERE = {"events_dropped", "max_bytes", "pg_dump"}
"""A line of the log, an option of the log's URL, a program."""
SETTINGS = {name for kind in (ServingSettings, MonitorSettings, RetrainSettings) for name in kind.model_fields}


def commands(text: str) -> list[str]:
    found = [*BLOCK.findall(text), *CODE.findall(text)]
    return [one for one in found if one.split()[0] == "keepsight" and " " in one]


def parse(words: list[str]) -> None:
    """Fails where the command line refuses them. What a process parses that needs ONNX is only looked up."""
    name, *rest = words
    if parser := PARSERS.get(name):
        parser().parse_args(rest)
    elif name in keepsight.HANDED_OVER:
        assert not rest
    elif words != ["--version"]:
        keepsight._parser().parse_args(words)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pages(test: Callable[[Path], None]) -> Callable[[Path], None]:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)(test)


@pages
def test_their_commands_exist(page: Path) -> None:
    asked = commands(page.read_text())
    assert asked
    for one in asked:
        parse(shlex.split(one)[1:])


@pytest.mark.parametrize("wrong", ["doctor --only weather", "labels next --count 5", "restore", "jobs --nonsense"])
def test_a_command_that_does_not_exist_would_be_seen(wrong: str) -> None:
    with pytest.raises(SystemExit):
        parse(wrong.split())


@pages
def test_what_they_name_exists(page: Path) -> None:
    text = page.read_text()
    assert set(METRIC.findall(text)) <= EXPORTED | {"keepsight_build_info"}
    names = {one for one in CODE.findall(text) if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", one)}
    assert names - SETTINGS - EXPORTED <= ELSEWHERE
    kinds = {one for one in CODE.findall(text) if re.fullmatch(r"[a-z]+(-[a-z]+)+", one)}
    assert kinds <= set(KINDS)


@pages
def test_their_links_lead_somewhere(page: Path) -> None:
    for path, heading in LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        if heading:
            assert heading in {slug(one) for one in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}, (path, heading)
