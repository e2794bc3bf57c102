"""Where the monitor's memory is kept: a file of this host, or PostgreSQL for replicas of several. The loop needs no more of either than this says."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from contracts.errors import StoreError
from contracts.logs import Logger
from contracts.ports import Outgoing, Place
from monitor.memory import Memory
from monitor.settings import MonitorSettings
from monitor.store import Store as SqliteStore

RETRY_S: Final = 1.0
_LOG: Final = Logger("monitor")


class Store(Protocol):
    """The memory, the log's offsets and the outbox, changed together. `tests/laws/test_store.py` says what an adapter must hold.

    Every method raises StoreError while the store does not answer: nothing has changed then, or all has, so do the same again; and SettingsError when
    a person must act. All but `offsets` raise TakenOverError when another process has loaded the memory since.
    """

    def load(self) -> Memory:
        """The memory as last saved, and from now on ours: who loaded it before can change nothing any more."""

    def offsets(self) -> dict[Place, int]:
        """The next offset to read of each place."""

    def save(self, memory: Memory, offsets: Mapping[Place, int], outgoing: Sequence[Outgoing]) -> None:
        """Save what changed, how far the log was taken, and what is to be published: all or nothing."""

    def unsent(self, limit: int = 500) -> tuple[list[Outgoing], int]:
        """The oldest letters of the outbox, and the number of the last of them (0 without any)."""

    def sent(self, up_to: int) -> None:
        """Strike out the letters up to a number: the log holds them."""

    def close(self) -> None:
        """Let go of it. Safe to call twice."""


def wait_for_store(open_it: Callable[[], Store], stop: threading.Event) -> Store | None:
    """The store, once it answers; None when `stop` was set first. Raises SettingsError when it was made under other settings."""
    told = ""
    while not stop.is_set():
        try:
            return open_it()
        except StoreError as error:
            if (reason := str(error)) != told:
                told = reason
                _LOG.warning("waiting", reason=reason, retry_s=RETRY_S)
            stop.wait(RETRY_S)
    return None


def open_store(settings: MonitorSettings) -> Store:
    """The store that the settings name. Raises StoreError while it does not answer, SettingsError when it was made under other settings."""
    fingerprint = f"block_frames={settings.block_frames}"
    if not settings.state_url:
        return SqliteStore(settings.state / f"monitor-{settings.model}.sqlite", fingerprint)
    from monitor.store_postgres import PostgresStore  # its driver is an extra

    return PostgresStore(settings.state_url, settings.state_password, settings.model, fingerprint)
