"""The page of the gates: what each asks and allows, from the policies, and how often they err, from the benchmark's result file."""

from pathlib import Path
from typing import Final

import msgspec
from markdown_table import NOTE, table

from benchmarks.form import Figure, Result
from benchmarks.gates import boxes
from benchmarks.gates.rates import CHURNS, EFFECTS, GOOD, RECORDING, SAID, SIZES
from retrain.gates import calibration, cost, facets, forgetting, gain, labels, overall, parity, recall, slices, stress
from retrain.gates.paired import Changes
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT
from retrain.gates.power import GATES

RESULT: Final = Path(__file__).parents[1] / "benchmarks" / "results" / "gates.json"
MIDDLE: Final = list(SIZES)[1]


def gates_page() -> str:
    """The whole page."""
    result = msgspec.json.decode(RESULT.read_bytes(), type=Result)
    figures = {figure.name: figure for figure in result.figures}
    run = result.runs["rates"]
    rows = _gates()
    parts = [
        NOTE + HEAD.format(gates=len(rows)),
        "## What is asked\n",
        table(("gate", "asked", "`strict`", "`small_sets`"), rows),
        LABELS.format(reference=facets.MIN_REFERENCE),
    ]
    parts += [NEEDED_HEAD, table(("frames that change", "to tell 1 point", "2 points", "5 points", "10 points"), _needed())]
    passed = [figures["; ".join(("strict", "clear labels", size, GOOD, "pass"))].value for size in SIZES]
    parts.append(POLICY.format(small=passed[0], middle=passed[1], large=passed[2]))
    parts.append(RATES_HEAD.format(recording=RECORDING, date=run.date))
    for policy in POLICIES:
        parts.append(f"### `{policy}`, all gates together\n")
        parts.append(table(("labels", "sealed frames", *EFFECTS), _together(policy, figures)))
    for policy in POLICIES:
        parts.append(f"### `{policy}`, gate by gate\n\n{MIDDLE} frames, clear labels: passed / inconclusive / refused, in %.\n")
        parts.append(
            table(("gate", *EFFECTS), [(gate, *(_three(policy, effect, figures, gate) for effect in EFFECTS)) for gate in GATES])
        )
    parts.append(PHOTOGRAPHS)
    parts += _detectors(result, figures)
    missed = [figure for figure in result.figures if figure.ok is False]
    parts.append(f"## Goals\n\nGoals missed: {len(missed)} of {sum(figure.ok is not None for figure in result.figures)}.\n")
    parts.append(
        "\n".join(f"- `{one.name}`: {one.value:g} % ({one.low:g} to {one.high:g}), goal {one.goal} %" for one in missed)
        + "\n" * bool(missed)
    )
    caveats = [caveat.partition(": ")[2] for one in result.runs.values() for caveat in one.caveats]
    parts.append("## To be read with\n\n" + "\n".join(f"- {caveat}" for caveat in caveats) + "\n")
    return "\n".join(parts)


