"""Ten thousand damaged photographs through the road that every frame goes: each is a frame or the sender's error, and nothing grows or complains."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from contracts import frames
from contracts.errors import FrameError
from contracts.manifest import InputSpec
from serving import problems
from tests.mutations import mutated, whole

COUNT = 10_000
SPEC = InputSpec("image", 32, 32)
GROWTH = 50 << 20


def _answered(content: bytes) -> int:
    """The status that a frame is answered with, once a version is ready."""
    try:
        header = frames.inspect(content)
        pixels = frames.prepare(frames.decode(content, header), SPEC)
        statistics, _ = frames.measure(pixels)
    except FrameError as error:
        return problems.of_frame(error).status
    assert np.isfinite([statistics.luma_mean, statistics.noise, statistics.sharpness]).all()
    return 200


def _peak_bytes() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def test_the_photographs_themselves_are_answered() -> None:
    assert {_answered(content) for content in whole()} == {200}


def test_ten_thousand_damaged_photographs(capfd: pytest.CaptureFixture[str]) -> None:
    for content in mutated(200, seed=1):
        _answered(content)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    before = _peak_bytes()
    statuses = Counter(_answered(content) for content in mutated(COUNT, seed=2))
    assert statuses.keys() <= {200, 400, 415, 422}
    assert statuses[200] > COUNT / 20
    assert statuses[422] > COUNT / 4
    assert _peak_bytes() - before < GROWTH
    assert capfd.readouterr().err == ""
