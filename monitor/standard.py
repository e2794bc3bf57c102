"""What each version is judged by: its manifest, and the reference calibrated from its baseline, made at first need and kept.

A version that cannot be judged (damaged, unknown, baseline too small) says why: its cameras then show `no verdict` with that reason. A repository that
does not answer is no such verdict: StoreError goes up, and the service waits.
"""

from dataclasses import dataclass
from typing import Final

from contracts.errors import VersionError
from contracts.logs import Logger
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from monitor.items.reference import Budget, Reference, UnfitBaselineError, calibrate
from monitor.policy import Policy

_LOG: Final = Logger("monitor")
KEPT: Final = 8
"""References kept in memory, about 1 MB each: champion, candidate, shadow, previous and some to spare."""


@dataclass(frozen=True, slots=True)
class Standard:
    """A version's manifest and reference; None with the reason in `unjudged` where there is none."""

    manifest: Manifest | None
    reference: Reference | None
    unjudged: str = ""


class Standards:
    """The standards of one model's versions."""

    def __init__(self, repository: ModelRepository, model: str, policy: Policy) -> None:
        self._repository = repository
        self._model = model
        self._budget = Budget(policy.pages_per_camera_month, policy.frames_per_second, policy.block_frames)
        self._known: dict[str, Standard] = {}

    def __call__(self, version: str) -> Standard:
        """The standard of a version. Raises StoreError when the repository does not answer."""
        standard = self._known.get(version)
        if standard is None:
            standard = self._known[version] = self._make(version)
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
            _LOG.info("version_judged_by", version=version, unjudged=standard.unjudged, **_facts(standard.reference))
        return standard

    def families(self, version: str) -> dict[str, str]:
        """Each channel's family, of a version that is judged."""
        reference = self(version).reference
        return {channel.name: channel.family for channel in reference.channels} if reference else {}

    def _make(self, version: str) -> Standard:
        try:
            manifest, baseline = self._repository.baseline(self._model, version)
        except (VersionError, ValueError) as error:
            return Standard(None, None, str(error))
        if manifest.task != "classification":
            return Standard(manifest, None, f"{manifest.task} models are judged by camera health only")
        try:
            return Standard(manifest, calibrate(manifest, baseline, self._budget))
        except UnfitBaselineError as error:
            return Standard(manifest, None, f"version {version} cannot be judged for drift: {error}")


def _facts(reference: Reference | None) -> dict[str, object]:
    if reference is None:
        return {}
    return {
        "scales": reference.scales,
        "channels": [channel.name for channel in reference.channels],
        "accuracy": reference.accuracy,
    }
