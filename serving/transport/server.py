"""Runs the HTTP edge until it is told to stop, and stops it in order: first /readyz says no, then connections end, then the listener closes."""

import asyncio
import contextlib
import functools
import math
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from contracts.errors import SettingsError
from serving.transport.accepting import Accepting
from serving.transport.connection import Bounds, bounded, sweep

_OTHER_DESCRIPTORS: Final = 512
"""Open files that are no connections: spool, log, model, stored frames, handshakes under way."""
_GRACE_S: Final = 30
"""For answers under way when the listener closes; a frame waits 10 s for a worker at most by default."""


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with bounds on handshakes: uvicorn's own has none."""
        config = self.config
        protocol = functools.partial(config.http_protocol_class, config=config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]  # asyncio.Protocol takes none
        self.servers = [Accepting(one, protocol, config.ssl) for one in sockets or []]  # type: ignore[misc]  # it asks for close and wait_closed
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`: uvicorn would raise them again after its own end, and the process would not exit with 0."""
        yield


def server_for(app: ASGIApp, bounds: Bounds, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    """A uvicorn server for `app`, not yet running."""
    config = uvicorn.Config(
        app,
        http=bounded(bounds),
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",  # its warnings are one a bad request: these are counted, as refusals
        access_log=False,
        server_header=False,
        timeout_keep_alive=math.ceil(bounds.keep_alive_s),
        timeout_graceful_shutdown=_GRACE_S,
    )
    return _Server(config)


def allow_connections(count: int) -> None:
    """Raise the process's soft limit of open files as far as `count` connections need it. Raises SettingsError where the hard limit is below."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SettingsError(
            f"[serving] max_connections is {count}, but this process may open {hard} files at most: allow {wanted} (ulimit -Hn), or set "
            f"max_connections to {max(1, hard - _OTHER_DESCRIPTORS)} or less"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve(server: uvicorn.Server, listener: socket.socket, leave: Callable[[], None], stop_delay_s: float) -> None:
    """Serve on `listener` until SIGTERM or SIGINT; then `leave` is called, and `stop_delay_s` later the listener closes and answers are finished."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        leave()
        loop.call_later(stop_delay_s, setattr, server, "should_exit", True)

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    sweeper = asyncio.create_task(sweep(server.server_state.connections))
    try:
        await server.serve(sockets=[listener])
    finally:
        sweeper.cancel()
