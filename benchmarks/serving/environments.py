"""The peers' environments: made once, each from its pinned requirements, under the cache folder; found again by a digest of those.

`NAME.pth` beside them is put into the environment: PyTriton's stub carries an older Python 3.11 than the library it finds, whose resource tracker asks
its lock for something that only the newer one has.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.serving.material import CACHE

REQUIREMENTS: Final = Path(__file__).parent / "peers" / "requirements"
_INSTALL_S: Final = 600.0


class NotInstalledError(Exception):
    """A peer's environment could not be made, and why."""


def environment(name: str) -> Path:
    """The folder of a peer's environment, installed first where it is not there yet. Raises NotInstalledError."""
    wanted = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]
    folder = CACHE / "environments" / f"{name}-{digest}"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(wanted)])
        if (patch := wanted.with_suffix(".pth")).exists():
            (site,) = folder.glob("lib/python*/site-packages")
            shutil.copy(patch, site)
        (folder / ".ready").touch()
    return folder


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        raise NotInstalledError(done.stderr.strip()[-300:])
