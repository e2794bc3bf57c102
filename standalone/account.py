"""The demo's arithmetic: what the cameras sent and were answered, against what stands on the log and in the model repository."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from contracts.events import AnyEvent, ModelPublished
from contracts.quality import Quality, quality
from contracts.repository import ModelRepository
from standalone.camera import Answer
from standalone.facts import MOMENTS, Count, Dot, Moment, Proof, SeenGate, SeenVersion
from standalone.photographs import LABELS, POSITIVE, Kind
from standalone.witness import Scoring

KINDS: tuple[Kind, ...] = ("mono", "poly")


def frames(sent: int, answers: Sequence[Answer], scorings: Iterable[Scoring]) -> Count:
    """Frames sent, and those both answered and scored on the log by the version that answered."""
    scored = {(one.frame_id, one.version) for one in scorings if one.variant != "shadow"}
    return Count(sent, sum((answer.frame_id, answer.version) in scored for answer in answers))


def proof(answers: Iterable[Answer], scorings: Iterable[Scoring], expected: Mapping[Moment, str]) -> Proof:
    """Quality on the sealed cells by moment, of the version `expected` to answer then, and of the shadow at the end.

    An audit frame that another version answered counts for none: the swap came between.
    """
    said: dict[str, list[Scoring]] = defaultdict(list)
    for scoring in scorings:
        said[scoring.frame_id].append(scoring)
    answered: dict[tuple[Kind, Moment], list[tuple[bool, float]]] = defaultdict(list)
    shadowed: dict[Kind, list[tuple[bool, float]]] = defaultdict(list)
    for answer in answers:
        cell, moment = answer.shot.cell, _moment(answer.shot.phase)
        if moment is None:
            continue
        for scoring in said[answer.frame_id]:
            if scoring.variant == "shadow" and moment == "after":
                shadowed[cell.kind].append((cell.defective, scoring.positive))
            elif scoring.variant != "shadow" and scoring.version == expected.get(moment):
                answered[cell.kind, moment].append((cell.defective, scoring.positive))
    return Proof(
        answering={
            kind: {moment: of_pairs(answered[kind, moment]) for moment in MOMENTS if (kind, moment) in answered} for kind in KINDS
        },
        shadowing={kind: of_pairs(pairs) for kind, pairs in shadowed.items()},
    )


def _moment(phase: str) -> Moment | None:
    return next((moment for moment in MOMENTS if moment == phase), None)


def of_pairs(pairs: Sequence[tuple[bool, float]]) -> Quality:
    """The quality of (truly defective, probability of defective) pairs."""
    positive = np.array([probability for _, probability in pairs], dtype=np.float64)
    truth = np.array([defective for defective, _ in pairs], dtype=np.int64)
    return quality(LABELS, truth, np.column_stack([1 - positive, positive]), POSITIVE)


def dots(answers: Iterable[Answer], started: float) -> tuple[Dot, ...]:
    """The answered frames of the line in the order of capture, the audit camera's left out."""
    found = (
        Dot(
            round(answer.captured_at - started, 2),
            answer.camera,
            answer.label == answer.shot.cell.label,
            answer.version,
            answer.shot.smeared,
        )
        for answer in answers
        if not answer.shot.phase
    )
    return tuple(sorted(found, key=lambda dot: dot.at_s))


def gates(events: Iterable[AnyEvent]) -> tuple[SeenGate, ...]:
    """The gates of the version published last."""
    published = [event for event in events if isinstance(event, ModelPublished)]
    return (
        tuple(SeenGate(one.gate, one.verdict, one.value, one.limit, one.detail) for one in published[-1].gates) if published else ()
    )


def versions(repository: ModelRepository, model: str, answers: Iterable[Answer]) -> tuple[SeenVersion, ...]:
    """The versions in the repository, oldest first, with the frames that each answered."""
    answered = Counter(answer.version for answer in answers)
    found = []
    for name in repository.versions(model):
        manifest = repository.manifest(model, name)
        found.append(
            SeenVersion(
                version=name,
                origin=manifest.lineage.origin,
                digest=manifest.files["model.onnx"].sha256[:12],
                technique=manifest.lineage.technique,
                trained_from=manifest.lineage.trained_from,
                benchmark_accuracy=manifest.benchmark.accuracy.value if manifest.benchmark else None,
                answered=answered[name],
            )
        )
    return tuple(found)
