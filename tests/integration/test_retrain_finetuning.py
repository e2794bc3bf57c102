"""Networks trained whole, end to end: a champion that a recipe made, drifted, fine-tuned, judged, packaged, killed at every write, and trained again."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from contracts.files import Folder, sha256
from contracts.frames import see
from contracts.ids import new_id
from contracts.manifest import WEIGHTS, InputSpec, Lineage, Manifest
from contracts.predictions import ClassTruth
from contracts.quality import quality
from retrain.augment.spec import PipelineSpec
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.models.calibrate import softmax
from retrain.models.export import exported
from retrain.models.graph import EMBEDDING, IMAGE, SCORES
from retrain.models.network import Network
from retrain.models.recipe import SMALL_CONV, find
from retrain.models.session import Session, views
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, Step, TrialRow
from retrain.trainer import techniques
from retrain.trainer.candidate import run
from retrain.training import bakeoff
from retrain.training.course import Course
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import train
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests import digits
from tests.digit_jobs import Place
from tests.digits import Digit

SCANS = 300
ROOT = Path(__file__).parents[2]
AUGMENT = '[[operations]]\nname = "translate"\nmagnitude = [0, 0.1]'
"""A mirrored digit is none."""
QUICK = {
    "lp_ft": Course(epochs=4, batch=16, rate=1e-3, seed=0, patience=4),
    "full": Course(epochs=8, batch=16, rate=3e-3, seed=0, patience=8),
}
"""A network of 99,000 weights learns faster than one of millions."""


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def pixels(frames: Sequence[Digit]) -> NDArray[np.uint8]:
    decoded = [cv2.imdecode(np.frombuffer(one.content, np.uint8), cv2.IMREAD_COLOR) for one in frames]
    return np.stack([cv2.cvtColor(one, cv2.COLOR_BGR2RGB) for one in decoded])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bakeoff, "COURSES", QUICK)
    monkeypatch.setattr(bakeoff, "_FEW", 0)
    # Sixty frames could seldom tell techniques apart: here the best is taken, however little it is ahead.
    monkeypatch.setattr(techniques, "best", lambda scores: max(scores, key=scores.__getitem__))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """`digits` version 1 is a small-conv, published as a graph; its weights lie in a file beside."""
    found = Place(tmp_path_factory.mktemp("place"))
    torch.set_num_threads(1)
    known, held = digits.mnist()[: digits.TRAINED], pixels(digits.mnist()[digits.TRAINED : digits.TRAINED + 300])
    network = find(SMALL_CONV).build("classification", digits.LABELS, digits.SIDE)
    loader = Loader(
        TrainingSet(pixels(known), truth(known), np.ones(len(known), np.float32)), 32, PipelineSpec(), lambda: 0.0, workers=0
    )
    course = Course(epochs=2, batch=32, rate=5e-3, seed=0, layer_decay=1.0)
    right = truth(digits.mnist()[digits.TRAINED : digits.TRAINED + 300])

    def judge(judged: Network) -> float:
        return float((judged(torch.from_numpy(held))[SCORES].argmax(1).numpy() == right).mean())

    trained = train(network, loader, judge, course, Folder(str(found.folder / "run")), lambda *_, **__: None, lambda: 0.0)
    assert trained.score > 0.9
    (found.folder / "weights.safetensors").write_bytes(trained.weights)
    publish(found, exported(network), digits.mnist()[digits.TRAINED + 300 : digits.TRAINED + 900])
    return found


def publish(place: Place, model: bytes, known: Sequence[Digit]) -> None:
    """Version 1: a graph that knows these frames, with nothing said of how it was made."""
    datasets, spec = Datasets(place.frame_store, "digits"), InputSpec(IMAGE, digits.SIDE, digits.SIDE)
    contents = [one.content for one in known]
    seen = views(Session(model, spec, EMBEDDING, SCORES), contents)
    items = tuple(
        Item(
            sha256=datasets.put_frame(one.content), truth=ClassTruth(one.label), recording=f"known-{row // 10}",
            set=("train", "train", "train", "validation", "gate")[row // 10 % 5], camera="c", captured_at=0.0, added="1",
        )
        for row, one in enumerate(known)
    )  # fmt: skip
    p = softmax(seen.scores.astype(np.float64))
    dataset = Dataset(model="digits", labels=digits.LABELS, items=items)
    kept = datasets.put(dataset)
    datasets.put_views(sha256(model), kept, spec, seen)
    manifest = Manifest(
        model="digits", version="1", created_at=1.0, task="classification", labels=digits.LABELS, input=spec, scores=SCORES, embedding=EMBEDDING,
        scores_are="logits", benchmark=quality(digits.LABELS, truth(known), p, None), files={},
        lineage=Lineage("import", dataset=kept),
    )  # fmt: skip
    baseline = baseline_of(digits.LABELS, seen, p, truth(known), [item.recording for item in items])
    place.repository.publish(manifest, model, baseline)


def truth(frames: Sequence[Digit]) -> NDArray[np.int64]:
    return np.array([int(one.label) for one in frames], dtype=np.int64)


def tuned(place: Place, name: str, **fields: object) -> Path:
    """A job that names the champion's network, and fine-tunes it."""
    asked = {
        "techniques": ("full", "lp_ft"),
        "recipe": SMALL_CONV,
        "recipe_weights": str(place.folder / "weights.safetensors"),
        "device": "cpu",
        "augment": AUGMENT,
        "min_train_per_class": 5,
        "min_gate": 40,
    }
    return place.request(name, digits.scans()[:SCANS], **asked | fields)


