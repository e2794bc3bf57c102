"""False alarms on streams in which nothing changes: stock detectors, window rules and ours, on the same stationary but autocorrelated signals.

Detectors of the field stand with their defaults, on brightness alone, which favours them: ours watches all features at once. An alarm of a stock
detector resets it, as its authors have it; a window rule alarms once in each window; ours counts an alarm's opening.
"""

import io
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from river.drift import ADWIN, KSWIN, PageHinkley
from river.drift.binary import DDM, EDDM, HDDMA, HDDMW
from scipy.stats import ks_2samp, wasserstein_distance

from benchmarks.form import Figure, poisson_interval
from benchmarks.monitor import stationary
from benchmarks.monitor.line import LineOfObjects
from benchmarks.monitor.stationary import FRAMES_A_DAY, MINUTES_A_DAY, Floats
from monitor.detectors.e_detector import detector
from monitor.policy import Policy
from monitor.video import aspects, bank, limits

RIVER: Final[dict[str, Any]] = {
    "ADWIN": ADWIN,
    "Page-Hinkley": PageHinkley,
    "KSWIN": lambda: KSWIN(seed=1),  # its window is sampled at random
    "DDM": DDM,
    "EDDM": EDDM,
    "HDDM_A": HDDMA,
    "HDDM_W": HDDMW,
}
"""The field's detectors with their defaults."""
MONTH: Final = 30.0
BUDGET: Final = Policy().pages_per_camera_month
HISTORY_DAYS: Final = 28
LABELS_A_DAY: Final = 200
ARL: Final = Policy().label_arl
TOLERATED: Final = 0.10
CAVEATS: Final = (
    "streams: simulated. Brightness is an AR(1) level (4 grey levels; 0.99, 0.999 and 0.9999 from frame to frame at 10 fps are correlation times of 10 s, "
    "100 s and 17 min) under sensor noise (0.4), rounded to 0.1. Errors are 8 % on average, 3 % and in spells of 300 frames 28 %. Weather lasts days, "
    "clouds an hour. Objects come in lots of about 25 that share half of the variance.",
    "streams: the peers see one feature, brightness or the error; ours sees ten image statistics (video), or those with an embedding and the answers (items).",
    "streams: `ours, video` starts with 28 days of the camera's own history, as an installation does after its first month, and no peer cameras; its minute "
    "means are drawn from their exact law, so that months can be run. Stock detectors see every frame of the same process.",
    "streams: of the labels, ours sees 200 a day drawn at random, as it asks for; the stock detectors see every frame's truth, and in a second figure "
    "the same 200 a day.",
    "streams: Evidently-style and NannyML-style are the published default rules applied to one feature (K-S p < 0.05; Wasserstein over the reference's "
    "standard deviation, or PSI, above 0.1; a chunk's mean outside 3 standard deviations of the reference's chunks), not their packages.",
    "streams: alibi-detect (Business Source Licence, its own set of packages) is never installed with Keepsight. KEEPSIGHT_BENCH_ALIBI names a Python "
    "that has it: then its online Cramer-von Mises detector runs on an hour, "
    "set to one false alarm in 500 frames (1,728 a day; a larger promise takes hours to configure); without it, no figure.",
)


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, a tenth of the days."""
    return [*_brightness(quick), *_errors(quick), *_windows(quick), _lots(quick)]


def _rate(
    name: str, alarms: int, days: float, goal: float, peers: dict[str, float | None], unit: str = "false alarms / camera-day"
) -> Figure:
    """A rate with its exact interval. Reached when all of the interval is within the goal, missed when the rate is not; else the run was too short."""
    low, high = poisson_interval(alarms, days)
    ok = None if alarms / days <= goal < high else high <= goal
    return Figure("streams", name, unit, alarms / days, low, high, f"<= {goal:.4g}", ok, peers)


def alarms_of(name: str, values: Iterable[float]) -> int:
    """How often one of RIVER alarms."""
    stock, count = RIVER[name](), 0
    for value in values:
        stock.update(value)
        count += bool(stock.drift_detected)
    return count


_CVM: Final = """
import io, sys, numpy as np
from alibi_detect.cd import CVMDriftOnline
values = np.load(io.BytesIO(sys.stdin.buffer.read()))
np.random.seed(1)
detector = CVMDriftOnline(values[:300, None], 500, [20, 50], n_bootstraps=5000, verbose=False)
alarms = 0
for value in values[300:]:
    if detector.predict(np.array([value]))["data"]["is_drift"]:
        alarms += 1
        detector.reset()
