"""The alert rules: silent before, worded after and silent again by promtool, on metrics and label values that are exported, each with where to go next."""

import re
from pathlib import Path
from typing import Any, get_args

import promql_parser
import pytest
import yaml

from monitor.overview import STATES
from serving.problems import KINDS
from serving.telemetry import requests
from tests.alert_rules import (
    ALERTS,
    ALL_RULES,
    CONSOLE,
    EXPORTED,
    FILES,
    GRAFANA,
    METRIC,
    NAMES,
    PROMETHEUS_OWN,
    RECORDED,
    ROOT,
    RULES,
    TEST_FILES,
    program,
    queries,
    succeeds,
)

SERVICES = ("keepsight_serving_", "keepsight_monitor_", "keepsight_retrain_", "keepsight_rollout_")
UIDS = {f"keepsight-{one}" for one in ("overview", "model", "camera", "serving", "pipeline", "retrain", "meta")}
VALUES = {
    "problem": set(KINDS),
    "state": set(STATES),
    "route": {*requests.ROUTES, requests.INFER},
    "fate": {"judged", "dead"},
    "severity": {"page", "ticket"},
}
"""Of labels from closed sets: what the services export."""
CASES = [
    (test["name"], case)
    for path in TEST_FILES
    for test in yaml.safe_load(path.read_text())["tests"]
    for case in test["alert_rule_test"]
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(path: Path) -> None:
    succeeds(program("promtool", "prometheus"), "check", "rules", path.name, cwd=RULES)


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_alerts_are_silent_then_say_what_is_written_then_are_silent(path: Path) -> None:
    succeeds(program("promtool", "prometheus"), "test", "rules", path.name, cwd=RULES)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: "-".join((rule["alert"], *rule.get("labels", {}).values())))
def test_every_rule_of_an_alert_is_tested_with_its_exact_words(rule: dict[str, Any]) -> None:
    fired = [one for _, case in CASES if case["alertname"] == rule["alert"] for one in case.get("exp_alerts", ())]
    assert [one for one in fired if rule.get("labels", {}).items() <= one["exp_labels"].items()]
    assert all(set(one["exp_annotations"]) == set(rule["annotations"]) for one in fired)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "KeepsightWatchdog"])
def test_every_alert_is_seen_silent_before_and_after(name: str) -> None:
    of_test: dict[str, list[bool]] = {}
    for test, case in CASES:
        if case["alertname"] == name:
            of_test.setdefault(test, []).append("exp_alerts" in case)
    assert any(fires[0] is False and True in fires and fires[-1] is False for fires in of_test.values())


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_stands_on_metrics_and_label_values_that_are_exported(rule: dict[str, Any]) -> None:
    for query in queries(rule):
        promql_parser.parse(query)
        used = set(METRIC.findall(query))
        assert used <= EXPORTED | RECORDED
        assert used | {name for name in PROMETHEUS_OWN if name in query} or query == "vector(1)" or "record" in rule
        for label, pattern in re.findall(r'(\w+)[=!]~?"([^"]*)"', query):
            if label in VALUES and pattern != "x":
                assert set(pattern.split("|")) <= VALUES[label], (label, pattern)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_grave_it_is_and_where_to_go_next(rule: dict[str, Any]) -> None:
    words, severity = rule["annotations"], rule.get("labels", {}).get("severity")
    assert severity in ("page", "ticket") or rule["alert"] in ("KeepsightIncident", "KeepsightWatchdog")
    assert words["runbook_url"] == f"{CONSOLE}/console/runbooks/{rule['alert']}"
    uid = words["dashboard_url"].removeprefix(f"{GRAFANA}/d/").split("?")[0]
    assert uid in UIDS
    assert all(url.startswith(CONSOLE) or name == "dashboard_url" for name, url in words.items() if name.endswith("_url"))
    assert len(words["description"]) > 20
    assert "{{" in words["summary"] or rule["alert"] == "KeepsightWatchdog"


def test_few_alerts_wake_somebody() -> None:
    paging = {rule["alert"] for rule in ALERTS if rule.get("labels", {}).get("severity") == "page"} | {"KeepsightIncident"}
    assert len(NAMES) <= 28
    assert len(paging) <= 10


def test_no_alert_fires_on_a_raw_statistic_of_drift() -> None:
    raw = re.compile("drift_ratio|label_evidence|concept_detector|guard_ratio")
    assert not [rule for rule in ALERTS if raw.search(rule["expr"])]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_a_guide_speaks_of_metrics_that_are_exported(page: Path) -> None:
    said = {name for name in METRIC.findall(page.read_text()) if name.startswith(SERVICES) and name not in SERVICES}
    declared = {name.removesuffix(end) for name in EXPORTED for end in ("_bucket", "_count", "_sum")}
    assert said <= EXPORTED | declared


def test_the_severities_of_incidents_are_those_of_the_contract() -> None:
    from contracts.incidents import Severity

    assert set(get_args(Severity)) == VALUES["severity"]
