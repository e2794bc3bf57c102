"""Settings: where a value comes from, who wins, and what a mistake is told."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.errors import SettingsError
from contracts.settings import ServiceSettings, default_text, exit_with, load


class Camera(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    stream: str = "items"


class LensSettings(ServiceSettings):
    """Settings of a service for these tests, in the section of serving."""

    section: ClassVar[str] = "serving"

    port: int = Field(8080, ge=0, le=65_535, description="The port to listen on.")
    sample_share: float = Field(0.05, ge=0, le=1, description="Share of 100 % that is kept.")
    cameras: dict[str, Camera] = Field({}, description="The cameras.")
    shares: tuple[float, ...] = Field((0.1, 0.5), description="Steps.")
    token: str = Field("", description="A secret.", repr=False)
    cache: Path | None = Field(None, description="A folder.")

    @model_validator(mode="after")
    def _together(self) -> "LensSettings":
        if self.port == 1 and self.sample_share == 1:
            raise ValueError("port 1 cannot sample everything")
        return self


Load = Callable[..., LensSettings]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load from arguments, the text of a TOML file, secrets by name and variables by name."""

    def read(*argv: str, toml: str | None = None, secrets: dict[str, str] | None = None, **variables: str) -> LensSettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        folder = tmp_path / "secrets"
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("KEEPSIGHT_SECRETS_DIR", str(folder))
        for name, value in (secrets or {}).items():
            (folder / name).write_text(value)
        line = list(argv)
        if toml is not None:
            (tmp_path / "keepsight.toml").write_text(toml)
            line += ["--settings", str(tmp_path / "keepsight.toml")]
        return load(LensSettings, line, "keepsight-lens", "A service for tests.")

    return read


def test_defaults(loaded: Load) -> None:
    settings = loaded()
    assert (settings.port, settings.model, settings.log_level) == (8080, "model", "INFO")
    assert settings.cameras == {}


SOURCES: list[tuple[str, dict[str, object]]] = [
    ("toml, shared", {"toml": 'model = "a"'}),
    ("toml, section", {"toml": 'model = "no"\n[serving]\nmodel = "a"'}),
    ("secret file", {"toml": '[serving]\nmodel = "no"', "secrets": {"model": "a\n"}}),
    ("shared variable", {"secrets": {"model": "no"}, "KEEPSIGHT_MODEL": "a"}),
    ("section variable", {"KEEPSIGHT_MODEL": "no", "KEEPSIGHT_SERVING_MODEL": "a"}),
    ("command line", {"argv": ("--model", "a"), "KEEPSIGHT_SERVING_MODEL": "no", "toml": 'model = "no"'}),
]


@pytest.mark.parametrize("given", [given for _, given in SOURCES], ids=[name for name, _ in SOURCES])
def test_each_source_wins_over_those_before(loaded: Load, given: dict[str, object]) -> None:
    argv = given.get("argv", ())
    rest = {key: value for key, value in given.items() if key != "argv"}
    assert loaded(*argv, **rest).model == "a"  # type: ignore[misc]


def test_the_file_may_be_named_by_a_variable(tmp_path: Path, loaded: Load) -> None:
    (tmp_path / "other.toml").write_text("[serving]\nport = 9000\n[monitor]\nanything = 1\n")
    assert loaded(KEEPSIGHT_SETTINGS=str(tmp_path / "other.toml")).port == 9000


def test_sections_of_other_services_are_theirs(loaded: Load) -> None:
    settings = loaded(toml="[monitor]\nport = 1\n[retrain]\nx = 2\n", KEEPSIGHT_MONITOR_PORT="7", KEEPSIGHT_TEST_X="1")
    assert settings.port == 8080


def test_tables_of_tables(loaded: Load) -> None:
    toml = '[serving.cameras.front]\nsite = "line-3"\n[serving.cameras.back]\nsite = "line-4"\nstream = "video"\n'
    cameras = loaded(toml=toml).cameras
    assert cameras == {"front": Camera(site="line-3"), "back": Camera(site="line-4", stream="video")}


