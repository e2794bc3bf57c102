"""Where a process gets its log from: a URL names the adapter, and `open_bus` makes it.

`embedded:///absolute/folder` is one folder on this machine, `kafka://host:9092,host2:9092[/PREFIX]` any cluster that speaks Kafka's protocol.
A Kafka PREFIX is put before every topic and group (`PREFIX.keepsight.frames`), so that several houses share one cluster and never meet.
The Kafka client is imported only when a Kafka URL is opened.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from contracts.errors import LogAwayError, SettingsError
from contracts.log_embedded import DEFAULT_MAX_BYTES, EmbeddedBus
from contracts.log_prefix import PrefixedBus
from contracts.log_security import LogSecurity
from contracts.ports import Bus, TopicSpec

__all__ = ["LogSecurity", "open_bus", "wait_for_log"]

FORMS: Final = "embedded:///absolute/folder[?max_bytes=N] or kafka://host:port[,host:port...][/PREFIX]"
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?\Z")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,80}\Z")
_KAFKA_PORT: Final = 9092
_RETRY_S: Final = 1.0


def open_bus(url: str, client: str = "keepsight", security: LogSecurity | None = None) -> Bus:
    """The log at `url`. Nothing connects yet: a log that is away shows at the first call, as LogAwayError.

    `client` names this process in the cluster's logs and quotas. Raises SettingsError, naming the value and the allowed forms.
    """
    scheme = url.partition("://")[0]
    if scheme == "embedded":
        return _embedded(url)
    if scheme == "kafka":
        return _kafka(url, client, security)
    raise _refused(url, f"the scheme {scheme!r} is none of embedded, kafka" if "://" in url else "it has no scheme")


def wait_for_log(
    bus: Bus,
    topics: Sequence[TopicSpec],
    timeout_s: float = 60.0,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Create the missing `topics`, trying again each second while the log is away; for a service's start.

    True when they stand, False when `stop` was set first. Raises LogAwayError after `timeout_s`, LogRefusedError at once.
    """
    stop = stop or threading.Event()
    deadline = clock() + timeout_s
    while not stop.is_set():
        try:
            bus.ensure_topics(topics)
        except LogAwayError as error:
            if clock() >= deadline:
                raise LogAwayError(f"gave up waiting for the log after {timeout_s:g} s: {error}") from error
            stop.wait(_RETRY_S)
        else:
            return True
    return False


def _embedded(url: str) -> Bus:
    parts = urlsplit(url)
    folder = Path(unquote(parts.path))
    if parts.netloc:
        raise _refused(url, f"{parts.netloc!r} stands where nothing should: an absolute folder needs three slashes")
    if not parts.path.startswith("/") or folder == Path("/"):
        raise _refused(url, "it names no absolute folder")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    max_bytes = options.pop("max_bytes", str(DEFAULT_MAX_BYTES))
    if options or parts.fragment:
        raise _refused(url, f"{', '.join(sorted(options)) or parts.fragment} is unknown: the only option is max_bytes")
    if not max_bytes.isdecimal() or int(max_bytes) <= 0:
        raise _refused(url, f"max_bytes is {max_bytes!r}, not a whole number of bytes above 0")
    return EmbeddedBus(folder, max_bytes=int(max_bytes))


def _kafka(url: str, client: str, security: LogSecurity | None) -> Bus:
    hosts, _, prefix = url.removeprefix("kafka://").partition("/")
    servers = []
    for one in hosts.split(","):
        match = _HOST.match(one)
        port = int(match["port"] or _KAFKA_PORT) if match else 0
        if match is None or not 0 < port < 65_536:
            raise _refused(url, f"{one!r} is no host:port")
        servers.append(f"{match['host']}:{port}")
    if prefix and not _PREFIX.match(prefix):
        raise _refused(url, f"the prefix {prefix!r} has characters other than letters, digits, '.', '_' and '-', or more than 80")
    from contracts.log_kafka import KafkaBus  # a heavy import that an embedded house never pays for

    bus = KafkaBus(servers, client, security)
    return PrefixedBus(bus, prefix) if prefix else bus


def _refused(url: str, why: str) -> SettingsError:
    if "@" in url:  # what stands before it may be a password: say neither the URL nor the part that was refused
        scheme, _, rest = url.partition("://")
        url, why = f"{scheme}://…@{rest.rpartition('@')[2]}", "it has a user: name it with kafka_username and kafka_password"
    return SettingsError(f"the log URL is {url!r}, but {why}; allowed: {FORMS}")
