"""Takes connections from a listening socket, few at a time while their TLS handshakes are under way.

asyncio's own server takes all that come: a stranger who opens connections and says nothing would use up the process's open files, and with them the
spool's. Here the rest waits in the kernel; a handshake that dawdles makes room for the next.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

MAX_HANDSHAKES: Final = 256
"""Under way at once. One takes a millisecond of this side's time, and some round trips of the client's."""
HANDSHAKE_S: Final = 10.0
"""For one handshake while there is room; uvicorn's own has a minute."""
_DAWDLES_S: Final = 1.0
"""After which a handshake makes room for others."""
_AT_ONCE: Final = 16
"""Taken before the loop sees to anything else."""
_PAUSE_S: Final = 0.05


class Accepting:
    """Accepts on `listener` from its making until `close`; stands where uvicorn expects an asyncio server. Make it inside a running loop."""

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None) -> None:
        self._listener, self._protocol, self._tls = listener, protocol, tls
        self._loop = asyncio.get_running_loop()
        self._opening: dict[asyncio.Task[None], float] = {}
        self._resume: asyncio.TimerHandle | None = None
        self._loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more, and give up the handshakes that are under way. What was accepted without one is a connection already, and is served."""
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._listener.fileno())
        for task in self._opening if self._tls else ():
            task.cancel()

    async def wait_closed(self) -> None:
        """Until nothing of it is left."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if len(self._opening) >= MAX_HANDSHAKES and not self._made_room():
                self._pause()
                return
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no open files left; whoever else needs one comes first
                self._pause()
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._open(connection))
            self._opening[task] = self._loop.time()
            task.add_done_callback(lambda ended: self._opening.pop(ended, None))

    def _made_room(self) -> bool:
        oldest = next(iter(self._opening))
        if self._loop.time() - self._opening[oldest] < _DAWDLES_S:
            return False
        oldest.cancel()
        del self._opening[oldest]
        return True

    def _pause(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._resume = self._loop.call_later(_PAUSE_S, self._loop.add_reader, self._listener.fileno(), self._accept)

    async def _open(self, connection: socket.socket) -> None:
        handshake_s = HANDSHAKE_S if self._tls else None
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=handshake_s)
        except (OSError, asyncio.CancelledError):  # ssl.SSLError and a handshake out of time are an OSError
            connection.close()
