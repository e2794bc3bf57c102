"""The alert rules: silent before and worded after by promtool, on metrics that exist, each with a runbook and no runbook without one."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts import metrics_monitor, metrics_retrain, metrics_serving

ROOT = Path(__file__).parents[3]
RULES, RUNBOOKS = ROOT / "dashboards" / "rules", ROOT / "dashboards" / "runbooks"
FILES = sorted(path for path in RULES.glob("*.yaml") if not path.stem.endswith("_test"))
ALERTS: list[dict[str, Any]] = [
    rule for path in FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"] if "alert" in rule
]
EXPORTED = {spec.name for part in (metrics_monitor, metrics_retrain, metrics_serving) for spec in part.ALL}
METRIC = re.compile(r"keepsight_[a-z_]+")
SERVICES = ("keepsight_serving_", "keepsight_monitor_", "keepsight_retrain_", "keepsight_rollout_")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("arguments", [("check", "rules", "{}.yaml"), ("test", "rules", "{}_test.yaml")], ids=["check", "test"])
def test_promtool_accepts_them(path: Path, arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [promtool, *(one.format(path.stem) for one in arguments)],
        cwd=RULES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_alert_is_tested(path: Path) -> None:
    tested = {
        case["alertname"]
        for test in yaml.safe_load((RULES / f"{path.stem}_test.yaml").read_text())["tests"]
        for case in test["alert_rule_test"]
        if "exp_alerts" in case
    }
    assert tested == {rule["alert"] for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_stands_on_metrics_that_are_exported(alert: dict[str, Any]) -> None:
    used = set(METRIC.findall(alert["expr"] + alert["annotations"]["description"]))
    assert used <= EXPORTED
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    named = {alert["alert"]: ROOT / alert["annotations"]["runbook"] for alert in ALERTS}
    assert named == {path.stem: path for path in RUNBOOKS.glob("*.md")}
    for path in named.values():
        said = path.read_text()
        assert said.startswith(f"# {path.stem}\n\n**Meaning.** ")
        assert set(METRIC.findall(said)) <= EXPORTED, path.name


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_a_guide_speaks_of_metrics_that_are_exported(page: Path) -> None:
    assert {name for name in METRIC.findall(page.read_text()) if name.startswith(SERVICES) and name not in SERVICES} <= EXPORTED
