"""The command line of `keepsight-camera`: its options and its help."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

ABOUT: Final = """\
Sends frames to Keepsight's serving as one camera: each waits for the answer of the one before, busy and absent servers are tried again.

SOURCE is a folder of JPEG, PNG or WebP files (or one such file), a video file, a stream (rtsp://, http:// with MJPEG, ...) or the number of a device (0).
A SOURCE or option may stand in a file, a line each, and be given as @FILE: so a stream's password stays out of the list of processes.
"""
EXAMPLES: Final = """\
examples:
  keepsight-camera --server http://127.0.0.1:8080 --camera belt-1 photographs/
  keepsight-camera --server https://serving --camera gate --key-file gate.key --rate 2 rtsp://10.0.0.7/live
  keepsight-camera --server https://serving --camera belt-1 --follow --done-folder sent/ /srv/ftp/belt-1
  keepsight-camera --server http://127.0.0.1:8080 --camera belt-1 --resume belt-1.at --print answers clip.mp4 > answers.ndjson

exit status:
  0  every frame was answered; or a live source was ended by SIGINT or SIGTERM
  1  serving refused some frames (the summary says why), the others were answered
  2  the command line, or a file that it names, is wrong
  3  serving did not answer within --give-up-after: start again when it does (--resume goes on where this stopped)
  4  serving will never take this camera's frames: its name, its key, the address or the certificate is wrong
  5  the folder, video or stream gives no frames
  130  ended by SIGINT or SIGTERM before the end of a folder or file
"""


def _number(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return value

    return number


def _whole(low: int, high: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    return whole_number


def parser() -> argparse.ArgumentParser:
    """The parser, with every option in its group."""
    line = argparse.ArgumentParser(
        prog="keepsight-camera",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
        allow_abbrev=False,
    )
    line.add_argument("source", metavar="SOURCE", help="folder, image, video file, stream or device; see above")
    add = line.add_argument_group("where to").add_argument
    add("--server", required=True, metavar="URL", help="serving's address, http://HOST:PORT or https://HOST")
    add("--camera", required=True, metavar="NAME", help="the camera's name, as it stands in serving's settings")
    add(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="the camera's key (bearer token); without it the variable KEEPSIGHT_CAMERA_KEY, if set",
    )
    add("--ca-file", type=Path, metavar="FILE", help="authorities (PEM) to believe instead of the system's")
    add("--cert-file", type=Path, metavar="FILE", help="this camera's certificate (PEM), where serving asks for one")
    add(
        "--cert-key-file",
        type=Path,
        metavar="FILE",
        help="the key of --cert-file (PEM, no password), if it is not in the same file",
    )
    add = line.add_argument_group("which frames").add_argument
    add(
        "--rate",
        type=_number(1e-4, 1e4),
        metavar="FPS",
        help="at most so many a second (default: as fast as they come and are answered)",
    )
    add("--count", type=_whole(1, 10**12), metavar="N", help="end after N frames")
    add(
        "--keep",
        choices=("all", "newest"),
        help="while serving is slow or away: all frames wait their turn (default for folders and files), or the newest only (default for streams). "
        "A stream keeps at most 64 MiB with all; a video with newest plays at its own speed, as if live",
    )
    add("--loop", action="store_true", help="begin a folder or video anew at its end")
    add(
        "--follow",
        action="store_true",
        help="after the last file wait for new ones, whose names must sort after it unless --done-folder is given",
    )
    add(
        "--done-folder",
        type=Path,
        metavar="DIR",
        help="move each file there when it was answered (DIR/refused, DIR/skipped: the others)",
    )
    add("--resume", type=Path, metavar="FILE", help="keep in FILE how far it went; go on from there if FILE is there")
    add = line.add_argument_group("what they are").add_argument
    add(
        "--captured-at",
        choices=("now", "source"),
        help="now: when the frame is taken up (default); source: a file's EXIF time or else its time of change (default with --follow), "
        "a video's clock. The monitor calls it a wrong clock when frames come more than a minute after their capture",
    )
    add(
        "--starts-at",
        metavar="TIME",
        help="when a video began, as 2026-01-31T08:00:00+01:00 (default: its time of change less its length)",
    )
    add(
        "--jpeg-quality",
        type=_whole(1, 100),
        default=90,
        metavar="Q",
        help="of frames from videos and streams, 1 to 100 (default 90); files are sent as they are",
    )
    add(
        "--max-side",
        type=_whole(0, 65_535),
        default=0,
        metavar="PX",
        help="shrink frames of videos and streams to this longer side (default 0: do not)",
    )
    add = line.add_argument_group("patience").add_argument
    add(
        "--deadline-ms",
        type=_number(1, 600_000),
        metavar="MS",
        help="serving need not begin a frame that waited longer (default: serving's own)",
    )
    add("--timeout", type=_number(0.1, 3600), default=30.0, metavar="S", help="how long to wait for an answer (default 30)")
    add(
        "--give-up-after",
        type=_number(0, 1e9),
        metavar="S",
        help="end when nothing was answered for so long (default: 300; live and followed sources: never)",
    )
    add = line.add_argument_group("what to say").add_argument
    add(
        "--print",
        choices=("nothing", "answers", "summary"),
        default="nothing",
        help="on standard output: a line of JSON for each answer or refusal, or one for the whole run at its end (default nothing)",
    )
    add("--quiet", action="store_true", help="no progress on standard error; messages and the summary stay")
    return line
