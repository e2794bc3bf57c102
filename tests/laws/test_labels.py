"""The laws of the label channel: what is guaranteed is kept against the worst that it is guaranteed against, and what it costs in labels.

Seeds are fixed and bands are wide: binomial intervals at 99.99 %, so that a failure is a fault and not chance.
"""

import math
from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from contracts.quality import wilson
from monitor.detectors import e_bh
from monitor.detectors.confidence_sequence import interval
from monitor.detectors.e_detector import HEAD_START, STAKES, WEIGHTS, EDetector, detector, growth
from monitor.quality.burst import Burst
from monitor.quality.labels import CAMERAS_WEIGHT, Answer, LabelChannel
from monitor.quality.segments import CameraLabels

P0, ARL = 0.1, 200.0
LOW_ARL = 0.9
"""The mean of 300 run lengths, whose deviation is about A, lies above 0.9 A with more than 95 %; runs are cut at 5 A, which lowers it."""

# The e-detector.


def direct(losses: list[float], p0: float) -> float:
    """The definition: for each bet, the sum over start points of the product of the bets' outcomes since."""
    starts = range(len(losses))
    return sum(
        weight * sum(math.prod(1 + stake / p0 * (loss - p0) for loss in losses[start:]) for start in starts)
        for stake, weight in zip(STAKES, WEIGHTS, strict=True)
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.9))
def test_e_detector_agrees_with_the_direct_formula(losses: list[float], p0: float) -> None:
    made = detector(p0)
    for loss in losses:
        made.update(loss)
    assert made.value == pytest.approx(direct(losses, p0), rel=1e-9)


@given(st.floats(0, 0.999), st.floats(0, 1))
def test_no_loss_ruins_a_bet_and_at_the_tolerated_risk_each_is_fair(p0: float, loss: float) -> None:
    assert min(growth(loss, p0)) > 0
    if p0 >= 0.001:
        fair = [p0 * wrong + (1 - p0) * right for wrong, right in zip(growth(1, p0), growth(0, p0), strict=True)]
        assert fair == pytest.approx([1.0] * len(STAKES))


def test_the_weights_share_out_one_unit() -> None:
    assert sum(WEIGHTS) == pytest.approx(1)
    assert len(WEIGHTS) == len(STAKES)


def run_length(losses: Iterable[float], line: float, head_start: float = 0.0, p0: float = P0) -> int | None:
    made = detector(p0, head_start * line)
    for n, loss in enumerate(losses, 1):
        made.update(loss)
        if made.value >= line:
            return n
    return None


def mean_run_length(stream: Callable[[np.random.Generator], Iterable[float]], head_start: float = HEAD_START) -> float:
    """Over 300 streams, each cut at 5 A."""
    rng = np.random.default_rng(0)
    cut = int(5 * ARL)
    return float(np.mean([run_length(stream(rng), ARL, head_start) or cut for _ in range(300)]))


def coin(rng: np.random.Generator) -> Iterable[float]:
    """Errors at exactly what is tolerated."""
    return (rng.random(int(5 * ARL)) < P0).astype(float)


def shares(rng: np.random.Generator) -> Iterable[float]:
    """Losses between 0 and 1, as of a detector's frames, with the tolerated mean."""
    return rng.beta(0.5, 4.5, int(5 * ARL))


