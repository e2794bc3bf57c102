"""Training for real: a model imported, drifted, retrained, killed and resumed; a first version trained on solar cells. No services run."""

import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from contracts.baseline import Baseline
from contracts.files import Folder, sha256
from contracts.repository import ModelRepository, Version, changed
from retrain.data.deals import Deals
from retrain.data.frames import Excluded
from retrain.data.material import Material, gather
from retrain.models import graph
from retrain.models.calibrate import softmax
from retrain.models.export import onnx_logits
from retrain.models.head import Head
from retrain.models.session import Session
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, Step
from retrain.trainer import bootstrap, import_model
from retrain.trainer.candidate import read_request, run
from retrain.trainer.rework import Rework, fit_head, refit
from retrain.trainer.trial import judge
from retrain.training.crossfit import Development, cross_fit
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests import digits
from tests.digit_jobs import Place
from tests.digits import Digit

SCANS = 260
PROOF = slice(SCANS, None)
LITTLE_ROOM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from retrain.trainer.candidate import main
sys.exit(main(sys.argv[1:]))
"""
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def finished(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=150, check=False)


def accuracy(version: Version, frames: Sequence[Digit]) -> float:
    manifest = version.manifest
    session = Session(version.model, manifest.input, manifest.embedding, manifest.scores)
    pixels = [cv2.imdecode(np.frombuffer(digit.content, np.uint8), cv2.IMREAD_COLOR) for digit in frames]
    said = onnx_logits(session, pixels, (16,)).argmax(axis=1)
    return float(np.mean([manifest.labels[k] == digit.label for k, digit in zip(said, frames, strict=True)]))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits.train(tmp_path_factory.mktemp("model") / "digits.onnx")


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    for number, digit in enumerate(digits.mnist()[digits.TRAINED : digits.TRAINED + 900]):
        (folder / digit.label).mkdir(exist_ok=True)
        (folder / digit.label / f"{number:04d}.png").write_bytes(digit.content)
    return folder


def imported(folder: Path, model: Path, references: Path, *more: str) -> subprocess.CompletedProcess[str]:
    stores = ["--repository", folder / "repository", "--frame-store", folder / "frames"]
    return finished(
        command("retrain.trainer.import_model", model, "--name", "digits", "--labels", ",".join(digits.LABELS), "--reference", references, *stores, *more)
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model: Path, references: Path) -> Place:
    folder = tmp_path_factory.mktemp("place")
    done = imported(folder, model, references, "--color", "gray")
    assert done.returncode == 0, done.stderr
    assert "It is the champion. Next: keepsight up\n" in done.stdout
    return Place(folder)


def test_an_imported_model_answers_as_before_and_knows_what_it_saw(place: Place) -> None:
    version = place.repository.read("digits", "1")
    assert version.manifest.benchmark is not None
    assert version.manifest.benchmark.accuracy.value > 0.93
    assert version.manifest.lineage.origin == "import"
    assert place.repository.channels("digits").champion == "1"
    assert len(version.baseline) == 900
    assert isinstance(version.baseline, Baseline)
    assert accuracy(version, digits.mnist()[digits.TRAINED + 900 :]) > 0.93
    assert open_served(version, Runtime(How("cpu"))).golden_frames == 8


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ((), "takes 1 channels (nchw), with this --color there are 3"),
        (("--color", "gray", "--height", "32"), "takes a height of 28, --height is 32"),
        (("--color", "gray", "--positive", "x"), "--positive 'x' is none of the labels"),
        (("--color", "gray", "--mean", "a"), "--mean is 'a'"),
        (("--color", "gray", "--scale", "1/0"), "--scale is '1/0'"),
        (("--labels", ",".join(f"class-{k}" for k in range(60))), "has the folder '0', which is none of the labels"),
        (("--labels", "/"), "--labels / cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(
    tmp_path: Path, model: Path, references: Path, more: tuple[str, ...], reason: str
) -> None:
    done = imported(tmp_path, model, references, *more)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert not (tmp_path / "repository").exists()


def test_pictures_without_labels_give_a_baseline_and_no_benchmark(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, digit in enumerate(digits.mnist()[digits.TRAINED : digits.TRAINED + 70]):
        (pictures / f"{number}.png").write_bytes(digit.content)
    arguments = [
        str(model),
        "--name",
        "digits",
        "--labels",
        ",".join(digits.LABELS),
        "--reference",
        str(pictures),
        "--color",
        "gray",
    ]
    stores = ["--repository", str(tmp_path / "repository"), "--frame-store", str(tmp_path / "frames")]
    assert import_model.main([*arguments, *stores]) == 0
    assert "benchmark  none: without labels" in capsys.readouterr().out
    version = ModelRepository(str(tmp_path / "repository")).read("digits", "1")
    assert (version.manifest.benchmark, version.manifest.lineage.dataset) == (None, "")
    assert set(version.baseline.truth.tolist()) == {-1}
    for path in list(pictures.iterdir())[:10]:
        path.unlink()
    assert import_model.main([*arguments, *stores]) == 2
    assert "has 60 pictures that can be used, at least 64 are needed" in capsys.readouterr().err


def test_another_version_sees_frames_as_the_champion_does_unless_asked(tmp_path: Path, model: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, digit in enumerate(digits.mnist()[digits.TRAINED : digits.TRAINED + 70]):
        (pictures / f"{number}.png").write_bytes(digit.content)
    repository = ModelRepository(str(tmp_path / "repository"))

    def decode(*more: str) -> str:
        labels = ",".join(digits.LABELS)
        stores = ["--repository", repository.url, "--frame-store", str(tmp_path / "frames")]
        arguments = [str(model), "--name", "digits", "--labels", labels, "--reference", str(pictures), "--color", "gray", *stores]
        assert import_model.main([*arguments, *more]) == 0
        return repository.manifest("digits", repository.versions("digits")[-1]).input.decode

    assert decode() == "reduced"
    assert decode("--decode", "full") == "full"
    assert decode() == "reduced", "the champion is still the first"
    champion = repository.channels("digits")
    repository.set_channels("digits", changed(champion, 2.0, "test", "a test asked", champion="2"))
    assert decode() == "full"


def test_drift_is_mended_by_labels_and_what_was_known_stays_known(place: Place) -> None:
    champion = place.repository.read("digits", "1")
    job = place.request("mended", digits.scans()[:SCANS])
    done = finished(command("retrain.trainer.candidate", job))
    assert done.returncode == 0, done.stderr
    steps = [msgspec.json.decode(line, type=Step) for line in done.stdout.splitlines()]
    assert [step.progress for step in steps] == sorted(step.progress for step in steps)
    assert steps[-1].step == "packaged"
    outcome = msgspec.json.decode((job / OUTCOME).read_bytes(), type=CandidateOutcome)
    assert outcome.verdict == "packaged", outcome.reason
    assert {gate.verdict for gate in outcome.gates} == {"pass"}
    assert len(outcome.gates) == 15
    assert "80 sealed new frames" in next(gate.detail for gate in outcome.gates if gate.gate == "drift closure")
    page = (job / outcome.page).read_text()
    assert all(f'id="gate-{gate.gate.replace(" ", "-")}"' in page for gate in outcome.gates)
    assert page.count("<img") >= 12
    assert outcome.package[outcome.page] == sha256(page.encode())
    assert outcome.judged_on
    candidate = place.publish(job, outcome)
    assert candidate.digest == outcome.digest
    drifted, mended = (accuracy(version, digits.scans()[PROOF]) for version in (champion, candidate))
    assert drifted < 0.6
    assert mended > 0.75
    known, kept = (accuracy(version, digits.mnist()[digits.TRAINED + 900 :]) for version in (champion, candidate))
    assert kept > known - 0.04
    lineage = candidate.manifest.lineage
    assert (lineage.origin, lineage.parent, lineage.request_key) == ("retrain", "1", "key")
    assert sum(lineage.trained_from.values()) == 900 + SCANS
    assert len(candidate.baseline) == SCANS
    assert open_served(candidate, Runtime(How("cpu"))).golden_frames == 8
    assert place.repository.channels("digits").champion == "1"  # the rollout decides


def test_the_mended_version_retrains_again_on_everything_it_knows(place: Place) -> None:
    version = place.repository.versions("digits")[-1]
    if version == "1":  # tests run in any order
        before = place.request("before-again", digits.scans()[:SCANS])
        version = place.publish(before, run(before, io.StringIO())).manifest.version
    parent = place.repository.manifest("digits", version)
    job = place.request("again", digits.scans()[:SCANS] + digits.scans()[SCANS : SCANS + 120], parent=version)
    outcome = run(job, io.StringIO())
    counts = outcome.trained_from
    # The first 260 scans are in the parent's dataset already: known pictures come in once, and keep their sets.
    known = parent.lineage.trained_from
    assert sum(counts.values()) == 900 + SCANS + 120
    assert counts["new_gate"] - known["new_gate"] in range(20, 60)
    assert counts["old_gate"] == known["old_gate"]


def test_a_killed_job_resumes_and_packages_the_same(place: Place) -> None:
    job = place.request("killed", digits.scans()[:SCANS], seed=7, fence=4)
    before = place.repository.versions("digits")
    for step in ("training the head", "packaging"):
        with subprocess.Popen(
            command("retrain.trainer.candidate", job), cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if msgspec.json.decode(line, type=Step).step == step:
                    break
            process.send_signal(signal.SIGKILL)
    kept = sorted((job / "views").iterdir())
    written = [path.stat().st_mtime_ns for path in kept]
    assert kept
    done = finished(command("retrain.trainer.candidate", job))
    assert done.returncode == 0, done.stderr
    assert [path.stat().st_mtime_ns for path in sorted((job / "views").iterdir())] == written
    outcome = (job / OUTCOME).read_bytes()
    first = msgspec.json.decode(outcome, type=CandidateOutcome)
    assert (first.verdict, first.fence) == ("packaged", 4)
    (job / OUTCOME).unlink()  # killed between package and outcome
    (job / "package" / "baseline.npz").write_bytes(b"half")
    assert run(job, io.StringIO()).package == first.package
    assert {name: sha256((job / "package" / name).read_bytes()) for name in first.package} == first.package
    assert place.repository.versions("digits") == before, "the service publishes"


@pytest.mark.slow
def test_killed_at_each_of_its_steps_a_job_packages_the_same(place: Place) -> None:
    """Each life ends with the first step that no life before had begun."""
    whole = place.request("whole", digits.scans()[:SCANS], seed=8)
    assert finished(command("retrain.trainer.candidate", whole)).returncode == 0
    job, begun = place.folder / "killed at each", set[str]()
    job.mkdir()
    (job / REQUEST).write_bytes((whole / REQUEST).read_bytes())
    while not (job / OUTCOME).exists():
        with subprocess.Popen(
            command("retrain.trainer.candidate", job), cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if (step := msgspec.json.decode(line, type=Step).step) not in begun:
                    begun.add(step)
                    process.send_signal(signal.SIGKILL)
                    break
        assert len(begun) < 40
    assert {"reading frames", "judging", "packaging"} < begun
    ends = [msgspec.json.decode((one / OUTCOME).read_bytes(), type=CandidateOutcome) for one in (whole, job)]
    assert ends[0].verdict == ends[1].verdict
    measured = {"verdict.html", "manifest.json"}  # the page tells latencies, and the manifest its digest
    packages = [{name: digest for name, digest in end.package.items() if name not in measured} for end in ends]
    assert packages[0] == packages[1]
    assert len(packages[0]) >= 3


def test_a_full_disk_ends_in_words_with_nothing_published_and_goes_on_when_there_is_room(place: Place) -> None:
    job = place.request("full", digits.scans()[:SCANS])
    before = place.repository.versions("digits")
    done = finished([sys.executable, "-c", LITTLE_ROOM, str(job)])
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr
    assert "File too large" in done.stderr
    assert not (job / OUTCOME).exists()
    assert finished(command("retrain.trainer.candidate", job)).returncode == 0
    outcome = msgspec.json.decode((job / OUTCOME).read_bytes(), type=CandidateOutcome)
    assert outcome.verdict == "packaged", outcome.reason
    assert place.repository.versions("digits") == before


def test_too_few_labels_hold_the_job_and_say_how_many_are_needed(place: Place) -> None:
    few = run(place.request("few", digits.scans()[:30]), io.StringIO())
    assert few.verdict == "held"
    assert "30 labelled frames that are not in the dataset yet, at least 64 are needed" in few.reason
    gate = run(place.request("gate", digits.scans()[:SCANS], min_gate=100), io.StringIO())
    assert gate.verdict == "held"
    assert "100 are needed (min_gate): some 334 new labels in all" in gate.reason
    classes = run(place.request("classes", digits.scans()[:SCANS], min_train_per_class=300), io.StringIO())
    assert classes.verdict == "held"
    assert "300 of each class are needed (min_train_per_class)" in classes.reason


def test_what_no_gate_can_tell_waits_for_labels_or_for_a_person(place: Place) -> None:
    """By the design's limits a few hundred frames tell little."""
    scans = digits.scans()[:SCANS]
    held = run(place.request("open", scans, policy="strict"), io.StringIO())
    assert held.verdict == "held"
    asked = run(place.request("asked", scans, policy="strict", ask=True), io.StringIO())
    assert asked.verdict == "packaged"
    assert {gate.verdict for gate in asked.gates} == {"pass", "inconclusive"}
    assert all(gate.gate in asked.reason for gate in asked.gates if gate.verdict == "inconclusive")