print(alarms)
"""


def _alibi(values: Sequence[float]) -> float | None:
    """Alarms a day of alibi-detect on these frames, in a Python of its own; None without one."""
    python = os.environ.get("KEEPSIGHT_BENCH_ALIBI")
    if not python:
        return None
    content = io.BytesIO()
    np.save(content, np.array(values))
    done = subprocess.run([python, "-c", _CVM], input=content.getvalue(), capture_output=True, check=True)
    return int(done.stdout.split()[-1]) * FRAMES_A_DAY / (len(values) - 300)


def _mean(counts: Sequence[int], days: float) -> float:
    return sum(counts) / days


def _brightness(quick: bool) -> list[Figure]:
    found = []
    seeds = range(1 if quick else 3)
    for rho in (0.999,) if quick else (0.99, 0.999, 0.9999):
        days = [stationary.brightness(rho, np.random.default_rng((17, seed))).tolist() for seed in seeds]
        sixth = FRAMES_A_DAY // (24 if quick else 6)
        peers: dict[str, float | None] = {
            "ADWIN": _mean([alarms_of("ADWIN", day) for day in days], len(days)),
            "Page-Hinkley": _mean([alarms_of("Page-Hinkley", day) for day in days], len(days)),
            "KSWIN": _mean([alarms_of("KSWIN", day[:sixth]) for day in days], len(days) * sixth / FRAMES_A_DAY),
            "alibi-detect online CvM": _alibi(days[0][: FRAMES_A_DAY // 24]),
            "always": float(MINUTES_A_DAY),
            "never": 0.0,
        }
        cameras, judged_days = (4, 4) if quick else (16, 30)
        alarms = video_alarms(stationary.minute_means(rho, HISTORY_DAYS + judged_days, cameras, np.random.default_rng(23)), cameras)
        found.append(_rate(f"brightness, rho {rho} at 10 fps: ours, video", alarms, cameras * judged_days, BUDGET / MONTH, peers))
    return found


def video_alarms(minutes: Iterable[Floats], cameras: int) -> int:
    """Openings of an alarm after the history, of cameras that stand alone. `minutes`: means [cameras, 10] of the image statistics."""
    aspect = aspects.image()
    state = bank.start(aspect, (cameras, 1))
    tail = limits.tails(aspect, BUDGET)
    before, alarms = np.zeros((cameras, 1), bool), 0
    for minute, means in enumerate(minutes):
        bank.step(aspect, state, means[:, None], minute + 4 * MINUTES_A_DAY, tail)
        now = state.alarmed()
        if minute >= HISTORY_DAYS * MINUTES_A_DAY:
            alarms += int((now & ~before).sum())
        before = now
    return alarms


def _errors(quick: bool) -> list[Figure]:
    names = ("DDM", "EDDM", "HDDM_A", "HDDM_W", "ADWIN")
    days = [stationary.errors(np.arange(FRAMES_A_DAY), np.random.default_rng((31, seed))) for seed in range(1 if quick else 3)]
    every: dict[str, float | None] = {
        f"{name}, every frame": _mean([alarms_of(name, day.tolist()) for day in days], len(days)) for name in names
    }
    long = 60 if quick else 720
    drawn = [_drawn_labels(np.random.default_rng((37, day))) for day in range(long)]
    labels = [bool(loss) for day in drawn for loss in day]
    sampled: dict[str, float | None] = {f"{name}, same labels": alarms_of(name, labels) / long for name in names}
    dummies: dict[str, float | None] = {"always": float(LABELS_A_DAY), "never": 0.0}
    return [
        _rate(
            "bursty errors: ours, 200 labels a day",
            _label_alarms(labels),
            long,
            LABELS_A_DAY / ARL,
            every | sampled | dummies,
        )
    ]


def _drawn_labels(rng: np.random.Generator) -> Floats:
    """The losses of LABELS_A_DAY frames drawn at random from a day, in order."""
    return np.asarray(stationary.errors(np.sort(rng.choice(FRAMES_A_DAY, LABELS_A_DAY, replace=False)), rng), float)


def _label_alarms(losses: Iterable[float]) -> int:
    ours, alarms = detector(TOLERATED), 0
    for loss in losses:
        ours.update(float(loss))
        if ours.value >= ARL:
            alarms += 1
            ours.reset()
    return alarms


def _windows(quick: bool) -> list[Figure]:
    """Minute means with weather: rules that test each window anew against 28 days of reference, and ours on the same minutes."""
    cameras, judged = (4, 7) if quick else (16, 60)
    streams = [stationary.weather_minutes(HISTORY_DAYS + judged, np.random.default_rng((41, camera))) for camera in range(cameras)]
    rules: dict[str, Callable[[Floats], int]] = {
        "daily K-S p < 0.05": lambda stream: _windows_out(stream, MINUTES_A_DAY, _ks),
        "daily Wasserstein > 0.1": lambda stream: _windows_out(stream, MINUTES_A_DAY, _wasserstein),
        "hourly Wasserstein > 0.1": lambda stream: _windows_out(stream, 60, _wasserstein),
        "daily PSI > 0.1": lambda stream: _windows_out(stream, MINUTES_A_DAY, _psi),
        "daily chunk mean +- 3 std": lambda stream: _chunks_out(stream, MINUTES_A_DAY),
        "hourly chunk mean +- 3 std": lambda stream: _chunks_out(stream, 60),
        "ADWIN": lambda stream: alarms_of("ADWIN", stream[HISTORY_DAYS * MINUTES_A_DAY :].tolist()),
        "Page-Hinkley": lambda stream: alarms_of("Page-Hinkley", stream[HISTORY_DAYS * MINUTES_A_DAY :].tolist()),
    }
    shown = [stream[: (HISTORY_DAYS + min(judged, 30)) * MINUTES_A_DAY] for stream in streams[:4]]
    peers: dict[str, float | None] = {
        name: sum(rule(stream) for stream in shown) / (len(shown) * min(judged, 30)) for name, rule in rules.items()
    }
    quiet = stationary.minute_means(0.999, HISTORY_DAYS + judged, cameras, np.random.default_rng(43))
    means = (_with_luma(others, luma) for others, luma in zip(quiet, np.column_stack(streams), strict=True))
    alarms = video_alarms(means, cameras)
    peers |= {"always": float(MINUTES_A_DAY), "never": 0.0}
    return [_rate("minutes with day, night and weather: ours, video", alarms, cameras * judged, BUDGET / MONTH, peers)]


def _with_luma(others: Floats, luma: Floats) -> Floats:
    means = others.copy()
    means[:, 0] = luma
    return means


def _windows_out(stream: Floats, length: int, differs: Callable[[Floats, Floats], bool]) -> int:
    reference, rest = stream[: HISTORY_DAYS * MINUTES_A_DAY], stream[HISTORY_DAYS * MINUTES_A_DAY :]
    return sum(differs(reference, window) for window in rest.reshape(-1, length))


def _ks(reference: Floats, window: Floats) -> bool:
    return bool(ks_2samp(reference, window).pvalue < 0.05)


def _wasserstein(reference: Floats, window: Floats) -> bool:
    return bool(wasserstein_distance(reference, window) / reference.std() > 0.1)


def _psi(reference: Floats, window: Floats) -> bool:
    edges = np.quantile(reference, np.linspace(0, 1, 31)[1:-1])
    shares = [np.bincount(np.searchsorted(edges, values), minlength=30) / len(values) for values in (reference, window)]
    expected, found = (np.maximum(share, 1e-4) for share in shares)
    return bool(((found - expected) * np.log(found / expected)).sum() > 0.1)


def _chunks_out(stream: Floats, length: int) -> int:
    chunks = stream.reshape(-1, length).mean(axis=1)
    known = chunks[: HISTORY_DAYS * MINUTES_A_DAY // length]
    return int((np.abs(chunks[len(known) :] - known.mean()) > 3 * known.std()).sum())


def _lots(quick: bool) -> Figure:
    """A line of objects, a frame a second, judged by the whole monitor as `items`."""
    days = 1 if quick else 12
    line = LineOfObjects(seed=47)
    alarms, luma = line.run(days)
    day = luma.tolist()
    seen = len(day) if quick else len(day) // 6
    peers: dict[str, float | None] = {
        "ADWIN": alarms_of("ADWIN", day) / days,
        "Page-Hinkley": alarms_of("Page-Hinkley", day) / days,
        "KSWIN": alarms_of("KSWIN", day[:seen]) / (days * seen / len(day)),
        "always": line.blocks / days,
        "never": 0.0,
    }
    return _rate("objects in lots, 1 fps: ours, items", alarms, days, BUDGET / MONTH, peers)