def _gates() -> list[tuple[str, ...]]:
    """A row for each gate, in the order in which they are asked."""
    s, m = STRICT, SMALL_SETS
    assert s.class_margin is not None
    return [
        (
            "data",
            "training frames by class; new sealed frames; no frame in two sets or with two labels",
            "50 sealed of each class, else inconclusive",
            "50 sealed in all",
        ),
        (
            "labels",
            "share of the surest predictions that contradict the label, new labels against old ones",
            f"surely {_points(labels.MARGIN)} more, or fewer than {labels.LEAST} of either: inconclusive; never refuses",
            "same",
        ),
        ("artefact", "ONNX checker, self-contained, signature", "exact", "exact"),
        (
            "export parity",
            "torch against ONNX Runtime on real frames, batches 1, 3, 16",
            f"{parity.MAX_ABS:g} relative, {parity.AGREEMENT:.1%} same class",
            "same",
        ),
        (
            "gain",
            "one-sided McNemar mid-p on new frames",
            f"p < 0.05; inconclusive where {_points(gain.WORTH)} could not be seen, or after {gain.USES_MOST} verdicts of the same recordings",
            f"p < 0.05; inconclusive where a gain of {_points(gain.WORTH)} was seen and may be chance",
        ),
        (
            "recall",
            "recall of the positive class on new frames",
            f"not surely under {recall.SHARE:g} of the benchmark's; balanced accuracy surely above chance",
            "same",
        ),
        (
            "overall",
            "95 % bound of the paired difference, old and new frames",
            f"loss shown to be under {_points(overall.MARGIN)}",
            "same; else refused",
        ),
        (
            "forgetting",
            "the same on old frames",
            f"under {_points(forgetting.MARGIN)}, recall of each class under {_points(s.class_margin)}",
            f"difference itself at most {_points(forgetting.MARGIN)} or {m.allowed_errors:g} standard errors, never above {_points(m.allowed_most)}",
        ),
        (
            "negative flips",
            "share of old frames that were right and became wrong",
            f"upper 95 % bound at most {s.flips:.0%}",
            f"share at most {m.flips:.0%}",
        ),
        (
            "slices",
            f"class, camera, light, viewpoint, occlusion with {slices.MIN_FRAMES} frames: one-sided McNemar under Holm",
            f"none surely lost at {s.slice_alpha:g}; a drop above {_points(s.slice_drop)} that may be chance is inconclusive",
            f"none surely lost at {m.slice_alpha:g}, none down more than {_points(m.slice_drop)}",
        ),
        (
            "calibration",
            "expected calibration error, 15 bins",
            f"at most {calibration.FLOOR:g} or the champion's + {calibration.ABOVE_CHAMPION:g}; inconclusive where a perfect model shows as much",
            "also what a perfect model shows on so few frames",
        ),
        (
            "stress",
            f"dark, bright, blur, noise, fog, JPEG, occlusion: mean of error over the champion's at most {stress.LIMIT:g}",
            f"{s.stressed} frames of each domain; above it refused beyond 99 % chance, else inconclusive",
            f"{m.stressed} frames of each domain; refused only beyond 99 % chance",
        ),
        (
            "latency",
            "CPU time a frame, interleaved with the champion's: the median, and the slow tail",
            f"median at most {cost.RATIO:g} x + {1000 * cost.NOISE_S:g} ms; not surely more than 1 % of runs above {cost.RATIO:g} x the champion's 99th "
            f"percentile + {1000 * cost.TAIL_NOISE_S:g} ms",
            "same",
        ),
        (
            "drift closure",
            "the monitor, as a process, on the sealed new frames by a baseline of the others",
            "no incident would open; inconclusive where it is not installed, or has too few frames",
            "no incident would open; not judged is a pass",
        ),
        (
            "memory",
            "peak of a session with a full batch, in a process of its own",
            f"at most {cost.RATIO:g} x + {cost.NOISE_BYTES / 2**20:g} MiB",
            "same",
        ),
    ]


def _detectors(result: Result, figures: dict[str, Figure]) -> list[str]:
    """How often a detector's gates err."""
    parts = [BOXES.format(draws=" and ".join(map(str, boxes.DRAWS.values())), date=result.runs[boxes.PART].date)]
    for policy in POLICIES:
        rows = [
            (size, *(_three(policy, effect, figures, "", boxes.PART, size) for effect in boxes.EFFECTS)) for size in boxes.DRAWS
        ]
        parts += [f"### `{policy}`, all gates of a detector together\n", table(("sealed frames", *boxes.EFFECTS), rows)]
    for policy in POLICIES:
        rows = [(gate, *(_three(policy, effect, figures, gate, boxes.PART) for effect in boxes.EFFECTS)) for gate in GATES]
        parts += [f"### `{policy}`, a detector's gate by gate\n\n{MIDDLE} frames.\n", table(("gate", *boxes.EFFECTS), rows)]
    return parts


def _needed() -> list[tuple[str, ...]]:
    """Independent frames on which a candidate that loses nothing is shown, four times of five, to lose less."""
    rows = []
    for changed in (0.01, 0.02, 0.05, 0.10, 0.20):
        n = 1e6  # so many that the rule of succession does not move the share
        found = Changes(n * changed / 2, n * changed / 2, n, int(n), int(n))
        rows.append((f"{changed:.0%}", *(f"{found.frames_needed(margin):,}" for margin in (0.01, 0.02, 0.05, 0.10))))
    return rows


