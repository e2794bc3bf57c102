"""The port a service listens on: opened before anything slow, so that a taken port is said at once and in words."""

import ipaddress
import socket

from contracts.errors import SettingsError


def listen(host: str, port: int, section: str) -> socket.socket:
    """A listening TCP socket on `host:port` (port 0 takes a free one). Raises SettingsError naming the settings of `section` to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)  # here too: of two processes that bind at the same instant, the second fails only now
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"{section} cannot listen on {host}:{port}: {reason}. Stop what uses it, or set [{section}] host and port"
        ) from error
    listener.setblocking(False)
    return listener


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
