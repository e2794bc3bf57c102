"""A service's settings as that service reads them: asked of a process of its own, since only it knows what it allows.

`python -m standalone.doctor.told SECTION …` is that process. What it prints holds passwords; it goes to the doctor's pipe and nowhere else.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.errors import KeepsightError, SettingsError
from contracts.settings import ServiceSettings, exit_with, load
from standalone.supervisor import Name

SETTINGS: Final[dict[Name, str]] = {"serving": "ServingSettings", "monitor": "MonitorSettings", "retrain": "RetrainSettings"}
STARTING_S: Final = 60.0
"""A Python with a service's imports starts in under a second, and in ten on a machine that does much else."""


@dataclass(frozen=True, slots=True)
class Told:
    """A service's settings: those that all share, and all by name. Of a state also the format that this release reads; of retrain's its schema in
    PostgreSQL."""

    name: Name
    shared: ServiceSettings
    own: dict[str, Any]
    state_format: int | None = None
    state_schema: str = ""

    def file(self, key: str) -> Path | None:
        """A setting that names a file, None where it is not set."""
        return Path(found) if (found := self.own.get(key)) else None


def asked(names: Sequence[Name], settings: Path) -> dict[Name, Told | SettingsError]:
    """The settings of several services, or why one has none."""
    command = [sys.executable, "-m", "standalone.doctor.told"]
    processes = {
        name: subprocess.Popen(
            [*command, name, "--settings", str(settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        for name in names
    }
    return {name: _answer(name, process) for name, process in processes.items()}


def _answer(name: Name, process: "subprocess.Popen[bytes]") -> Told | SettingsError:
    try:
        out, err = process.communicate(timeout=STARTING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return SettingsError(f"{name} did not say its settings within {STARTING_S:g} s")
    if process.returncode:
        said = err.decode(errors="replace").strip().splitlines()
        return SettingsError(said[-1].removeprefix("keepsight: ") if said else f"{name} ended with status {process.returncode}")
    content = json.loads(out)
    values = content["settings"]
    shared = ServiceSettings(**{key: values[key] for key in ServiceSettings.model_fields})
    return Told(name, shared, values, content["state_format"], content["state_schema"])


def main(argv: Sequence[str]) -> int:
    """Print a service's settings as JSON. Returns the exit status."""
    name, *arguments = argv
    kind = getattr(importlib.import_module(f"{name}.settings"), SETTINGS[name])  # type: ignore[index]  # of our own asking
    try:
        settings = load(kind, arguments, f"keepsight-{name}", "")
    except KeepsightError as error:
        return exit_with(error)
    state_format, state_schema = None, ""
    if name == "monitor":
        state_format = importlib.import_module("monitor.store").SCHEMA
    if name == "retrain":
        state_format = importlib.import_module("retrain.state.tables").FORMAT
        if settings.state_url:
            try:
                state_schema = importlib.import_module("retrain.state.postgres").schema_of(settings.model)
            except SettingsError as error:  # its driver is not installed
                return exit_with(error)
    said = {"settings": settings.model_dump(mode="json"), "state_format": state_format, "state_schema": state_schema}
    sys.stdout.write(json.dumps(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
