"""How the demo's services are set: the production services, with time compressed into minutes and the line's three cameras and audit camera."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from standalone.house import STOPPING_ORDER
from standalone.scenario import AUDIT_CAMERA, CAMERAS, SITE
from standalone.settings_file import Value, toml
from standalone.supervisor import Name

MODEL: Final = "cells"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run keeps what. All below `out`, which git ignores."""

    out: Path

    @property
    def run(self) -> Path:
        """What only this run needs; emptied before each."""
        return self.out / "run"

    @property
    def logs(self) -> Path:
        """The services' logs."""
        return self.out / "logs"

    @property
    def kept(self) -> Path:
        """What runs share: first versions and cached features."""
        return self.out / "kept"

    @property
    def repository(self) -> Path:
        """The model repository."""
        return self.run / "repository"

    @property
    def frames(self) -> Path:
        """The frame store."""
        return self.run / "frames"

    @property
    def state(self) -> Path:
        """What the services remember."""
        return self.run / "state"

    @property
    def settings(self) -> Path:
        """The settings file of all three services."""
        return self.run / "keepsight.toml"


def write(folders: Folders, log: str, ports: Mapping[Name, int], seed: int) -> None:
    """Write the run's settings file."""
    folders.run.mkdir(parents=True, exist_ok=True)
    folders.settings.write_text(toml(content(folders, log, ports, seed)))


def content(folders: Folders, log: str, ports: Mapping[Name, int], seed: int) -> dict[str, Value]:
    """Shared keys, then a section for each service."""
    cameras: dict[str, Value] = {
        name: {"site": SITE, "stream": "items", "audit": name == AUDIT_CAMERA} for name in (*CAMERAS, AUDIT_CAMERA)
    }
    sections: dict[str, dict[str, Value]] = {
        "serving": {**SERVING, "cameras": cameras},
        "monitor": MONITOR,
        "retrain": {**RETRAIN, "seed": seed},
    }
    return {
        "log": log,
        "repository": str(folders.repository),
        "frame_store": str(folders.frames),
        "state": str(folders.state),
        "model": MODEL,
        **{name: {"port": ports[name], **sections[name]} for name in STOPPING_ORDER},
    }


SERVING: Final[dict[str, Value]] = {
    "sample_share": 0.7,  # an inspector who labels most cells, so that a minute gives what takes days at five per cent
    "uncertain_share": 0.02,
    "poll_interval_s": 0.3,
}
MONITOR: Final[dict[str, Value]] = {
    "block_frames": 16,  # under three seconds of a camera
    "frames_per_second": 6.0,
    "quiet_blocks": 4,
    "confirm_blocks": 6,  # a module's twenty cells may differ for two blocks; a new product stays
    "lone_blocks": 12,
    "label_tolerance": 0.05,
    "label_class_tolerance": 0.2,  # version 2's benchmark mixes both kinds of cell, the line shows one
    "label_arl": 1e6,  # the demo posts eight labels a second: six thousand would be twelve minutes
    "labels_for_verdict": 20,
    "merge_wait_s": 0.5,
}
RETRAIN: Final[dict[str, Value]] = {
    "tick_s": 0.3,
    "cooldown_s": 0.0,
    "labels_wanted": 400,  # half of them train, a fifth tunes, three tenths judge
    "min_train_per_class": 120,  # a third of 640 cells is defective, and three fifths of those train
    "techniques": "head_only",  # seconds; fine-tuning on two cores that the server needs too takes many minutes
    "threads": 1,  # two cores are shared with the server
    "shadow_frames": 60,
    "shadow_s": 4.0,
    "canary_shares": [0.5, 0.85],  # one camera, then two
    "canary_frames": 30,
    "canary_s": 4.0,
    "watch_frames": 100,
    "watch_s": 8.0,
    "camera_live_s": 15.0,
    "shadow_previous_after_stable": True,  # the old champion goes on in the shadow, for the proof
}
