"""The field's detectors on the error stream: river's own words, the same after every restart, in bounded memory."""

import msgspec
import numpy as np
import pytest
from river.drift import ADWIN, KSWIN, PageHinkley
from river.drift.binary import DDM

from monitor.quality import cross_check
from monitor.quality.cross_check import DETECTORS, CrossCheck, ErrorStream


def losses(n: int, seed: int = 0) -> list[float]:
    """10 % errors, from the middle on 45 %."""
    rng = np.random.default_rng(seed)
    return [float(wrong) for wrong in rng.random(n) < np.where(np.arange(n) < n // 2, 0.1, 0.45)]


def test_each_says_what_river_says() -> None:
    stream, check = ErrorStream(), CrossCheck()
    made = (ADWIN(), PageHinkley(), DDM(), KSWIN(seed=1))  # type: ignore[no-untyped-call]  # ADWIN's constructor
    peers = dict(zip(DETECTORS, made, strict=True))
    counts = dict.fromkeys(DETECTORS, 0)
    for i, loss in enumerate(losses(800)):
        expected = []
        for name, peer in peers.items():
            peer.update(int(loss) if name == "DDM" else loss)
            if peer.drift_detected:
                expected.append(name)
                counts[name] += 1
        assert check.take("1", stream, loss, float(i)) == expected
    assert stream.alarms == {name: n for name, n in counts.items() if n}
    assert {"ADWIN", "DDM"} <= set(stream.alarms)
    assert all(at > 400 for name, at in stream.last_at.items() if name in ("ADWIN", "DDM"))


def test_a_restart_at_any_label_changes_nothing_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_check, "MOST", 200)
    whole, parts, check, again = ErrorStream(), ErrorStream(), CrossCheck(), CrossCheck()
    for i, loss in enumerate(losses(450, 1)):
        if i in (40, 150, 199, 200, 250, 350):
            parts, again = msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=ErrorStream), CrossCheck()
        assert check.take("1", whole, loss, float(i)) == again.take("1", parts, loss, float(i))
    assert whole == parts
    assert len(whole.losses) < 200


def test_many_versions_take_turns_and_a_stream_put_back_is_believed() -> None:
    check, streams = CrossCheck(), {version: ErrorStream() for version in "abcde"}
    alone, lonely = CrossCheck(), ErrorStream()
    for i, loss in enumerate(losses(120, 2)):
        for version, stream in streams.items():
            check.take(version, stream, loss, float(i))
        alone.take("e", lonely, loss, float(i))
        if i == 60:
            kept = msgspec.msgpack.encode(streams["e"]), msgspec.msgpack.encode(lonely)
    assert all(stream == lonely for stream in streams.values())
    back = msgspec.msgpack.decode(kept[0], type=ErrorStream)
    for i, loss in enumerate(losses(120, 2)[61:], 61):
        check.take("e", back, loss, float(i))
    assert back == lonely
