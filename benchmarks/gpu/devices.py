"""Whether there is a GPU to measure on, what it is, and how much of its memory is taken."""

import subprocess

import onnxruntime as ort

from serving.models.providers import NAMES


def missing() -> str | None:
    """What there is to mend before anything can be measured; None when all is there."""
    if NAMES["cuda"] not in ort.get_available_providers():
        return f"this ONNX Runtime has only {ort.get_available_providers()}: install keepsight[gpu] instead of keepsight[cpu]"
    try:
        name()
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        return f"no NVIDIA GPU answers ({error!r}): see that its driver is installed"
    return None


def name() -> str:
    """The first GPU and its driver."""
    return _asked("name,driver_version")[0]


def memory_mib() -> float:
    """Memory taken on the first GPU, by every process."""
    return float(_asked("memory.used")[0])


def _asked(what: str) -> list[str]:
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip().splitlines()
