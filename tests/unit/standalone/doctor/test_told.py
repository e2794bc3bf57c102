"""A service's settings as that service reads them."""

import json
from pathlib import Path

import pytest

from standalone.doctor.told import main


def test_settings_are_told_as_the_service_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "keepsight.toml"
    settings.write_text('model = "doors"\n[retrain]\nmodel = "own"\nstate_password = "secret"\n')
    assert main(["retrain", "--settings", str(settings)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["settings"]["model"], said["settings"]["state_password"], said["state_format"]) == ("own", "secret", 2)
    assert main(["monitor", "--settings", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err
