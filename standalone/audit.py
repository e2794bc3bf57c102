"""`keepsight audit`: hands over to retrain's command in a process of its own, with the house's settings file where none is named."""

import subprocess
import sys
from collections.abc import Sequence

from standalone.backtest import completed


def run(arguments: Sequence[str]) -> int:
    """Verify the ledger, or ask who answered a camera. Returns the exit status."""
    named = completed(arguments) if {"verify", "served"} & set(arguments[:1]) else list(arguments)
    return subprocess.run([sys.executable, "-m", "retrain.audit_command", *named], check=False).returncode
