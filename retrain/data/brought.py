"""Pictures of elsewhere on their way into a dataset: they teach and tune, and never judge. Each is a recording of its own, near-duplicates are one."""

from functools import partial
from typing import Final

import numpy as np

from contracts.errors import StoreError
from contracts.predictions import BoxesTruth, Task
from retrain.data.box_truth import stratum
from retrain.data.dataset import Dataset, Datasets
from retrain.data.deals import Deals
from retrain.data.duplicates import near_pairs
from retrain.data.frames import OTHER_TASK, Excluded, Frame
from retrain.data.recordings import joined
from retrain.data.split import FOREIGN_SHARES, assigned, counted
from retrain.foreign import Inbox
from retrain.models.session import Views
from retrain.request import CandidateRequest, Set

CAMERA: Final = "inbox"
"""What stands for a camera of pictures that none of the house sent."""


def brought(request: CandidateRequest, known: Dataset, datasets: Datasets, task: Task, excluded: Excluded) -> list[Frame]:
    """The pictures of the request's batches that the dataset does not hold yet. Raises StoreError where a batch cannot be read."""
    inbox, held = Inbox(request.frame_store, request.model), {item.sha256 for item in known.items}
    found = []
    for digest in request.inbox:
        batch = inbox.get(digest)
        for one in batch.pictures:
            name = f"{batch.source}: {one.name or one.sha256[:12]}"
            if one.sha256 in held:
                continue
            boxes = one.truth if isinstance(one.truth, BoxesTruth) else None
            if (boxes is not None) != (task == "detection"):
                excluded.add(OTHER_TASK[task], name)
                continue
            read = partial(datasets.frame, one.sha256)
            try:
                read()
            except StoreError:
                excluded.add("missing or altered in the frame store", name)
                continue
            recording = f"{CAMERA}/{batch.source}/{one.sha256[:16]}"
            said = stratum(one.truth)
            found.append(Frame(name, read, one.sha256, said, recording, CAMERA, 0.0, "", one.labelled_by, batch.source, boxes))
    return found


def learned_only(
    request: CandidateRequest, deals: Deals, frames: list[Frame], seen: Views
) -> tuple[list[str], list[Set], dict[str, Set]]:
    """The scene and the set of each picture, and the set of every recording that was dealt: kept before anything learns."""
    standing, recordings = deals.standing(), [frame.recording for frame in frames]
    scenes = joined(recordings, near_pairs(seen))
    place = {label: k for k, label in enumerate(dict.fromkeys(frame.label for frame in frames))}
    counts = counted(scenes, np.array([place[frame.label] for frame in frames], dtype=np.int64), len(place))
    of_scene = {scene: standing[name] for scene, name in zip(scenes, recordings, strict=True) if name in standing}
    chosen = assigned(counts, of_scene, FOREIGN_SHARES, request.seed)
    sets = [chosen[scene] for scene in scenes]
    return scenes, sets, deals.keep(dict(zip(recordings, sets, strict=True)), request.job_id)
