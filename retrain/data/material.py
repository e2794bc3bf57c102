"""What a retraining learns from: new labelled frames, each in the set that its recording was dealt into, joined to the champion's own dataset.

Nothing moves. A recording that was dealt in an earlier attempt keeps its set, published or not; a label that was corrected since enters as the newer
version of the same item; a frame that nearly repeats one of another set is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.baseline import MIN_FRAMES
from contracts.files import Folder
from contracts.frame_header import inspect
from contracts.frame_store import FrameStore
from contracts.predictions import BoxesTruth, ClassTruth, Truth
from contracts.repository import Version
from retrain.data.box_truth import EMPTY
from retrain.data.boxes import flaws
from retrain.data.brought import brought, learned_only
from retrain.data.counts import Counts, TooLittleError, counts_of, lacking, showing
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.deals import Deals
from retrain.data.duplicates import near_pairs
from retrain.data.frames import Excluded, Frame, Frames, labelled, usable
from retrain.data.recordings import joined, usual_bucket_s
from retrain.data.redefined import Redefined, redefined
from retrain.data.split import CANDIDATE_SHARES, assigned, counted
from retrain.models.session import Session, Views, concatenate, views
from retrain.request import CandidateRequest, LabelledFrame, Set

VIEWS: Final = "views"
_GIVES_WAY: Final[dict[Set, int]] = {"gate": 0, "validation": 1, "train": 2}
"""Of two near-duplicates in two sets the one that learns is left out: judged frames are few."""
_REDEFINED: Final = "of a class that means something else by now"
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Material:
    """A dataset of N items, old ones first, with what the champion sees of each. `new` [N] marks the new domain; `dealt` is every recording's set.

    `frames` reads an item's bytes; `added` are the rows that were not known before. Of `redefined` classes no old item is among them.
    """

    dataset: Dataset
    seen: Views
    new: NDArray[np.bool_]
    truth: NDArray[np.int64]
    frames: Frames
    added: range
    dealt: dict[str, Set]
    excluded: Excluded
    session: Session
    redefined: tuple[Redefined, ...] = ()

    def learning(self) -> NDArray[np.bool_]:
        """The items that a head may learn from; the others are sealed."""
        return self.dataset.where("train", "validation")

    def sealed(self, new: bool) -> NDArray[np.int64]:
        """Indices of the gate items of one domain."""
        return np.flatnonzero(~self.learning() & (self.new == new))

    def counts(self) -> Counts:
        """Frames by domain, set and class."""
        return counts_of(self.dataset, self.new)


def gather(request: CandidateRequest, parent: Version, folder: Folder, excluded: Excluded, report: Report) -> Material:
    """Read, embed and deal. Raises TooLittleError when there is too little, StoreError when the champion's dataset cannot be read."""
    manifest = parent.manifest
    datasets, deals = Datasets(request.frame_store, request.model), Deals(request.frame_store, request.model)
    digest = manifest.lineage.dataset
    known = datasets.get(digest) if digest else Dataset(model=request.model, labels=manifest.labels, items=())
    known = msgspec.structs.replace(known, labels=tuple(dict.fromkeys([*known.labels, *request.new_classes])))
    whole, others = corrected(known, request.labels, excluded)
    stays = _held(whole, request.withdrawn, excluded)
    known = msgspec.structs.replace(whole, items=tuple(item for item, kept in zip(whole.items, stays, strict=True) if kept))
    _check_number(others, excluded)
    bucket_s = deals.bucket_s(usual_bucket_s([f"{one.site}/{one.camera}" for one in others], [one.captured_at for one in others]))
    found = _unknown(labelled(others, FrameStore(request.frame_store), bucket_s, excluded, manifest.task), known, excluded)
    added = usable(_called_so_now(found, known, excluded), known.labels, excluded)
    _check_number(added, excluded)
    session = Session(parent.model, manifest.input, manifest.embedding, manifest.answers)
    cache = Folder(f"{folder.url}/{VIEWS}")
    old = _old_views(datasets, whole, session, parent, cache, request.threads)
    old = old if old is None else old.rows(stays)
    fresh = views(session, Frames([frame.read for frame in added]), cache, request.threads, report)
    added, fresh = _without_repeats(added, fresh, old, excluded)
    items, fresh, dealt = _dealt(request, known, deals, datasets, added, fresh, excluded)
    strange = _called_so_now(brought(request, known, datasets, manifest.task, excluded), known, excluded)
    strange = usable(strange, known.labels, excluded)
    if strange:
        seen = views(session, Frames([frame.read for frame in strange]), cache, request.threads)
        strange, seen = _without_repeats(strange, seen, fresh, excluded)
        strange, seen = _without_repeats(strange, seen, old, excluded)
        scenes, sets, dealt = learned_only(request, deals, strange, seen)
        items += tuple(_item(request, datasets, *one) for one in zip(strange, scenes, sets, strict=True))
        fresh = concatenate([fresh, seen])
    dataset = msgspec.structs.replace(known, items=known.items + items)
    new = np.array([_is_new(item, request, index >= len(known.items)) for index, item in enumerate(dataset.items)], dtype=np.bool_)
    material = Material(
        dataset,
        concatenate([old, fresh]) if old is not None else fresh,
        new,
        dataset.truth(),
        Frames([partial(datasets.frame, item.sha256) for item in dataset.items]),
        range(len(known.items), len(dataset.items)),
        dealt,
        excluded,
        session,
    )
    if manifest.task == "classification":
        material = _as_meant_now(material, manifest.labels, request.since)
    if missing := lacking(material.counts(), request, showing(material.dataset)):
        told = "; ".join(map(str, (missing, *material.redefined, material.counts(), excluded)))
        raise TooLittleError(told)
    return material


