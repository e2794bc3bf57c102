"""`keepsight import-model`: fills in what the settings file knows, and hands over to retrain's import in a process of its own, which needs ONNX Runtime."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError
from contracts.settings import ServiceSettings, read_toml

FROM_SETTINGS: Final = {"--name": "model", "--repository": "repository", "--frame-store": "frame_store"}
"""Options of the import that a settings file answers, and its keys."""
NEEDS: Final = ("onnx", "onnxruntime")
DEFAULT: Final = "keepsight.toml"


def run(arguments: Sequence[str]) -> int:
    """Import a model as a version. Returns the exit status. Raises SettingsError when the settings file named cannot be read, or packages are missing."""
    check_packages("import-model", NEEDS)
    return subprocess.run([sys.executable, "-m", "retrain.trainer.import_model", *completed(arguments)], check=False).returncode


def check_packages(command: str, needs: Sequence[str]) -> None:
    """Raises SettingsError where packages are missing that the process behind `command` imports."""
    if missing := [name for name in needs if find_spec(name) is None]:
        raise SettingsError(
            f"{command} needs packages that are not here ({', '.join(missing)}): run it in the image keepsight-retrain, or install 'keepsight[cpu,train]'"
        )


def completed(arguments: Sequence[str], options: Mapping[str, str] = FROM_SETTINGS) -> list[str]:
    """The arguments with the `options` that they leave out taken from `--settings FILE`, KEEPSIGHT_SETTINGS, or a keepsight.toml in this folder.

    A file that was named on the command line stays named, for the steps that follow.
    """
    path, rest = _settings_file(list(arguments))
    named = len(rest) < len(arguments)
    if path is None:
        return rest
    known = read_toml(ServiceSettings, path)
    given = {one.partition("=")[0] for one in rest}
    for option, key in options.items():
        if option not in given and key in known:
            rest += [option, str(known[key])]
    return [*rest, "--settings", str(path)] if named else rest


def _settings_file(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """The settings file that counts, and the arguments without its option."""
    for at, one in enumerate(arguments):
        name, equals, value = one.partition("=")
        if name != "--settings":
            continue
        if equals:
            return Path(value), arguments[:at] + arguments[at + 1 :]
        if at + 1 == len(arguments):
            raise SettingsError("--settings wants a file, such as --settings keepsight.toml")
        return Path(arguments[at + 1]), arguments[:at] + arguments[at + 2 :]
    path = Path(os.environ.get("KEEPSIGHT_SETTINGS", DEFAULT))
    return (path if path.exists() else None), arguments
