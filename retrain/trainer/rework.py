"""What a retraining learns from, and the head that comes of it: new labelled frames dealt into sets, joined to the champion's own dataset."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.baseline import MIN_FRAMES
from contracts.errors import KeepsightError
from contracts.files import Folder
from contracts.frame_store import FrameStore
from contracts.repository import Version
from retrain.data.dataset import Dataset, Datasets, Item, near_duplicates
from retrain.data.frames import Excluded, Frame, labelled, usable
from retrain.data.split import CANDIDATE_SHARES, SETS, deal, joined
from retrain.models import graph
from retrain.models.calibrate import Doubles, probabilities, softmax
from retrain.models.session import Session, Views, concatenate, views
from retrain.request import CandidateRequest
from retrain.training.crossfit import NEW_SHARE, Development, Fitted, cross_fit

VIEWS = "views"


class TooLittleError(KeepsightError):
    """Nothing is wrong with the request, but there is too little to train or to judge on. The message says how much is needed."""


@dataclass(frozen=True, slots=True)
class Material:
    """A dataset of N items, old ones first, with what the champion sees of each. `new` marks the new domain, `added` the frames not known before."""

    dataset: Dataset
    seen: Views
    new: NDArray[np.bool_]
    truth: NDArray[np.int64]
    excluded: Excluded
    added: tuple[Frame, ...]
    session: Session

    def learning(self) -> NDArray[np.bool_]:
        """The items that a head may learn from; the others are sealed."""
        return self.dataset.where("train", "validation")

    def sealed(self, new: bool) -> NDArray[np.int64]:
        """Indices of the gate items of one domain."""
        return np.flatnonzero(~self.learning() & (self.new == new))

    def counts(self) -> dict[str, int]:
        """Frames by domain and set."""
        return {
            f"{domain}_{name}": int((self.dataset.where(name) & mask).sum())
            for domain, mask in (("new", self.new), ("old", ~self.new))
            for name in SETS
        }

    def told(self) -> str:
        """The counts for a person."""
        c = self.counts()
        learning = c["new_train"] + c["new_validation"]
        return f"{learning} new frames to learn from and {c['new_gate']} to judge on, {c['old_train'] + c['old_validation']} old ones replayed"


@dataclass(frozen=True, slots=True)
class Rework:
    """A refitted head and the graph that holds it. `probabilities` [N, K] of every item: sealed ones by the head, the others out of fold."""

    fitted: Fitted
    model: bytes
    probabilities: Doubles

    def of(self, embedding: NDArray[np.float32]) -> Doubles:
        """Probabilities [n, K] by the head that ships."""
        return softmax(self.fitted.head.logits(embedding) / self.fitted.temperature)


def gather(
    request: CandidateRequest, parent: Version, folder: Folder, excluded: Excluded, report: Callable[[float], None]
) -> Material:
    """Read, embed and deal. Raises TooLittleError when there is too little, StoreError when the champion's dataset cannot be read."""
    manifest = parent.manifest
    datasets = Datasets(request.frame_store, request.model)
    known = (
        datasets.get(manifest.lineage.dataset)
        if manifest.lineage.dataset
        else Dataset(model=request.model, labels=manifest.labels, items=())
    )
    session = Session(parent.model, manifest.input, manifest.embedding, manifest.scores)
    cache = Folder(f"{folder.url}/{VIEWS}")
    usables = usable(labelled(request.labels, FrameStore(request.frame_store), excluded), manifest.labels, excluded)
    familiar = {item.sha256 for item in known.items}
    added = [frame for frame in usables if frame.sha256 not in familiar]
    if len(added) < MIN_FRAMES:
        raise TooLittleError(
            f"{len(added)} labelled frames that are not in the dataset yet, at least {MIN_FRAMES} are needed; {excluded}"
        )
    old = _old_views(datasets, known, session, parent, cache, request.threads)
    fresh = views(session, [frame.content for frame in added], cache, request.threads, report)
    added, fresh = _without_repeats(added, fresh, old, excluded)
    items = _dealt(request, manifest.labels, added, fresh)
    dataset = Dataset(model=request.model, labels=manifest.labels, items=known.items + items)
    new = np.array([_is_new(item, request, index >= len(known.items)) for index, item in enumerate(dataset.items)], dtype=np.bool_)
    seen = concatenate([old, fresh]) if old is not None else fresh
    material = Material(dataset, seen, new, dataset.truth(), excluded, tuple(added), session)
    _check_counts(material, request)
    return material