def _as_meant_now(material: Material, labels: tuple[str, ...], since: float) -> Material:
    """Without the old items of classes that mean something else since the change: they would teach, and judge by, what is true no more.

    Sealed labels have no say in what is learned from. The dataset remembers, since the old labels come with every later request.
    """
    items, seen, new, learning = material.dataset.items, material.seen, material.new, np.flatnonzero(material.learning())
    recordings = [items[row].recording for row in learning]
    said, truth = seen.scores[learning].argmax(axis=1), material.truth[learning]
    moved = redefined(said, truth, new[learning], seen.embedding[learning], recordings, labels)
    gone = frozenset(one.label for one in moved)
    stays = np.array([new[row] or item.label not in gone for row, item in enumerate(items)], dtype=np.bool_)
    if stays.all():
        return material
    for row in np.flatnonzero(~stays).tolist():
        material.excluded.add(_REDEFINED, items[row].frame_id or items[row].sha256[:12])
    rows = np.flatnonzero(stays)
    began = since or 1.0 + max(items[row].captured_at for row in np.flatnonzero(~stays))
    known_since = material.dataset.redefined | dict.fromkeys(sorted(gone), began)
    return replace(
        material,
        dataset=msgspec.structs.replace(material.dataset, items=tuple(items[row] for row in rows), redefined=known_since),
        seen=seen.rows(rows),
        new=new[rows],
        truth=material.truth[rows],
        frames=material.frames.rows(rows.tolist()),
        added=range(int(stays[: material.added.start].sum()), len(rows)),
        redefined=moved,
    )


def _called_so_now(frames: list[Frame], known: Dataset, excluded: Excluded) -> list[Frame]:
    """The frames but for those of classes that have come to mean something else since they were captured; a picture without a time was before."""
    stale = [frame.boxes is None and frame.captured_at < known.redefined.get(frame.label, -np.inf) for frame in frames]
    for frame, is_stale in zip(frames, stale, strict=True):
        if is_stale:
            excluded.add(_REDEFINED, frame.name)
    return [frame for frame, is_stale in zip(frames, stale, strict=True) if not is_stale]


def corrected(known: Dataset, labels: tuple[LabelledFrame, ...], excluded: Excluded) -> tuple[Dataset, list[LabelledFrame]]:
    """The dataset with the labels that were corrected since, each a newer version of its item, and the frames that it does not hold."""
    place = {item.frame_id: index for index, item in enumerate(known.items) if item.frame_id}
    items, others = list(known.items), []
    for one in labels:
        index = place.get(one.frame_id)
        if index is None:
            others.append(one)
        elif one.truth != items[index].truth:
            if not _fault(one.truth, items[index], known.labels):
                version = items[index].label_version + 1
                items[index] = msgspec.structs.replace(
                    items[index], truth=one.truth, labelled_by=one.labelled_by, label_version=version
                )
            else:
                excluded.add("corrected to what the model cannot learn: its label stays", one.frame_id)
    return msgspec.structs.replace(known, items=tuple(items)), others


def _fault(truth: Truth, item: Item, labels: tuple[str, ...]) -> bool:
    """Whether a correction is of another kind than the item's truth, names a class that is none, or has boxes that cannot be right."""
    if isinstance(truth, ClassTruth) and isinstance(item.truth, ClassTruth):
        return truth.label not in labels
    if isinstance(truth, BoxesTruth) and isinstance(item.truth, BoxesTruth):
        return bool(flaws(truth, labels, item.width, item.height))
    return True


def _check_number(frames: Sequence[object], excluded: Excluded) -> None:
    if len(frames) < MIN_FRAMES:
        raise TooLittleError(
            f"{len(frames)} labelled frames that are not in the dataset yet, at least {MIN_FRAMES} are needed; {excluded}"
        )


def _unknown(frames: list[Frame], known: Dataset, excluded: Excluded) -> list[Frame]:
    """The frames whose picture the dataset does not hold under another name."""
    truths = {item.sha256: item.truth for item in known.items}
    for frame in frames:
        if frame.sha256 in truths:
            same = truths[frame.sha256] == frame.truth
            excluded.add(
                "the same picture as one of the dataset" if same else "labelled otherwise than the same picture in the dataset",
                frame.name,
            )
    return [frame for frame in frames if frame.sha256 not in truths]


