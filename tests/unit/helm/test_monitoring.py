"""The Prometheus Operator's and KEDA's resources, of which no schema is at hand: their fields by name, rules by promtool, queries by a parser."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from contracts import metrics_serving
from tests.chart import CHART, NAME, Document, rendered

RULES, DASHBOARDS = (sorted((CHART / "files" / folder).iterdir()) for folder in ("rules", "dashboards"))
MADE = rendered("monitoring")
FIELDS = {
    "ServiceMonitor": {"selector", "sampleLimit", "endpoints"},
    "endpoint": {"port", "path", "interval", "scrapeTimeout", "relabelings"},
    "ScaledObject": {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "advanced", "triggers"},
    "trigger": {"type", "metricType", "metadata"},
}
"""monitoring.coreos.com/v1 and keda.sh/v1alpha1 know all of these."""


def of(kind: str) -> dict[str, Document]:
    return {name: one for (what, name), one in MADE.items() if what == kind}


def test_jobs_are_called_as_rules_know_them() -> None:
    found = {}
    for one in of("ServiceMonitor").values():
        assert set(one["spec"]) == FIELDS["ServiceMonitor"]
        (endpoint,) = one["spec"]["endpoints"]
        assert set(endpoint) == FIELDS["endpoint"]
        assert one["metadata"]["labels"]["release"] == "kube-prometheus-stack"
        (relabeling,) = endpoint["relabelings"]
        assert relabeling["targetLabel"] == "job"
        found[one["metadata"]["name"]] = relabeling["replacement"]
    assert found == {f"{NAME}-{section}": f"keepsight-{section}" for section in ("serving", "monitor", "retrain")}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_arrive_whole_with_this_clusters_addresses(path: Path, tmp_path: Path) -> None:
    spec = of("PrometheusRule")[f"{NAME}-{path.stem}"]["spec"]
    expected = path.read_text().replace("http://localhost:8081", "https://keepsight.example.org")
    assert spec == yaml.safe_load(expected.replace("http://localhost:3000", "https://grafana.example.org"))
    assert "localhost" not in json.dumps(spec)
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    done = subprocess.run(
        [promtool, "check", "rules", "rules.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_arrive_whole_with_this_clusters_addresses(path: Path) -> None:
    one = of("ConfigMap")[f"{NAME}-dashboard-{path.stem.removeprefix('keepsight-')}"]
    assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert one["metadata"]["annotations"] == {"grafana_folder": "Keepsight"}
    (text,) = one["data"].values()
    here = (
        path.read_text()
        .replace("http://localhost:8081", "https://keepsight.example.org")
        .replace("http://localhost:3000", "https://grafana.example.org")
    )
    assert json.loads(text) == json.loads(here)
    assert "localhost" not in text
    assert len(text) < 1_000_000, "a ConfigMap holds 1 MiB"


def test_a_rule_file_and_a_dashboard_more_would_come_along() -> None:
    assert set(of("PrometheusRule")) == {f"{NAME}-{path.stem}" for path in RULES}
    assert len([name for name in of("ConfigMap") if "-dashboard-" in name]) == len(DASHBOARDS)


def test_keda_asks_for_a_metric_that_serving_exports() -> None:
    spec: dict[str, Any] = rendered("keda")["ScaledObject", f"{NAME}-serving"]["spec"]
    assert set(spec) == FIELDS["ScaledObject"]
    cpu, queue = spec["triggers"]
    assert set(cpu) == set(queue) == FIELDS["trigger"]
    assert all(isinstance(value, str) for trigger in spec["triggers"] for value in trigger["metadata"].values())
    promql_parser.parse(queue["metadata"]["query"])
    assert f'pod=~"{NAME}-serving-[0-9]+"' in queue["metadata"]["query"]
    assert "keepsight_serving_queue_depth" in {one.name for one in metrics_serving.ALL}
    assert "keepsight_serving_queue_depth{" in queue["metadata"]["query"]
