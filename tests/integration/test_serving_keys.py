"""Keys and certificates at a real serving process: nothing opens without one, and both are replaced while it answers."""

import shutil
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.keys import new_key
from serving.transport.accepting import MAX_HANDSHAKES
from tests.certificates import Authority
from tests.serving_process import ROOT, Load, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

(JPEG,), _ = photographs(1)


def _command(*arguments: str) -> str:
    """What `keepsight key` prints."""
    command = [sys.executable, "-m", "standalone", "key", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def _added(file: Path, key_id: str, *scopes: str) -> str:
    """A new key, its line added to the file."""
    token, line = new_key(key_id, scopes)
    file.write_text((file.read_text() if file.exists() else "") + line)
    return token


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServingProcess, Path, dict[str, str]]]:
    """A server with keys, their file, and the keys by id."""
    home = tmp_path_factory.mktemp("house")
    file = home / "keys"
    keys = {
        "line": _command("new", "line", "--cameras", "line-?", "--file", str(file)),
        "ann": _added(file, "ann", "labels"),
        "scraper": _added(file, "scraper", "metrics"),
    }
    serving = ServingProcess(home, keys_file=str(file))
    publish_small_version(serving.repository)
    yield serving.start(), file, keys
    assert serving.stop() == 0
    log = (home / "serving.log").read_text()
    assert not [name for name, key in keys.items() if key.rpartition(".")[2] in log]