def regimes(rng: np.random.Generator) -> Iterable[float]:
    """Errors that come in spells: the risk is what is tolerated for a spell and nothing for the next, so that errors are far from independent."""
    spell = np.repeat(rng.random(int(5 * ARL) // 25) < 0.7, 25)
    return (rng.random(int(5 * ARL)) < P0 * spell).astype(float)


def adversary(rng: np.random.Generator) -> Iterable[float]:
    """Whoever knows the detector: all the allowed risk while its evidence is high, none while it is low, in lumps or not as it suits."""
    shadow = detector(P0, HEAD_START * ARL)
    for _ in range(int(5 * ARL)):
        risk = P0 if shadow.value > ARL / 20 or rng.random() < 0.5 else 0.0
        loss = float(rng.random() < risk)
        shadow.update(loss)
        yield loss


@pytest.mark.parametrize("stream", [coin, shares, regimes, adversary])
def test_the_average_run_length_is_kept_against_any_stream_within_the_tolerated_risk(
    stream: Callable[[np.random.Generator], Iterable[float]],
) -> None:
    assert mean_run_length(stream) > LOW_ARL * ARL


def test_a_head_start_is_paid_for_by_a_higher_line() -> None:
    """The value leaves it out: at the start it is 0, and half of A in hand does not halve the run length."""
    assert detector(P0, 50.0).value == 0
    assert mean_run_length(coin, head_start=0.5) > LOW_ARL * ARL


@pytest.mark.parametrize(("error", "most"), [(0.15, 249), (0.2, 100), (0.3, 40), (0.5, 17)])
def test_the_delay_at_six_thousand_labels_budget(error: float, most: int) -> None:
    """From a start: measured 218, 79, 28, 11 labels (medians of 8,000 runs)."""
    rng = np.random.default_rng(0)
    found = [run_length((rng.random(4000) < error).astype(float), 6000.0, HEAD_START) for _ in range(301)]
    assert float(np.median([n or 4000 for n in found])) <= most


@pytest.mark.parametrize("loss", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_loss_is_refused(loss: float) -> None:
    with pytest.raises(ValueError, match="a loss is"):
        detector(0.1).update(loss)
    with pytest.raises(ValueError, match="a loss is"):
        Burst(200, 0.1).take(loss, 0.01)


def test_an_impossible_tolerance_is_refused_and_a_detector_stays_finite() -> None:
    with pytest.raises(ValueError, match="tolerated error"):
        detector(1.0)
    for p0 in (0.0, 0.1):
        made = detector(p0)
        for _ in range(5000):
            made.update(1.0)
        assert math.isfinite(made.value)
        made.reset()
        assert (made.value, made.taken) == (0, 0)


def test_saved_and_loaded_a_detector_goes_on_the_same() -> None:
    made = detector(0.2, 12.0)
    for loss in (1.0, 0.0, 0.25):
        made.update(loss)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=EDetector)
    assert again == made


# Classes and cameras together.


def label_of(made: LabelChannel, camera: CameraLabels, loss: float, n: int) -> None:
    """A camera's label, as the desk takes it."""
    before = camera.value(made.episode)
    camera.take(loss, P0, made.episode, float(n))
    made.share(before, camera.value(made.episode))


def channel(rng: np.random.Generator, labels: int, broken: str = "", error: float = P0) -> int | None:
    """A channel of two classes and three cameras, of which one comes late, all at exactly what is tolerated but the `broken` one; when it alarms."""
    made = LabelChannel("1", detector(P0, HEAD_START * ARL), {"a": detector(P0), "b": detector(P0)}, camera_tolerated=P0)
    cameras: dict[str, CameraLabels] = {}
    for n in range(1, labels + 1):
        truth = "a" if rng.random() < 0.8 else "b"
        camera = f"cam-{rng.integers(3 if n > 60 else 2)}"
        loss = float(rng.random() < (error if broken in (truth, camera) else P0))
        made.take(Answer(loss, truth, truth if not loss else "other"), float(n))
        label_of(made, cameras.setdefault(camera, CameraLabels(camera, "1")), loss, n)
        if made.value >= ARL:
            return n
    return None


def test_the_whole_channel_keeps_the_average_run_length_with_a_camera_that_comes_late() -> None:
    rng = np.random.default_rng(0)
    assert np.mean([channel(rng, int(4 * ARL)) or 4 * ARL for _ in range(200)]) > LOW_ARL * ARL


@pytest.mark.parametrize("kind", ["class", "camera"])
def test_one_broken_class_or_camera_of_ten_is_found_long_before_the_overall_error_tells(kind: str) -> None:
    """A tenth of the labels at 50 % errors, the rest at 6 %: the whole stays at what is tolerated. Found after some 150 labels, 15 of its own."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        names = [str(k) for k in range(10)]
        classes = {name: detector(P0) for name in names} if kind == "class" else {}
        made, cameras = (
            LabelChannel("1", detector(P0), classes, camera_tolerated=P0),
            {name: CameraLabels(name, "1") for name in names},
        )
        for n in range(1, 2000):
            at = str(rng.integers(10))
            loss = float(rng.random() < (0.5 if at == "0" else 0.06))
            made.take(Answer(loss, at, at if not loss else "other"), float(n))
            if kind == "camera":
                label_of(made, cameras[at], loss, n)
            if made.value >= 1000.0:
                break
        found.append(n)
    assert np.median(found) < 250
    assert max(found) < 700


def test_the_running_sum_of_cameras_is_their_sum_whatever_they_went_through() -> None:
    rng = np.random.default_rng(2)
    made, cameras = LabelChannel("1", detector(P0), camera_tolerated=P0), [CameraLabels(str(k), "1") for k in range(5)]
    for n in range(4000):
        error = 0.9 if n < 300 else 0.05  # up to the ceiling and back
        label_of(made, cameras[n % 5], float(rng.random() < error), n)
    assert made.cameras_value == pytest.approx(sum(camera.value(1) for camera in cameras), abs=1e-2)


@pytest.mark.parametrize("episode", [1, 2])
def test_a_camera_s_evidence_counts_in_its_own_episode_only(episode: int) -> None:
    camera = CameraLabels("cam", "1")
    for n in range(40):
        camera.take(1.0, P0, 1, float(n))
    assert (camera.value(episode) > 1) is (episode == 1)
    camera.take(1.0, P0, 2, 41.0)
    assert camera.value(1) == 0
    assert 0 < CAMERAS_WEIGHT * camera.value(2) < 10


# Who is named.


def brute(e_values: dict[str, float], rate: float) -> set[str]:
    """The definition: the largest k such that k of the e-values are at least m / (k rate)."""
    m = len(e_values)
    best = max((k for k in range(1, m + 1) if sum(e >= m / (k * rate) for e in e_values.values()) >= k), default=0)
    return {name for name, e in e_values.items() if best and e >= m / (best * rate)}


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.floats(0, 1e4), max_size=12),
    st.sampled_from([0.05, 0.1, 0.5, 1.0]),
)
def test_e_bh_agrees_with_its_definition(e_values: dict[str, float], rate: float) -> None:
    assert set(e_bh.named(e_values, rate)) == brute(e_values, rate)


def test_e_bh_refuses_what_is_no_rate_or_no_e_value() -> None:
    with pytest.raises(ValueError, match="false discovery rate"):
        e_bh.named({}, 0.0)
    with pytest.raises(ValueError, match="at least 0"):
        e_bh.named({"a": math.nan}, 0.1)


def test_of_twenty_cameras_the_broken_ones_are_named_and_hardly_ever_another() -> None:
    """Looked at when the second broken camera is named or after 100 labels each: the share of false names stays under the rate."""
    rng = np.random.default_rng(0)
    false, found = 0.0, 0
    for _ in range(40):
        each = {f"cam-{k:02}": detector(P0) for k in range(20)}
        for _ in range(100):
            for k, (_, one) in enumerate(each.items()):
                one.update(float(rng.random() < (0.5 if k < 2 else P0)))
            named = e_bh.named({name: one.e_value(6000.0) for name, one in each.items()}, 0.1)
            if {"cam-00", "cam-01"} <= set(named):
                break
        found += {"cam-00", "cam-01"} <= set(named)
        false += len(set(named) - {"cam-00", "cam-01"}) / max(1, len(named))
    assert found >= 38
    assert false / 40 <= 0.1


# The burst.


def verdict(rng: np.random.Generator, error: float, wanted: int = 200, alpha: float = 0.01) -> str:
    made = Burst(wanted, P0)
    return next(said for _ in range(wanted) if (said := made.take(float(rng.random() < error), alpha)))


def test_a_burst_confirms_harm_that_is_not_there_no_more_often_than_it_may() -> None:
    rng = np.random.default_rng(0)
    confirmed = sum(verdict(rng, P0, alpha=0.05) == "confirmed" for _ in range(400))
    assert confirmed <= binom.ppf(0.9999, 400, 0.05)


@pytest.mark.parametrize(("error", "wanted", "least"), [(0.2, 200, 0.7), (0.3, 200, 0.99), (0.15, 500, 0.4)])
def test_a_burst_confirms_harm_that_is_there(error: float, wanted: int, least: float) -> None:
    rng = np.random.default_rng(0)
    assert np.mean([verdict(rng, error, wanted) == "confirmed" for _ in range(200)]) >= least


def test_a_burst_gives_one_verdict_and_keeps_it() -> None:
    made = Burst(50, P0)
    assert [made.take(0.0, 0.01) for _ in range(50)] == [""] * 49 + ["unconfirmed"]
    assert {made.take(1.0, 0.01) for _ in range(50)} == {""}
    assert (made.verdict, made.have) == ("unconfirmed", 50)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Burst) == made


# Intervals.


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (87, 100), (1, 1)])
def test_wilson_agrees_with_its_quadratic(hits: int, n: int) -> None:
    """Wilson's bounds are the roots of (p - x)^2 = z^2 x (1 - x) / n."""
    z = float(norm.ppf(0.975))
    roots = np.sort(np.roots([1 + z * z / n, -(2 * hits / n + z * z / n), (hits / n) ** 2]).real)
    metric = wilson(hits, n)
    assert (metric.low, metric.high) == pytest.approx((max(0, roots[0]), min(1, roots[1])), abs=1e-6)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (870, 1000), (1, 1)])
