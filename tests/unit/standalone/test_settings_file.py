"""Settings files that we write are read back by the services as they were meant."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SettingsError
from contracts.settings import load
from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import ServingSettings
from standalone.demo_settings import Folders, write
from standalone.settings_file import toml, write_house

KEYS = st.text('abc_-. é"\\\n', min_size=1, max_size=8)
PLAIN = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20)
)
TABLES = st.recursive(
    st.dictionaries(KEYS, st.one_of(PLAIN, st.lists(st.text(max_size=5), max_size=3)), max_size=4),
    lambda inner: st.dictionaries(KEYS, st.one_of(PLAIN, inner), max_size=4),
    max_leaves=12,
)


@given(TABLES)
def test_toml_is_read_back_as_it_was(content: dict[str, object]) -> None:
    assert tomllib.loads(toml(content)) == content  # type: ignore[arg-type]


def test_the_demo_settings_are_what_the_services_read(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    write(folders, f"embedded://{tmp_path}/log", {"serving": 1, "monitor": 2, "retrain": 3}, seed=7)
    arguments = ["--settings", str(folders.settings)]
    serving = load(ServingSettings, arguments, "keepsight-serving", "")
    assert serving.port == 1
    assert [name for name, camera in serving.cameras.items() if camera.audit] == ["audit"]
    assert {camera.site for camera in serving.cameras.values()} == {"line-3"}
    assert load(MonitorSettings, arguments, "keepsight-monitor", "").block_frames == 16
    retrain = load(RetrainSettings, arguments, "keepsight-retrain", "")
    assert (retrain.seed, retrain.port, retrain.model) == (7, 3, "cells")


def test_a_new_house_can_be_lived_in(tmp_path: Path) -> None:
    path = write_house(tmp_path / "my house", "doors")
    arguments = ["--settings", str(path)]
    serving = load(ServingSettings, arguments, "keepsight-serving", "")
    assert serving.model == "doors"
    assert set(serving.cameras) == {"front-door", "belt-1"}
    assert serving.log == f"embedded://{tmp_path}/my house/log"
    assert load(MonitorSettings, arguments, "keepsight-monitor", "").port == 8081
    assert load(RetrainSettings, arguments, "keepsight-retrain", "").approval == "always"


def test_a_house_is_never_replaced_unless_forced(tmp_path: Path) -> None:
    path = write_house(tmp_path)
    path.write_text("mine")
    with pytest.raises(SettingsError, match="exists already"):
        write_house(tmp_path)
    assert path.read_text() == "mine"
    write_house(tmp_path, force=True)
    assert path.read_text() != "mine"


@pytest.mark.parametrize("model", ["", "a b", "../x", "é", ".hidden"])
def test_a_bad_model_name_is_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(SettingsError, match="is no name"):
        write_house(tmp_path, model)
