"""What every way of making a version shares when it publishes: the code that made it, and a model's first champion."""

from importlib.metadata import PackageNotFoundError, version

from contracts.channels import Channels
from contracts.manifest import Manifest
from contracts.repository import ModelRepository


def code_version() -> str:
    """What trained: the installed release."""
    try:
        return f"keepsight {version('keepsight')}"
    except PackageNotFoundError:
        return "keepsight, not installed"


def first_champion(repository: ModelRepository, manifest: Manifest, now: float, by: str) -> None:
    """Make a version the champion if its model has none yet."""
    if not repository.history(manifest.model):
        reason = f"the first version of {manifest.model}"
        repository.set_channels(
            manifest.model, Channels(champion=manifest.version, sequence=1, changed_at=now, by=by, reason=reason)
        )
