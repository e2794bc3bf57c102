"""From the options to the source of frames that they ask for."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from standalone.camera_client.clock import Clock
from standalone.camera_client.cursor import Cursor
from standalone.camera_client.folder import Folder, Ways
from standalone.camera_client.latest import Live
from standalone.camera_client.options import Options
from standalone.camera_client.shot import Source
from standalone.camera_client.video import Encoding, Video, played, watched


def source_of(chosen: Options, clock: Clock, rng: random.Random, say: Callable[[str], None]) -> Source:
    """The source, opened as far as it can be now. `say` tells a person. Raises SourceError and UsageError."""
    path, encoding = Path(chosen.source), Encoding(chosen.quality, chosen.max_side)
    cursor = Cursor(chosen.resume, chosen.camera, str(path.resolve())) if chosen.resume else None
    if chosen.kind == "folder":
        ways = Ways(chosen.follow, chosen.newest, chosen.loop, chosen.done, chosen.captured_at)
        return Folder(path, ways, clock, say, cursor)
    if chosen.kind == "stream":
        address = int(chosen.source) if chosen.source.isdigit() else chosen.source
        watch = partial(watched, address, chosen.shown, encoding, clock)
        return Live(watch, clock, rng, say, newest=chosen.newest, give_up_after_s=chosen.give_up_after_s)
    if chosen.newest:
        return Live(partial(played, path, encoding, clock), clock, rng, say, once=True)
    return Video(path, encoding, clock, captured_at=chosen.captured_at, starts_at=chosen.starts_at, loop=chosen.loop, cursor=cursor)
