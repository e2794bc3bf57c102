"""The mirror's own thread: what is told is mirrored when MLflow can be reached, and nobody ever waits for it."""

import http.client
import json
import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry

from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.metrics import counter
from contracts.metrics_retrain import MLFLOW
from retrain.registry.mlflow import Finished, RefusedError

WAITING: Final = 16
"""Ended rollouts that wait for MLflow: with one a day two weeks. Beyond it the oldest is dropped, and said."""
TIMEOUT_S: Final = 10.0
_FIRST_S: Final = 1.0
_MOST_S: Final = 300.0
"""How long until a failed call is tried again: doubled from the first to the most."""
_LEAVE_S: Final = 2.0
_TRANSIENT: Final = (408, 429)
_BYTES: Final = 4 << 20
_MISSHAPEN: Final = (LookupError, TypeError, ValueError, AttributeError)
"""An answer of another shape."""


class Mirrors(Protocol):
    """What takes a finished rollout to MLflow; see mlflow.Mirror."""

    def mirror(self, finished: Finished) -> None:
        """Raises StoreError, VersionError and RefusedError."""


class Mirroring:
    """`tell` from the service's thread; the rest happens on one of its own, until `close`."""

    def __init__(self, mirror: Mirrors, registry: CollectorRegistry, log: Logger, first_s: float = _FIRST_S) -> None:
        self._mirror, self._outcomes, self._log, self._first_s = mirror, counter(MLFLOW, registry), log, first_s
        self._waiting: queue.Queue[Finished | None] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self._thread.start()

    def tell(self, finished: Finished) -> None:
        """A rollout came to an end. Never waits."""
        while True:
            try:
                self._waiting.put_nowait(finished)
                return
            except queue.Full:
                self._drop()

    def close(self) -> None:
        """Stop, and wait a moment for the call under way; the newest rollout is told again at the next start."""
        self._stop.set()
        while self._thread.is_alive() and self._waiting.full():
            self._drop()
        self._waiting.put(None)
        self._thread.join(_LEAVE_S)

    def _drop(self) -> None:
        try:
            lost = self._waiting.get_nowait()
        except queue.Empty:
            return
        if lost is not None and not self._stop.is_set():
            self._outcomes.labels("dropped").inc()
            self._log.error("mlflow_dropped", version=lost.version, state=lost.state, why=f"more than {WAITING} wait for MLflow")

    def _run(self) -> None:
        while (finished := self._waiting.get()) is not None and not self._stop.is_set():
            wait_s, said = self._first_s, ""
            while not self._stop.is_set() and (why := self._tried(finished)) is not None:
                if why != said:
                    self._log.warning("mlflow_away", version=finished.version, state=finished.state, why=why, retry_s=wait_s)
                    said = why
                self._stop.wait(wait_s)
                wait_s = min(2 * wait_s, _MOST_S)

    def _tried(self, finished: Finished) -> str | None:
        """Why it must be tried again; None when it is done with."""
        try:
            self._mirror.mirror(finished)
        except StoreError as error:
            self._outcomes.labels("failed").inc()
            return str(error)
        except (RefusedError, VersionError, *_MISSHAPEN) as error:
            self._outcomes.labels("refused").inc()
            self._log.error(
                "mlflow_refused", version=finished.version, state=finished.state, why=f"{type(error).__name__}: {error}"
            )
            return None
        self._outcomes.labels("mirrored").inc()
        self._log.info("mlflow_mirrored", version=finished.version, state=finished.state)
        return None


class Api:
    """MLflow's REST API at `url`, with a bearer token where one is given. See mlflow.Call."""

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def __call__(self, method: str, path: str, arguments: Mapping[str, Any]) -> Any:
        """One call."""
        where, body = f"{self._url}/api/2.0/mlflow/{path}", None
        if method == "GET":
            where = f"{where}?{urllib.parse.urlencode(arguments)}"
        else:
            body = json.dumps(arguments).encode()
        request = urllib.request.Request(where, body, self._headers, method=method)
        try:
            with _OPENER.open(request, timeout=self._timeout_s) as answer:
                return json.loads(answer.read(_BYTES) or b"{}")
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            if error.code >= 500 or error.code in _TRANSIENT:
                raise StoreError(f"MLflow at {self._url} answers {path} with {error.code}: {said[:300]}") from error
            code, message = _refusal(said, error.code)
            raise RefusedError(code, f"{path}: {message}") from error
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise StoreError(f"MLflow at {self._url} does not answer: {error}") from error


class _Stay(urllib.request.HTTPRedirectHandler):
    """The token is for the address that the settings name."""

    def redirect_request(self, *_: Any) -> None:
        """A redirect is a refusal."""


_OPENER: Final = urllib.request.build_opener(_Stay)


def _refusal(said: str, status: int) -> tuple[str, str]:
    """MLflow's code and message, of an answer in whatever form."""
    try:
        told = json.loads(said)
        return str(told["error_code"]), str(told.get("message", ""))[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(status), said[:300]
