"""What the chart renders is what the services read: each profile's settings file, secret files and variables go through the services' own settings classes."""

import re
from pathlib import Path
from typing import Any

import pytest

from contracts.log import open_bus
from contracts.settings import ServiceSettings, load
from monitor.guard import check_closed as monitor_closed
from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import Camera, ServingSettings
from serving.transport.gate import check_closed as serving_closed
from tests.chart import NAME, PROFILES, render, rendered, values, workload

CLASSES: dict[str, type[ServiceSettings]] = {"serving": ServingSettings, "monitor": MonitorSettings, "retrain": RetrainSettings}
SECRET_FILES = {
    "kafka_username": "ann",
    "kafka_password": "p=@ss",
    "state_url": "postgresql://keepsight@db/keepsight",
    "state_password": "word",
    "mlflow_token": "token",
}


def settings(profile: str, section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings of a service as its pod would read them."""
    spec = workload(profile, section)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    told = tmp_path / "keepsight.toml"
    told.write_text(rendered(profile)["ConfigMap", f"{NAME}-{section}"]["data"]["keepsight.toml"])
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                (secrets / item["path"]).write_text(SECRET_FILES[item["path"]])
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["KEEPSIGHT_SETTINGS"] == f"{mounts['settings']}/keepsight.toml"
    assert mounts.get("secrets", variables["KEEPSIGHT_SECRETS_DIR"]) == variables["KEEPSIGHT_SECRETS_DIR"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KEEPSIGHT_SETTINGS", str(told))
    monkeypatch.setenv("KEEPSIGHT_SECRETS_DIR", str(secrets))
    return load(CLASSES[section], [], f"keepsight-{section}", "")


@pytest.mark.parametrize("section", CLASSES)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_service_reads_them_and_would_start(profile: str, section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(profile, section, tmp_path, monkeypatch)
    spec = workload(profile, section)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    for name in type(read).model_fields:
        value = getattr(read, name)
        if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/")):
            among = mounted if name.endswith("_file") else writable
            assert any(Path(value).is_relative_to(place) for place in among), f"{name} = {value} lies on no volume"
    opened = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert opened["http"] == read.port
    if section == "serving":
        serving_closed(read)
        assert opened["health"] == read.health_port
        needed = read.stop_delay_s + 30 + 10 + read.drain_s + 10  # docs/operating-serving.md, "How it stops"
        assert needed < spec["terminationGracePeriodSeconds"]
    if section == "monitor":
        monitor_closed(read)
        assert opened["health"] == read.health_port
    if section == "retrain":
        assert read.stop_grace_s < spec["terminationGracePeriodSeconds"]
    if not read.log.startswith("embedded"):
        open_bus(read.log, section).close()


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings("postgres", "retrain", tmp_path, monkeypatch)
    assert (read.state_url, read.state_password, read.mlflow_token) == (SECRET_FILES["state_url"], "word", "token")


def test_each_service_is_its_own_user_of_kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings("kafka-tls", "serving", tmp_path, monkeypatch)
    assert read.log_security is not None
    assert (read.kafka_username, read.kafka_password, read.kafka_mechanism) == ("ann", "p=@ss", "SCRAM-SHA-256")
    assert str(read.kafka_ca_file) == "/etc/keepsight/kafka-ca/ca.crt"
    names = {section: _kafka_secret(section) for section in CLASSES}
    assert names == {"serving": "kafka-user-serving", "monitor": "kafka-user", "retrain": "kafka-user-retrain"}


def test_three_users_of_kafka_need_no_fourth() -> None:
    given = values("minimal")
    given["log"]["sasl"] = {"serviceSecrets": {"serving": "a", "monitor": "b", "retrain": "c"}}
    made = render(given)
    for section, secret in given["log"]["sasl"]["serviceSecrets"].items():
        assert 'kafka_mechanism = "SCRAM-SHA-512"' in made["ConfigMap", f"{NAME}-{section}"]["data"]["keepsight.toml"]
        volumes = made["StatefulSet", f"{NAME}-{section}"]["spec"]["template"]["spec"]["volumes"]
        (projected,) = [volume["projected"] for volume in volumes if volume["name"] == "secrets"]
        assert [source["secret"]["name"] for source in projected["sources"]] == [secret]


def _kafka_secret(section: str) -> str:
    volumes = workload("kafka-tls", section)["spec"]["template"]["spec"]["volumes"]
    (projected,) = [volume["projected"] for volume in volumes if volume["name"] == "secrets"]
    return str(projected["sources"][0]["secret"]["name"])


def test_values_of_every_kind_arrive_as_they_were_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings("settings", "serving", tmp_path, monkeypatch)
    assert read.model == "solar.cells-2"
    assert read.new_classes == ("scratch <deep>", 'crack "fine"')
    assert (read.frame_store_max_bytes, read.sample_share, read.stop_delay_s) == (100 << 30, 5e-7, 2.5)
    assert read.cameras == {
        "belt-1": Camera(site="hall-a", stream="items"),
        "gate.2": Camera(site="yard ü", stream="video", audit=True, newest_wins=False, rate=12.5, burst=3),
    }


def test_lists_of_retrain_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings("settings", "retrain", tmp_path, monkeypatch)
    assert (read.canary_shares, read.techniques, read.approval) == ((0.05, 0.5), ("lp_ft", "full"), "always")


def test_devices_follow_from_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings("gpu", "serving", tmp_path, monkeypatch)
    assert (read.provider, read.devices, read.precision) == ("cuda", (0, 1), "half")


@pytest.mark.parametrize("profile", PROFILES)
def test_no_name_of_a_service_becomes_a_setting(profile: str) -> None:
    """Kubernetes would set KEEPSIGHT_SERVING_PORT=tcp://… for a Service called keepsight-serving."""
    for section in CLASSES:
        spec = workload(profile, section)["spec"]["template"]["spec"]
        assert spec["enableServiceLinks"] is False
        (container,) = spec["containers"]
        assert not [one["name"] for one in container["env"] if re.search("PASSWORD|TOKEN|SECRET(?!S_DIR)", one["name"])]