def _together(policy: str, figures: dict[str, Figure]) -> list[tuple[str, ...]]:
    return [
        (churn, size, *(_three(policy, effect, figures, "", churn, size) for effect in EFFECTS))
        for churn in CHURNS
        for size in SIZES
    ]


def _three(policy: str, effect: str, figures: dict[str, Figure], gate: str, churn: str = "clear labels", size: str = MIDDLE) -> str:
    """Passed / inconclusive / refused, in %, of one gate or ("") of all together."""
    shares = []
    for said in SAID:
        figure = figures["; ".join((policy, churn, size, effect, said))]
        shares.append(figure.peers[gate] if gate else figure.value)
    return " / ".join(f"{share:.0f}" for share in shares if share is not None)


def _points(share: float) -> str:
    return f"{100 * share:g} point{'' if share == 0.01 else 's'}"


HEAD: Final = """# Gates

A candidate meets {gates} gates, the cheap ones first. Each answers **pass**, **fail** or **inconclusive**, with its figure, its limit and a sentence; one
that raises an error answers fail (a store that does not answer ends the attempt instead, and another follows). A failure in data, artefact or export parity
ends the trial. One fail refuses the candidate; one inconclusive gate, and no fail, is for a person to decide where one is asked (`approval` is
`on_inconclusive` or `always`) and holds the job for more labels where none is. The sentence says how many frames would settle it.

Two policies say what a gate allows (`gates` in `[retrain]`). `strict` is for models with some thousand labelled frames: what it passes is shown to lose less
than the margin, what it fails is shown to lose more, each at one-sided 5 %, and frames of one recording count for what they tell together (design effect of
Rao and Scott 1992, by Student's t as in Korn and Graubard 1998). `small_sets` is for some 200 labels, where such things cannot be shown: nearly every gate
answers pass or fail, within allowances that good candidates meet, frames counted as independent. What is a little worse passes it; the canary and the guards
are there to find that.

Bounds of paired differences are score bounds (Tango 1998): they keep their level where few frames change, and follow from a test, so that verdict and bound
cannot contradict each other. Passing "forgetting" takes every one of its tests, which needs no correction (Berger 1982); failing takes one, which is
corrected (Holm 1979).
"""

NEEDED_HEAD: Final = """## How many frames it takes

Independent sealed frames on which a candidate that loses nothing is shown, four times of five, to lose less than a margin, by the share of frames on which
only one of the two models is right. Frames of one recording are worth less: the gate's sentence says how much.
"""

RATES_HEAD: Final = """## How often they err

Measured by `make bench-gates` on {date}: candidates with a known effect are drawn ({recording} frames a recording, correlated) and the gates themselves
are asked. Passed / inconclusive / refused, in %. `+20 new` gains 20 points on the new domain and loses nothing: refusing it is an error. `no gain` and the
losses of 5 and 10 points on old frames must not pass. "Doubtful labels" change 8 % of old frames either way with every retraining, so that 4 % flip: above
the 2 % of `strict`, which refuses them all once there are frames enough to see it.
"""

BOXES: Final = """## How often a detector's gates err

The same for detectors ({draws} candidates a cell, {date}): effects are points of the objects that are found. Which gate asks what of a detector stands in
`docs/detection.md`.
"""

