"""compose.yaml, read: its services' settings are real, what it mounts is there, images are named with a version, and every port is this machine's alone."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.settings import ServiceSettings, load
from monitor.guard import check_closed as monitor_closed
from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import ServingSettings
from serving.transport.gate import check_closed as serving_closed

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS: dict[str, type[ServiceSettings]] = {"serving": ServingSettings, "monitor": MonitorSettings, "retrain": RetrainSettings}
MADE_BY_HAND = {"./docker/secrets/postgres_password", "./docker/secrets/keys"}
"""What a person makes before the first start; git does not know it."""


def mounts(name: str) -> dict[str, str]:
    """Where each file, folder or volume of a service is mounted, by its target."""
    return {one.split(":")[1]: one.split(":")[0] for one in SERVICES[name].get("volumes", [])}


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_a_version_and_ports_are_this_machines(name: str) -> None:
    one = SERVICES[name]
    matched = re.fullmatch(r"\$\{([A-Z]+)_IMAGE:-([\w./-]+):(v?[0-9][\w.-]*)\}", one["image"])
    assert matched is not None
    assert matched[1].lower() == name
    assert all(port.startswith("127.0.0.1:") for port in one.get("ports", []))
    assert one["restart"] == "unless-stopped"
    assert "privileged" not in one
    for target, source in mounts(name).items():
        if source.startswith("."):
            assert source in MADE_BY_HAND or (ROOT / source).exists(), source
            assert f"{source}:{target}:ro" in one["volumes"]
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_reads_its_settings_and_would_start(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, places = SERVICES[name], mounts(name)
    for key, value in one["environment"].items():
        monkeypatch.setenv(key, value)
    assert places[one["environment"]["KEEPSIGHT_SETTINGS"]] == "./docker/keepsight.toml"
    monkeypatch.setenv("KEEPSIGHT_SETTINGS", str(ROOT / "docker" / "keepsight.toml"))
    monkeypatch.setenv("KEEPSIGHT_SECRETS_DIR", str(tmp_path))
    for target in places:
        if target.startswith("/run/secrets/keepsight/"):
            (tmp_path / Path(target).name).write_text("word")
    read: Any = load(OURS[name], [], f"keepsight-{name}", "")
    assert one["ports"] == [f"127.0.0.1:{read.port}:{read.port}"]
    assert read.log == f"kafka://{SERVICES['kafka']['environment']['KAFKA_ADVERTISED_LISTENERS'].removeprefix('PLAINTEXT://')}"
    for path in (read.state, read.repository, read.frame_store, read.jobs):
        assert any(Path(path).is_relative_to(target) for target in places), path
    if name == "serving":
        serving_closed(read)
    else:
        assert read.state_password == "word"
        assert read.state_url == "postgresql://keepsight@postgres:5432/keepsight"
    if name == "monitor":
        monitor_closed(read)
        assert str(read.keys_file) in places
    waits = {"kafka"} if name == "serving" else {"kafka", "postgres"}
    assert one["depends_on"] == {other: {"condition": "service_healthy"} for other in waits}
    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["build"]["target"] == name


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_what_others_wait_for_says_when_it_is_ready(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_prometheus_scrapes_and_judges_as_on_one_machine() -> None:
    here = yaml.safe_load((ROOT / "docker" / "prometheus.yaml").read_text())
    plain = yaml.safe_load((ROOT / "dashboards" / "prometheus" / "prometheus.yaml").read_text())
    assert mounts("prometheus")["/etc/prometheus/rules"] == "./dashboards/rules"
    assert [Path(one).name for one in here["rule_files"]] == [Path(one).name for one in plain["rule_files"]]
    rules = {path.name for path in (ROOT / "dashboards" / "rules").glob("*.yaml") if not path.stem.endswith("_test")}
    assert {Path(one).name for one in here["rule_files"]} == rules
    assert here["global"] == plain["global"]
    strip = [{**one, "static_configs": None} for one in here["scrape_configs"]]
    assert strip == [{**one, "static_configs": None} for one in plain["scrape_configs"]]
    targets = [one["static_configs"][0]["targets"][0] for one in here["scrape_configs"]]
    assert targets == ["serving:8080", "monitor:9081", "retrain:8082"]
    assert all(target.partition(":")[0] in SERVICES for target in targets)


def test_grafana_finds_what_is_provisioned() -> None:
    places = mounts("grafana")
    (provider,) = yaml.safe_load((ROOT / "dashboards" / "provisioning" / "dashboards" / "keepsight.yaml").read_text())["providers"]
    assert places[provider["options"]["path"]] == "./dashboards/json"
    (source,) = yaml.safe_load((ROOT / "dashboards" / "provisioning" / "datasources" / "keepsight.yaml").read_text())["datasources"]
    assert source["url"].removeprefix("$") in SERVICES["grafana"]["environment"]


def test_the_database_is_the_one_that_the_services_ask_for() -> None:
    told = SERVICES["postgres"]["environment"]
    assert (told["POSTGRES_USER"], told["POSTGRES_DB"]) == ("keepsight", "keepsight")
    assert mounts("postgres")[told["POSTGRES_PASSWORD_FILE"]] == mounts("monitor")["/run/secrets/keepsight/state_password"]
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text()
