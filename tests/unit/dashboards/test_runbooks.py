"""The runbooks: one for each alert in the on-call's order, and nothing in them that does not exist: commands, queries, metrics, settings, lines of the log."""

import argparse
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path

import promql_parser
import pytest

from monitor.settings import MonitorSettings
from retrain import audit_command
from retrain.labels import command as labels_command
from retrain.settings import RetrainSettings
from serving.settings import ServingSettings
from standalone import __main__ as keepsight
from standalone import jobs
from standalone.doctor import command as doctor
from tests.alert_rules import EXPORTED, METRIC, NAMES, RECORDED, ROOT, RUNBOOKS

BOOKS = sorted(RUNBOOKS.glob("*.md"))
HEADINGS = ["First five minutes", "What it is", "Mitigate, and undo", "Recovered when", "False when", "Rehearse"]
FENCE = re.compile(r"```(\w+)\n(.*?)\n```\n", re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
PROGRAMS = {"keepsight", "promtool", "curl", "kcat", "openssl", "df", "amtool"}
PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "doctor": doctor.parser,
    "jobs": jobs._parser,
    "audit": audit_command._parser,
    "labels": labels_command._parser,
}
"""Of commands that another module parses."""
ELSEWHERE = {"import-model"}
"""Parsed by a process that needs ONNX: its options are tested with it (tests/unit/retrain/trainer)."""
OTHERS = frozenset({"sample_limit", "metric_relabel_configs", "incident_url"})
"""Words of Prometheus, and of the rules' annotations."""
ROOMS = ("contracts", "serving", "monitor", "retrain", "standalone")


def books(test: Callable[[Path], None]) -> Callable[[Path], None]:
    return pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)(test)


def blocks(text: str, kind: str) -> list[str]:
    return [content for language, content in FENCE.findall(text) if language == kind]


def commands(text: str) -> list[str]:
    """Every command in a runbook: in its blocks, and inline where it begins with one of our programs' names."""
    inline = [one for one in CODE.findall(FENCE.sub("", text)) if one.split()[0] in PROGRAMS and " " in one]
    return [*blocks(text, "sh"), *inline]


def queries(text: str) -> list[str]:
    words = [shlex.split(command) for command in commands(text)]
    asked = [one[4] for one in words if one[:3] == ["promtool", "query", "instant"]]
    inline = [one for one in CODE.findall(FENCE.sub("", text)) if METRIC.match(one) or METRIC.search(one.partition("(")[2])]
    return [*asked, *blocks(text, "promql"), *inline]


@cache
def known_words() -> frozenset[str]:
    """Settings, and every string of the services' code that is one word: events of the log, labels and their values."""
    settings = {name for kind in (ServingSettings, MonitorSettings, RetrainSettings) for name in kind.model_fields}
    sources = (path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return frozenset(settings | {word for text in sources for word in re.findall(r'"([a-z0-9_-]+)"', text)})


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert [book.stem for book in BOOKS] == NAMES


@books
def test_it_is_in_the_order_of_who_was_woken(book: Path) -> None:
    text = book.read_text()
    assert text.startswith(f"# {book.stem}\n\n**Meaning.** ")
    assert text.index("**Meaning.**") < text.index("**Impact.**") < text.index("## ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    parts = dict(zip(HEADINGS, re.split(r"^## .+$", text, flags=re.MULTILINE)[1:], strict=True))
    first = parts["First five minutes"]
    assert len(blocks(first, "sh")) == 3
    assert all(command.count("\n") == 0 for command in blocks(first, "sh"))
    assert first.count("\nExpected: ") == 3
    assert "| seen | cause | action |" in parts["What it is"]
    assert len(blocks(parts["Recovered when"], "promql")) == 1
    assert all(part.strip() for part in parts.values())


@books
def test_its_commands_exist(book: Path) -> None:
    for command in commands(book.read_text()):
        program, *arguments = shlex.split(command.split(" | ")[0])
        assert program in PROGRAMS | {"head", "echo"}, command
        if program == "keepsight":
            parse(arguments)


def parse(arguments: list[str]) -> None:
    """Fails where the command line refuses them."""
    name, *rest = arguments
    if name in ELSEWHERE:
        assert name in keepsight.HANDED_OVER
    elif parser := PARSERS.get(name):
        parser().parse_args(rest)
    else:
        assert name not in keepsight.HANDED_OVER
        keepsight._parser().parse_args(arguments)


@pytest.mark.parametrize(
    "wrong", [["jobs", "--nonsense"], ["rollback", "7"], ["labels", "following"], ["doctor", "--onyl"], ["restart"]]
)
def test_a_command_that_does_not_exist_would_be_seen(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(wrong)


@books
def test_its_queries_can_be_asked(book: Path) -> None:
    text = book.read_text()
    asked = queries(text)
    assert asked
    for query in asked:
        promql_parser.parse(query)
    assert set(METRIC.findall(text)) <= EXPORTED | RECORDED | {"keepsight_key"}


@books
def test_what_it_names_in_code_exists(book: Path) -> None:
    for word in CODE.findall(FENCE.sub("", book.read_text())):
        if re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)+", word) and not METRIC.fullmatch(word):
            assert word in known_words() | OTHERS, word


@books
def test_its_links_lead_somewhere(book: Path) -> None:
    text = book.read_text()
    assert all((ROOT / path).exists() for path in re.findall(r"\b((?:docs|dashboards)/[a-z_./-]+\.(?:md|yaml))", text))
    assert set(re.findall(r"\bKeepsight[A-Z]\w+", text)) <= set(NAMES)
