"""The settings of the monitor: section [monitor] of the settings file, `KEEPSIGHT_MONITOR_*`, and the command line."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from contracts.settings import ServiceSettings
from monitor.items.watch import CHUNK
from monitor.policy import Policy
from monitor.quality import burst


class MonitorSettings(ServiceSettings):
    """What an operator may set."""

    section: ClassVar[str] = "monitor"

    host: str = Field(
        "127.0.0.1", description="Address that /livez, /readyz, /metrics, /v1/state, the reports and the console answer on."
    )
    port: int = Field(8081, ge=0, le=65_535, description="Port of them; 0 takes a free one.")
    keys_file: Path | None = Field(
        None,
        description="The keys of those who may ask, made with `keepsight key new`; read again when it changes. It may be serving's. See docs/security.md.",
    )
    open: bool = Field(
        False, description="Answer anyone who reaches the port: without keys_file, needed to listen beyond 127.0.0.1."
    )
    health_host: str = Field("127.0.0.1", description="The address of health_port.")
    health_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="A second port with /livez, /readyz and /metrics alone and without keys: for probes and scrapers that have none.",
    )
    block_frames: int = Field(
        64,
        ge=2 * CHUNK,
        le=4096,
        description=f"Frames of a camera that are judged together; a multiple of {CHUNK}. Smaller answers sooner, larger sees less.",
    )
    pages_per_camera_month: float = Field(
        1.0,
        gt=0,
        description="False alarms that a camera may cost in a month; every unlabelled channel's limit is calibrated to its share of it.",
    )
    frames_per_second: float = Field(
        1.0, gt=0, description="Frames that a camera sends in a second, about: turns the month into blocks."
    )
    confirm_blocks: int = Field(
        4,
        ge=1,
        description="Blocks in a row above a limit that confirm a camera's drift, where another camera of the site shows it, too.",
    )
    lone_blocks: int = Field(12, ge=1, description="Blocks in a row that confirm it where the other cameras of the site are quiet.")
    quiet_blocks: int = Field(
        6, ge=1, description="Quiet blocks of every affected camera that close an incident after another version took over."
    )
    recovered_blocks: int = Field(30, ge=1, description="Quiet blocks that close a drift incident when the version stayed.")
    fault_frames: int = Field(12, ge=3, le=2 * CHUNK, description="Frames in a row with one symptom that make it a camera fault.")
    healthy_frames: int = Field(32, ge=3, description="Frames in a row without a symptom that close a camera fault.")
    silence_s: float = Field(
        120.0, gt=0, description="Seconds without a frame, while other cameras send, that make a camera silent."
    )
    clock_skew_s: float = Field(60.0, gt=0, description="Seconds between capture and receipt that make a camera's clock wrong.")
    reminder_hours: float = Field(
        24.0, gt=0, description="Hours after which an open incident that nobody has acknowledged is told again, in event time."
    )
    away_days: float = Field(
        7.0,
        gt=0,
        description="Days without a frame of any of its cameras that close an incident: nothing can be said of it any more.",
    )
    false_alarm_days: float = Field(
        90.0,
        gt=0,
        description="Days for which what a person marked as a false alarm keeps the limits of its channels raised above it, in event time.",
    )
    label_tolerance: float = Field(
        0.02, ge=0, lt=1, description="Error above the benchmark's upper bound that is accepted, in [0, 1): 0.02 is two points."
    )
    label_class_tolerance: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="The same for each class's own error, in [0, 1). Raise it where classes are harder on one kind of frame than on another: "
        "the benchmark knows only their mix.",
    )
    label_arl: float = Field(
        6000.0,
        gt=1,
        description="Labels between false label alarms, on average and at least (guaranteed): labels a day x days of budget.",
    )
    labels_for_verdict: int = Field(20, ge=1, description="Labels of a version before the label channel gives a verdict.")
    label_cross_check: bool = Field(
        True,
        description="Whether ADWIN, Page-Hinkley, DDM and KSWIN (river) look at the labels, too: shown, never paging. Takes 170 MiB from the first label.",
    )
    label_frame_loss: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Of detection models: the mean loss of a frame (1 - F1 of its boxes at IoU 0.5 and scores of the manifest's `threshold`) that is "
        "tolerated; above it the label channel alarms. 0: the benchmark's upper bound and `label_tolerance`; without a benchmark labels are counted only.",
    )
    burst_labels: int = Field(
        200,
        ge=50,
        le=burst.MOST,
        description="Labels of uniformly sampled frames that a drift incident asks for when an estimate of accuracy is over its limit: they confirm "
        "the harm, or not. 200 show a rise of the error by ten points, 500 one by five.",
    )
    burst_alpha: float = Field(
        0.01, gt=0, lt=1, description="Probability at most that such a burst confirms a harm that is not there (guaranteed)."
    )
    reports: bool = Field(
        True,
        description="Whether drift and label incidents get a report, made by Evidently in a process of its own: see docs/reports.md.",
    )
    report_frames: int = Field(
        2000,
        ge=100,
        le=50_000,
        description="Frames at most that a report lays out, the newest of the incident. Its distances count all of them.",
    )
    reports_kept: int = Field(30, ge=1, le=10_000, description="Reports kept on disk, some 6 MB each; the oldest go first.")
    state_url: str = Field(
        "",
        repr=False,
        description="PostgreSQL for the state instead of the folder `state`, where monitors of one model run on several hosts: "
        "postgresql://user@host:5432/database. See docs/replicas.md.",
    )
    state_password: str = Field("", repr=False, description="Password of its user. Better as a secret file: see docs/settings.md.")
    merge_wait_s: float = Field(
        1.0, ge=0, description="Seconds that an event waits for earlier ones of other partitions. Verdicts come so much later."
    )
    save_every_s: float = Field(
        1.0,
        gt=0,
        description="Seconds between savings of state and offsets; a large fleet's come up to ten apart. Verdicts are saved and sent at once.",
    )

    @field_validator("block_frames")
    @classmethod
    def _whole_chunks(cls, value: int) -> int:
        if value % CHUNK:
            raise ValueError(f"must be a multiple of {CHUNK}, for instance {value // CHUNK * CHUNK + CHUNK}")
        return value

    def policy(self) -> Policy:
        """The numbers that verdicts follow, as plain values."""
        return Policy(**{name: getattr(self, name) for name in Policy.__dataclass_fields__})