def test_wrong_labels_are_listed_for_review_and_every_recording_with_its_set(place: Place) -> None:
    frames = [
        Digit(one.content, str((int(one.label) + 1) % 10)) if n % 5 == 0 else one for n, one in enumerate(digits.scans()[:SCANS])
    ]
    job = place.request("poisoned", frames)
    outcome = run(job, io.StringIO())
    verdicts = {gate.gate: gate.verdict for gate in outcome.gates}
    assert (outcome.verdict, verdicts["labels"], outcome.package) == ("held", "inconclusive", {})
    assert "look at the suspects again" in outcome.reason
    assert "Labels to look at again" in (job / outcome.page).read_text()
    turned = {one.frame_id for one in read_request(job).labels[::5]}
    listed = {one.frame_id for one in outcome.suspects}
    assert len(listed & turned) > 0.6 * len(turned), (len(listed), len(listed & turned))
    assert len(listed & turned) > 0.6 * len(listed), (len(listed), len(listed & turned))
    assert set(Deals(place.frame_store, "digits").standing().values()) == {"train", "validation", "gate"}


def test_frames_that_are_gone_or_wrong_are_named_and_the_others_used(place: Place) -> None:
    frames = list(digits.scans()[:SCANS])
    frames[3] = Digit(b"no picture", "1")
    frames[4] = Digit(frames[4].content, "zebra")
    frames[5] = frames[6]
    job = place.request("named", frames, seed=3)
    request = read_request(job)
    (Path(place.frame_store) / request.labels[7].path).unlink()
    excluded = Excluded()
    gather(request, place.repository.read("digits", "1"), Folder(str(job)), excluded, lambda _: None)
    assert {reason: len(names) for reason, names in excluded.reasons.items() if "nearly" not in reason} == {
        "no longer in the frame store": 1,
        "not a picture that decodes": 1,
        "labelled 'zebra', which is none of the model's classes": 1,
        "the same picture again": 1,
    }