LABELS: Final = """### Labels in doubt

Labels that are wrong teach and judge wrongly: where the gate "labels" doubts them the candidate is held, whatever the other gates say (only a candidate that
nothing refuses is shown to a person, where one is asked), with up to 200 suspects to look at again. Every prediction is of a head that never learned from the
frame. A hard domain has its errors where heads are unsure; labels that are wrong at random contradict them where they are sure as well, so the surest third
of the predictions is looked at, and compared with the same third of the labels that the champion was made with.

Deals of 20 in which the gate doubts the new labels, by the share of them that says another class (tests/integration/test_retrain_training_rates.py):

| world | none | 10 % | 20 % |
| --- | --- | --- | --- |
| solar cells, mono to poly (ELPV) | 0 | 10 | 20 |
| solar cells, poly to mono | 0 | 3 | 20 |
| digits, MNIST to scans | 0 | 4 | 20 |

With 240 to 260 labels one in ten that is wrong is seldom told from a harder domain; the suspects are listed all the same. Of 16 deals of 405 clean poly cells
none is doubted either, one comes to 0.074 of the 0.08 allowed. Twice as hard a domain (three of four predictions right) is doubted in 2 of 60 draws, one in
which two of three are right in most: then somebody looks at labels that are as good as they can be, and lets it be published for a decision (`approval =
"on_inconclusive"`). A held job goes on once every suspect was looked at (`keepsight labels review`, or in the console); labels that were called right do not
count against it again.

### Drift closure

The monitor judges with the code of production at its default settings (`python -m monitor.judge_baseline`), in blocks as large as the sealed frames allow,
at most its own 64. On 30 deals of solar cells (mono to poly, 240 labels, 70 to 80 of them sealed, four blocks of 17 to 20) the good candidate's own domain
stays at 0.54 times a limit at most. So few blocks would not open an incident for the old cells either (0.6 to 1.1 times a limit): the gate finds what would
alarm at once, not what would in a day.

### What slices are cut by

Light: thirds of the mean luma of the old training frames. Viewpoint: up to four clusters of recordings by their mean embedding. Occlusion: frames that are
*partly covered*, told by the picture. Of 16 x 16 blocks at least four that touch have lost the detail that the learned frames of the same camera and domain
always show there (a cover before a lens of fixed focus is flat or out of focus; Aksay, Temizel and Cetin 2007). On solar cells and on a scene that stands
still 0 to 8 % of clean, dark, blurred or noisy frames are called so, 89 to 100 % of those with a black or blurred square on a sixth of the picture, 41 to
94 % with one on a sixteenth. What is sharp and far is not seen, and where every frame has another background nothing is. A camera needs
{reference} learned frames. Of a detector also the objects that the frame's edge cuts off, or that lie under another object's box to a third.

### A set that wears out

Who is chosen by a set is no blind candidate any more. The service counts the verdicts of every recording; a set counts as used as often as 70 % of its
recordings were, so that 30 % fresh ones make it a new one. Traffic does that by itself: new recordings are dealt to the gate at their share.

### The page

Every candidate that met its gates leaves `verdict.html`, a published one among its version's files, the others under `verdicts/`: each gate with its
sentence, pictures of what got better and what got worse, labels to look at again, the stress gate by class and corruption, the techniques tried; of a
detector the frames with their boxes drawn. One file of at most 2 MB that loads nothing. `keepsight jobs JOB` and the console say where it lies.
"""

POLICY: Final = """## Which policy

`small_sets` is the default, because `strict` cannot answer on the sets that a retraining begins with: of good candidates it passes {small:.0f} % with 160 old
and 72 new sealed frames, {middle:.0f} % with 800 and 250, {large:.0f} % with 3,000 and 800. As a default it would hold every first job for labels that nobody
has. Go over to `strict` when the tables below pass good candidates at the size of your sets; where the same labels, learned twice, give two answers on more
than 4 % of old frames ("doubtful labels"), its 2 % of negative flips cannot be met, and `small_sets` with `approval = "always"` is the honest choice.
"""

PHOTOGRAPHS: Final = """### On photographs

Solar cells (ELPV), a champion of mono cells, 240 labelled poly cells, 30 deals, the seven gates that judge by answers
(tests/integration/test_retrain_training_rates.py, `make test-slow`). Passed / inconclusive / refused of 30:

| candidate | `strict` | `small_sets` |
| --- | --- | --- |
| good: old and new cells | 0 / 29 / 1 | 30 / 0 / 0 |
| forgetful: new cells only | 0 / 0 / 30 | 0 / 0 / 30 |
| calls every cell functional | 0 / 0 / 30 | 0 / 0 / 30 |
| unchanged | 0 / 0 / 30 | 0 / 0 / 30 |
"""
