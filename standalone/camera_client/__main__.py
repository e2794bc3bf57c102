"""`keepsight-camera`: reads the command line, wires source, connection and clock, and ends with a summary and an exit status."""

import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from standalone.camera_client.clock import WallClock
from standalone.camera_client.connection import Connection, trust
from standalone.camera_client.console import Console
from standalone.camera_client.courier import Courier, Delivery
from standalone.camera_client.errors import CameraError, UsageError
from standalone.camera_client.options import Options, options
from standalone.camera_client.run import Pace, Run, line_of
from standalone.camera_client.shot import Shot
from standalone.camera_client.sources import source_of
from standalone.camera_client.tally import told

KEY_VARIABLE: Final = "KEEPSIGHT_CAMERA_KEY"
_SOME_REFUSED: Final = 1
_INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Send the frames. Returns the exit status."""
    clock = WallClock()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: _stop(clock, caught))
    try:
        return _run(options(sys.argv[1:] if argv is None else argv), clock)
    except CameraError as error:
        sys.stderr.write(f"keepsight-camera: {error}\n")
        return error.status


def key_of(key_file: Path | None) -> str:
    """The bearer key, "" where there is none. Raises UsageError; never shows it."""
    if key_file is None:
        return _checked(os.environ.get(KEY_VARIABLE, ""), KEY_VARIABLE)
    try:
        return _checked(key_file.read_text(), str(key_file)) or _no_key(key_file)
    except OSError as error:
        raise UsageError(f"--key-file {key_file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--key-file {key_file} is no text; it holds the key alone") from None


def _run(chosen: Options, clock: WallClock) -> int:
    console = Console(chosen.camera, quiet=chosen.quiet)
    rng = random.Random(chosen.camera)  # the cameras of a hall draw different waits
    key = partial(key_of, chosen.key_file)
    if key() and not chosen.server.secure and chosen.server.host not in ("127.0.0.1", "localhost", "::1"):
        console.say(f"the key travels in clear to {chosen.server.url}: use https://")
    tls = partial(trust, chosen.ca_file, chosen.cert_file, chosen.cert_key_file) if chosen.server.secure else None
    if tls:
        tls()  # what is wrong with the files is said before anything is opened
    with (
        closing(source_of(chosen, clock, rng, console.say)) as source,
        closing(Connection(chosen.server, chosen.timeout_s, tls)) as connection,
    ):

        def heard(shot: Shot, delivery: Delivery) -> None:
            if chosen.prints == "answers":
                _print(line_of(shot, delivery), clock)
            if not delivery.answered and run.tally.refusals[delivery.problem] == 1:
                console.say(
                    f"{shot.name} is refused ({delivery.problem}): {delivery.detail}. Further ones of this kind are counted"
                )
            console.progress(run, clock.elapsed())

        courier = Courier(connection, clock, rng, chosen.give_up_after_s, console.say, key)
        run = Run(chosen.camera, source, courier, Pace(chosen.rate_hz, chosen.count, chosen.deadline_ms), clock, heard)
        status = 0
        try:
            run.go()
        except CameraError as error:
            console.say(str(error))
            status = error.status
        if source.hint:
            console.say(source.hint)
    facts = run.facts()
    console.say(told(facts))
    if chosen.prints == "summary":
        _print(json.dumps({"camera": chosen.camera, **facts}), clock)
    if status:
        return status
    if not run.finished and not chosen.live:
        return _INTERRUPTED
    return _SOME_REFUSED if run.tally.refused or source.left_out else 0


def _stop(clock: WallClock, number: int) -> None:
    """End in order; asked a second time, at once."""
    clock.stop()
    signal.signal(number, signal.SIG_DFL)


def _print(line: str, clock: WallClock) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has left, as `head` does: nothing is left to do
        clock.stop()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _checked(text: str, where: str) -> str:
    key = text.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{where} holds no key: a key is one word of printable ASCII")
    return key


def _no_key(key_file: Path) -> str:
    raise UsageError(f"--key-file {key_file} is empty; it holds the key alone")


if __name__ == "__main__":
    sys.exit(main())