def _old_views(datasets: Datasets, known: Dataset, session: Session, parent: Version, cache: Folder, threads: int) -> Views | None:
    """The champion's views of its dataset: as kept beside it, or computed again from the frames."""
    if not known.items:
        return None
    kept = datasets.views(
        parent.digest, parent.manifest.lineage.dataset, session.spec, len(known.items), len(parent.baseline.centre)
    )
    if kept is not None:
        return kept
    return views(session, Frames([partial(datasets.frame, item.sha256) for item in known.items]), cache, threads)


def _without_repeats(added: list[Frame], fresh: Views, old: Views | None, excluded: Excluded) -> tuple[list[Frame], Views]:
    """Leave out frames that nearly repeat one of the dataset: in another set than it they would leak, in its own they teach nothing."""
    if old is None or not added:
        return added, fresh
    repeats = {int(i) for block in near_pairs(fresh, old) for i in np.unique(block[:, 0])}
    for index in sorted(repeats):
        excluded.add("nearly the same as a frame of the dataset", added[index].name)
    kept = np.array([index not in repeats for index in range(len(added))], dtype=np.bool_)
    return [frame for frame, keep in zip(added, kept, strict=True) if keep], fresh.rows(kept)


def _dealt(
    request: CandidateRequest,
    known: Dataset,
    deals: Deals,
    datasets: Datasets,
    added: list[Frame],
    fresh: Views,
    excluded: Excluded,
) -> tuple[tuple[Item, ...], Views, dict[str, Set]]:
    """The new items with what the champion sees of them, their bytes kept, and the set of every recording, kept before anybody learns from it."""
    standing = {**{item.recording: item.set for item in known.items}, **deals.standing()}
    recordings = [frame.recording for frame in added]
    scenes = joined(recordings, near_pairs(fresh))
    place = {label: k for k, label in enumerate((*known.labels, EMPTY))}
    before = [item for item in known.items if _is_new(item, request, False)]
    counts = counted(
        [item.recording for item in before] + scenes,
        np.array([place[label] for label in [item.label for item in before] + [frame.label for frame in added]], dtype=np.int64),
        len(place),
    )
    of_scene = {item.recording: item.set for item in before}
    for scene, recording in zip(scenes, recordings, strict=True):
        if recording in standing:
            of_scene.setdefault(scene, standing[recording])
    chosen = assigned(counts, of_scene, CANDIDATE_SHARES, request.seed)
    fitting = {recording: standing.get(recording, chosen[scene]) for recording, scene in zip(recordings, scenes, strict=True)}
    dealt = deals.keep(fitting, request.job_id)
    sets = [dealt[recording] for recording in recordings]
    kept, scenes = _apart(added, fresh, sets, excluded)
    items = tuple(_item(request, datasets, added[i], scenes[i], sets[i]) for i in kept.tolist())
    return items, fresh.rows(kept), dealt


def _apart(added: list[Frame], fresh: Views, sets: list[Set], excluded: Excluded) -> tuple[NDArray[np.int64], list[str]]:
    """The rows that stay when of near-duplicates whose recordings lie in two sets, dealt in two attempts, one is left out; the scene of every row."""
    rank = np.array([_GIVES_WAY[name] for name in sets])
    out: set[int] = set()
    for block in near_pairs(fresh):
        torn = block[rank[block[:, 0]] != rank[block[:, 1]]]
        out |= {int(i) for i in np.where(rank[torn[:, 0]] > rank[torn[:, 1]], torn[:, 0], torn[:, 1])}
    for index in sorted(out):
        excluded.add("nearly the same as a frame of another set", added[index].name)
    kept = np.array([index for index in range(len(added)) if index not in out], dtype=np.int64)
    together = (block[rank[block[:, 0]] == rank[block[:, 1]]] for block in near_pairs(fresh))
    return kept, joined([frame.recording for frame in added], together)


def _held(known: Dataset, withdrawn: Sequence[str], excluded: Excluded) -> NDArray[np.bool_]:
    """Which items of the dataset nobody has called wrong since."""
    wrong = frozenset(withdrawn)
    for item in known.items:
        if item.frame_id and item.frame_id in wrong:
            excluded.add("labelled wrong, as a person said, and not labelled again yet", item.frame_id)
    return np.array([not item.frame_id or item.frame_id not in wrong for item in known.items], dtype=np.bool_)


def _item(request: CandidateRequest, datasets: Datasets, frame: Frame, recording: str, dealt: Set) -> Item:
    content = frame.read()
    header = inspect(content)
    return Item(
        sha256=datasets.put_frame(content),
        truth=frame.truth,
        recording=recording,
        set=dealt,
        camera=frame.camera,
        captured_at=frame.captured_at,
        added=request.job_id,
        frame_id=frame.frame_id,
        labelled_by=frame.labelled_by,
        width=header.width,
        height=header.height,
        source=frame.source,
    )


def _is_new(item: Item, request: CandidateRequest, just_added: bool) -> bool:
    """Of the new domain: captured since the change began. Without a known beginning, what was labelled since the champion was made."""
    return not item.source and item.captured_at >= request.since and (just_added or request.since > 0)
