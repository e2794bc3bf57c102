"""What the doctor's tests share: a service's settings as the doctor was told them, and what a check found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from monitor.settings import MonitorSettings
from monitor.store import SCHEMA
from retrain.settings import RetrainSettings
from retrain.state.tables import FORMAT
from serving.settings import ServingSettings
from standalone.doctor.finding import Finding
from standalone.doctor.told import Told
from standalone.supervisor import Name

NOW: Final = 1_900_000_000.0
KINDS: Final[dict[Name, type[ServingSettings | MonitorSettings | RetrainSettings]]] = {
    "serving": ServingSettings,
    "monitor": MonitorSettings,
    "retrain": RetrainSettings,
}
FORMATS: Final[dict[Name, int]] = {"monitor": SCHEMA, "retrain": FORMAT}


class Settings:
    """Defaults, but for folders below `folder` and what a test says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: Name = "serving", **changed: Any) -> Told:
        folders = {
            "log": f"embedded://{self._folder}/log",
            "repository": f"{self._folder}/repository",
            "frame_store": f"{self._folder}/frames",
            "state": self._folder / "state",
            "model": "photographs",
        }
        settings = KINDS[name](**{**folders, **changed})
        return Told(name, settings, settings.model_dump(mode="json"), FORMATS.get(name))


def only(findings: Iterator[Finding]) -> Finding:
    """The one thing that was found."""
    (found,) = findings
    return found
