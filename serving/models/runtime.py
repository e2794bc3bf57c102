"""ONNX Runtime as this server uses it: sessions for a version on the CPU or on GPUs, with the options that serving needs.

On the CPU one session serves every worker, each on its own thread; on GPUs there is one session a device, run by that device's one owner thread, and
workers are dealt out over the devices.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import onnxruntime as ort

from contracts.repository import MAX_BYTES, Version
from serving.models.acceptance import check_input
from serving.models.half import halved
from serving.models.model_file import check_model_file
from serving.models.owner import OwnedRunner, Owner
from serving.models.providers import NAMES, Choice, Place, Precision, Provider, choose, fallen_back
from serving.models.runners import BoundRunner, PlainRunner, Runner, buckets_to

Providers = list[str | tuple[str, dict[str, str]]]
_QUIET: Final = 3
"""ONNX Runtime's severity: errors only."""


@dataclass(frozen=True, slots=True)
class How:
    """Where and how models run; see the settings of the same names. `engines` is where TensorRT keeps what it compiled."""

    provider: Provider = "auto"
    max_batch: int = 8
    cpu_fallback: bool = False
    devices: tuple[int, ...] = (0,)
    precision: Precision = "full"
    cuda_graphs: bool = False
    gpu_memory_bytes: int = 0
    engines: Path | None = None
    max_model_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Opened:
    """A version's runners, one a device (one in all on the CPU), where they run, and how exact they are."""

    runners: tuple[Runner, ...]
    choice: Choice
    precision: Precision


class Runtime:
    """Opens versions. The devices' owner threads are started when first needed and serve every version."""

    def __init__(self, how: How) -> None:
        self.how = how
        self._owners: dict[int, Owner] = {}

    def open(self, version: Version) -> Opened:
        """Sessions for a version, its graph held to its manifest. Raises VersionError, or what ONNX Runtime raises."""
        how = self.how
        check_model_file(version.model, how.max_model_bytes)
        choice = choose(how.provider, ort.get_available_providers(), how.cpu_fallback)
        if choice.place != "cpu":
            _load_libraries()
            graphs = how.cuda_graphs and choice.place == "cuda"
            sessions = [self._session(version, choice.place, device) for device in how.devices]
            choice = fallen_back(choice, _worst(sessions), how.provider, how.cpu_fallback)
            if choice.place != "cpu":
                runners = [self._bound(version, one, device, graphs) for one, device in zip(sessions, how.devices, strict=True)]
                return Opened(tuple(runners), choice, how.precision)
        session = ort.InferenceSession(version.model, session_options(), providers=[NAMES["cpu"]])
        check_input(version.manifest, session)
        return Opened((PlainRunner(session, version.manifest),), choice, "full")

    def _session(self, version: Version, place: Place, device: int) -> Any:
        model = halved(version.model) if place == "cuda" and self.how.precision == "half" else version.model
        return ort.InferenceSession(model, session_options(), providers=providers(version, place, device, self.how))

    def _bound(self, version: Version, session: Any, device: int, graphs: bool) -> Runner:
        single = check_input(version.manifest, session)
        sizes = (1,) if single else buckets_to(self.how.max_batch)
        owner = self._owners.get(device) or self._owners.setdefault(device, Owner(device))
        return OwnedRunner(BoundRunner(session, version.manifest, sizes, "cuda", device, graphs), owner)


def session_options() -> Any:
    """One thread a call: the workers are the parallelism."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # A spinning pool doubles the CPU cost where cores are shared (measured: 62.7 against 16.4 ms a frame).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Bytes are judged as an ONNX model (see model_file); they must not be taken for the other format that ONNX Runtime reads.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = _QUIET
    return options


def providers(version: Version, place: Place, device: int, how: How) -> Providers:
    """ONNX Runtime's providers for a device, in order of preference, with their options."""
    cuda: tuple[str, dict[str, str]] = (
        NAMES["cuda"],
        {
            "device_id": str(device),
            # For every shape the exhaustive search took 10.1 s over 16 shapes, this 31 ms.
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
            "enable_cuda_graph": "1" if how.cuda_graphs and place == "cuda" else "0",
            **({"gpu_mem_limit": str(how.gpu_memory_bytes)} if how.gpu_memory_bytes else {}),
        },
    )
    if place == "cuda":
        return [cuda, NAMES["cpu"]]
    return [(NAMES["tensorrt"], _tensorrt(version, device, how)), cuda, NAMES["cpu"]]


def _tensorrt(version: Version, device: int, how: How) -> dict[str, str]:
    """One engine for all batch sizes, compiled for `max_batch`, kept in a folder of the model's digest and the precision."""
    spec = version.manifest.input
    options = {
        "device_id": str(device),
        "trt_fp16_enable": "1" if how.precision == "half" else "0",
        **{
            f"trt_profile_{name}_shapes": f"{spec.name}:{count}x{spec.height}x{spec.width}x3"
            for name, count in (("min", 1), ("opt", how.max_batch), ("max", how.max_batch))
        },
    }
    if how.engines is not None:
        folder = how.engines / f"{version.digest[:16]}-{how.precision}"
        folder.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder)}
        options |= {"trt_timing_cache_enable": "1", "trt_timing_cache_path": str(how.engines)}
    return options


@cache
def _load_libraries() -> None:
    """CUDA and cuDNN out of NVIDIA's Python packages, where keepsight[gpu] puts them; those of the system are found without."""
    ort.preload_dlls()


def _worst(sessions: list[Any]) -> str:
    """The provider of the session that got least of what was asked for."""
    order = list(NAMES.values())
    found = [session.get_providers()[0] for session in sessions]
    return max(found, key=order.index) if set(found) <= set(order) else NAMES["cpu"]
