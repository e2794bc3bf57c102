"""`keepsight up`: the three services for a user's own model and cameras, staying up until Ctrl-C, each started again when it dies.

Starting again resumes: what the services remember lies in the folders that the settings file names, and nothing of it is here.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contracts.errors import KeepsightError, VersionError
from contracts.repository import ModelRepository
from contracts.settings import ServiceSettings
from standalone.house import read, services
from standalone.supervisor import Service, ServiceError, Supervisor, readiness

LOOK_S: Final = 0.3
SETTINGS_WRONG: Final = 2
"""The status with which a service ends whose settings are wrong: to start it again would change nothing."""
Say = Callable[[str], None]


def run(settings: Path, say: Say) -> int:
    """Run the services of a settings file until KeyboardInterrupt. Returns 0 when all stopped in order."""
    settings = settings.absolute()
    content = read(settings)
    logs = Path(_shared(content, "state")) / "logs"
    supervisor = Supervisor(services(settings, logs))
    for hint in missing(_shared(content, "repository"), _shared(content, "model"), settings, content):
        say(hint)
    say(f"starting {', '.join(service.name for service in supervisor.services)}; logs in {logs}; Ctrl-C stops them in order")
    status = 0
    try:
        supervisor.start()
        _watch(supervisor, say)
    except KeyboardInterrupt:
        say("stopping, in order; once more Ctrl-C kills")
    except ServiceError as error:
        say(f"keepsight: {error}")
        status = 2
    try:
        troubles = supervisor.stop()
    except KeyboardInterrupt:
        say("killed; what was under way may be lost. Starting again resumes from what was saved")
        return 130
    for trouble in troubles:
        say(f"keepsight: {trouble}")
    say("stopped" if status else "stopped; nothing is lost, `keepsight up` goes on from here")
    return status or int(bool(troubles))


def missing(repository: str, model: str, settings: Path, content: dict[str, object]) -> list[str]:
    """What a user must still do before frames are answered."""
    hints = []
    try:
        ModelRepository(repository).channels(model)
    except VersionError:
        hints.append(
            f"there is no version of model {model!r} in {repository} yet. Bring yours:\n"
            f"    keepsight import-model model.onnx --labels a,b,c --reference FOLDER_OF_FRAMES --settings {settings}\n"
            "or train one on labelled pictures:\n"
            f"    keepsight train-model --frames FOLDER_OF_LABELS --labels a,b,c --choose --settings {settings}\n"
            "serving takes it as soon as it is there"
        )
    except KeepsightError as error:
        hints.append(f"the model repository cannot be read: {error}")
    serving = content.get("serving")
    if not (isinstance(serving, dict) and serving.get("cameras")) and "KEEPSIGHT_SERVING_CAMERAS" not in os.environ:
        hints.append(f"no camera is named: add a table [serving.cameras.NAME] for each to {settings}")
    return hints


def _watch(supervisor: Supervisor, say: Say) -> None:
    """Say when a service becomes ready or stops being so, start again what dies. Raises ServiceError when one refuses its settings."""
    said: dict[str, str | None] = {}
    while True:
        supervisor.refuse_status(SETTINGS_WRONG)
        supervisor.revive(say)
        for service in supervisor.services:
            _report(service, said, say)
        time.sleep(LOOK_S)


def _report(service: Service, said: dict[str, str | None], say: Say) -> None:
    reason = readiness(service)
    if service.name in said and said[service.name] == reason:
        return
    if reason is None:
        say(f"{service.name} is ready: http://{service.address}{service.page}")
    elif not reason.startswith("no answer") or said.get(service.name, "") is None:
        say(f"{service.name} is not ready: {reason}")
    said[service.name] = reason


def _shared(content: dict[str, object], key: str) -> str:
    """A shared setting as the services see it."""
    return str(os.environ.get(f"KEEPSIGHT_{key.upper()}") or content.get(key) or ServiceSettings.model_fields[key].default)