def rows(outcome: CandidateOutcome) -> dict[str, TrialRow]:
    return {row.technique: row for row in outcome.table}


def outcome_of(job: Path) -> CandidateOutcome:
    made = run(job, io.StringIO())
    assert made is not None
    return made


def test_a_network_is_tuned_judged_and_packaged(place: Place) -> None:
    job = tuned(place, "tuned")
    outcome = outcome_of(job)
    assert outcome.verdict == "packaged", outcome.reason
    table = rows(outcome)
    assert list(table) == ["head_only", "full", "lp_ft"]
    assert [row.technique for row in outcome.table if row.chosen] != ["head_only"], table
    assert all(row.recipe == SMALL_CONV and row.latency_ms > 0 for row in table.values())
    standing = [row for row in table.values() if not row.why.startswith("none of")]
    assert max(standing, key=lambda row: row.harmonic).chosen
    assert outcome.device_s == pytest.approx(sum(row.device_s for row in table.values()))
    assert (job / "curve.png").read_bytes() == (job / "package" / "curve.png").read_bytes()
    assert not (job / "training").exists()
    assert not (job / "prepared").exists()
    version = place.publish(job, outcome)
    manifest = version.manifest
    assert manifest.lineage.recipe == SMALL_CONV
    assert manifest.lineage.gates == manifest.files["verdict.html"].sha256
    assert WEIGHTS in manifest.files
    assert "fine-tuning" in manifest.lineage.technique
    own = sum(outcome.trained_from[name] for name in ("new_validation", "new_gate"))
    assert len(version.baseline) == own, "what it learned from would look too sure"
    assert manifest.benchmark is not None
    assert manifest.benchmark.accuracy.n == own
    assert open_served(version, Runtime(How("cpu"))).golden_frames == 8


