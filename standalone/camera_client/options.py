"""What was asked for on the command line of `keepsight-camera`, checked: what SOURCE is, and what goes with it."""

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from contracts.ids import checked_name
from standalone.camera_client.command_line import parser
from standalone.camera_client.connection import Server, server_of
from standalone.camera_client.errors import UsageError
from standalone.camera_client.folder import CapturedAt
from standalone.camera_client.shot import is_image

STREAM_SCHEMES: Final = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "tcp", "http", "https")
Kind = Literal["folder", "video", "stream"]


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `kind` is what SOURCE turned out to be; times in seconds."""

    server: Server
    camera: str
    source: str
    kind: Kind
    newest: bool
    rate_hz: float | None
    count: int | None
    deadline_ms: float | None
    loop: bool
    follow: bool
    done: Path | None
    resume: Path | None
    captured_at: CapturedAt
    starts_at: float | None
    quality: int
    max_side: int
    key_file: Path | None
    ca_file: Path | None
    cert_file: Path | None
    cert_key_file: Path | None
    timeout_s: float
    give_up_after_s: float
    prints: Literal["nothing", "answers", "summary"]
    quiet: bool

    @property
    def live(self) -> bool:
        """Whether the source has no end of its own."""
        return self.kind == "stream" or self.follow or self.loop

    @property
    def shown(self) -> str:
        """The source as it may be printed: without a user's name and password."""
        return without_secrets(self.source)


def options(argv: Sequence[str]) -> Options:
    """Parse and check. Exits on --help and on unknown options; raises UsageError."""
    said = parser().parse_args(argv)
    kind = kind_of(said.source)
    _check(said, kind)
    live = kind == "stream" or said.follow or said.loop
    try:
        camera = checked_name("--camera", said.camera)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Options(
        server=server_of(said.server),
        camera=camera,
        source=said.source,
        kind=kind,
        newest=(said.keep or ("newest" if kind == "stream" else "all")) == "newest",
        rate_hz=said.rate,
        count=said.count,
        deadline_ms=said.deadline_ms,
        loop=said.loop,
        follow=said.follow,
        done=said.done_folder,
        resume=said.resume,
        captured_at=said.captured_at or ("source" if said.follow else "now"),
        starts_at=_starts_at(said.starts_at),
        quality=said.jpeg_quality,
        max_side=said.max_side,
        key_file=said.key_file,
        ca_file=said.ca_file,
        cert_file=said.cert_file,
        cert_key_file=said.cert_key_file,
        timeout_s=said.timeout,
        give_up_after_s=said.give_up_after if said.give_up_after is not None else (math.inf if live else 300.0),
        prints=said.print,
        quiet=said.quiet,
    )


def kind_of(source: str) -> Kind:
    """What a SOURCE is. Raises UsageError."""
    scheme, there, _ = source.partition("://")
    if there:
        if scheme.lower() in STREAM_SCHEMES:
            return "stream"
        raise UsageError(f"SOURCE {without_secrets(source)!r}: {scheme}:// is not known; streams are {', '.join(STREAM_SCHEMES)}")
    if re.fullmatch(r"[0-9]{1,3}|/dev/video[0-9]+", source):
        return "stream"
    path = Path(source)
    if path.is_dir() or (path.is_file() and is_image(path.name)):
        return "folder"
    if path.is_file():
        return "video"
    raise UsageError(
        f"SOURCE {source!r} does not exist. Give a folder of images, a video file, a stream (rtsp://HOST/PATH) or a device's number (0)"
    )


def without_secrets(address: str) -> str:
    """An address without the user's name, password and query."""
    try:
        parts = urlsplit(address)
        if not parts.netloc:
            return address
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "...=..." if parts.query else "", ""))
    except ValueError:
        return address.partition("://")[0] + "://..."


def _check(said: argparse.Namespace, kind: Kind) -> None:
    for wrong, text in (
        (said.follow and kind != "folder", "--follow waits for new files of a folder; SOURCE is no folder"),
        (said.follow and Path(said.source).is_file(), "--follow waits for new files of a folder; SOURCE is one file"),
        (said.done_folder and kind != "folder", "--done-folder moves the files of a folder; SOURCE is no folder"),
        (said.loop and kind == "stream", "--loop begins a folder or video anew; a stream has no beginning"),
        (
            said.loop and (said.done_folder or said.resume or said.follow),
            "--loop sends the same frames for ever; leave --done-folder, --resume and --follow out",
        ),
        (
            said.loop and said.captured_at == "source",
            "--loop with --captured-at source would send the same capture times again and again",
        ),
        (said.resume and kind == "stream", "--resume goes on where a folder or video stopped; a stream cannot"),
        (
            said.keep == "newest" and kind == "folder" and not said.follow,
            "--keep newest is for frames that come while others wait: use it with --follow",
        ),
        (
            said.keep == "newest" and kind == "video" and (said.resume or said.loop),
            "--keep newest plays the video once, as if live; leave --resume and --loop out",
        ),
        (
            said.keep == "newest" and kind == "video" and said.captured_at == "source",
            "--keep newest plays the video as if live: captured now",
        ),
        (
            said.captured_at == "source" and kind == "stream",
            "a stream's frames are captured when they are seen; leave --captured-at out",
        ),
        (
            said.starts_at and (kind != "video" or said.captured_at != "source"),
            "--starts-at is for a video with --captured-at source",
        ),
        (said.cert_key_file and not said.cert_file, "--cert-key-file belongs to --cert-file: give both"),
    ):
        if wrong:
            raise UsageError(text)


def _starts_at(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"--starts-at is {text!r}; write it as 2026-01-31T08:00:00+01:00 or …Z")
    return moment.timestamp()