@pytest.mark.parametrize(
    "given",
    [
        {"toml": "[serving]\nshares = [0.2, 0.4]"},
        {"KEEPSIGHT_SERVING_SHARES": "[0.2, 0.4]"},
        {"argv": ("--shares", "[0.2, 0.4]")},
        {"secrets": {"shares": "[0.2, 0.4]"}},
    ],
)
def test_lists_from_every_source(loaded: Load, given: dict[str, object]) -> None:
    argv = given.pop("argv", ())
    assert loaded(*argv, **given).shares == (0.2, 0.4)  # type: ignore[misc]


def test_cameras_from_a_variable_and_the_command_line(loaded: Load) -> None:
    assert loaded(KEEPSIGHT_SERVING_CAMERAS='{"front": {"site": "line-3"}}').cameras == {"front": Camera(site="line-3")}
    assert loaded("--cameras", '{"front": {"site": "line-5"}}').cameras["front"].site == "line-5"


def test_settings_are_frozen(loaded: Load) -> None:
    with pytest.raises(Exception, match="frozen"):
        loaded().port = 3


MISTAKES: list[tuple[str, dict[str, object], str]] = [
    ("key", {"toml": "log_levl = 'INFO'"}, r"keepsight\.toml: unknown key 'log_levl'; did you mean 'log_level'\?"),
    ("key in section", {"toml": "[serving]\nprot = 1"}, r"unknown key 'prot' in \[serving\]; did you mean 'port'\?"),
    ("section", {"toml": "[servign]\nport = 1"}, r"unknown key 'servign'; did you mean 'serving'\?"),
    ("own key at the top", {"toml": "port = 1"}, "unknown key 'port'"),
    ("value for a section", {"toml": "serving = 3"}, r"'serving' is 3; it is a section: write \[serving\]"),
    ("key in a table", {"toml": "[serving.cameras.front]\nsite='x'\nstraem='video'"}, r"'cameras\.front\.straem'; did you mean 'stream'\?"),
    ("missing in a table", {"toml": "[serving.cameras.front]\nstream='video'"}, r"setting 'cameras\.front\.site' .*Field required"),
    ("nothing near", {"toml": "zzz = 1"}, "unknown key 'zzz'; known: .*frame_store.*"),
    ("not toml", {"toml": "port = = 1"}, r"keepsight\.toml is not TOML: .*line 1"),
    ("variable", {"KEEPSIGHT_SERVING_PROT": "1"}, "variable KEEPSIGHT_SERVING_PROT is no setting of serving; did you mean 'KEEPSIGHT_SERVING_PORT'"),
    ("shared variable", {"KEEPSIGHT_MODLE": "x"}, "KEEPSIGHT_MODLE is no setting .* did you mean 'KEEPSIGHT_MODEL'"),
    ("too large", {"toml": "[serving]\nport = 70000"}, r"setting 'port' is 70000: .* less than or equal to 65535\. The port to listen on\."),
    ("too small", {"argv": ("--sample-share", "-0.1")}, r"setting 'sample_share' is '-0\.1': .* greater than or equal to 0"),
    ("no number", {"KEEPSIGHT_SERVING_PORT": "http"}, "setting 'port' is 'http': .* valid integer"),
    ("no json", {"KEEPSIGHT_SERVING_SHARES": "0.1,0.2"}, r"setting 'shares' cannot be read: .* Outside TOML files, tables and lists are JSON"),
    ("no json on the line", {"argv": ("--cameras", "front")}, "setting 'cameras' cannot be read"),
    ("log level", {"argv": ("--log-level", "LOUD")}, "setting 'log_level' is 'LOUD': .*'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("mechanism", {"toml": "kafka_mechanism = 'PLAIM'"}, "setting 'kafka_mechanism' is 'PLAIM'"),
    ("empty class", {"toml": "new_classes = ['']"}, r"setting 'new_classes.0' is ''"),
    ("model name", {"toml": "model = '../x'"}, r"setting 'model' is '\.\./x'"),
    ("together", {"argv": ("--port", "1", "--sample-share", "1")}, "settings: .*port 1 cannot sample everything"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_told_by_key_value_and_what_is_allowed(loaded: Load, given: dict[str, object], message: str) -> None:
    argv = given.get("argv", ())
    rest = {key: value for key, value in given.items() if key != "argv"}
    with pytest.raises(SettingsError, match=message) as caught:
        loaded(*argv, **rest)  # type: ignore[misc]
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(loaded: Load, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml does not exist"):
        loaded("--settings", str(tmp_path / "nowhere.toml"))
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        loaded("--settings", str(tmp_path))


def test_secrets_are_never_printed(loaded: Load, capsys: pytest.CaptureFixture[str]) -> None:
    settings = loaded(secrets={"kafka_password": "hunter2"}, KEEPSIGHT_SERVING_TOKEN="hunter3")
    assert (settings.kafka_password, settings.token) == ("hunter2", "hunter3")
    assert "hunter" not in repr(settings)
    assert "hunter" not in str(settings)
    (Path(os.environ["KEEPSIGHT_SECRETS_DIR"]) / "kafka_password").unlink()
    with pytest.raises(SettingsError, match="'kafka_password' is not shown, it is a secret") as caught:
        loaded(toml="kafka_password = 123456")
    assert "123456" not in str(caught.value)


def test_secret_files_of_kubernetes_are_links(loaded: Load, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    (folder / "..2026").mkdir(parents=True)
    (folder / "..2026" / "kafka_password").write_text("hunter2\n")
    (folder / "..data").symlink_to("..2026")
    (folder / "kafka_password").symlink_to("..data/kafka_password")
    assert loaded().kafka_password == "hunter2"


def test_help_explains_every_setting(loaded: Load, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        loaded("--help", KEEPSIGHT_SERVING_TOKEN="hunter3")
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, field in LensSettings.model_fields.items():
        section = "" if name in ServiceSettings.model_fields else "SERVING_"
        assert f"--{name.replace('_', '-')} VALUE" in text
        assert f"[KEEPSIGHT_{section}{name.upper()}]" in text
        assert " ".join((field.description or "?").split()) in text
    assert "Share of 100 % that is kept. Default: 0.05." in text
    assert "hunter" not in text


def test_an_unknown_argument_is_refused(loaded: Load, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        loaded("--prot", "1")
    assert caught.value.code == 2
    assert "--prot" in capsys.readouterr().err


def test_every_shared_setting_is_described() -> None:
    for name, field in ServiceSettings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "8080"),
        ("shares", "[0.1, 0.5]"),
        ("cameras", "{}"),
        ("token", "none"),
        ("cache", "none"),
        ("kafka_tls", "false"),
        ("state", "/var/lib/keepsight/state"),
    ],
)
def test_defaults_as_the_documentation_writes_them(name: str, text: str) -> None:
    assert default_text(LensSettings.model_fields[name]) == text


def test_a_service_says_in_one_line_why_it_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_with(SettingsError("setting 'port' is 70000")) == 2
    assert re.fullmatch(r"keepsight: setting 'port' is 70000\n", capsys.readouterr().err)


def test_kafka_is_proven_to_only_when_asked_for() -> None:
    assert ServiceSettings().log_security is None
    with_user = ServiceSettings(kafka_username="ann", kafka_password="secret").log_security
    assert with_user is not None
    assert (with_user.tls, with_user.mechanism) == (False, "SCRAM-SHA-512")
    with_certificate = ServiceSettings(kafka_cert_file=Path("a.pem"), kafka_key_file=Path("a.key")).log_security
    assert with_certificate is not None
    assert (with_certificate.tls, with_certificate.key_file) == (True, Path("a.key"))
