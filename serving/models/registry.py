"""Which versions answer: follows the model's channels, loads beside the service what they name, and exchanges all at once.

A version that fails is never swapped in: without a new champion everything stays as it is, without a candidate or shadow the champion answers alone. The
champion that was replaced stays loaded as long as the channels name it as `previous`: rolling back waits for nothing but the next look at the channels.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts import metrics_serving
from contracts.channels import Channels
from contracts.errors import KeepsightError, StoreError
from contracts.events import Role, VersionServed
from contracts.logs import Logger
from contracts.predictions import Variant
from contracts.repository import MAX_BYTES, ModelRepository, Version
from serving.models.memory import give_back
from serving.models.served import Served
from serving.telemetry.instruments import Instruments

_RETRY_S: Final = 5.0
"""How long until a load is tried again that may succeed without the channels changing: the store failed, or nothing serves yet."""
_ROLES: Final[tuple[Role, ...]] = ("champion", "candidate", "shadow", "previous")


@dataclass(frozen=True, slots=True)
class Lineup:
    """The versions in service under `channels` (what of them could be loaded). Taken whole by whoever answers: one frame, one lineup."""

    channels: Channels
    versions: Mapping[str, Served]

    def answering(self, camera: str) -> tuple[Served, Variant]:
        """The version that answers a camera, and as what."""
        version, variant = self.channels.answering(camera)
        return self.versions[version], variant

    @property
    def champion(self) -> Served:
        """The version that answers by default."""
        return self.versions[self.channels.champion]

    @property
    def one_by_one(self) -> bool:
        """Whether no version that answers gains from frames that are scored together."""
        return all(self.versions[version].one_by_one for version in self.channels.versions())

    @property
    def shadow(self) -> Served | None:
        """The version that is scored beside the answers, if any."""
        return self.versions[self.channels.shadow] if self.channels.shadow else None


def without(channels: Channels, failed: set[str]) -> Channels | None:
    """The channels without the versions that failed; None when the champion is one of them."""
    if channels.champion in failed:
        return None
    if channels.candidate in failed:
        channels = msgspec.structs.replace(channels, candidate=None, share=0.0)
    return msgspec.structs.replace(channels, shadow=None) if channels.shadow in failed else channels


Report = Callable[[int, tuple[VersionServed, ...]], None]
"""Takes what `Registry.standing` gives."""


class Registry:
    """`load` makes a version ready; it takes seconds (TensorRT: minutes) and runs on `loader`. `clock` is monotonic seconds.

    `report` is told what stands in service after each look at the channels.
    """

    def __init__(
        self,
        repository: ModelRepository,
        model: str,
        load: Callable[[Version], Served],
        instruments: Instruments,
        log: Logger,
        report: Report = lambda _, __: None,
        shadow: bool = True,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
        loader: Executor | None = None,
    ) -> None:
        self._repository, self._model, self._load, self._shadow = repository, model, load, shadow
        self._report = report
        self._instruments, self._log, self._max_bytes, self._clock = instruments, log, max_bytes, clock
        self._loader = loader or ThreadPoolExecutor(1, "loader")
        self._loading: tuple[str, Future[Served]] | None = None
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._seen: Channels | None = None
        self._retry_at = float("inf")
        self._said: set[str] = set()
        self._held: dict[str, Served] = {}
        self._let_go = False
        self._refused: set[str] = set()
        self.lineup: Lineup | None = None
        self.trouble = f"model {model!r} is still loading"
        """Why there is no lineup, while there is none."""

    def start(self, interval_s: float) -> None:
        """Follow the channels on a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(interval_s,), name="registry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following. A version that is loading is waited for at the end of the process, when everything else is done."""
        self._stopped = True
        self._wake.set()
        if self._thread:
            self._thread.join()
        self._loader.shutdown(wait=False, cancel_futures=True)

    def poll(self) -> None:
        """Look at the channels once, and exchange the versions if they changed or one is ready."""
        try:
            channels = self._repository.channels(self._model)
        except (KeepsightError, OSError) as error:
            self._failed("channels_not_readable", error)
            return
        if not self._shadow:
            channels = msgspec.structs.replace(channels, shadow=None)
        if channels != self._seen or self._clock() >= self._retry_at:
            if self._seen is None or channels.sequence != self._seen.sequence:
                self._said.clear()
            self._refused.clear()
            self._seen, self._retry_at = channels, float("inf")
        elif self._loading is None:
            return
        self._follow(channels)

    def standing(self) -> tuple[int, tuple[VersionServed, ...]]:
        """The sequence of the channels in service (0: none yet), and the versions held for them, each in the first of its roles."""
        if (lineup := self.lineup) is None:
            return 0, ()
        channels = lineup.channels
        roles: dict[str, Role] = {}
        for role in _ROLES:
            roles.setdefault(getattr(channels, role), role)
        held = {version: self._held[version] for version in roles if version in self._held}
        return channels.sequence, tuple(
            VersionServed(version, served.digest, roles[version], served.provider, *served.fared.counts)
            for version, served in held.items()
        )

    def _run(self, interval_s: float) -> None:
        while not self._stopped:
            try:
                self.poll()
                self._report(*self.standing())
            except Exception as error:  # the thread that follows the channels must not die of one surprise
                self._failed("registry_failed", error, trace=True)
            self._wake.wait(interval_s)
            self._wake.clear()
            if self._let_go:  # by now the batches that it was answering are done
                self._let_go = False
                give_back()

    def _follow(self, channels: Channels) -> None:
        """Load what is missing, one after the other, and put in service what is there: a way back never waits for a load."""
        while (missing := self._missing(channels)) is not None or self._loading is not None:
            if self._loading is None and missing is not None:
                self._loading = missing, self._loader.submit(self._opened, missing)
                self._loading[1].add_done_callback(lambda _: self._wake.set())
            if self._loading is not None and not self._loading[1].done():
                break
            self._take_loaded()
        if self.lineup is None and self._loading is not None:
            return  # the first lineup is whole: no camera of a canary is answered by the champion meanwhile
        usable = without(channels, set(channels.versions()) - set(self._held))
        if usable is not None:
            self._swap(Lineup(usable, {version: self._held[version] for version in usable.versions()}))
        elif self.lineup is None:
            self._retry_at = self._clock() + _RETRY_S

    def _missing(self, channels: Channels) -> str | None:
        """The first version that is named, not held and not refused since the channels changed."""
        return next((name for name in channels.versions() if name not in self._held and name not in self._refused), None)

    def _opened(self, version: str) -> Served:
        start = self._clock()
        served = self._load(self._repository.read(self._model, version, self._max_bytes))
        self._log.info(
            "version_loaded",
            version=version,
            digest=served.digest[:12],
            provider=served.provider,
            places=served.places,
            golden_frames=served.golden_frames,
            took_s=round(self._clock() - start, 3),
        )
        return served

    def _take_loaded(self) -> None:
        """Hold the version whose load has ended, or say why it is refused."""
        assert self._loading is not None
        (version, future), self._loading = self._loading, None
        try:
            self._held[version] = future.result()
        except (KeepsightError, OSError) as error:
            self._refused.add(version)
            if isinstance(error, StoreError | OSError):
                self._retry_at = self._clock() + _RETRY_S
            self._instruments.version_failures.inc()
            self._failed("version_refused", error, version=version)

    def _swap(self, lineup: Lineup) -> None:
        before, self.lineup = self.lineup, lineup  # one reference, replaced atomically
        named = {*lineup.versions, lineup.channels.previous}
        kept = {version: served for version, served in self._held.items() if version in named}
        self._let_go = self._let_go or len(kept) < len(self._held)
        self._held = kept
        if before is None or before.channels != lineup.channels:
            self._instruments.swaps.inc()
            self._log.info("lineup_changed", model=self._model, **_roles(lineup), sequence=lineup.channels.sequence)
        gauge = self._instruments.versions.blank()
        for place, reason in lineup.champion.places.items():
            gauge[metrics_serving.PROVIDER].labels(place, reason).set(reason == "runs")
        for version, served in self._held.items():
            roles = [role for role, name in _roles(lineup).items() if name == version and role != "share"] or ["standby"]
            for role in roles:
                gauge[metrics_serving.MODEL_INFO].labels(self._model, version, role, served.digest, served.provider).set(1)
        self._instruments.versions.show(gauge)

    def _failed(self, event: str, error: Exception, trace: bool = False, **fields: object) -> None:
        """Say each trouble once until the channels change; polled twice a second, it would fill the log."""
        self.trouble = str(error)
        if self.trouble not in self._said:
            self._said.add(self.trouble)
            self._log.error(
                event, trace=trace, error=self.trouble, serving=self.lineup.channels.champion if self.lineup else None, **fields
            )


def _roles(lineup: Lineup) -> dict[str, object]:
    channels = lineup.channels
    return {"champion": channels.champion, "candidate": channels.candidate, "shadow": channels.shadow, "share": channels.share}