def test_a_missing_parent_is_an_error_around_the_candidate(place: Place) -> None:
    done = finished(command("retrain.trainer.candidate", place.request("orphan", digits.scans()[:70], parent="99")))
    assert done.returncode == 2
    assert "has no version '99'" in done.stderr


@pytest.mark.parametrize("kind", ["forgetful", "constant", "unchanged"])
def test_bad_candidates_are_refused(place: Place, kind: str) -> None:
    job = place.request(kind, digits.scans()[:SCANS])
    request, parent, folder = read_request(job), place.repository.read("digits", "1"), Folder(str(job))
    material = gather(request, parent, folder, Excluded(), lambda _: None)
    good = refit(request, parent, material, fit_head(request, material))
    learning, width = material.learning(), material.seen.embedding.shape[1]
    if kind == "forgetful":  # fitted on new frames alone
        rows = learning & material.new
        groups = tuple(item.recording for item, inside in zip(material.dataset.items, rows, strict=True) if inside)
        development = Development(material.seen.embedding[rows], material.truth[rows], groups, material.new[rows])
        bad = with_head(good, cross_fit(development, 10, 1).head, material)
    elif kind == "constant":
        bad = with_head(good, Head(np.zeros((10, width), np.float32), np.eye(10, dtype=np.float32)[3] * 5), material)
    else:
        bad = replace(good, probabilities=softmax(material.seen.scores.astype(np.float64)))
    verdicts = {result.gate: result.verdict for result in judge(request, parent, material, bad, folder, lambda _, __: None).results}
    wanted = {"forgetful": {"forgetting", "negative flips"}, "constant": {"recall", "forgetting"}, "unchanged": {"gain"}}[kind]
    assert {gate for gate in wanted if verdicts.get(gate) == "fail"} == wanted, verdicts


