"""A request's own stages: observed, in its trace if it has one, and no reply where no worker decided anything."""

import time

from serving.telemetry.stages import RequestStages
from serving.telemetry.trace import Trace
from tests.unit.serving import parts


def test_stages_are_observed_and_traced() -> None:
    instruments, traced = parts.instruments(), Trace(None)
    stages, begun = RequestStages(instruments), time.perf_counter()
    read_at = stages.read(begun, traced)
    stages.read(begun, None)
    stages.replied(read_at, traced)
    stages.replied(0.0, traced)
    assert parts.stages(instruments) == {"read": 2, "reply": 1}
    read, reply = traced.stages
    assert (read.name, read.start, read.end) == ("read", begun, read_at)
    assert (reply.name, reply.start) == ("reply", read_at)
    assert reply.end >= read_at >= begun
