"""What `keepsight import-model` takes from a settings file, and what it leaves to the command line."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from standalone.import_model import check_packages, completed
from standalone.settings_file import write_house


def test_the_settings_file_fills_what_is_left_out(tmp_path: Path) -> None:
    house = write_house(tmp_path, "doors")
    filled = ["m.onnx", "--name", "doors", "--repository", f"{tmp_path}/repository", "--frame-store", f"{tmp_path}/frames"]
    filled += ["--settings", str(house)]  # named by the steps that follow
    assert completed(["m.onnx", "--settings", str(house)]) == filled
    assert completed([f"--settings={house}", "m.onnx"]) == filled


def test_what_is_given_wins(tmp_path: Path) -> None:
    house = write_house(tmp_path, "doors")
    arguments = completed(["m.onnx", "--name", "gates", "--repository=elsewhere", "--settings", str(house)])
    assert arguments == [
        "m.onnx",
        "--name",
        "gates",
        "--repository=elsewhere",
        "--frame-store",
        f"{tmp_path}/frames",
        "--settings",
        str(house),
    ]


def test_a_house_in_this_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed(["m.onnx"]) == ["m.onnx"]
    write_house(tmp_path, "doors")
    arguments = completed(["m.onnx"])
    assert arguments[1:3] == ["--name", "doors"]
    assert "--settings" not in arguments  # `keepsight up` finds it as this did


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        completed(["m.onnx", "--settings", str(tmp_path / "no.toml")])
    with pytest.raises(SettingsError, match="wants a file"):
        completed(["m.onnx", "--settings"])


def test_packages_that_are_not_in_an_image_are_named() -> None:
    check_packages("import-model", ("json",))
    with pytest.raises(
        SettingsError, match=r"needs packages that are not here \(nonesuch, another\): run it in the image keepsight-retrain"
    ):
        check_packages("import-model", ("nonesuch", "json", "another"))
