"""Alertmanager's and Prometheus' configurations: accepted by their own tools, alerts routed by severity, inhibitions that can happen."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import ServingSettings
from tests.alert_rules import ALL_RULES, DASHBOARDS, FILES, TEST_FILES, program, succeeds

ALERTMANAGER = DASHBOARDS / "alertmanager" / "alertmanager.yaml"
PROMETHEUS = DASHBOARDS / "prometheus" / "prometheus.yaml"
CONFIG: dict[str, Any] = yaml.safe_load(ALERTMANAGER.read_text())
SCRAPES: list[dict[str, Any]] = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
FIRED = {
    tuple(sorted({"alertname": case["alertname"], **{k: str(v) for k, v in one["exp_labels"].items()}}.items()))
    for path in TEST_FILES
    for test in yaml.safe_load(path.read_text())["tests"]
    for case in test["alert_rule_test"]
    for one in case.get("exp_alerts", ())
}
"""Every alert that the tests of the rules see fire, with its labels."""
RECEIVERS = {"page": "page", "ticket": "ticket", "none": "watchdog"}


def matches(matcher: str, labels: dict[str, str]) -> bool:
    """Whether labels satisfy `name="value"` or `name=~"pattern"`."""
    found = re.fullmatch(r'(\w+)(=~?)"([^"]*)"', matcher)
    assert found, matcher
    name, operator, value = found.groups()
    return bool(re.fullmatch(value, labels.get(name, ""))) if operator == "=~" else labels.get(name, "") == value


def test_alertmanager_and_prometheus_accept_them() -> None:
    assert "SUCCESS" in succeeds(program("amtool", "prometheus-alertmanager"), "check-config", str(ALERTMANAGER))
    succeeds(program("promtool", "prometheus"), "check", "config", str(PROMETHEUS))


@pytest.mark.parametrize("labels", sorted(FIRED), ids=lambda labels: dict(labels)["alertname"])
def test_every_alert_goes_where_its_severity_says(labels: tuple[tuple[str, str], ...]) -> None:
    wanted = RECEIVERS[dict(labels)["severity"]]
    amtool = program("amtool", "prometheus-alertmanager")
    said = [f"{name}={value}" for name, value in labels]
    succeeds(amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={wanted}", *said)


def test_messages_are_few_and_short() -> None:
    assert CONFIG["route"]["group_by"] == ["alertname", "model"]
    (page,) = (route for route in CONFIG["route"]["routes"] if route["receiver"] == "page")
    assert page["group_by"] == ["alertname", "model", "cause"]
    for receiver in CONFIG["receivers"]:
        for webhook in receiver["webhook_configs"]:
            assert webhook.get("max_alerts") == 50 or receiver["name"] == "watchdog"


def test_what_pagerduty_and_mail_say_can_be_read(tmp_path: Path) -> None:
    words = {"summary": "belt-1 is covered", "description": "Next: look.", "runbook_url": "R", "dashboard_url": "D"}
    alerts = [{"status": "firing", "labels": {}, "annotations": words, "startsAt": "2026-03-01T04:12:09+01:00"}]
    page, ticket, _ = CONFIG["receivers"]
    (pagerduty,), (mail,) = page["pagerduty_configs"], ticket["email_configs"]
    amtool = program("amtool", "prometheus-alertmanager")

    def said(text: str, *those: dict[str, object]) -> str:
        (tmp_path / "data.json").write_text(json.dumps({"status": "firing", "alerts": those}))
        given = (f"--template.glob={tmp_path}/none*", f"--template.data={tmp_path}/data.json", f"--template.text={text}")
        return succeeds(amtool, "template", "render", *given)

    assert said(pagerduty["description"], *alerts) == "belt-1 is covered"
    assert said(pagerduty["description"], *alerts, *alerts) == "belt-1 is covered (2 alerts)"
    assert said(pagerduty["details"]["description"], *alerts) == "Next: look."
    assert said(pagerduty["details"]["since"], *alerts) == "2026-03-01 03:12 UTC"
    assert [said(link["href"], *alerts) for link in pagerduty["links"]] == ["R", "D"]
    incident = {**alerts[0], "annotations": {**words, "incident_url": "I"}}
    assert said(pagerduty["links"][1]["href"], incident) == "I"
    assert said(mail["headers"]["Subject"], *alerts) == "firing: belt-1 is covered"
    over = {**alerts[0], "status": "resolved", "annotations": dict.fromkeys(words, "of what is over")}
    for text in (*pagerduty["details"].values(), pagerduty["description"], *(link["href"] for link in pagerduty["links"])):
        assert said(text, over, *alerts) == said(text, *alerts)
    assert said(mail["headers"]["Subject"], over, *alerts) == "firing: belt-1 is covered"
    assert said(pagerduty["description"], over) == "of what is over"


@pytest.mark.parametrize("rule", CONFIG["inhibit_rules"], ids=str)
def test_an_inhibition_is_between_alerts_that_exist(rule: dict[str, Any]) -> None:
    for side in ("source_matchers", "target_matchers"):
        those = [dict(one) for one in FIRED if all(matches(matcher, dict(one)) for matcher in rule[side])]
        assert those, rule[side]
        assert all(set(rule.get("equal", ())) <= set(one) for one in those if side == "source_matchers")
        named = {name for matcher in rule[side] for name in re.findall("Keepsight[A-Za-z]+", matcher)}
        assert named <= {dict(one)["alertname"] for one in FIRED}


def test_prometheus_loads_all_rules_and_scrapes_what_they_speak_of() -> None:
    loaded = yaml.safe_load(PROMETHEUS.read_text())["rule_files"]
    assert sorted((PROMETHEUS.parent / path).resolve() for path in loaded) == FILES
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in SCRAPES}
    ports = {kind.section: kind.model_fields["port"].default for kind in (ServingSettings, MonitorSettings, RetrainSettings)}
    assert jobs == {f"keepsight-{service}": [f"localhost:{port}"] for service, port in ports.items()}
    spoken = {job for rule in ALL_RULES for job in re.findall(r'job="(keepsight-[a-z]+)"', rule["expr"])}
    assert spoken <= set(jobs)
