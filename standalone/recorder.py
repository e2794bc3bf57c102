"""Makes the facts of a run out of what is left of it: the answers that the cameras got, the log, the model repository, the training jobs."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.repository import ModelRepository
from standalone import account
from standalone.camera import Answer
from standalone.demo_settings import MODEL, Folders
from standalone.facts import Count, Facts, Moment
from standalone.published import Published
from standalone.report import Picture, Pictures, value
from standalone.story import Stage, Story
from standalone.timeline import folded, incidents

SHOWN: Final = 6
"""Photographs of each sort in the report."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the command line and the clock say of a run."""

    seed: int
    date: str
    log: str
    bootstrap_s: float


class _Frame(msgspec.Struct):
    frame_id: str = ""


class _Request(msgspec.Struct):
    """Of a training request, the live frames that were handed to training."""

    labels: list[_Frame]


class _Dataset(msgspec.Struct):
    """Of a version's dataset in the frame store, the frames; those of the first version have no id."""

    items: list[_Frame]


def record(run: Run, stage: Stage, story: Story, folders: Folders, published: Published, troubles: Sequence[str]) -> Facts:
    """The facts. Promises are judged on them afterwards."""
    answers, witness, moments = stage.line.answers, stage.witness, story.moments()
    repository = ModelRepository(str(folders.repository))
    versions = account.versions(repository, MODEL, answers)
    smeared = {answer.frame_id for answer in answers if answer.shot.smeared}
    trained = trained_frames(folders)
    old = versions[0].version
    expected: dict[Moment, str] = {"before": old, "during": old, "after": story.version}
    return Facts(
        seed=run.seed,
        date=run.date,
        log=run.log,
        moments=moments,
        bootstrap_s=round(run.bootstrap_s, 1),
        timeline=folded(story.entries),
        incidents=incidents(witness.events, stage.started, moments),
        gates=account.gates(witness.events),
        versions=versions,
        proof=account.proof(answers, witness.scorings, expected),
        dots=account.dots(answers, stage.started),
        frames=account.frames(stage.line.sent(), answers, witness.scorings),
        events=Count(published.made, witness.sources["serving"]),
        labels_posted=len(stage.labeller.posted),
        smeared_labelled=sum(answer.shot.smeared for answer in stage.labeller.posted),
        smeared_trained=len(smeared & trained),
        trained_labels=len(trained),
        troubles=(*troubles, *stage.line.refused()[:3], *stage.labeller.refused[:3], *witness.bad[:3]),
    )


def trained_frames(folders: Folders) -> set[str]:
    """The ids of all live frames that any training request names, or the dataset of any version."""
    requests = [msgspec.json.decode(path.read_bytes(), type=_Request).labels for path in folders.state.rglob("request.json")]
    datasets = [
        msgspec.json.decode(path.read_bytes(), type=_Dataset).items for path in folders.frames.glob(f"datasets/{MODEL}/*.json")
    ]
    return {frame.frame_id for named in (*requests, *datasets) for frame in named} - {""}


def pictures(answers: Sequence[Answer]) -> Pictures:
    """Some frames of each sort, drawn by chance; the same for the same run."""
    line = [answer for answer in answers if not answer.shot.phase]
    first = line[0].version if line else ""
    old = [answer for answer in line if answer.version == first]
    return Pictures(
        reference=_drawn(answer for answer in old if answer.shot.cell.kind == "mono"),
        drifted=_drawn(answer for answer in old if answer.shot.cell.kind == "poly" and not answer.shot.smeared),
        smeared=_drawn(answer for answer in line if answer.shot.smeared),
    )


def _drawn(answers: Iterable[Answer]) -> tuple[Picture, ...]:
    distinct = list({answer.shot.cell.number: answer for answer in answers}.values())
    chosen = random.Random(0).sample(distinct, min(SHOWN, len(distinct)))
    return tuple(Picture(answer.shot.content, answer.label, answer.shot.cell.label) for answer in chosen)


def summary(facts: Facts, page: Path, logs: Path, took_s: float) -> list[str]:
    """What the terminal says at the end."""
    lines = [""]
    for metric in ("accuracy", "balanced_accuracy", "recall", "auc"):
        cells = []
        for kind, moments in facts.proof.answering.items():
            shown = " → ".join(f"{found:.3f}" for moment in moments if (found := value(moments[moment], metric)) is not None)
            cells.append(f"{kind} {shown}")
        lines.append(f"{metric.replace('_', ' '):>18}   " + "     ".join(cells))
    lines += ["", *(f"{'✓' if promise.kept else '✗'} {promise.name}: {promise.detail}" for promise in facts.promises), ""]
    verdict = "the loop closed" if facts.ok else f"the loop did not close: {len(facts.failed)} promises were not kept"
    lines.append(f"{verdict}; {took_s:.0f} s in all, {facts.bootstrap_s:.0f} s of them for the first version")
    lines.append(f"report: {page}" + ("" if facts.ok else f"   logs: {logs}"))
    return lines
