"""Start a Python module so that it does not outlive whoever started it: `python leash.py PARENT_PID MODULE ARGUMENT...`

The kernel is asked to send SIGTERM when the parent is gone (prctl PR_SET_PDEATHSIG, Linux), so that services stop in order even after their supervisor
was killed; then this process becomes the module. Run as a file, without site packages: it adds some milliseconds to a start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent and become the module."""
    parent, module = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before the kernel knew
        raise SystemExit(f"{module[0]}: the process that started it is gone")
    os.execv(sys.executable, [sys.executable, "-m", *module])


if __name__ == "__main__":
    main()
