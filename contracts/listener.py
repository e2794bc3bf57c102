"""The port a service listens on: opened before anything slow, so that a taken port is said at once and in words."""

import socket

from contracts.errors import SettingsError


def listen(host: str, port: int, section: str) -> socket.socket:
    """A listening TCP socket on `host:port` (port 0 takes a free one). Raises SettingsError naming the settings of `section` to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"{section} cannot listen on {host}:{port}: {error.strerror}. Stop what uses it, or set [{section}] host and port"
        ) from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener
