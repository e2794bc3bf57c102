"""Where `keepsight up` looks to see how a service is."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from standalone.house import services


def _serving(folder: Path, text: str) -> str:
    file = folder / "keepsight.toml"
    file.write_text(f"[serving]\n{text}\n")
    return services(file, folder)[0].address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "127.0.0.1:8080"),
        ('host = "0.0.0.0"\nport = 80', "127.0.0.1:80"),
        ('host = "10.0.0.5"', "10.0.0.5:8080"),
        ("health_port = 8090", "127.0.0.1:8090"),
        ('tls_cert_file = "a.pem"\nhealth_port = 8090\nhealth_host = "10.0.0.5"', "10.0.0.5:8090"),
    ],
)
def test_where_serving_is_asked_how_it_is(tmp_path: Path, text: str, address: str) -> None:
    assert _serving(tmp_path, text) == address


@pytest.mark.parametrize(("text", "page"), [("", "/console/"), ("health_port = 8090", "")])
def test_the_console_is_named_where_the_monitor_answers(tmp_path: Path, text: str, page: str) -> None:
    file = tmp_path / "keepsight.toml"
    file.write_text(f"[monitor]\n{text}\n")
    assert [one.page for one in services(file, tmp_path)] == ["", page, ""]


@pytest.mark.parametrize(
    ("text", "message"), [("port = 0", "port is '0'"), ('tls_cert_file = "a.pem"', "health_port is ''.*without TLS")]
)
def test_a_port_that_cannot_be_asked_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _serving(tmp_path, text)
