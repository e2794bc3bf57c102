"""Several processes that train one network together: torchrun starts them on one host, restarts none, and each dies with it.

torchrun gives its processes sessions of their own: one that is killed (SIGKILL) would leave them behind, holding the devices. So each of them asks the
kernel to be killed with its parent before it becomes what was asked for:

    python -m retrain.launch.torchrun COMMAND...
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""Of prctl(2); kept over an exec."""


def spread(command: Sequence[str], devices: int, python: str = sys.executable) -> list[str]:
    """The command that runs `command` once for each device; itself for one. `python` is the interpreter where it runs."""
    if devices == 1:
        return list(command)
    torchrun = [python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
    return [*torchrun, "--no-python", python, "-m", "retrain.launch.torchrun", *command]


def main() -> None:
    """Become the command, bound to the parent's life. Does not return."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
