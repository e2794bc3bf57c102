"""The settings of the service: every one explained, lists readable, nonsense refused with the reason."""

from pathlib import Path

import pytest

from contracts import metrics_retrain
from contracts.errors import SettingsError
from contracts.settings import ServiceSettings, load
from retrain.__main__ import training_request
from retrain.settings import RetrainSettings
from retrain.trigger.cost import Costs


def read(*argv: str) -> RetrainSettings:
    return load(RetrainSettings, argv, "keepsight-retrain", "about")


def test_every_setting_says_what_it_is() -> None:
    assert not [name for name, field in RetrainSettings.model_fields.items() if not field.description]
    assert set(RetrainSettings.model_fields) > set(ServiceSettings.model_fields)


@pytest.mark.parametrize("text", ["0.1,0.5", "[0.1, 0.5]"])
def test_shares_on_the_command_line(text: str) -> None:
    assert read("--canary-shares", text).plan().shares == (0.1, 0.5)


def test_shares_in_the_environment_and_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k.toml").write_text("[retrain]\ncanary_shares = [0.2, 0.4]\n")
    assert read("--settings", str(tmp_path / "k.toml")).canary_shares == (0.2, 0.4)
    monkeypatch.setenv("KEEPSIGHT_RETRAIN_CANARY_SHARES", "0.3,0.6")
    assert read("--settings", str(tmp_path / "k.toml")).canary_shares == (0.3, 0.6)


@pytest.mark.parametrize(
    "argv",
    [
        ("--canary-shares", "0.5,0.1"),
        ("--canary-shares", ""),
        ("--canary-shares", "0,0.5"),
        ("--canary-shares", "0.5,1.5"),
        ("--calendar", "every monday"),
        ("--approval", "maybe"),
        ("--guard-alpha", "0"),
        ("--cost-error", "0.5"),
    ],
)
def test_nonsense_is_refused_with_its_key(argv: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match=argv[0][2:].replace("-", "_")):
        read(*argv)


def test_nothing_is_weighed_until_an_error_costs_something() -> None:
    assert read().limits().costs is None
    assert read("--cost-error", "0.5", "--frames-per-day", "900").limits().costs == Costs(0.5, 0.0, 0.0, 900.0, 30.0)


@pytest.mark.parametrize("value", ["mlflow:5000", "file:///tmp/x", "http://", "databricks"])
def test_an_mlflow_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="give an address as http://host:5000"):
        read("--mlflow-url", value)
    assert read("--mlflow-url", "https://mlflow.example/path").mlflow_url == "https://mlflow.example/path"


def test_metrics_are_declared_once() -> None:
    names = [spec.name for spec in metrics_retrain.ALL]
    assert len(names) == len(set(names))
    assert all(name.startswith("keepsight_") for name in names)


IN_A_CLUSTER = (
    *("--launcher", "kubernetes", "--kubernetes-image", "keepsight:1", "--kubernetes-volume", "shared"),
    *("--kubernetes-mount", "/shared", "--jobs", "/shared/jobs", "--frame-store", "/shared/frames", "--repository", "s3://models"),
)


def test_training_in_a_cluster_is_given_what_it_needs() -> None:
    settings = read(*IN_A_CLUSTER, "--kubernetes-resources", '{"nvidia.com/gpu": "1"}', "--devices", "2")
    cluster = settings.cluster(60.0, 1, settings.devices)
    assert (cluster.mount, cluster.devices, cluster.resources) == ("/shared", 2, {"nvidia.com/gpu": "1"})
    assert str(settings.jobs_folder) == "/shared/jobs"
    assert read("--state", "/var/state").jobs_folder == Path("/var/state/retrain/jobs")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--kubernetes-image", ""), "kubernetes_image must be set with it"),
        (
            ("--frame-store", "/var/frames"),
            "frame_store is /var/frames, which training pods do not see: give a URL, or a folder under",
        ),
        (("--jobs", "/var/jobs"), "jobs is /var/jobs, which training pods do not see: give a folder under kubernetes_mount"),
        (("--kubernetes-namespace", "Keep Sight"), "kubernetes_namespace"),
    ],
)
def test_what_training_pods_would_not_see_is_refused(more: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read(*IN_A_CLUSTER, *more)


def test_techniques_are_named_in_a_list(tmp_path: Path) -> None:
    assert (
        read("--techniques", "full, lp_ft").techniques
        == ("full", "lp_ft")
        == training_request(read("--techniques", "full,lp_ft")).techniques
    )
    assert read().techniques == ()
    with pytest.raises(SettingsError, match="'head_only', 'lp_ft', 'full' or 'scratch'"):
        read("--techniques", "fine")


def test_the_augmentation_s_file_is_read_and_checked_by_the_service(tmp_path: Path) -> None:
    declared, wrong = tmp_path / "augment.toml", tmp_path / "wrong.toml"
    declared.write_text('[[operations]]\nname = "flip"\n')
    wrong.write_text('[[operations]]\nname = "flop"\n')
    assert training_request(read("--augment", str(declared))).augment == declared.read_text()
    assert training_request(read()).augment == ""
    with pytest.raises(SettingsError, match="no operation 'flop'; there are crop"):
        training_request(read("--augment", str(wrong)))
    with pytest.raises(SettingsError, match=r"augment: .*nowhere\.toml cannot be read"):
        training_request(read("--augment", str(tmp_path / "nowhere.toml")))


def test_weights_are_found_from_wherever_the_trainer_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert training_request(read("--recipe-weights", "w.safetensors")).recipe_weights == str(tmp_path / "w.safetensors")
