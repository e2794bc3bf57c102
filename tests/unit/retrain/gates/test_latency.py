"""CPU time of sessions, turn by turn."""

import numpy as np

from retrain.gates.latency import in_turn, measured


class Recorder:
    """Stands where a session stands, and writes down when it was asked."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name, self.calls = name, calls

    def run(self, frames: list[np.ndarray]) -> None:
        assert len(frames) == 1
        self.calls.append(self.name)


def test_turns_alternate_and_every_run_is_timed() -> None:
    calls: list[str] = []
    frames = [np.zeros((8, 8, 3), np.uint8)] * 2
    before, after = measured(Recorder("a", calls), Recorder("b", calls), frames, runs=6)  # type: ignore[arg-type]  # only `run` is used
    assert before.shape == after.shape == (6,)
    assert (before >= 0).all()
    assert calls.count("a") == calls.count("b") == 9
    assert {calls[i] + calls[i + 1] for i in range(0, 18, 2)} == {"ab", "ba"}


def test_any_number_of_sessions_take_turns_each_with_its_own_frames() -> None:
    calls: list[str] = []
    frames = [[np.zeros((side, side, 3), np.uint8)] * side for side in (1, 2, 3)]
    seconds = in_turn([Recorder(name, calls) for name in "abc"], frames, runs=4)  # type: ignore[arg-type]  # only `run` is used
    assert seconds.shape == (3, 4)
    assert [calls[i] + calls[i + 1] + calls[i + 2] for i in range(0, 21, 3)] == ["abc", "cba"] * 3 + ["abc"]
