"""What each version is judged by: its manifest, and the reference calibrated from its baseline, made at first need and kept.

A version that cannot be judged (damaged, unknown, baseline too small) says why: its cameras then show `no verdict` with that reason. A repository that
does not answer is no such verdict: StoreError goes up, and the service waits.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from contracts.baseline import Baseline
from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from monitor.items import replay
from monitor.items.reference import Budget, Reference, UnfitBaselineError, calibrate
from monitor.items.replay import Replay
from monitor.policy import Policy

_LOG: Final = Logger("monitor")
KEPT: Final = 8
"""References kept in memory, about 1 MB each: champion, candidate, shadow, previous and some to spare."""
WARM_S: Final = 30.0
"""How often a monitor that stands by looks which versions serve."""


@dataclass(frozen=True)
class Standard:
    """A version's manifest and reference; None with the reason in `unjudged` where there is none."""

    manifest: Manifest | None
    reference: Reference | None
    unjudged: str = ""
    pages_a_month: float = 0.0
    """The budget that the reference's limits were calibrated to."""
    rehearse: Callable[[], Replay] | None = None
    """Makes `replay`."""

    @cached_property
    def replay(self) -> Replay | None:
        """What held-out recordings would have raised at these limits; takes a second or two, at first need. None without a reference."""
        return self.rehearse() if self.rehearse is not None else None

    @property
    def demoted(self) -> str:
        """Why drift on this version's reference is told as tickets only; "" when it may page."""
        return overspent(self.pages_a_month, self.replay.rate) if self.replay is not None else ""


def overspent(pages_a_month: float, rate: float) -> str:
    """Why a camera whose calibration raises `rate` false alarms a month out of fold is demoted to tickets; "" when it keeps its budget."""
    if rate <= pages_a_month:
        return ""
    return f"this camera cannot keep its budget of {pages_a_month:g} pages a month (replay: {rate:.2g}), so it writes tickets"


class Standards:
    """The standards of one model's versions."""

    def __init__(self, repository: ModelRepository, model: str, policy: Policy) -> None:
        self._repository = repository
        self._model = model
        self._policy = policy
        self._budget = Budget(policy.pages_per_camera_month, policy.frames_per_second, policy.block_frames)
        self._known: dict[str, Standard] = {}
        self._warm_until = float("-inf")

    def __call__(self, version: str) -> Standard:
        """The standard of a version. Raises StoreError when the repository does not answer."""
        standard = self._known.get(version)
        if standard is None:
            standard = self._known[version] = self._make(version)
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
            _LOG.info("version_judged_by", version=version, unjudged=standard.unjudged, **_facts(standard.reference))
        return standard

    def keep_warm(self, now_s: float) -> None:
        """Make the standards of the versions that serve now, at most every WARM_S: who stands by need not calibrate when it takes over.

        What the repository cannot give now is asked for again when it is needed.
        """
        if now_s < self._warm_until:
            return
        self._warm_until = now_s + WARM_S
        with suppress(VersionError, StoreError):
            for version in self._repository.channels(self._model).versions():
                _ = self(version).replay

    def families(self, version: str) -> dict[str, str]:
        """Each channel's family, of a version that is judged."""
        reference = self(version).reference
        return {channel.name: channel.family for channel in reference.channels} if reference else {}

    def _make(self, version: str) -> Standard:
        try:
            manifest, baseline = self._repository.baseline(self._model, version)
        except (VersionError, ValueError) as error:
            return Standard(None, None, str(error))
        try:
            reference = calibrate(manifest, baseline, self._budget)
        except UnfitBaselineError as error:
            return Standard(manifest, None, f"version {version} cannot be judged for drift: {error}")
        return Standard(
            manifest,
            reference,
            pages_a_month=self._budget.pages_a_month,
            rehearse=lambda: self._rehearse(manifest, baseline, reference),
        )

    def _rehearse(self, manifest: Manifest, baseline: Baseline, reference: Reference) -> Replay:
        policy = self._policy
        told = replay.held_out(manifest, baseline, reference, self._budget, policy.confirm_blocks, policy.recovered_blocks)
        low, high = told.interval()
        _LOG.info(
            "calibrated_replay",
            version=manifest.version,
            false_alarms_per_camera_month=round(told.rate, 3),
            low=round(low, 3),
            high=round(high, 3),
            budget=self._budget.pages_a_month,
            demoted=overspent(self._budget.pages_a_month, told.rate),
        )
        return told


def _facts(reference: Reference | None) -> dict[str, object]:
    if reference is None:
        return {}
    return {
        "scales": reference.scales,
        "channels": [channel.name for channel in reference.channels],
        "accuracy": reference.accuracy,
    }
