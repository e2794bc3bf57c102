"""The stack: two servers, the monitor and retrain as processes of their own, on folders that are disks of their own where that is permitted."""

from pathlib import Path
from typing import Final

from benchmarks.faults.disks import Disk
from benchmarks.faults.garbage import BODY_S
from benchmarks.faults.garbage import CAMERA as GARBAGE
from benchmarks.faults.service import Service
from contracts.channels import Channels
from contracts.events import TOPICS
from contracts.log import open_bus
from contracts.ports import Bus
from contracts.repository import ModelRepository
from standalone.house import free_ports
from standalone.settings_file import Value, toml
from tests.small_model import LABELS, photographs, publish_small_version

MODEL: Final = "small"
SERVERS: Final = ("serving-1", "serving-2")
SITES: Final = ("hall", "yard")
_PHOTOGRAPHS: Final = 256
_SIZES_MIB: Final = {"log": 1024, "frames": 256, "serving-1": 64, "serving-2": 64, "monitor": 64, "retrain": 64}
"""Of the disks: room for ten minutes several times over."""
_SPOOL_BYTES: Final = 32 << 20


class House:
    """All of it below `folder`, which must be empty. `log` is a log's URL, "" for the embedded one. `mounted`: whether disks may be mounted."""

    def __init__(self, folder: Path, cameras: int, mounted: bool, seed: int, log: str = "") -> None:
        self.cameras = [f"cam-{number:02d}" for number in range(cameras)]
        pictures, truth = photographs(_PHOTOGRAPHS, seed)
        self.photographs = [(content, LABELS[int(which)]) for content, which in zip(pictures, truth, strict=True)]
        self.disks = {name: Disk(folder / name, size, mounted) for name, size in _SIZES_MIB.items()}
        self.log_folder = None if log else self.disks["log"].folder
        self.log = log or f"embedded://{self.log_folder}"
        self.frames = str(self.disks["frames"].folder)
        self.repository = ModelRepository(str(folder / "repository"))
        publish_small_version(self.repository.url, MODEL, reference=(pictures, [int(one) for one in truth]))
        self.channels: Channels = self.repository.channels(MODEL)
        """As they stood before."""
        ports = dict(zip(_SIZES_MIB, free_ports(len(_SIZES_MIB)), strict=True))
        self.services = {
            name: Service(name, module, self._settings(folder, name, module, ports[name]), ports[name], folder / f"{name}.log")
            for name, module in (*((server, "serving") for server in SERVERS), ("monitor", "monitor"), ("retrain", "retrain"))
        }

    @property
    def servers(self) -> list[Service]:
        """Those that answer frames."""
        return [self.services[name] for name in SERVERS]

    def bus(self) -> Bus:
        """The log, for one who looks on."""
        return open_bus(self.log, "faults")

    def start(self) -> None:
        """Start everything, and wait until it is ready."""
        bus = self.bus()
        bus.ensure_topics(TOPICS)
        bus.close()
        for service in self.services.values():
            service.start()
        for service in self.services.values():
            service.wait_ready()

    def stop(self) -> dict[str, int]:
        """SIGTERM in the order in which nothing is lost; the exit statuses."""
        return {name: service.stop() for name, service in self.services.items()}

    def close(self) -> None:
        """Leave nothing running and nothing mounted."""
        for service in self.services.values():
            service.thaw()
            service.kill()
        for disk in self.disks.values():
            disk.leave()

    def _settings(self, folder: Path, name: str, module: str, port: int) -> Path:
        cameras = {
            camera: {"site": SITES[number % len(SITES)], "stream": "items"}
            for number, camera in enumerate([*self.cameras, GARBAGE])
        }
        own: dict[str, dict[str, Value]] = {
            "serving": {
                "sample_share": 0.2,
                "spool_max_bytes": _SPOOL_BYTES,
                "frame_store_max_bytes": 128 << 20,
                "body_timeout_s": BODY_S,
                "report_interval_s": 5.0,
                "cameras": cameras,
            },
            "monitor": {"block_frames": 16, "frames_per_second": 3.0, "reports": False},
            "retrain": {},
        }
        content: dict[str, Value] = {
            "log": self.log,
            "repository": self.repository.url,
            "frame_store": self.frames,
            "state": str(self.disks[name].folder),
            "model": MODEL,
            module: {"port": port, **own[module]},
        }
        path = folder / f"{name}.toml"
        path.write_text(toml(content))
        return path
