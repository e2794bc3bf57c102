"""`keepsight train-model`: fills in what the settings file knows, runs retrain's bootstrap in a process of its own, and tells its steps to a person."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from standalone.import_model import NEEDS, check_packages, completed

FROM_SETTINGS: Final = {"--model": "model", "--repository": "repository", "--frame-store": "frame_store"}
_LOOK: Final = 0.05
"""Of the whole: how much further a step must be to be told again."""


class Step(msgspec.Struct):
    """A line of the training process."""

    step: str
    progress: float = 0.0
    detail: str = ""


def step_of(line: str) -> Step | None:
    """What a line of the training process says; None: it is no step."""
    try:
        return msgspec.json.decode(line, type=Step)
    except msgspec.MsgspecError:
        return None


def run(arguments: Sequence[str], say: Callable[[str], None] = lambda text: print(text, flush=True)) -> int:  # noqa: T201  # the command's answer
    """Train a first version. Returns the exit status. Raises SettingsError when the settings file named cannot be read, or packages are missing."""
    check_packages("train-model", (*NEEDS, "torch"))
    command = [sys.executable, "-m", "retrain.trainer.bootstrap", *completed(arguments, FROM_SETTINGS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in told(process.stdout):
                say(line)
        except BaseException:
            process.terminate()
            raise
    return process.returncode


def told(lines: Iterable[str]) -> Iterable[str]:
    """The process's lines as a person reads them: a line a step, and again where it went on a good way; what is no step as it is."""
    last: Step | None = None
    for line in lines:
        step = step_of(line)
        if step is None:
            yield line.rstrip("\n")
        elif last is None or step.step != last.step or step.progress >= last.progress + _LOOK:
            last = step
            yield f"{step.progress:5.0%}  {step.step}{f': {step.detail}' if step.detail else ''}"