def _ask(serving: ServingProcess, key: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    reply = serving.ask(method, path, body, {"Authorization": f"Bearer {key}"} if key else {})
    return reply.status, "" if reply.status < 400 else reply.problem


def test_a_key_opens_its_own_cameras_and_nothing_else(house: tuple[ServingProcess, Path, dict[str, str]]) -> None:
    serving, _, keys = house
    frame = ("POST", "/v1/frames?camera=line-1", JPEG)
    assert _ask(serving, keys["line"], *frame) == (200, "")
    assert _ask(serving, keys["line"], "POST", "/v1/frames?camera=gate", JPEG) == (403, "wrong-scope")
    assert _ask(serving, keys["line"], "POST", "/v1/frames?camera=nowhere", JPEG) == (403, "wrong-scope")
    assert _ask(serving, keys["line"], "POST", "/v1/frames?camera=line-9", JPEG) == (404, "unknown-camera")
    assert _ask(serving, keys["line"], "GET", "/metrics") == (403, "wrong-scope")
    assert _ask(serving, keys["ann"], *frame) == (403, "wrong-scope")
    assert _ask(serving, keys["ann"], "POST", "/v1/labels", b"{}") == (400, "bad-json")
    assert _ask(serving, keys["scraper"], "GET", "/metrics") == (200, "")
    assert _ask(serving, "", *frame) == (401, "missing-key")
    assert _ask(serving, keys["line"] + "x", *frame) == (401, "unknown-key")


def test_every_documented_path_is_closed_but_those_for_probes(house: tuple[ServingProcess, Path, dict[str, str]]) -> None:
    serving, _, _ = house
    document = serving.get("/openapi.json").json
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            reply = serving.ask(method.upper(), path.replace("{", "").replace("}", ""), b"" if method == "post" else None)
            assert reply.status == (401 if "security" in operation else 200), path
            assert ("www-authenticate" in reply.headers) is ("security" in operation), path
    assert _ask(serving, "", "GET", "/docs") == (401, "missing-key")


def test_keys_are_replaced_while_frames_are_answered(house: tuple[ServingProcess, Path, dict[str, str]]) -> None:
    serving, file, keys = house
    serving.key = keys["line"]
    before = file.read_text()
    renewed = len(serving.said("renewed"))
    with Load(serving, [JPEG], ["line-1", "line-2"]) as load:
        file.write_text(before[: len(before) // 2])  # somebody is writing it
        eventually("a half-written file is refused", lambda: serving.said("not_renewed"))
        file.write_text(before)
        other = _added(file, "other", "camera:gate")
        eventually("the new key opens", lambda: _ask(serving, other, "POST", "/v1/frames?camera=gate", JPEG)[0] == 200)
    assert (load.refused, load.broken) == ([], [])
    assert load.answers
    _command("revoke", "other", "--file", str(file))
    eventually("the old key is closed", lambda: _ask(serving, other, "POST", "/v1/frames?camera=gate", JPEG)[0] == 401)
    assert len(serving.said("renewed")) >= renewed + 2
    serving.key = keys["scraper"]
    assert serving.metric("keepsight_serving_renewals_total", what="keys", outcome="refused") >= 1
    assert serving.metric("keepsight_serving_refusals_total", problem="unknown-key") >= 1
    serving.key = ""


def test_certificates_are_replaced_while_connections_are_open(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    certificate, key, clients, keys = (tmp_path / name for name in ("server.crt", "server.key", "clients.pem", "keys"))

    def install(authority: Authority, ends: datetime) -> None:
        signed = authority.sign("serving", ends=ends)
        for source, target in zip((*signed, authority.certificate), (certificate, key, clients), strict=True):
            shutil.copy(source, target)

    def client(server: Authority, own: Authority | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=server.certificate)
        if own is not None:
            context.load_cert_chain(*own.sign("gateway", "gateway.plant.example"))
        return context

    install(old, datetime(2040, 1, 1, tzinfo=UTC))
    keys.write_text("gateway camera:line-* cert:gateway.plant.example\n")
    settings = {
        "tls_cert_file": str(certificate),
        "tls_key_file": str(key),
        "tls_client_ca_file": str(clients),
        "keys_file": str(keys),
    }
    serving = ServingProcess(tmp_path, host="0.0.0.0", health_port=0, **settings)
    serving.tls = client(old, old)
    publish_small_version(serving.repository)
    serving.start()
    try:
        assert serving.frame(JPEG, "gate").problem == "wrong-scope"
        with serving.connected() as connection:
            assert serving.frame(JPEG, on=connection).status == 200
            install(new, datetime(2060, 1, 1, tzinfo=UTC))
            serving.tls = client(new, new)
            eventually("the new certificate answers", lambda: _status(serving) == "200")
            assert serving.frame(JPEG, on=connection).status == 200  # on the connection of before
        for strangers in (client(new, old), client(new, None), client(old, new)):
            serving.tls = strangers
            assert _status(serving) == "refused"
        serving.tls = client(new, new)
        assert serving.frame(JPEG).status == 200
        serving.tls, serving.port = None, serving.said("health_listens")[-1]["port"]
        assert serving.get("/readyz").status == 200  # for those who have no certificate
        assert serving.metric("keepsight_serving_renewals_total", what="certificates", outcome="taken") == 1
        assert (
            serving.metric("keepsight_serving_certificate_expiry_timestamp_seconds") == datetime(2060, 1, 1, tzinfo=UTC).timestamp()
        )
        assert serving.ask("POST", "/v1/frames?camera=line-1", JPEG).status == 405
    finally:
        assert serving.stop() == 0


def test_what_is_no_handshake_keeps_nobody_out(tmp_path: Path) -> None:
    """Old versions and plain requests end; hundreds of connections that say nothing take no open files from the spool, and cameras still connect."""
    authority = Authority(tmp_path)
    certificate, key = authority.sign("serving")
    serving = ServingProcess(tmp_path, tls_cert_file=str(certificate), tls_key_file=str(key))
    serving.tls = ssl.create_default_context(cafile=authority.certificate)
    publish_small_version(serving.repository)
    serving.start()
    try:
        old = ssl.create_default_context(cafile=authority.certificate)
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", serving.port)) as one, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(one, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", serving.port)) as one:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in one.recv(1000)
        silent = [socket.create_connection(("127.0.0.1", serving.port)) for _ in range(MAX_HANDSHAKES + 100)]
        files = Path(f"/proc/{serving.pid}/fd")
        eventually("as many as may are taken up", lambda: len(list(files.iterdir())), lambda count: count > MAX_HANDSHAKES)
        assert serving.frame(JPEG).status == 200
        assert len(list(files.iterdir())) < MAX_HANDSHAKES + 80
        for one in silent:
            one.close()
    finally:
        assert serving.stop() == 0
    assert not [line for line in (tmp_path / "serving.log").read_text().splitlines() if '"error"' in line or line[0] != "{"]


def _status(serving: ServingProcess) -> str:
    try:
        return str(serving.get("/readyz").status)
    except (ssl.SSLError, ConnectionError):
        return "refused"
