"""Settings of serving: cameras as tables or JSON, wrong values refused in words."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.settings import load
from serving.settings import Camera, ServingSettings


def _load(*arguments: str) -> ServingSettings:
    return load(ServingSettings, arguments, "keepsight-serving", "about")


def test_cameras_come_from_tables(tmp_path: Path) -> None:
    file = tmp_path / "k.toml"
    file.write_text(
        '[serving]\nport = 0\n[serving.cameras.line-1]\nsite = "hall"\nstream = "video"\n[serving.cameras.sealed]\nsite = "hall"\naudit = true\n'
    )
    settings = _load("--settings", str(file))
    assert settings.cameras == {
        "line-1": Camera(site="hall", stream="video"),
        "sealed": Camera(site="hall", stream="items", audit=True),
    }


def test_cameras_come_from_the_command_line_as_json() -> None:
    assert _load("--cameras", '{"a": {"site": "x"}}').cameras == {"a": Camera(site="x")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "eighty"], "setting 'port' is 'eighty'"),
        (["--workers", "0"], "setting 'workers' is '0'"),
        (["--provider", "gpu"], "'auto', 'cpu', 'cuda' or 'tensorrt'"),
        (["--cameras", '{"a b": {"site": "x"}}'], "camera 'a b' is not a name"),
        (["--cameras", '{"a": {"site": "x", "stram": "video"}}'], "did you mean 'stream'?"),
        (["--cameras", '{"a": {}}'], "cameras.a.site"),
        (["--cameras", "line-1"], "tables and lists are JSON"),
        (["--settings", "/nowhere.toml"], "settings file /nowhere.toml does not exist"),
    ],
)
def test_a_wrong_value_is_told(arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        _load(*arguments)
    assert message in str(refused.value)


def test_every_setting_is_described() -> None:
    assert not [name for name, field in ServingSettings.model_fields.items() if not field.description]
