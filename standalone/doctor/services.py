"""Do the services answer, are they of one release, and do their clocks agree with this machine's?"""

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from standalone.doctor.finding import Finding
from standalone.doctor.stores import SKEW_S
from standalone.doctor.told import Told

ANSWER_S: Final = 4.0
_MOST_BYTES: Final = 32 << 20
_REFUSED: Final = (401, 403)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status, its text, and how far the other side's clock is off at least, in seconds."""

    status: int
    text: str
    skew_s: float


def address(told: Told) -> str:
    """Where a service tells how it is, as its own settings say."""
    own = told.own
    prefix = "health_" if own.get("health_port") else ""
    host = own[f"{prefix}host"]
    scheme = "https" if own.get("tls_cert_file") and not prefix else "http"
    return f"{scheme}://{'127.0.0.1' if host in ('', '0.0.0.0', '::') else host}:{own[f'{prefix}port']}"


def service(told: Told, where: str, key: str, release: str, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """How a service is, at the base URL `where`. `release` is the one installed here, `key` a bearer key or "", `clock` gives Unix seconds."""
    name = f"{told.name} service"
    try:
        ready = ask(f"{where}/readyz", key, clock)
    except (OSError, http.client.HTTPException, ValueError) as error:
        yield Finding(
            "FAIL", name, f"no answer on {where} ({error})", f"start it; if it runs elsewhere: --at {told.name}=http://HOST:PORT"
        )
        return
    if ready.status == 200:
        yield Finding("ok", name, f"ready on {where}")
    else:
        yield Finding("FAIL", name, f"not ready on {where}: {ready.text[:300]}", "do what it waits for; docs/troubleshooting.md")
    if ready.skew_s > SKEW_S:
        yield Finding(
            "FAIL", f"clock {told.name}", f"its clock is {ready.skew_s:.0f} s off", "set the clocks by NTP on both machines"
        )
    else:
        yield Finding("ok", f"clock {told.name}", "agrees with this machine's")
    yield from _metrics(told, where, key, release, clock)


def ask(url: str, key: str, clock: Callable[[], float]) -> Said:
    """One GET. A certificate is not verified: whose end it is, and when it ends, other checks tell. Raises OSError, HTTPException and ValueError."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        unverified = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=unverified)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        before = clock()
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        after = clock()
        dated = answer.getheader("Date")
        text = answer.read(_MOST_BYTES).decode(errors="replace")
    finally:
        connection.close()
    return Said(answer.status, text, _skew(dated, before, after))


def _skew(dated: str | None, before: float, after: float) -> float:
    """How far a `Date` header, which has whole seconds, lies outside of what was between question and answer."""
    if dated is None:
        return 0.0
    theirs = parsedate_to_datetime(dated).timestamp()
    return max(theirs - after, before - (theirs + 1.0), 0.0)


def _metrics(told: Told, where: str, key: str, release: str, clock: Callable[[], float]) -> Iterator[Finding]:
    name = f"{told.name} release"
    said = ask(f"{where}/metrics", key, clock)
    if said.status in _REFUSED:
        yield Finding(
            "warn", name, "/metrics asks for a key", "set health_port, or give --key-file with a key that has the scope metrics"
        )
        return
    if said.status != 200:
        yield Finding("FAIL", name, f"/metrics answers {said.status}: {said.text[:300]}", "is it Keepsight that answers there?")
        return
    found = [sample for family in text_string_to_metric_families(said.text) for sample in family.samples]
    infos = [sample.labels for sample in found if sample.name == "keepsight_build_info"]
    if not infos or infos[0]["service"] != told.name:
        yield Finding("FAIL", name, f"{where} is no {told.name} of Keepsight", f"--at {told.name}=http://HOST:PORT names it")
        return
    if infos[0]["model"] != told.shared.model:
        yield Finding("FAIL", name, f"it runs for model {infos[0]['model']!r}, not {told.shared.model!r}", "name its settings file")
    if infos[0]["release"] == release:
        yield Finding("ok", name, f"{release}, as installed here")
    else:
        yield Finding("warn", name, f"{infos[0]['release']}; here is {release}", "finish the upgrade: all services of one release")
    if told.name == "serving":
        models = [
            f"{one.labels['version']} ({one.labels['variant']}, {one.labels['provider']})"
            for one in found
            if one.name == "keepsight_serving_model_info"
        ]
        if models:
            yield Finding("ok", "serving versions", ", ".join(sorted(models)))
        if any(one.name == "keepsight_serving_log_up" and one.value == 0 for one in found):
            yield Finding(
                "FAIL", "serving log", "serving does not reach the log; events wait in its spool", "keepsight doctor --only log"
            )
