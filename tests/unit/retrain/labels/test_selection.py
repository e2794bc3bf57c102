"""Half unsure and unlike, three tenths drifted, two tenths plain; the uniformly sampled ones drawn blind, so that estimates from them stay unbiased."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.labels.selection import DAY_S, Candidate, Pick, select, spread

NOBODY: frozenset[str] = frozenset()


def pool(count: int, seed: int = 0, cameras: int = 4, days: int = 3) -> list[Candidate]:
    random = np.random.default_rng(seed)
    return [
        Candidate(
            frame_id=f"frame-{number}",
            camera=f"c{number % cameras}",
            captured_at=DAY_S * days * number / count,
            path=f"frames/{number}.jpg",
            sample="uniform" if random.random() < 0.6 else "uncertain",
            version="1",
            entropy=float(random.random()),
            suggested="dog",
            embedding=random.normal(size=4).astype(np.float16),
        )
        for number in range(count)
    ]


def whys(picks: list[Pick]) -> Counter[str]:
    return Counter(pick.why for pick in picks)


def ids(picks: list[Pick], *whys: str) -> list[str]:
    return [pick.frame.frame_id for pick in picks if not whys or pick.why in whys]


def test_the_shares_and_where_each_is_looked_for() -> None:
    picks = select(pool(1000), 100, 2 * DAY_S, frozenset({"c1", "c2"}), 50, "s")
    assert whys(picks) == {"uncertain": 50, "drifted": 30, "uniform": 20}
    assert len(set(ids(picks))) == 100
    for frame, why in picks:
        assert (frame.sample == "uniform") is (why != "uncertain")
        assert why != "drifted" or (frame.captured_at >= 2 * DAY_S and frame.camera in ("c1", "c2"))


def test_who_stops_early_has_labelled_each_share() -> None:
    picks = select(pool(1000), 100, 2 * DAY_S, NOBODY, 50, "s")
    for count in range(10, 100, 10):
        for why, share in (("uncertain", 0.5), ("drifted", 0.3), ("uniform", 0.2)):
            assert abs(whys(picks[:count])[why] - share * count) <= 1


def test_without_a_drift_its_share_is_plain_traffic() -> None:
    assert whys(select(pool(1000), 100, None, NOBODY, 50, "s")) == {"uncertain": 50, "uniform": 50}


def test_plain_traffic_takes_the_place_of_unsure_frames_that_are_not_there() -> None:
    plain = [one for one in pool(1000) if one.sample == "uniform"]
    assert whys(select(plain, 100, 2 * DAY_S, NOBODY, 50, "s")) == {"drifted": 30, "uniform": 70}
    assert whys(select(plain[:30], 100, None, NOBODY, 50, "s")) == {"uniform": 30}
    assert select([], 100, 0.0, NOBODY, 50, "s") == []


@given(st.integers(0, 10_000), st.integers(0, 60), st.booleans())
@settings(max_examples=50)
def test_nothing_that_was_answered_sways_which_uniform_frames_are_drawn(seed: int, count: int, drifts: bool) -> None:
    """The guarantee of every estimate from labels: permute what the model said, and the same uniform frames are asked for."""
    frames = pool(300, seed)
    said = np.random.default_rng(seed + 1).permutation(len(frames))
    uniform = [at for at, one in enumerate(frames) if one.sample == "uniform"]
    others = iter([at for at in said if frames[at].sample == "uniform"])
    answered = list(frames)
    for at in uniform:
        other = frames[next(others)]
        answered[at] = frames[at]._replace(entropy=other.entropy, embedding=other.embedding, suggested="cat", version="2")
    args: Any = (count, DAY_S if drifts else None, NOBODY, 5, "s")
    assert ids(select(frames, *args)) == ids(select(answered, *args))
    assert ids(select(frames, *args)) == ids(select(list(reversed(frames)), *args))


def test_another_seed_deals_otherwise_and_a_longer_list_begins_with_the_shorter() -> None:
    frames = pool(1000)
    first = ids(select(frames, 20, None, NOBODY, 50, "s"), "uniform")
    assert first != ids(select(frames, 20, None, NOBODY, 50, "t"), "uniform")
    assert ids(select(frames, 60, None, NOBODY, 50, "s"), "uniform")[:10] == first


def test_caps_a_camera_and_day() -> None:
    picks = select(pool(1000), 200, 0.0, NOBODY, 7, "s")
    taken = Counter((pick.frame.camera, int(pick.frame.captured_at // DAY_S)) for pick in picks)
    assert set(taken.values()) == {7}
    assert len(taken) == 12


def test_the_unsure_are_unlike_each_other() -> None:
    """A hundred frames of one scene that are hardly surer than the rest do not crowd out the others."""
    scene = np.zeros(2, np.float16)
    crowd = [Candidate(f"a{n}", "c", float(n), "p", "uncertain", "1", 1.0, "", scene) for n in range(15)]
    others = [Candidate(f"b{n}", "c", float(n), "p", "uncertain", "1", 0.9, "", np.array([n, -n], np.float16)) for n in range(1, 6)]
    picks = select([*crowd, *others], 8, None, NOBODY, 100, "s")
    assert sum(pick.frame.frame_id.startswith("b") for pick in picks) >= 3


def test_only_frames_that_the_newest_version_answered_are_compared() -> None:
    frames = pool(200)
    older = [one._replace(version="0", entropy=9.0) if one.captured_at < DAY_S else one for one in frames]
    picks = select(older, 20, None, NOBODY, 50, "s")
    assert {pick.frame.version for pick in picks if pick.why == "uncertain"} == {"1"}


def test_spread_takes_the_farthest_first() -> None:
    line = np.array([[0.0], [1.0], [2.0], [10.0]])
    assert spread(line)[:3] == [0, 3, 2]
    assert sorted(spread(line)) == [0, 1, 2, 3]
    assert spread(np.zeros((3, 2))) == [0, 1, 2]
    assert spread(np.zeros((0, 2))) == []
    assert spread(np.zeros((2, 0))) == [0, 1]


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_no_axis_counts_for_its_unit(scale: float) -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    assert spread(points) == spread(points * np.array([1.0, scale, 1.0]))
