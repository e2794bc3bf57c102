"""SIGTERM under full load: every frame that was taken is answered, every answer is in the log, and the process ends with 0."""

import time
from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import Sending
from benchmarks.serving.servers import Ours
from contracts.events import FRAMES as TOPIC
from contracts.events import FrameScored

PART: Final = "sigterm"
CAVEATS: Final = (
    "sigterm: 32 connections that ask as soon as they are answered. Cut is a frame whose event is in the log and whose answer did not come; a request whose "
    "connection ended before the server took it is counted apart: its client sends it elsewhere.",
)
_CONNECTIONS: Final = 32


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, once."""
    ground = Ground(material.lite0())
    cut, ended, statuses, untaken, refused = [], [], [], [], []
    for _ in range(1 if quick else 3):
        ours = Ours(ground.repository)
        try:
            house = ours.process
            with Sending(ours.order(ground.frames, _CONNECTIONS, 6.0), ours.tree) as sending:
                time.sleep(2.0)
                begun = time.monotonic()
                house.signal()
                statuses.append(float(house.ended()))
                ended.append(time.monotonic() - begun)
            cut.append(float(abs(len(house.logged(TOPIC, FrameScored)) - len(sending.outcome.good))))
            untaken.append(float(sending.outcome.seen.broken))
            refused.append(float(len(sending.outcome.seen.answers) - len(sending.outcome.good)))
        finally:
            ours.stop()
    return [
        figure(PART, "frames that were cut", "", cut, Goal(at_most=0)),
        figure(PART, "exit status", "", statuses, Goal(at_most=0)),
        figure(PART, "requests refused", "", refused, Goal(at_most=0)),
        figure(PART, "requests not taken", "", untaken),
        figure(PART, "from the signal to the end", "s", ended),
    ]