@pytest.mark.slow
def test_a_tuned_network_is_tuned_again_from_its_own_weights(place: Place) -> None:
    first = tuned(place, "first")
    manifest = place.publish(first, outcome_of(first)).manifest
    again = place.request(
        "again", digits.scans()[: SCANS + 150], parent=manifest.version, min_train_per_class=5,
        techniques=("lp_ft",),
    )  # fmt: skip
    next_one = outcome_of(again)
    assert "epoch" in rows(next_one)["lp_ft"].why, "its own weights are where it goes on from, without any setting"
    if next_one.verdict == "packaged":
        assert WEIGHTS in next_one.package, "the body is no recipe's own any more, whoever won"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_after_any_write_it_ends_with_the_same_outcome(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within and between steps: every third of what it writes, the views aside, is the last that the first life wrote."""
    job = tuned(place, "whole")
    asked, whole = (job / REQUEST).read_bytes(), told(outcome_of(job))
    write, deaths = Folder.write, 0
    for number in count(1, 3):
        killed, left, died = place.folder / f"killed-{number}", count(1), False
        killed.mkdir()
        (killed / REQUEST).write_bytes(asked)

        def written(folder: Folder, path: str, content: bytes, durable: bool = True, left=left, number=number) -> None:  # type: ignore[no-untyped-def]
            write(folder, path, content, durable)
            if "views" not in f"{folder.url}/{path}" and next(left) == number:
                raise KilledError

        with monkeypatch.context() as patched:
            patched.setattr(Folder, "write", written)
            try:
                outcome_of(killed)
            except KilledError:
                died = True
        if not died:
            break
        deaths += 1
        assert told(outcome_of(killed)) == whole
    assert deaths > 10


@pytest.mark.slow
def test_two_processes_train_together_and_one_speaks(place: Place) -> None:
    """As torchrun starts them: the same outcome as of one, within what a batch's two halves round otherwise."""
    asked = {"techniques": ("full",), "budget_s": 600.0}
    alone, together = (tuned(place, name, job_id="both", **asked) for name in ("alone", "together"))
    (together / REQUEST).write_bytes((alone / REQUEST).read_bytes())
    for job, launch in ((alone, []), (together, ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"])):
        done = subprocess.run(
            [sys.executable, *launch, "-m", "retrain.trainer.candidate", str(job)],
            cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        steps = [msgspec.json.decode(line, type=Step) for line in done.stdout.splitlines()]
        assert [step.progress for step in steps] == sorted(step.progress for step in steps), "one process speaks"
    one, two = (msgspec.json.decode((job / OUTCOME).read_bytes(), type=CandidateOutcome) for job in (alone, together))
    assert two.device_s == pytest.approx(sum(row.device_s for row in two.table))
    assert rows(two)["full"].device_s > 1.9 * rows(two)["full"].seconds
    assert rows(two)["full"].harmonic == pytest.approx(rows(one)["full"].harmonic, abs=0.1)
    assert rows(two)["head_only"].harmonic == rows(one)["head_only"].harmonic
    assert not (together / "training").exists()


def told(outcome: CandidateOutcome) -> dict[str, object]:
    """All of it but what it cost."""
    measured = {"latency", "memory", "curve.png", "verdict.html", "manifest.json"}  # the last holds the digests of those before
    return {
        "verdict": outcome.verdict,
        "package": {name: digest for name, digest in outcome.package.items() if name not in measured},
        "gates": [(gate.gate, gate.verdict, gate.value) for gate in outcome.gates if gate.gate not in measured],
        "table": [(row.technique, row.new, row.old, row.harmonic, row.chosen, row.why) for row in outcome.table],
        "suspects": outcome.suspects,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"recipe": ""}, "the champion came as a graph"),
        ({"recipe_weights": ""}, "does not answer as the champion does"),
        ({"recipe": "no-such"}, "there is no recipe 'no-such' here"),
        ({"budget_s": 0.01}, "not tried: the training budget is spent"),
    ],
)
def test_where_no_network_can_be_trained_the_head_alone_is_and_the_table_says_why(
    place: Place, fields: dict[str, object], why: str
) -> None:
    outcome = outcome_of(tuned(place, new_id(1.0), **fields))
    table = rows(outcome)
    assert [name for name, row in table.items() if row.chosen] == ["head_only"]
    assert all(why in table[name].why for name in ("full", "lp_ft")), table


@pytest.mark.slow
def test_a_class_that_the_champion_never_knew_is_learned(place: Place) -> None:
    """Zebras are digits with their colours turned: nothing that the champion has a name for."""
    turned = [Digit(inverted(one.content), "zebra") for one in digits.scans()[SCANS : SCANS + 150]]
    frames = [one for pair in zip(digits.scans()[:150], turned, strict=True) for one in pair]
    job = place.request(
        "zebra", frames, cause="new_class", new_classes=("zebra",), techniques=("full",), augment=AUGMENT, min_train_per_class=5, min_gate=40,
        recipe=SMALL_CONV, recipe_weights=str(place.folder / "weights.safetensors"), device="cpu",
    )  # fmt: skip
    outcome = outcome_of(job)
    assert outcome.verdict == "packaged", outcome.reason
    version = place.publish(job, outcome)
    assert version.manifest.labels == (*digits.LABELS, "zebra")
    assert version.baseline.labels == version.manifest.labels
    session = Session(version.model, version.manifest.input, "embedding", "scores")
    zebra = [see(inverted(one.content), version.manifest.input) for one in digits.scans()[SCANS + 150 : SCANS + 190]]
    known = [see(one.content, version.manifest.input) for one in digits.mnist()[digits.TRAINED + 900 : digits.TRAINED + 1000]]
    assert (session.run(zebra)[1].argmax(axis=1) == 10).mean() > 0.9
    right = truth(digits.mnist()[digits.TRAINED + 900 : digits.TRAINED + 1000])
    assert (session.run(known)[1].argmax(axis=1) == right).mean() > 0.8


def inverted(content: bytes) -> bytes:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".png", 255 - image)[1].tobytes()