def test_confidence_sequence_bounds_are_where_the_martingale_reaches_twenty(hits: int, n: int) -> None:
    def wealth(p: float) -> float:
        log_beta = math.lgamma(1 + hits) + math.lgamma(1 + n - hits) - math.lgamma(2 + n)
        return math.exp(log_beta - (hits * math.log(p) if hits else 0) - ((n - hits) * math.log1p(-p) if n > hits else 0))

    metric = interval(hits, n)
    for bound in (metric.low, metric.high):
        if 0 < bound < 1:
            assert wealth(bound) == pytest.approx(20, rel=1e-6)
    assert metric.low <= hits / n <= metric.high


def test_confidence_sequence_covers_at_every_look() -> None:
    """200 streams of 400 labels, looked at after every label: at most 5 % ever leave the truth outside (binomial bound at 99.99 %)."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        hits = np.cumsum(rng.random(400) < 0.8)
        looks = [interval(int(hits[n - 1]), n) for n in range(1, 401, 7)]
        missed += any(not metric.low <= 0.8 <= metric.high for metric in looks)
    assert missed <= binom.ppf(0.9999, 200, 0.05)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="hits <= n"):
        interval(0, 0)


def test_the_mean_of_losses_is_covered_as_a_share_is() -> None:
    """200 streams of losses in [0, 1] that are mostly 0 and sometimes anything: within 5 % at every look."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        sums = np.cumsum(np.where(rng.random(300) < 0.4, rng.random(300), 0.0))
        missed += any(not m.low <= 0.2 <= m.high for n in range(1, 301, 7) if (m := interval(float(sums[n - 1]), n)))
    assert missed <= binom.ppf(0.9999, 200, 0.05)
