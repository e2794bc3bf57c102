"""Regimes: what was seen before is known again, also by another version, and nothing else is."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.repository import ModelRepository
from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.incidents import regimes, wording
from monitor.incidents.regimes import KEPT, Regimes
from monitor.items.reference import Budget, Reference, calibrate
from monitor.memory import Memory
from tests.monitor_line import MODEL, Line

BUDGET = Budget(1.0, 1.0, 16)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, Reference]:
    """Version 1, made for crops of photographs, and version 2, made for digits as well."""
    line = Line(Path(tmp_path_factory.mktemp("line")))
    line.publish_for_other("2")
    one, two = (calibrate(*ModelRepository(line.url).baseline(MODEL, version), BUDGET) for version in ("1", "2"))
    return one, two


def at(reference: Reference, length: float, seed: int = 0) -> Floats:
    """A mean frame so far from the reference."""
    direction = np.random.default_rng(seed).standard_normal(len(reference.form.centre))
    return reference.form.usual[: len(direction)] + length * direction / np.linalg.norm(direction)


def test_a_regime_is_known_again_and_another_one_is_not(versions: tuple[Reference, Reference]) -> None:
    one, _ = versions
    kept = Regimes()
    kept.remember(regimes.seen(at(one, 6.0), one, "3", 100.0), one)
    again = kept.nearest(at(one, 6.2), one)
    assert again is not None
    assert (again.served, again.until) == ("3", 100.0)
    assert kept.nearest(at(one, 6.0, seed=1), one) is None
    assert kept.nearest(at(one, 0.0), one) is None
    far = Regimes()
    far.remember(regimes.seen(at(one, 20.0), one, "3", 100.0), one)
    assert far.nearest(at(one, 14.0), one) is not None
    assert far.nearest(at(one, 12.0), one) is None  # more than a third of the way back


def test_what_a_version_was_made_for_is_known_by_the_next_one(versions: tuple[Reference, Reference]) -> None:
    one, two = versions
    kept = Regimes()
    kept.remember(regimes.usual(one, 50.0), two)
    mean = regimes._place(kept.kept[0], two)
    assert mean is not None
    back = kept.nearest(mean, two)
    assert back is not None
    assert back.served == "1"


def test_the_same_regime_is_kept_once_and_the_oldest_are_forgotten(versions: tuple[Reference, Reference]) -> None:
    one, _ = versions
    kept = Regimes()
    for until in (1.0, 2.0):
        kept.remember(regimes.seen(at(one, 6.0), one, "1", until), one)
    assert [regime.until for regime in kept.kept] == [2.0]
    for seed in range(40):
        kept.remember(regimes.seen(at(one, 20.0, seed), one, "1", 10.0 + seed), one)
    assert len(kept.kept) <= KEPT
    assert kept.kept[-1].until == 49.0


def test_an_embedding_of_another_width_is_no_regime_of_ours(versions: tuple[Reference, Reference]) -> None:
    one, _ = versions
    known = regimes.seen(at(one, 6.0), one, "1", 1.0)
    kept = Regimes([msgspec.structs.replace(known, embedding=np.zeros(7, np.float16).tobytes())])
    assert kept.nearest(at(one, 6.0), one) is None


def test_a_departure_is_known_again_also_by_another_version(versions: tuple[Reference, Reference]) -> None:
    one, two = versions
    rng = np.random.default_rng(3)
    image, raw = 9 * rng.standard_normal(len(NUMERIC)), rng.standard_normal(len(one.centre)) @ one.axes.T @ one.axes
    far = np.concatenate([image, one.axes @ raw])
    kept = Regimes()
    kept.remember_departure(regimes.departed(far, one, "1", 7.0), far, one)
    back = kept.nearest_departure(1.2 * far, one)
    assert back is not None
    assert (back.served, back.until) == ("1", 7.0)
    assert kept.nearest_departure(far[: len(NUMERIC)], None) == back  # a version without a reference sees the image
    assert kept.nearest_departure(np.concatenate([image, two.axes @ raw]), two) == back
    assert kept.nearest_departure(1.4 * far, one) is None
    assert kept.nearest_departure(np.concatenate([image, -one.axes @ raw]), one) is None
    assert kept.nearest(at(one, 6.0), one) is None  # nor is it a place
    kept.remember_departure(regimes.departed(1.1 * far, one, "2", 8.0), 1.1 * far, one)
    assert [regime.served for regime in kept.kept] == ["2"]


def test_it_is_saved_with_the_memory(versions: tuple[Reference, Reference]) -> None:
    one, _ = versions
    memory = Memory()
    memory.regimes.remember(regimes.usual(one, 5.0), one)
    part = memory.part("regimes", "")
    loaded = Memory()
    loaded.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Regimes))
    assert loaded.regimes == memory.regimes


def test_what_to_do_is_said(versions: tuple[Reference, Reference]) -> None:
    before = regimes.seen(at(versions[0], 6.0), versions[0], "3", 1_740_900_000.0)
    assert "version 3 served this regime until 2025-03-02" in wording.course("recurring", before)
    assert "keepsight rollback" in wording.again(before, "4")[0]
    assert "went away by itself" in wording.again(before, "3")[0]
    assert wording.again(None, "3") == ()
