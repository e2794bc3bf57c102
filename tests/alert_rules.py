"""The alert rules as the tests look at them: every rule, the queries in its words, the metrics that these stand on, and Debian's programs by name."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from contracts import metrics_monitor, metrics_process, metrics_retrain, metrics_serving

ROOT: Final = Path(__file__).parents[1]
DASHBOARDS: Final = ROOT / "dashboards"
RULES: Final = DASHBOARDS / "rules"
RUNBOOKS: Final = DASHBOARDS / "runbooks"
CONSOLE: Final = "http://localhost:8081"
GRAFANA: Final = "http://localhost:3000"
FILES: Final = sorted(path for path in RULES.glob("*.yaml") if not path.stem.endswith("_test"))
TEST_FILES: Final = sorted(RULES.glob("*_test.yaml"))
ALL_RULES: Final[list[dict[str, Any]]] = [
    rule for path in FILES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
]
ALERTS: Final = [rule for rule in ALL_RULES if "alert" in rule]
RECORDED: Final = {rule["record"] for rule in ALL_RULES if "record" in rule}
NAMES: Final = sorted({rule["alert"] for rule in ALERTS})
EXPORTED: Final = {
    name
    for part in (metrics_monitor, metrics_process, metrics_retrain, metrics_serving)
    for spec in part.ALL
    for name in ((spec.name,) if spec.kind != "histogram" else tuple(f"{spec.name}_{end}" for end in ("bucket", "count", "sum")))
}
PROMETHEUS_OWN: Final = {"up", "scrape_samples_post_metric_relabeling"}
METRIC: Final = re.compile(r"\bkeepsight[_:][a-z0-9_:]+")
QUERY: Final = re.compile(r"(?:query|printf) `([^`]+)`")


def program(name: str, package: str) -> str:
    """Where one of Debian's programs is; the test skips without it, and fails where everything must be there."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (Debian: {package})"
        pytest.fail(reason) if os.environ.get("KEEPSIGHT_REQUIRE_ALL") else pytest.skip(reason)
    return found


def succeeds(*command: str, cwd: Path = ROOT) -> str:
    """What a command that must succeed says."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queries(rule: dict[str, Any]) -> list[str]:
    """A rule's expression and the queries in its words, each with an `x` where a label's value comes."""
    words = " ".join(rule.get("annotations", {}).values())
    return [rule["expr"], *(one.replace("%s", "x") for one in QUERY.findall(words) if one != "%.3f")]
