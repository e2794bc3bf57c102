"""A small Kubernetes API on a port of this host, for the official client: the calls that launching needs, in the real shapes, and nothing of a cluster.

What is created must be what the official client's models of batch/v1 describe: an unknown or misspelt field is refused (422), as a real server does with
field validation. With `runs` a Job's container is carried out by a process of this host, with the pod's variables and without its image.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes import client

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
clusters: [{{name: test, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: test, context: {{cluster: test, user: test, namespace: keepsight}}}}]
users: [{{name: test, user: {{token: secret-token}}}}]
"""


def faults(body: dict[str, Any]) -> str:
    """What is wrong with a Job by the client's models; "" when nothing is."""
    api = client.ApiClient()
    try:
        job = api.deserialize(json.dumps(body), "V1Job", "application/json")  # type: ignore[no-untyped-call]
    except (ValueError, TypeError) as error:
        return str(error)
    again = api.sanitize_for_serialization(job)  # type: ignore[no-untyped-call]
    return "" if again == body else f"unknown or misread fields: {json.dumps(body)} became {json.dumps(again)}"


class Cluster:
    """Jobs and their pods. Tests set `refuses` to a status to be answered with it, and `on_create` to do something before the answer.

    With `lingers` pods take their time to end: a Job that is deleted in the foreground is there until the test forgets it.
    """

    def __init__(self, runs: bool = False) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[str] = []
        self.refuses = 0
        self.lingers = False
        self.on_create: list[threading.Event] = []
        self.created: list[str] = []
        self._runs = runs
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = body["metadata"]["name"]
        if fault := faults(body):
            return 422, _status(422, "Invalid", fault)
        with self._lock:
            if name in self.jobs:
                return 409, _status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
            self.jobs[name] = {**body, "status": {}}
            self.created.append(name)
            self.pods[name] = [pod(name)]
        if self._runs:
            threading.Thread(target=self._carry_out, args=(name, body), daemon=True).start()
        return 201, self.jobs[name]

    def ends(self, name: str, code: int, **container: Any) -> None:
        """The pod's container ended, and with it the Job."""
        kind, reason = ("Complete", "CompletionsReached") if code == 0 else ("Failed", "BackoffLimitExceeded")
        with self._lock:
            if name in self.jobs:
                terminated = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", **container}
                self.pods[name][-1]["status"] = {
                    "phase": "Failed" if code else "Succeeded",
                    "containerStatuses": [_container(terminated=terminated)],
                }
                self.jobs[name]["status"] = {
                    "conditions": [{"type": kind, "status": "True", "reason": reason, "message": "it has ended"}]
                }

    def forget(self, name: str) -> None:
        """A Job and its pods are no more."""
        del self.jobs[name], self.pods[name]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _carry_out(self, name: str, body: dict[str, Any]) -> None:
        container = body["spec"]["template"]["spec"]["containers"][0]
        variables = {one["name"]: one["value"] for one in container["env"]}
        process = subprocess.Popen(container["command"], env={**os.environ, **variables})
        self._processes.append(process)
        self.ends(name, process.wait() % 256)


def pod(job: str, **status: Any) -> dict[str, Any]:
    """A pod of a Job as the API shows it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{job}-x7x2p",
            "labels": {"batch.kubernetes.io/job-name": job},
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "status": status or {"phase": "Running", "containerStatuses": [_container(running={"startedAt": "2026-01-02T03:04:06Z"})]},
    }


def waiting(reason: str, message: str) -> dict[str, Any]:
    """The status of a pod whose container waits."""
    return {"phase": "Pending", "containerStatuses": [_container(waiting={"reason": reason, "message": message})]}


@contextmanager
def serving(cluster: Cluster, folder: Path) -> Iterator[str]:
    """Serve; the path of a kubeconfig that leads here."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer("POST", lambda: cluster.create(body))

        def do_GET(self) -> None:
            self._answer("GET", self._found)

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer("DELETE", self._deleted)

        def _found(self) -> tuple[int, dict[str, Any]]:
            path = urlsplit(self.path)
            if path.path.endswith("/pods"):
                (selector,) = parse_qs(path.query)["labelSelector"]
                name = selector.removeprefix("batch.kubernetes.io/job-name=")
                return 200, {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": cluster.pods.get(name, [])}
            return self._job()

        def _job(self) -> tuple[int, dict[str, Any]]:
            name = urlsplit(self.path).path.rsplit("/", 1)[1]
            missing = _status(404, "NotFound", f'jobs.batch "{name}" not found')
            return (200, cluster.jobs[name]) if name in cluster.jobs else (404, missing)

        def _deleted(self) -> tuple[int, dict[str, Any]]:
            code, _ = found = self._job()
            if code == 404:
                return found
            name = urlsplit(self.path).path.rsplit("/", 1)[1]
            if cluster.lingers and "propagationPolicy=Foreground" in self.path:
                cluster.jobs[name]["metadata"]["deletionTimestamp"] = "2026-01-02T03:05:00Z"
                return 200, cluster.jobs[name]
            cluster.forget(name)
            return 200, {"apiVersion": "v1", "kind": "Status", "status": "Success"}

        def _answer(self, method: str, make: Any) -> None:
            assert self.headers["Authorization"] == "Bearer secret-token"
            path = urlsplit(self.path)
            cluster.calls.append(f"{method} {path.path}{'?' + path.query if path.query else ''}")
            code, answer = (
                (cluster.refuses, _status(cluster.refuses, "Refused", "as the test wants")) if cluster.refuses else make()
            )
            if method == "POST" and cluster.on_create:
                cluster.on_create.pop().set()
                return  # the connection ends without an answer
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    config = folder / "kubeconfig"
    config.write_text(KUBECONFIG.format(port=server.server_port))
    try:
        yield str(config)
    finally:
        server.shutdown()
        server.server_close()
        cluster.close()


def _container(**state: Any) -> dict[str, Any]:
    return {"name": "training", "image": "keepsight", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
        "metadata": {},
    }
