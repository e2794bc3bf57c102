"""`keepsight backtest`: names the house's settings file where none is named, and hands over to the monitor's replay in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DEFAULT: Final = "keepsight.toml"


def run(arguments: Sequence[str]) -> int:
    """Replay recorded events. Returns the exit status."""
    return subprocess.run([sys.executable, "-m", "monitor.backtest", *completed(arguments)], check=False).returncode


def completed(arguments: Sequence[str]) -> list[str]:
    """The arguments; a keepsight.toml in this folder counts unless KEEPSIGHT_SETTINGS or `--settings` names another."""
    named = "KEEPSIGHT_SETTINGS" in os.environ or any(one.partition("=")[0] == "--settings" for one in arguments)
    return [*arguments, "--settings", DEFAULT] if not named and Path(DEFAULT).exists() else list(arguments)
