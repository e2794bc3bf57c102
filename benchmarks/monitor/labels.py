"""The label channel beside the field's concept-drift detectors: labels until a risen error is found, and false alarms while nothing has risen.

Every detector sees the same streams of right and wrong answers: 8 % errors, of which 10 % are tolerated, and then 12 to 50 %. Peers stand with river's
defaults, with the false alarms that these cost, and once more with their threshold tuned, on other seeds, to one false alarm in 6,000 labels at 8 %:
ours promises that at 10 % and therefore gives hardly any at 8 %, so it stands a second time with its line lowered to the same rate at 8 %. The null
streams also come in bursts, as the errors of one camera do.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN, PageHinkley
from river.drift.binary import DDM, EDDM, HDDMA, HDDMW

from benchmarks.form import Figure, poisson_interval
from monitor.detectors.e_detector import HEAD_START, detector
from monitor.quality.labels import Answer, LabelChannel
from monitor.quality.segments import CameraLabels

Losses = NDArray[np.float64]
USUAL: Final = 0.08
TOLERATED: Final = 0.10
ARL: Final = 6000.0
RISEN: Final = (0.12, 0.15, 0.2, 0.3, 0.5)
GOAL: Final = 249
QUIET: Final = 500
LONG: Final = 3000
MOST: Final = 3000
"""Labels after which a run that found nothing is given up: its delay counts as so many, which a median does not feel."""
SHARED: Final = "ours, line lowered"
SPELL: Final = 20
CAVEATS: Final = (
    f"labels: streams are simulated. Errors are independent, or come in spells of {SPELL} labels of one risk, so that neighbours are alike. The run length is "
    "promised while the risk given the past stays within the 10 % tolerated: spells of 0 and 10 % are inside that, spells of 0 and 16 % (8 % on average) are "
    "not. Labels of frames drawn at random over days and cameras are inside; those of one bad hour, one after another, are not.",
    f"labels: a delay is counted from the change; a run whose detector alarmed in the quiet labels before starts anew at that alarm. {MOST} labels without an "
    "alarm count as so many, and medians of that size say no more than `longer`.",
    "labels: peers at a matched rate have one parameter tuned by bisection on 8 % streams of other seeds. The false alarms of DDM, EDDM and HDDM come "
    "mostly right after a restart (see the share of fresh starts): there their short delays are in good part false alarms that met a "
    "change. Those that compare with the mean of all labels so far (DDM, HDDM_A) are slow later: "
    f"see the delay after {LONG} quiet labels. They find changes from what was learned; ours finds excess over what the benchmark allows.",
    f"labels: `{SHARED}` is the e-detector with A tuned, as the peers are, to one false alarm in 6,000 labels at 8 %: a comparison, not a setting.",
)


class Runner:
    """A detector as the benchmark sees it: `take` a loss, say whether it alarms; anew after an alarm."""

    def __init__(self, make: Callable[[], Callable[[float], bool]]) -> None:
        self._make = make
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self.take = self._make()


def ours(line: float = ARL) -> Callable[[float], bool]:
    """The e-detector alone."""
    made = detector(TOLERATED, HEAD_START * line)

    def take(loss: float) -> bool:
        made.update(loss)
        return made.value >= line

    return take


def channel(rng: np.random.Generator, classes: int = 4, cameras: int = 8) -> Callable[[float], bool]:
    """The whole channel of a fleet: the same tolerance for all, four classes and eight cameras labelled at random."""
    made = LabelChannel(
        "1",
        detector(TOLERATED, HEAD_START * ARL),
        {str(k): detector(TOLERATED) for k in range(classes)},
        camera_tolerated=TOLERATED,
    )
    each = [CameraLabels(str(k), "1") for k in range(cameras)]
    drawn = iter(rng.integers(0, (classes, cameras), (200_000, 2)).tolist())

    def take(loss: float) -> bool:
        label, camera = next(drawn)
        made.take(Answer(loss, str(label), str(label) if not loss else "-"), 0.0)
        before = each[camera].value(made.episode)
        each[camera].take(loss, TOLERATED, made.episode, 0.0)
        made.share(before, each[camera].value(made.episode))
        return made.value >= ARL

    return take


def of_river(kind: Callable[..., Any], **parameters: float) -> Callable[[], Callable[[float], bool]]:
    """A detector of river's."""

    def make() -> Callable[[float], bool]:
        made = kind(**parameters)

        def take(loss: float) -> bool:
            made.update(int(loss))
            return bool(made.drift_detected)

        return take

    return make


class Peer(NamedTuple):
    """A detector with the parameter that makes it stricter as it goes from `loose` to `strict` (on a logarithmic scale)."""

    kind: Callable[..., Any]
    parameter: str
    loose: float
    strict: float


