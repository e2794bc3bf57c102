"""Which connections of a small HTTP server end before their time: those that are late, and one to make room when there are too many.

Who has not been let in yet goes first, and of those who has the most: however many one stranger opens, they take each other's place and nobody else's.
Pure: times are passed in, and whoever is told to end a connection ends it.
"""

import ipaddress
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MOST: Final = 64
"""Open at once, a thread each. Probes and scrapers have a few, a browser half a dozen."""
WAIT_S: Final = 10.0
"""From the first byte until the whole request is there and let in: a form goes in a packet or two, over a slow line in a second."""
WHOLE_S: Final = 30.0
"""From the first byte to the answer's last, however slowly the client reads."""
H = TypeVar("H")


@dataclass(slots=True)
class _Connection:
    network: str
    since: float
    let_in: bool = False


class Connections(Generic[H]):
    """The open ones, by whatever names them. Any thread may call; `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[H, _Connection] = {}

    def opened(self, connection: H, address: str, now: float) -> H | None:
        """Another one from an address; the one that must end to make room, None where there is room."""
        with self._lock:
            crowded_out = self._least() if len(self._open) >= MOST else None
            if crowded_out is not None:
                del self._open[crowded_out]
            self._open[connection] = _Connection(network(address), now)
            return crowded_out

    def let_in(self, connection: H) -> None:
        """Its request is whole, and whoever sends it may ask."""
        with self._lock:
            if (found := self._open.get(connection)) is not None:
                found.let_in = True

    def ended(self, connection: H) -> None:
        """It is closed."""
        with self._lock:
            self._open.pop(connection, None)

    def late(self, now: float) -> list[H]:
        """Those whose time is over; they are forgotten here."""
        with self._lock:
            late = [one for one, known in self._open.items() if now - known.since > (WHOLE_S if known.let_in else WAIT_S)]
            for one in late:
                del self._open[one]
            return late

    def _least(self) -> H:
        """Of those not let in, if there are such, the oldest of the network that has the most."""
        waiting = {one: known for one, known in self._open.items() if not known.let_in} or self._open
        count = Counter(known.network for known in waiting.values())
        return max(waiting, key=lambda one: (count[waiting[one].network], -waiting[one].since))


def network(address: str) -> str:
    """Who is taken for one: an IPv4 address, or the 64 bits of an IPv6 address that a single household is given (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
