"""The three services as they stand on this machine: which settings file they read, where they answer, where their logs go."""

import os
import socket
import tomllib
from pathlib import Path
from typing import Any, Final

from contracts.errors import SettingsError
from standalone.supervisor import Name, Service

STOPPING_ORDER: Final[tuple[Name, ...]] = ("serving", "monitor", "retrain")
"""Serving first: when the others stop nothing new comes."""
PORTS: Final[dict[Name, int]] = {"serving": 8080, "monitor": 8081, "retrain": 8082}


def services(settings: Path, logs: Path) -> list[Service]:
    """The services that a settings file describes. Raises SettingsError when it cannot be read; each service checks its own keys."""
    content = read(settings)
    return [
        Service(name, ("--settings", str(settings)), _address(content, name), logs / f"{name}.log", _page(content, name))
        for name in STOPPING_ORDER
    ]


def read(settings: Path) -> dict[str, Any]:
    """The settings file as TOML."""
    try:
        return tomllib.loads(settings.read_text())
    except FileNotFoundError:
        raise SettingsError(
            f"settings file {settings} does not exist: name one with --settings, or make one with `keepsight init`"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {settings} is not TOML: {error}") from None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _page(content: dict[str, Any], name: Name) -> str:
    """The console, where the monitor's own port is the one that is asked."""
    return "/console/" if name == "monitor" and not _said(content, name, "health_port") else ""


def _said(content: dict[str, Any], name: Name, key: str, default: object = "") -> str:
    """A setting as the service sees it: the environment before the file before the default."""
    section = content.get(name)
    found = section.get(key, default) if isinstance(section, dict) else default
    return str(os.environ.get(f"KEEPSIGHT_{name.upper()}_{key.upper()}", found))


def _address(content: dict[str, Any], name: Name) -> str:
    """Where a service will answer, as its own settings see it."""
    prefix = "health_" if _said(content, name, "health_port") or _said(content, name, "tls_cert_file") else ""
    host, port = (
        _said(content, name, f"{prefix}host", "127.0.0.1"),
        _said(content, name, f"{prefix}port", "" if prefix else PORTS[name]),
    )
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingsError(
            f"[{name}] {prefix}port is {port!r}: `keepsight up` needs a number from 1 to 65535 to see how the service is"
            + (", without TLS" if prefix else "")
        )
    return f"{'127.0.0.1' if host in ('', '0.0.0.0') else host}:{port}"
