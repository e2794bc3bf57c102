"""The held-out replay: its streams, its count by the desks' own rules, its figure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.baseline import Baseline
from contracts.events import IncidentOpened
from contracts.repository import ModelRepository
from monitor.detectors import bootstrap
from monitor.items.reference import Budget, calibrate, rows_of
from monitor.items.replay import Replay, held_out, openings, worst_ratios
from monitor.items.watch import Watch
from monitor.standard import overspent
from tests.laws.test_detectors import MANIFEST, baseline, rows
from tests.monitor_house import POLICY, House
from tests.monitor_line import MODEL, Line, other, usual

BUDGET = Budget(1.0, 1.0, 32)


@pytest.mark.parametrize(
    ("blocks", "opened"),
    [("....", 0), ("#.#.#.", 0), ("##", 1), ("######", 1), ("##.##", 1), ("##..##", 2), ("##.#.##", 1), ("", 0), ("##..#..##", 2)],
)
def test_an_incident_opens_after_two_blocks_above_and_again_after_two_quiet_ones(blocks: str, opened: int) -> None:
    assert openings(np.array([mark == "#" for mark in blocks]), confirm=2, recover=2) == opened


def test_the_count_is_what_the_judge_opens(tmp_path: Path) -> None:
    """One camera, drifting in spells of all lengths; each block's ratio is the watch's own."""
    line = Line(tmp_path)
    house, above = House(line), []
    for length in (16, 48, 64, 160, 16, 96):
        for pool, frames in ((other(), length), (usual(), 160)):
            for frame in line.pass_by(("cam-1",), frames, pool):
                watch = house.memory.watches.get(("cam-1", "1"))
                blocks = watch.blocks if watch else 0
                house.see([frame])
                watch = house.memory.watches[("cam-1", "1")]
                if watch.blocks > blocks:
                    above.append(watch.worst >= 1)
    opened = sum(isinstance(word, IncidentOpened) for word in house.said)
    assert opened == openings(np.array(above), POLICY.confirm_blocks, POLICY.recovered_blocks)
    assert opened > 1


def test_the_interval_is_garwood_s() -> None:
    assert Replay(0, 2.0).interval() == pytest.approx((0.0, 3.688879 / 2))
    assert Replay(5, 1.0).interval() == pytest.approx((1.623486, 11.668332))
    assert Replay(3, 2.0).rate == 1.5


def test_a_stream_is_its_pieces_one_after_another_cut_into_blocks() -> None:
    features = np.random.default_rng(0).normal(size=(90, 3))
    pieces: list[NDArray[np.intp]] = [np.arange(0, 7), np.arange(20, 33), np.arange(40, 41), np.arange(60, 90)]
    told = bootstrap.stream(bootstrap.running_sums(features), pieces, 12, 16, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    naive = np.concatenate([features[pieces[i]] for _ in range(4) for i in rng.permutation(4)])[: 12 * 16]
    assert told == pytest.approx(naive.reshape(12, 16, 3).mean(axis=1))


def test_ratios_along_a_stream_are_a_watch_s(tmp_path: Path) -> None:
    manifest, known = ModelRepository(Line(tmp_path).url).baseline(MODEL, "1")
    reference = calibrate(manifest, known, BUDGET)
    frames = np.tile(rows_of(known), (2, 1))
    watch, told = Watch("cam", "1"), []
    for at, row in enumerate(frames):
        if watch.take(row.tolist(), float(at), None, reference, 32):
            told.append(watch.worst)
    means = reference.features(frames).reshape(12, 32, -1).mean(axis=1)
    assert worst_ratios(reference, means) == pytest.approx(told, rel=1e-3)


def reference_frames(odd: float = 0.0) -> Baseline:
    """400 exchangeable frames in eight recordings, of which one is off by `odd` deviations of a frame on every axis of the embedding."""
    rng = np.random.default_rng(3)
    values = rows(400, rng)
    values[:50, 10:16] += odd
    made = baseline(values, rng)
    made.group[:] = np.arange(400) // 50
    return made


def replayed(known: Baseline) -> Replay:
    return held_out(MANIFEST, known, calibrate(MANIFEST, known, BUDGET), BUDGET, 4, 30)


def test_exchangeable_frames_keep_the_budget_and_the_figure_is_the_same_each_time() -> None:
    told = replayed(reference_frames())
    assert told.alarms == 0
    assert told.camera_months == pytest.approx(48_000 * 32 / (30 * 86_400))
    assert replayed(reference_frames()) == told


def test_a_recording_unlike_all_others_shows_that_the_budget_cannot_be_kept() -> None:
    """Limits that were made without it cross while it passes: what the next unlike recording would do."""
    told = replayed(reference_frames(odd=2.0))
    assert told.rate > 1.0
    assert told.interval()[0] > 0


def test_a_budget_that_is_kept_demotes_nobody() -> None:
    assert overspent(1.0, 1.0) == ""
    assert overspent(0.25, 0.5).startswith("this camera cannot keep its budget of 0.25 pages a month (replay: 0.5)")