PEERS: Final = {
    "DDM": Peer(DDM, "drift_threshold", 2.0, 12.0),
    "EDDM": Peer(EDDM, "beta", 0.95, 0.05),
    "ADWIN": Peer(ADWIN, "delta", 0.5, 1e-12),
    "Page-Hinkley": Peer(PageHinkley, "threshold", 2.0, 400.0),
    "HDDM_A": Peer(HDDMA, "drift_confidence", 0.1, 1e-12),
    "HDDM_W": Peer(HDDMW, "drift_confidence", 0.1, 1e-15),
}


def coins(rng: np.random.Generator, risk: float, n: int) -> Losses:
    """`n` independent errors."""
    return (rng.random(n) < risk).astype(float)


def bursty(rng: np.random.Generator, risk: float, n: int) -> Losses:
    """`n` errors in spells of one risk each, 0 or twice the mean."""
    spells = 2 * risk * rng.integers(0, 2, n // SPELL + 1)
    return (rng.random(n) < np.repeat(spells, SPELL)[:n]).astype(float)


def within(rng: np.random.Generator, _: float, n: int) -> Losses:
    """`n` errors in spells of risk 0 and what is tolerated: bursts within the promise."""
    return bursty(rng, TOLERATED / 2, n)


def alarms(runner: Runner, losses: Iterable[float]) -> list[int]:
    """At which labels (from 1) it alarmed; begun anew after each."""
    found = []
    runner.restart()
    for n, loss in enumerate(losses, 1):
        if runner.take(loss):
            found.append(n)
            runner.restart()
    return found


def delay(runner: Runner, quiet: Losses, risen: Losses) -> int:
    """Labels from the change to the alarm."""
    runner.restart()
    for loss in quiet:
        if runner.take(loss):
            runner.restart()
    return next((n for n, loss in enumerate(risen, 1) if runner.take(loss)), len(risen))


def median(values: Sequence[float]) -> tuple[float, float, float]:
    """The median with its 95 % bootstrap interval."""
    each = np.array(values)
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(each, (500, len(each))), axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return float(np.median(each)), low, high


def tuned(make: Callable[[float], Callable[[], Callable[[float], bool]]], loose: float, strict: float, labels: int) -> float | None:
    """The parameter at which a detector alarms once in ARL labels at the usual error; None when its range does not reach that."""
    losses = coins(np.random.default_rng(77), USUAL, labels)

    def value(share: float) -> float:
        return float(loose * (strict / loose) ** share)

    def rate(share: float) -> float:
        return len(alarms(Runner(make(value(share))), losses)) * ARL / labels

    low, high = 0.0, 1.0
    if rate(high) > 1:
        return None
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if rate(middle) > 1 else (low, middle)
    return value(high)


def figures(quick: bool) -> list[Figure]:
    """False alarms, the run length at the tolerated error, and delays."""
    labels = 60_000 if quick else 300_000
    runners = {"ours": Runner(ours)}
    line = tuned(lambda line: lambda: ours(line), 20.0, ARL, labels // 2)
    assert line is not None  # at ARL it keeps its promise at 10 %, let alone at 8 %
    runners[SHARED] = Runner(lambda: ours(line))
    runners |= {name: Runner(of_river(peer.kind)) for name, peer in PEERS.items()}
    missing: dict[str, float | None] = {}
    values = {SHARED: line}
    for name, peer in PEERS.items():
        value = tuned(lambda value, peer=peer: of_river(peer.kind, **{peer.parameter: value}), peer.loose, peer.strict, labels // 2)  # type: ignore[misc]  # bound now
        if value is None:
            missing[f"{name} matched"] = None
        else:
            values[f"{name} matched"] = value
            runners[f"{name} matched"] = Runner(of_river(peer.kind, **{peer.parameter: value}))
    print("labels, tuned:", ", ".join(f"{name} {value:.4g}" for name, value in values.items()), file=sys.stderr)
    runs = (400, 30) if quick else (1500, 100)
    return [
        *_false_alarms(runners, missing, labels),
        *_run_length(quick),
        *_delays(runners, missing, *runs),
        *_whole_channel(quick),
    ]


def _false_alarms(runners: dict[str, Runner], missing: dict[str, float | None], labels: int) -> list[Figure]:
    found = []
    plan = (
        ("independent, 8 %", coins, "<= 1"), ("in spells of 0 and 10 %", within, "<= 1"), ("in spells of 0 and 16 %", bursty, ""),
    )  # fmt: skip
    for name, stream, goal in plan:
        losses = stream(np.random.default_rng(1), USUAL, labels)
        rates = {who: len(alarms(runner, losses)) * ARL / labels for who, runner in runners.items()}
        value = rates.pop("ours")
        low, high = poisson_interval(round(value * labels / ARL), labels / ARL)
        peers = {**rates, **missing, "always": ARL, "never": 0.0}
        ok = value <= 1 if goal else None
        found.append(Figure("labels", f"false alarms, errors {name}", "per 6,000 labels", value, low, high, goal, ok, peers))
    return [*found, _early(runners, missing)]


def _early(runners: dict[str, Runner], missing: dict[str, float | None], runs: int = 200) -> Figure:
    """A rate over a long stream hides when false alarms come: how many fresh starts alarm within QUIET labels of nothing?"""
    shares = {}
    for who, runner in runners.items():
        rng = np.random.default_rng(6)
        shares[who] = sum(delay(runner, np.zeros(0), np.append(coins(rng, USUAL, QUIET), 0.0)) <= QUIET for _ in range(runs)) / runs
    value = shares.pop("ours")
    low, high = poisson_interval(round(value * runs), runs)
    peers = {**shares, **missing, "always": 1.0, "never": 0.0}
    name = f"fresh starts with a false alarm within {QUIET} labels, 8 %"
    return Figure("labels", name, "share", value, low, min(1.0, high), peers=peers)


def _run_length(quick: bool) -> list[Figure]:
    """At exactly what is tolerated, the worst that is promised for: runs cut at 5 A, which only lowers the mean."""
    runs, arl = (200, 300.0) if quick else (400, 1000.0)
    rng = np.random.default_rng(2)
    runner = Runner(lambda: ours(arl))
    lengths = np.array([delay(runner, np.zeros(0), coins(rng, TOLERATED, int(5 * arl))) for _ in range(runs)])
    mean, half = float(lengths.mean()), float(1.96 * lengths.std(ddof=1) / np.sqrt(runs))
    name = f"average run length at 10 % errors, {arl:g} promised"
    return [
        Figure("labels", name, "labels", mean, mean - half, mean + half, f">= {arl:g}", mean >= arl, {"always": 1.0, "never": None})
    ]


def _delays(runners: dict[str, Runner], missing: dict[str, float | None], own: int, others: int) -> list[Figure]:
    found = []
    plan = [(quiet, risk) for quiet in (0, QUIET) for risk in RISEN] + [(LONG, 0.15)]
    for quiet, risk in plan:
        medians = {}
        for who, runner in runners.items():
            runs = own if who == "ours" and quiet < LONG else others
            rng = np.random.default_rng(3)
            medians[who] = median([delay(runner, coins(rng, USUAL, quiet), coins(rng, risk, MOST)) for _ in range(runs)])
        value, low, high = medians.pop("ours")
        goal = risk == 0.15 and quiet < LONG
        start = f"after {quiet} quiet labels" if quiet else "from a start"
        peers = {**{who: each[0] for who, each in medians.items()}, **missing, "always": 1.0, "never": None}
        found.append(
            Figure(
                "labels", f"delay, 8 % -> {risk:.0%}, {start}", "labels, median", value, low, high, f"<= {GOAL}" if goal else "",
                value <= GOAL if goal else None, peers,
            )
        )  # fmt: skip
    return found


def _whole_channel(quick: bool) -> list[Figure]:
    """What watching classes and cameras beside the whole costs, and what it brings."""
    runs, found = 60 if quick else 400, []
    for risk in (0.15, 0.3):
        rng = np.random.default_rng(4)
        runner = Runner(lambda rng=rng: channel(rng))  # type: ignore[misc]  # bound now
        value, low, high = median([delay(runner, coins(rng, USUAL, QUIET), coins(rng, risk, MOST)) for _ in range(runs)])
        name = f"delay of the whole channel (4 classes, 8 cameras), 8 % -> {risk:.0%} everywhere, after {QUIET} quiet labels"
        found.append(Figure("labels", name, "labels, median", value, low, high))
    rng = np.random.default_rng(5)
    value, low, high = median([_one_camera(rng, True) for _ in range(runs)])
    alone = median([_one_camera(rng, False) for _ in range(runs)])[0]
    name = f"delay of the whole channel, one of 8 cameras 8 % -> 40 %, after {QUIET} quiet labels"
    found.append(
        Figure("labels", name, "labels of all cameras, median", value, low, high, peers={"the overall error alone": alone})
    )
    return found


def _one_camera(rng: np.random.Generator, whole: bool) -> int:
    """Labels until one broken camera of eight is found."""
    overall = detector(TOLERATED, HEAD_START * ARL)
    made = LabelChannel("1", overall, {}, camera_tolerated=TOLERATED)
    each = [CameraLabels(str(k), "1") for k in range(8)]
    for n in range(-QUIET, MOST):
        camera = int(rng.integers(8))
        loss = float(rng.random() < (0.4 if n >= 0 and camera == 0 else USUAL))
        made.take(Answer(loss, "a", "a" if not loss else "b"), 0.0)
        before = each[camera].value(made.episode)
        each[camera].take(loss, TOLERATED, made.episode, 0.0)
        made.share(before, each[camera].value(made.episode))
        if n >= 0 and (made.value if whole else overall.value) >= ARL:
            return n + 1
    return MOST
