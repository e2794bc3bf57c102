"""Runs a service whose clock is wrong: `python -m benchmarks.faults.ahead SECONDS MODULE ARGUMENT…`, so many seconds ahead of ours.

All that the services ask is `time.time`; the monotonic clock goes on as it is, as when a machine's clock is set.
"""

import runpy
import sys
import time


def main() -> None:
    """Set the clock, and be the service."""
    ahead_s, module, right = float(sys.argv[1]), sys.argv[2], time.time
    sys.argv = [module, *sys.argv[3:]]
    time.time = lambda: right() + ahead_s
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
