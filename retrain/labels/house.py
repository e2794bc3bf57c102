"""What the commands of `keepsight labels` share: the house's settings, its versions, who labels, and what is said."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from contracts.errors import SettingsError
from contracts.labelling import MAX_NAME
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from contracts.settings import ServiceSettings


class HouseSettings(ServiceSettings):
    """What all services share is all that is needed here."""

    section: ClassVar[str] = "standalone"


def in_service(house: HouseSettings) -> list[Manifest]:
    """The manifests of the versions that serving holds, the champion's first. Raises VersionError when there is none."""
    repository = ModelRepository(house.repository)
    channels = repository.channels(house.model)
    return [repository.manifest(house.model, version) for version in channels.versions()]


def known(house: HouseSettings) -> tuple[str, ...]:
    """The classes of the versions in service, and those that labels may name before any version knows them."""
    of_versions = (label for manifest in in_service(house) for label in manifest.labels)
    return tuple(dict.fromkeys([*of_versions, *house.new_classes]))


def who(by: str) -> str:
    """Who labels: as the option `--by` says, else the user. Raises SettingsError for a name that is too long."""
    by = by or getpass.getuser()
    if len(by) > MAX_NAME:
        raise SettingsError(f"--by has {len(by)} characters; at most {MAX_NAME} are taken")
    return by


def refuse_full(folder: Path | None) -> None:
    """Raise SettingsError for a folder in which something lies."""
    if folder and folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} is not empty: name another folder")


def say(lines: Sequence[str]) -> None:
    """Lines for a person."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
