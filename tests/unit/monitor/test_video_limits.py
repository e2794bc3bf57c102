"""From a budget to limits, beside scipy's distributions; and when a history is long enough."""

import numpy as np
import pytest
from scipy.stats import f as fisher
from scipy.stats import t as student

from monitor.video import almanac, aspects, limits
from monitor.video.aspect import DAY, SCALES, Aspect
from monitor.video.bank import step
from tests.video_weeks import site, weeks

IMAGE, EMBEDDING = aspects.image(), aspects.embedding(8)


def test_tails_spend_the_safe_share_of_the_budget() -> None:
    tail = limits.tails(IMAGE, 2.0)
    looks = len(IMAGE.features)
    alarms = tail * looks * limits.MINUTES_A_MONTH / np.maximum(1, np.array(SCALES) / 50)
    assert alarms.sum() == pytest.approx(2.0 * limits.SAFETY)
    assert np.allclose(alarms, alarms.flat[0])


def test_a_limit_is_students_quantile_with_the_freedom_that_the_history_has() -> None:
    tail = limits.tails(IMAGE, 1.0)
    made = weeks(IMAGE, np.zeros(10), np.ones(10), tail)
    made["deviation"][:, :, :] = np.sqrt(1 / np.array(SCALES)[None, :, None])  # white residuals: a memory of one minute
    found = limits.limits(IMAGE, made[None], tail)[0]
    gathered = made["samples"][0] * IMAGE.slot
    for s, scale in enumerate(SCALES[:-1]):
        freedom = 2 * gathered / (scale + 1)
        assert np.sqrt(found[0, 0, s]) == pytest.approx(student.isf(tail[0, 0, s] / 2, freedom), rel=1e-6)


def test_a_distance_is_fishers_quantile() -> None:
    tail = limits.tails(EMBEDDING, 1.0)
    made = weeks(EMBEDDING, np.zeros(8), np.ones(8), tail)
    made["deviation"][:, :, :] = np.sqrt(1 / np.array(SCALES)[None, :, None])
    made["second"], made["fourth"] = 1.0, 1.0 + 2 / 8  # the moments of a mean over 8 squared normals
    found = limits.limits(EMBEDDING, made[None], tail)[0]
    freedom = 2 * made["samples"][0] * EMBEDDING.slot / (SCALES[0] + 1)
    assert found[0, 0, 0] == pytest.approx(fisher.isf(tail[0, 0, 0], 8, freedom), rel=1e-4)


def test_a_worse_reference_raises_the_limit() -> None:
    tail = limits.tails(IMAGE, 1.0)
    made = weeks(IMAGE, np.zeros(10), np.ones(10), tail)
    made["worst"] = 400.0
    assert np.allclose(np.sqrt(limits.limits(IMAGE, made[None], tail)[0, 0, 0, :4]), limits.WORST * 20)


@pytest.mark.parametrize("aspect", [IMAGE, EMBEDDING], ids=["image", "embedding"])
@pytest.mark.parametrize("budget", [1e-6, 1.0, 1e9])
def test_no_limit_is_a_zeros_rounding(aspect: Aspect, budget: float) -> None:
    """Of a camera that shows one picture for weeks: nothing ever moved, and a limit is above one error all the same, whatever the budget."""
    tail = limits.tails(aspect, budget)
    made = weeks(aspect, np.zeros(len(aspect.features)), np.zeros(len(aspect.features)), tail)
    for name in ("deviation", "second", "fourth", "worst"):
        made[name] = 0.0
    found = limits.limits(aspect, made[None], tail)
    assert np.isfinite(found).all()
    assert (found > 1).all()


def test_a_camera_that_shows_one_picture_has_ratios_that_are_numbers() -> None:
    tail = limits.tails(IMAGE, 1.0)
    state = site(IMAGE, 4, np.full(len(IMAGE.features), 50.0), np.zeros(len(IMAGE.features)), tail)
    means = np.full((4, len(IMAGE.features)), 50.0)
    still = [step(IMAGE, state, means, 29_000_000 + minute, tail) for minute in range(30)]
    moved = [step(IMAGE, state, 1000 * means, 29_000_030 + minute, tail) for minute in range(30)]
    assert np.isfinite([*still, *moved]).all()
    assert still[-1].max() < 1 <= moved[-1][..., 0].max()


@pytest.mark.parametrize(("days", "scales"), [(0, 0), (1, 0), (3, 4), (15, 5), (28, 6)])
def test_longer_scales_join_as_the_history_grows(days: int, scales: int) -> None:
    """`days` gathered after the LEARNING ones: 7 days for the first verdict, 14 lengths for each scale."""
    tail = limits.tails(IMAGE, 1.0)
    made = weeks(IMAGE, np.zeros(10), np.ones(10), tail)
    made["samples"] = days * DAY // IMAGE.slot
    found = limits.limits(IMAGE, made[None], tail)[0]
    assert ((found > 0).sum(axis=-1) == scales).all()


def test_contexts_tell_weekends_from_working_days() -> None:
    monday = 19_723 * DAY // IMAGE.slot  # 1 January 2024
    noon = 12 * 60 // IMAGE.slot
    found = [int(almanac.context(IMAGE, monday + day * IMAGE.slots + noon)) for day in range(7)]
    assert found == [noon] * 5 + [noon + IMAGE.slots] * 2