def with_head(good: Rework, head: Head, material: Material) -> Rework:
    """A candidate with another head and its graph with it, so that everything but its judgement is in order."""
    model = graph.encode(graph.with_head(graph.read(good.model, "good"), graph.EMBEDDING, graph.SCORES, head))
    return replace(
        good,
        head=head,
        model=model,
        probabilities=softmax(head.logits(material.seen.embedding)),
        by_torch=lambda frames: head.logits(material.session.run(frames)[0]),
    )


def test_a_first_version_is_trained_on_photographs(tmp_path: Path) -> None:
    from elpv_dataset.utils import load_dataset

    photographs, probability, kinds = load_dataset()
    mono = np.flatnonzero(kinds == "mono")
    mono = mono[np.arange(len(mono)) // 10 % 9 == 0]  # every ninth block: neighbouring blocks are one module
    index = tmp_path / "index.csv"
    with index.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "group", "camera"))
        for place_, number in enumerate(mono):
            name = f"{number}.jpg"
            (tmp_path / name).write_bytes(cv2.imencode(".jpg", photographs[number], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
            rows.writerow(
                (name, "defective" if probability[number] > 0.5 else "functional", f"b{place_ // 10}", f"cam-{place_ % 3}")
            )
    stores = ["--repository", tmp_path / "repository", "--frame-store", tmp_path / "frames", "--cache", tmp_path / "cache"]
    arguments = [
        "--model",
        "cells",
        "--frames",
        index,
        "--labels",
        "functional,defective",
        "--positive",
        "defective",
        "--threads",
        "2",
    ]
    done = finished(command("retrain.trainer.bootstrap", *stores, *arguments))
    assert done.returncode == 0, done.stderr
    *_, last, advice = done.stdout.splitlines()
    assert msgspec.json.decode(last, type=Step).step == "published"
    assert advice == "It is the champion. Next: keepsight up"
    repository = ModelRepository(str(tmp_path / "repository"))
    version = repository.read("cells", "1")
    manifest = version.manifest
    assert manifest.benchmark is not None
    assert manifest.benchmark.auc is not None
    assert manifest.benchmark.auc.value > 0.6
    assert manifest.benchmark.recall is not None
    assert len(version.baseline) == len(mono)
    assert version.baseline.axes.shape == (32, 2560)
    assert repository.channels("cells").champion == "1"
    assert bootstrap.main([str(argument) for argument in (*stores, *arguments)]) == 0
    assert repository.versions("cells") == ["1"]
    assert repository.manifest("cells", "1") == manifest
