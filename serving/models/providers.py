"""Where a model runs: which of ONNX Runtime's execution providers is asked of it, and, for each other one, why not.

auto takes CUDA where this build of ONNX Runtime has it and it starts, otherwise the CPU. TensorRT is taken only when it is asked for: it compiles every
version for minutes. A build with CUDA whose libraries are missing lists CUDA and silently runs on the CPU: what counts is what the session says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from contracts.errors import VersionError

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
Precision = Literal["full", "half"]
Place = Literal["cpu", "cuda", "tensorrt"]
Reason = Literal["runs", "not asked for", "not in this build", "did not start"]
NAMES: Final[dict[Place, str]] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """`place` is where the model shall run; `reasons` says of every place whether and why not."""

    place: Place
    reasons: dict[Place, Reason] = field(default_factory=dict)


def choose(asked: Provider, available: Sequence[str], fall_back: bool) -> Choice:
    """The place for `asked`, given the providers that this build of ONNX Runtime has. Raises VersionError where it must not fall back."""
    if asked in ("auto", "cuda"):
        reasons: dict[Place, Reason] = {"tensorrt": "not asked for"}
        wanted: Place = "cuda"
    else:
        reasons, wanted = ({"tensorrt": "not asked for"}, "cpu") if asked == "cpu" else ({}, "tensorrt")
    if NAMES[wanted] in available:
        return _chosen(wanted, reasons)
    if asked != "auto" and not fall_back:
        raise VersionError(
            f"[serving] provider is {asked!r}, but this ONNX Runtime has only {list(available)}: install keepsight[gpu] instead of keepsight[cpu], "
            "set provider to cpu, or allow cpu_fallback"
        )
    return _chosen("cpu", {**reasons, wanted: "not in this build"})


def fallen_back(choice: Choice, got: str, asked: Provider, fall_back: bool) -> Choice:
    """The choice that came true when a session that was to run at `choice.place` runs on `got`. Raises VersionError where it must not fall back."""
    if got == NAMES[choice.place]:
        return choice
    if asked != "auto" and not fall_back:
        raise VersionError(
            f"[serving] provider is {asked!r}, but the session runs on {got}: see that the GPU's driver and libraries are installed, set provider to "
            "cpu, or allow cpu_fallback"
        )
    place = next(place for place, name in NAMES.items() if name == got)  # without TensorRT's libraries a session still gets CUDA
    return _chosen(place, {**choice.reasons, choice.place: "did not start"})


def _chosen(place: Place, reasons: dict[Place, Reason]) -> Choice:
    return Choice(place, {one: "runs" if one == place else reasons.get(one, "not asked for") for one in NAMES})
