"""The supervisor over real processes: ready, dead, started again, stopped in order, and gone when it is killed itself."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from standalone.house import free_ports
from standalone.supervisor import Service, ServiceError, Supervisor, readiness

SERVICE = textwrap.dedent(
    """
    import http.server, os, pathlib, signal, sys
    port, behaviour = int(sys.argv[1]), sys.argv[2]
    def stop(*_):
        with open("order", "a") as file:
            file.write(__spec__.name.split(".")[0] + "\\n")
        raise SystemExit(3 if behaviour == "grudging" else 0)
    if behaviour == "loading":
        print("loading", flush=True)
        signal.pause()
    signal.signal(signal.SIGTERM, stop)
    if behaviour == "broken":
        raise SystemExit("I am broken: setting 'port' is 'x'")
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"reason": "no model"}' if behaviour == "unready" else b"{}"
            self.send_response(503 if behaviour == "unready" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): ...
    print("pid", os.getpid(), flush=True)
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever(0.05)
    """
)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Supervisor]:
    """Makes a supervisor over processes named like ours that answer /readyz; in a folder of their own, where `python -m` finds them first."""
    for name in ("serving", "monitor", "retrain"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "__main__.py").write_text(SERVICE)
    monkeypatch.chdir(tmp_path)

    def make(**behaviours: str) -> Supervisor:
        ports = free_ports(len(behaviours))
        return Supervisor(
            [
                Service(name, (str(port), how), f"127.0.0.1:{port}", tmp_path / f"{name}.log")  # type: ignore[arg-type]
                for port, (name, how) in zip(ports, behaviours.items(), strict=True)
            ]
        )

    return make


@pytest.fixture
def killed_after() -> Iterator[list[Supervisor]]:
    made: list[Supervisor] = []
    yield made
    for supervisor in made:
        supervisor.kill()


def eventually(held: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not held():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.05)


def test_services_become_ready_and_stop_in_order(
    services: Callable[..., Supervisor], killed_after: list[Supervisor], tmp_path: Path
) -> None:
    supervisor = services(serving="fine", monitor="fine", retrain="fine")
    killed_after.append(supervisor)
    supervisor.start()
    supervisor.wait_ready(60)
    supervisor.check()
    assert supervisor.stop() == []
    assert (tmp_path / "order").read_text().split() == ["serving", "monitor", "retrain"]
    assert supervisor.stop() == []  # a second time there is nothing to stop


def test_a_service_that_breaks_is_said_with_its_last_lines(
    services: Callable[..., Supervisor], killed_after: list[Supervisor]
) -> None:
    supervisor = services(serving="fine", monitor="broken")
    killed_after.append(supervisor)
    supervisor.start()
    with pytest.raises(ServiceError, match=r"(?s)monitor ended with status 1\..*I am broken"):
        supervisor.wait_ready(60)


def test_a_service_that_never_becomes_ready_is_said_with_its_reason(
    services: Callable[..., Supervisor], killed_after: list[Supervisor]
) -> None:
    supervisor = services(serving="unready")
    killed_after.append(supervisor)
    supervisor.start()
    eventually(lambda: readiness(supervisor.services[0]) == "no model")
    with pytest.raises(ServiceError, match=r"serving was not ready within 0\.2 s.*no model"):
        supervisor.wait_ready(0.2)


def test_a_bad_end_is_said(services: Callable[..., Supervisor], killed_after: list[Supervisor]) -> None:
    supervisor = services(serving="grudging")
    killed_after.append(supervisor)
    supervisor.start()
    supervisor.wait_ready(60)
    (trouble,) = supervisor.stop()
    assert "serving ended with status 3" in trouble


def test_a_service_that_is_still_loading_ends_well(
    services: Callable[..., Supervisor], killed_after: list[Supervisor], tmp_path: Path
) -> None:
    """It listens to no signal yet, and has begun nothing that could be lost."""
    supervisor = services(monitor="loading")
    killed_after.append(supervisor)
    supervisor.start()
    eventually(lambda: "loading" in (tmp_path / "monitor.log").read_text())
    assert supervisor.stop() == []


def test_a_dead_service_is_started_again(
    services: Callable[..., Supervisor], killed_after: list[Supervisor], tmp_path: Path
) -> None:
    supervisor = services(serving="fine")
    killed_after.append(supervisor)
    supervisor.start()
    supervisor.wait_ready(60)
    first = int((tmp_path / "serving.log").read_text().split()[-1])
    os.kill(first, signal.SIGKILL)
    said: list[str] = []

    def revived() -> bool:
        supervisor.revive(said.append)
        return (tmp_path / "serving.log").read_text().count("pid") == 2

    eventually(revived)
    assert "serving was killed by SIGKILL; starting it again in 1 s" in said[0]
    eventually(lambda: readiness(supervisor.services[0]) is None)
    assert supervisor.stop() == []


def test_services_do_not_outlive_a_supervisor_that_was_killed(services: Callable[..., Supervisor], tmp_path: Path) -> None:
    (port,) = free_ports(1)
    program = textwrap.dedent(
        f"""
        import pathlib, time
        from standalone.supervisor import Service, Supervisor
        Supervisor([Service("serving", ("{port}", "fine"), "127.0.0.1:{port}", pathlib.Path("serving.log"))]).start()
        time.sleep(600)
        """
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(root)}) as supervisor:
        service = Service("serving", (), f"127.0.0.1:{port}", tmp_path / "serving.log")
        try:
            eventually(lambda: readiness(service) is None)
        finally:
            supervisor.kill()
    eventually(lambda: readiness(service) is not None)
    assert (tmp_path / "order").read_text().split() == ["serving"]  # asked to stop, in order, by the kernel
