"""`keepsight labels`: hands over to retrain's command in a process of its own, with the house's settings file where none is named."""

import subprocess
import sys
from collections.abc import Sequence

from standalone.backtest import completed


def run(arguments: Sequence[str]) -> int:
    """Import, export or ask for labels, or look at them again. Returns the exit status."""
    named = completed(arguments) if {"import", "export", "next", "review"} & set(arguments[:1]) else list(arguments)
    return subprocess.run([sys.executable, "-m", "retrain.labels.command", *named], check=False).returncode
