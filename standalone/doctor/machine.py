"""Can this machine do what the settings ask of it: cores, threads, memory, GPUs, training?"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from standalone.doctor.finding import Finding
from standalone.doctor.told import Told

NAMES: Final = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider", "cpu": "CPUExecutionProvider"}
DRIVER: Final = Path("/proc/driver/nvidia/version")
CGROUP: Final = Path("/sys/fs/cgroup")
LEAST_BYTES: Final = 1 << 30
"""Measured after the demo, three cameras: serving 240 MB with a model of 14 MB, the monitor 216 MB, retrain 68 MB; training comes on top."""
_ASK_TORCH: Final = "import torch; print(torch.cuda.device_count())"
_ASK: Final = "import json, onnxruntime; print(json.dumps(onnxruntime.get_available_providers()))"


def gpu(told: Told) -> Iterator[Finding]:
    """What ONNX Runtime here can run on, beside what serving's settings ask for."""
    yield judged_gpu(str(told.own["provider"]), bool(told.own["cpu_fallback"]), providers(), DRIVER.exists())


def providers() -> list[str] | None:
    """The providers of the installed ONNX Runtime, asked in a process of its own; None where there is none."""
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=False)
    return list(json.loads(done.stdout)) if done.returncode == 0 else None


def judged_gpu(provider: str, fallback: bool, has: Sequence[str] | None, driver: bool) -> Finding:
    """`provider` and `fallback` as set, what ONNX Runtime `has` (None: not installed), and whether an NVIDIA `driver` is loaded."""
    if has is None:
        return Finding("FAIL", "gpu", "ONNX Runtime is not installed here", "install keepsight[cpu] or keepsight[gpu]")
    said = f"provider = {provider!r}; ONNX Runtime has {', '.join(has)}; NVIDIA driver {'loaded' if driver else 'not loaded'}"
    cuda = NAMES["cuda"] in has
    if provider in ("cuda", "tensorrt") and not (NAMES[provider] in has and driver):
        fix = (
            "load the driver (nvidia-smi must answer)"
            if NAMES[provider] in has
            else "install keepsight[gpu] instead of keepsight[cpu]"
        )
        return Finding("warn" if fallback else "FAIL", "gpu", said, f"{fix}: docs/gpu.md")
    if provider == "auto" and driver and not cuda:
        return Finding("warn", "gpu", said, "frames are scored on the CPU beside a GPU; install keepsight[gpu]: docs/gpu.md")
    return Finding("ok", "gpu", said)


def training(told: Told) -> Iterator[Finding]:
    """What PyTorch here can train on, beside what retrain's settings ask for; nothing where a cluster trains."""
    if told.own["launcher"] == "local":
        driver = DRIVER.exists()
        ask = find_spec("torch") is not None and (told.own["device"] == "cuda" or (told.own["device"] == "auto" and driver))
        gpus = _gpus() if ask else 0
        yield judged_training(str(told.own["device"]), int(told.own["devices"]), find_spec("torch") is not None, gpus, driver)


def judged_training(device: str, devices: int, torch: bool, gpus: int, driver: bool) -> Finding:
    """`device` and `devices` as set, whether `torch` is installed, how many `gpus` it sees, and whether an NVIDIA `driver` is loaded."""
    name = "retrain training"
    if not torch:
        return Finding(
            "FAIL", name, "PyTorch is not installed here", "install keepsight[train]; where retrain does not run: --service"
        )
    said = (
        f"device = {device!r}, devices = {devices}; PyTorch sees {gpus} GPUs; NVIDIA driver {'loaded' if driver else 'not loaded'}"
    )
    fix = "PyTorch for CUDA: docs/gpu.md" if driver else "load the driver (nvidia-smi must answer)"
    if device == "cuda" and not gpus:
        return Finding("FAIL", name, said, f"{fix}; or device = 'auto'")
    if device == "auto" and driver and not gpus:
        return Finding("warn", name, said, f"networks train on the CPU beside a GPU; {fix}")
    if 0 < gpus < devices:
        return Finding("FAIL", name, said, "set devices to the GPUs at most")
    return Finding("ok", name, said if gpus else f"device = {device!r}: on the CPU")


def _gpus() -> int:
    """The GPUs that PyTorch sees, asked in a process of its own: it takes seconds to import."""
    done = subprocess.run([sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 0


def threads(told: Sequence[Told]) -> Iterator[Finding]:
    """Threads and memory that the settings ask for, beside what this machine or container gives."""
    yield from judged_threads(told, cores(), memory(), os.environ)


def judged_threads(told: Sequence[Told], have: float, bytes_: int | None, environment: Mapping[str, str]) -> Iterator[Finding]:
    """`have` cores and `bytes_` of memory (None: not known)."""
    for one in told:
        if one.name == "serving" and one.own["provider"] in ("auto", "cpu") and int(one.own["workers"]) > max(1.0, have):
            yield Finding(
                "warn", "threads", f"serving has {one.own['workers']} workers on {have:g} cores", "set workers to the cores at most"
            )
        if one.name == "retrain" and int(one.own["threads"]) > max(1.0, have):
            yield Finding(
                "warn",
                "threads",
                f"training takes {one.own['threads']} threads on {have:g} cores",
                "set threads to the cores at most",
            )
    if have > 1 and environment.get("OMP_NUM_THREADS", "1") != "1":
        yield Finding(
            "warn", "threads", f"OMP_NUM_THREADS is {environment['OMP_NUM_THREADS']}", "unset it: workers spin against each other"
        )
    if bytes_ is None:
        yield Finding("ok", "memory", f"{have:g} cores; memory not known here")
    elif bytes_ < LEAST_BYTES:
        yield Finding(
            "warn",
            "memory",
            f"{bytes_ / 2**30:.2f} GiB",
            "the three services alone take half a gigabyte, training more: docs/production.md",
        )
    else:
        yield Finding("ok", "memory", f"{bytes_ / 2**30:.1f} GiB, {have:g} cores")


def cores(cgroup: Path = CGROUP) -> float:
    """Cores that this process may use: its affinity, and the container's quota where there is one (cgroup v2)."""
    allowed = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else min(allowed, int(quota) / int(period))


def memory(cgroup: Path = CGROUP) -> int | None:
    """Bytes that this process may take: the container's limit (cgroup v2), else the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int((cgroup / "memory.max").read_text()))
    except (OSError, ValueError):
        return machine
