"""The command: which settings are bad, what a script gets, and what a wrong command line hears."""

import json
from pathlib import Path

import pytest

from standalone.doctor import command


def test_a_house_is_looked_at_as_a_user_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "keepsight.toml"
    settings.write_text(
        f'state = "{tmp_path}/state"\n[monitor]\nblock_fames = 3\n[retrain]\nmodel = "own"\nstate_password = "secret"\n'
    )
    assert command.run(["--settings", str(settings), "--only", "settings,state", "--json", "--timeout", "60"]) == 1
    said = json.loads(capsys.readouterr().out)
    verdicts = [(one["check"], one["verdict"]) for one in said["findings"]]
    assert verdicts == [
        ("serving settings", "warn"),
        ("monitor settings", "FAIL"),
        ("retrain settings", "ok"),
        ("serving state", "ok"),
        ("retrain state", "ok"),
    ]
    assert (said["ok"], said["failed"], said["warned"]) == (False, 1, 1)
    assert "did you mean 'block_frames'" in said["findings"][1]["said"]
    assert list(tmp_path.iterdir()) == [settings]  # nothing was made


@pytest.mark.parametrize("wrong", [["--only", "weather"], ["--at", "serving:8080"], ["--service", "camera"]])
def test_a_wrong_command_line_is_told(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.run(wrong)
    assert "keepsight doctor: error" in capsys.readouterr().err
