"""The settings of serving: section [serving], variables KEEPSIGHT_SERVING_*."""

from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.events import Stream
from contracts.frames import MAX_BYTES, MAX_PIXELS
from contracts.ids import checked_name
from contracts.settings import ServiceSettings
from serving.models.providers import Precision, Provider

MIB: Final = 1 << 20
CameraName = Annotated[str, AfterValidator(lambda name: checked_name("camera", name))]


class Camera(BaseModel):
    """A camera that may send frames.

    `stream` says what its frames are: `items` (each a new object, as on an inspection line) or `video` (each like the one before).
    An `audit` camera is scored and logged, never stored, never judged and never trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    stream: Stream = "items"
    audit: bool = False
    newest_wins: bool | None = Field(None, description="Whether only its newest frame waits, instead of newest_wins.")
    rate: float | None = Field(None, ge=0, description="Frames a second that it may send, instead of camera_rate.")
    burst: int | None = Field(None, ge=1, description="Frames that it may send at once, instead of camera_burst.")


class ServingSettings(ServiceSettings):
    """What the inference server is told."""

    section: ClassVar[str] = "serving"

    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        8080, ge=0, le=65_535, description="The port to listen on; 0 takes a free one and logs it as serving_listens."
    )
    keys_file: Path | None = Field(
        None,
        description="The keys of those who may ask, made with `keepsight key new`; read again when it changes. See docs/security.md.",
    )
    open: bool = Field(
        False,
        description="Answer anyone who reaches the port: without keys_file or tls_client_ca_file, needed to listen beyond 127.0.0.1.",
    )
    tls_cert_file: Path | None = Field(
        None, description="The server's certificate chain (PEM): TLS instead of plain HTTP; read again when it changes."
    )
    tls_key_file: Path | None = Field(None, description="The key of tls_cert_file (PEM, without a passphrase).")
    tls_client_ca_file: Path | None = Field(
        None, description="CA certificates (PEM): only clients with a certificate of theirs may connect (mutual TLS)."
    )
    health_host: str = Field("127.0.0.1", description="The address of health_port.")
    health_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="A second port with /livez, /readyz and /metrics alone, in plain HTTP and without keys: for probes that have no certificate.",
    )
    cameras: dict[CameraName, Camera] = Field(
        {},
        description='The cameras that may send frames: a table [serving.cameras.NAME] each, with site="…", stream="items" or "video", audit=false.',
    )
    workers: int = Field(2, ge=1, le=64, description="Threads that decode, and on a CPU infer.")
    provider: Provider = Field(
        "auto",
        description="Where the model runs. auto: CUDA where ONNX Runtime has it and it starts, else CPU. Asked for and not there: never ready.",
    )
    cpu_fallback: bool = Field(
        False,
        description="Run on CUDA or else on the CPU where what provider asks for cannot be used, instead of never being ready.",
    )
    devices: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, max_length=16, description="The numbers of the GPUs to run on; workers are dealt out over them."
    )
    precision: Precision = Field(
        "full",
        description="half: 16-bit floats on GPUs, several times as fast. Versions must have golden frames, and answer them as in full precision.",
    )
    cuda_graphs: bool = Field(
        False,
        description="On CUDA, replay each batch size as one CUDA graph: less time between kernels. Models that do not run there throughout are refused.",
    )
    gpu_memory_bytes: int = Field(
        0, ge=0, description="Bytes of each GPU's memory that a version may take for its work; 0: no limit."
    )
    max_model_bytes: int = Field(2**31 - 1, ge=1024, le=2**31 - 1, description="The largest file of a version that is loaded.")
    max_batch: int = Field(
        8, ge=1, le=1024, description="The most frames that a worker takes at once, and in one run of the model on a GPU."
    )
    max_wait_s: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How long a worker holds a batch open for more frames. Worth some milliseconds on a GPU, nothing on a CPU.",
    )
    queue_limit: int = Field(
        64,
        ge=1,
        description="Frames that may wait for a worker; more are answered 429. A camera may hold as many slots as are free: alone half of them.",
    )
    newest_wins: bool = Field(
        False,
        description="Of each camera only the newest frame waits for a worker; the one whose place it takes is answered 429. For live video.",
    )
    v2_camera: str = Field(
        "",
        description="The camera whose frames those are that come over the Open Inference Protocol (/v2) and name none; none: they are refused.",
    )
    trace_endpoint: str = Field(
        "",
        description="Where traces of requests go: an OpenTelemetry collector's OTLP/HTTP address, such as http://collector:4318/v1/traces; none: "
        "no traces. Needs keepsight[tracing]; see docs/tracing.md.",
    )
    trace_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="The share of requests that is traced, of those without a `traceparent`; a camera that sends one says whether it traces.",
    )
    default_deadline_s: float = Field(
        10.0, gt=0, le=600, description="How long a frame may wait for a worker when the request gives no deadline_ms; then 429."
    )
    max_body_bytes: int = Field(MAX_BYTES, ge=1024, description="The largest request body.")
    max_pixels: int = Field(
        9_000_000,
        ge=64,
        le=MAX_PIXELS,
        description="The most pixels that a frame may claim: 4K of either kind by default. What one costs grows with it, see docs/security.md.",
    )
    body_timeout_s: float = Field(10.0, gt=0, description="How long a request body may take to arrive; then 408.")
    head_timeout_s: float = Field(
        10.0, gt=0, description="How long a connection may take to send a request's head; then 408, and it is closed."
    )
    keep_alive_s: float = Field(
        75.0, gt=0, description="How long a connection may idle between requests; longer than cameras pause."
    )
    max_connections: int = Field(2048, ge=1, description="Connections that may be open; more are answered 429 and closed.")
    camera_rate: float = Field(0.0, ge=0, description="Frames a second that a camera may send, on average; then 429. 0: no limit.")
    camera_burst: int = Field(10, ge=1, description="Frames that a camera may send at once within its rate.")
    sample_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="The share of each camera's frames kept for labelling, drawn uniformly: what realised quality is measured on.",
    )
    uncertain_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="The share of each camera's frames kept beside those because the model was least confident of them.",
    )
    frame_store_max_bytes: int = Field(
        10 << 30, ge=0, description="Bytes that this model's stored frames may take; the oldest hours go first."
    )
    frame_store_max_days: float = Field(30.0, gt=0, description="Days that stored frames are kept, and can be labelled.")
    spool_max_bytes: int = Field(
        256 * MIB,
        ge=MIB,
        description="Bytes of events kept on disk (under `state`) while the log is away; beyond it events are dropped and counted.",
    )
    poll_interval_s: float = Field(0.5, gt=0, le=60, description="How often the model's channels are looked at.")
    report_interval_s: float = Field(
        15.0,
        gt=0,
        le=20,
        description="How often the versions in service and how they fare are told on the log; a change at once. A version that fails is taken back this late.",
    )
    shadow: bool = Field(True, description="Score frames with the channels' shadow version too, after the answer.")
    shadow_queue_limit: int = Field(
        256, ge=1, description="Frames that may wait for the shadow version; more are dropped from it and counted."
    )
    stop_delay_s: float = Field(
        0.5,
        ge=0,
        le=60,
        description="After SIGTERM: how long /readyz already says no while frames are still answered and connections end.",
    )
    drain_s: float = Field(
        10.0, ge=0, le=600, description="After SIGTERM: how long to wait for the log to take the spool's events."
    )

    @property
    def newest_wins_of(self) -> frozenset[str]:
        """The cameras of which only the newest frame waits."""
        return frozenset(
            name
            for name, camera in self.cameras.items()
            if (self.newest_wins if camera.newest_wins is None else camera.newest_wins)
        )