def refit(request: CandidateRequest, parent: Version, material: Material) -> Rework:
    """The head for old and new frames on the champion's embedding, and the champion's graph with that head."""
    learning = material.learning()
    groups = tuple(item.group for item, inside in zip(material.dataset.items, learning, strict=True) if inside)
    development = Development(material.seen.embedding[learning], material.truth[learning], groups, material.new[learning])
    labels = parent.manifest.labels
    fitted = cross_fit(development, len(labels), request.seed, min(NEW_SHARE, 1.0 - request.replay_share))
    logits = fitted.head.logits(material.seen.embedding)
    logits[learning] = fitted.out_of_fold
    champion = graph.read(parent.model, f"{request.model} version {request.parent}")
    model = graph.encode(graph.with_head(champion, parent.manifest.embedding, parent.manifest.scores, fitted.head))
    return Rework(fitted, model, softmax(logits / fitted.temperature))


def champion_probabilities(parent: Version, scores: NDArray[np.float32]) -> Doubles:
    """What the champion says of frames whose scores these are."""
    return probabilities(scores.astype(np.float64), parent.manifest.scores_are, parent.manifest.temperature)


def _old_views(datasets: Datasets, known: Dataset, session: Session, parent: Version, cache: Folder, threads: int) -> Views | None:
    """The champion's views of its dataset: as kept beside it, or computed again from the frames."""
    if not known.items:
        return None
    kept = datasets.views(parent.digest, session.spec, len(known.items), len(parent.baseline.centre))
    if kept is not None:
        return kept
    return views(session, [datasets.frame(item.sha256) for item in known.items], cache, threads)


def _without_repeats(added: list[Frame], fresh: Views, old: Views | None, excluded: Excluded) -> tuple[list[Frame], Views]:
    """Leave out frames that nearly repeat one of the dataset: in another set than it they would leak."""
    if old is None:
        return added, fresh
    repeats = {i for i, _ in near_duplicates(fresh, old)}
    for index in repeats:
        excluded.add("nearly the same as a frame of the dataset", added[index].name)
    kept = np.array([index not in repeats for index in range(len(added))], dtype=np.bool_)
    return [frame for frame, keep in zip(added, kept, strict=True) if keep], fresh.rows(kept)


def _dealt(request: CandidateRequest, labels: tuple[str, ...], added: list[Frame], fresh: Views) -> tuple[Item, ...]:
    groups = joined([frame.group for frame in added], near_duplicates(fresh))
    truth = np.array([labels.index(frame.label) for frame in added], dtype=np.int64)
    sets = deal(groups, truth, CANDIDATE_SHARES, request.seed)
    return tuple(
        Item(
            sha256=frame.sha256,
            label=frame.label,
            group=group,
            set=name,
            camera=frame.camera,
            captured_at=frame.captured_at,
            added=request.job_id,
            frame_id=frame.frame_id,
            labelled_by=frame.labelled_by,
        )
        for frame, group, name in zip(added, groups, sets, strict=True)
    )


def _is_new(item: Item, request: CandidateRequest, just_added: bool) -> bool:
    """Of the new domain: captured since the change began. Without a known beginning, what was labelled since the champion was made."""
    return item.captured_at >= request.since and (just_added or request.since > 0)


def _check_counts(material: Material, request: CandidateRequest) -> None:
    learning, labels = material.learning(), material.dataset.labels
    counts = {label: int((material.truth[learning] == k).sum()) for k, label in enumerate(labels)}
    short = [f"{label} {n}" for label, n in counts.items() if n < request.min_train_per_class]
    if short:
        raise TooLittleError(
            f"too few frames to train on: {', '.join(short)}; {request.min_train_per_class} of each class are needed (min_train_per_class), "
            f"new and replayed together; {material.told()}; {material.excluded}"
        )
    sealed = len(material.sealed(new=True))
    if sealed < request.min_gate:
        share = CANDIDATE_SHARES["gate"]
        raise TooLittleError(
            f"{sealed} new frames to judge on, {request.min_gate} are needed (min_gate): some {int(request.min_gate / share) + 1} new labels in all; "
            f"{material.told()}; {material.excluded}"
        )
    if int(material.new.sum()) < MIN_FRAMES:
        raise TooLittleError(
            f"{int(material.new.sum())} labelled frames of the new domain, a baseline needs {MIN_FRAMES}; {material.excluded}"
        )
