"""`keepsight key`: made once and shown once, kept as a digest, taken back."""

from pathlib import Path

import pytest

from contracts.keys import parse
from serving.transport.key_command import main


def _run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[str, str]:
    assert main(arguments) == status
    return tuple(capsys.readouterr())


def test_a_key_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    where = ("--file", str(file))
    token, told = _run(capsys, "new", "line-3", "--cameras", "line-3-*", "--cameras", "gate", "--labels", *where)
    assert "shown once" in told
    assert token.strip() not in file.read_text()
    key = parse(file.read_text(), "keys").of_bearer(token.strip().encode())
    assert key is not None
    assert key.scopes == ("camera:line-3-*", "camera:gate", "labels")
    assert _run(capsys, "new", "gateway", "--cameras", "*", "--certificate", "gw.example", *where)[0] == ""
    listed, _ = _run(capsys, "list", *where)
    assert [line.split()[0] for line in listed.splitlines()] == ["line-3", "gateway"]
    assert "cert:gw.example" in listed
    assert "sha256" not in listed
    file.write_text("# hall 3\n" + file.read_text())
    _run(capsys, "revoke", "line-3", *where)
    assert file.read_text() == "# hall 3\ngateway camera:* cert:gw.example\n"


def test_without_a_file_the_line_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    token, told = _run(capsys, "new", "ann", "--labels")
    assert parse(told.splitlines(keepends=True)[-1], "line").of_bearer(token.strip().encode()) is not None


def test_the_settings_name_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keepsight.toml").write_text(f'[serving]\nkeys_file = "{tmp_path}/keys"\n')
    _run(capsys, "new", "ann", "--labels")
    assert Path("keys").read_text().startswith("ann labels sha256:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "ann"], "key 'ann' has no scope"),
        (["new", "line-3", "--labels"], "the id 'line-3' stands there twice"),
        (["new", "a b", "--labels"], "key id 'a b' is no name"),
        (["revoke", "nobody"], "has no key 'nobody'; it has line-3"),
        (["revoke", "line-3"], "the only key"),
        (["list", "--file", "/nowhere/keys"], "/nowhere/keys does not exist"),
    ],
)
def test_mistakes_are_told_and_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    file = tmp_path / "keys"
    _run(capsys, "new", "line-3", "--cameras", "*", "--file", str(file))
    before = file.read_text()
    where = [] if "--file" in arguments else ["--file", str(file)]
    assert message in _run(capsys, *arguments, *where, status=2)[1]
    assert file.read_text() == before


def test_a_key_for_the_monitor_opens_the_monitor_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    _run(capsys, "new", "on-call", "--monitor", "--file", str(file))
    assert parse(file.read_text(), "keys").keys["on-call"].scopes == ("monitor",)


def test_a_key_for_the_console_reads_and_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys"
    _run(capsys, "new", "ada", "--console", "--metrics", "--file", str(file))
    assert parse(file.read_text(), "keys").keys["ada"].scopes == ("metrics", "monitor", "console")
