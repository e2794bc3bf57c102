"""Makes a detector's candidate of a request: trained, judged by a detector's gates, and packaged where none refused it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch

from contracts import baseline as baselines
from contracts import golden as goldens
from contracts.baseline import MIN_FRAMES
from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.manifest import BASELINE, GOLDEN, MODEL, WEIGHTS, Lineage
from contracts.quality_detection import quality
from contracts.repository import ModelRepository, Version
from retrain.data.counts import TooLittleError
from retrain.data.dataset import Datasets
from retrain.data.material import Material
from retrain.gates.verdict import settled
from retrain.models import graph
from retrain.request import PAGE, CandidateOutcome, CandidateRequest
from retrain.steps import Steps
from retrain.trainer import golden
from retrain.trainer.box_closing import baseline
from retrain.trainer.box_review import suspects
from retrain.trainer.detector_training import PREPARED, Candidate, Clock, Shop, made, shop, truths
from retrain.trainer.detector_trial import judge, timed
from retrain.trainer.package import write
from retrain.trainer.pictured import pictured
from retrain.trainer.publication import code_version
from retrain.trainer.verdict_page import box_verdict_page
from retrain.training import distributed
from retrain.training.allowance import TooLongError
from retrain.training.loop import DivergedError


def detector_candidate(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    repository: ModelRepository,
    folder: Folder,
    local: Path,
    steps: Steps,
    device: torch.device,
    clock: Clock,
) -> CandidateOutcome | None:
    """The outcome; None in all but the first of several processes that train together. Raises TooLittleError, StoreError."""
    train = material.dataset.where("train")
    unlearned = material.new & ~train
    if not (material.new & train).any():
        raise TooLittleError(f"no new frame to learn from: all lie in recordings that tune or judge; {material.counts()}")
    if int(unlearned.sum()) < MIN_FRAMES:
        raise TooLittleError(
            f"{int(unlearned.sum())} new frames that the detector would not learn from, {MIN_FRAMES} are needed to measure it on; {material.counts()}"
        )
    its = shop(request, parent, material, repository, folder, local, steps, device)
    try:
        candidate = made(its, clock)
    except (VersionError, TooLongError, DivergedError, torch.OutOfMemoryError) as error:
        return CandidateOutcome(verdict="held", reason=f"the detector cannot be trained: {error}")
    finally:
        if distributed.place().first:
            shutil.rmtree(local / PREPARED, ignore_errors=True)
    if not distributed.place().first:
        return None
    steps("judging", 0.7, candidate.technique)
    evidence = judge(its, candidate, lambda gate, done: steps("judging", 0.7 + 0.2 * done, gate))
    results = evidence.results
    failed, unsure = ([one for one in results if one.verdict == kind] for kind in ("fail", "inconclusive"))
    told, verdict = "; ".join(f"{one.gate}: {one.detail}" for one in [*failed, *unsure]), settled(results, request.ask)
    doubts, table = suspects(its, candidate), (timed(its, candidate),)
    page = box_verdict_page(request, parent, material, evidence, verdict, doubts, candidate.technique, table, candidate.curve)
    folder.write(PAGE, page)
    more = {PAGE: page, **pictured(folder, candidate.curve, candidate.row)}
    outcome = CandidateOutcome(
        verdict=verdict,
        reason=told,
        gates=results,
        trained_from=material.counts().by_set(),
        page=PAGE,
        judged_on=evidence.judged_on,
        suspects=doubts,
        table=table,
        device_s=candidate.row.device_s,
    )
    if verdict != "packaged":
        return outcome
    steps("packaging", 0.92)
    files, precision = _packaged(its, candidate, more)
    passed = f"all {len(results)}" if not unsure else f"{len(results) - len(unsure)} of {len(results)}"
    reason = f"{passed} gates passed; average precision on the new domain {precision:.3f}; {material.counts()}; {material.excluded}"
    return msgspec.structs.replace(
        outcome, reason=f"{reason}; open: {told}" if unsure else reason, digest=files[MODEL], package=files
    )


def _packaged(its: Shop, candidate: Candidate, more: Mapping[str, bytes]) -> tuple[dict[str, str], float]:
    """Write the version's files into the job's folder; the SHA-256 of each, and the benchmark's average precision."""
    request, material, datasets = its.request, its.material, Datasets(its.request.frame_store, its.request.model)
    dataset = datasets.put(material.dataset)
    datasets.put_views(sha256(candidate.model), dataset, material.session.spec, candidate.seen)
    index = np.flatnonzero(material.new & ~material.dataset.where("train"))
    true, recordings = truths(material), [material.dataset.items[i].recording for i in index]
    number = {name: place for place, name in enumerate(dict.fromkeys(recordings))}
    benchmark = quality(
        [true[i].boxes for i in index],
        [candidate.said[i] for i in index],
        [number[name] for name in recordings],
        candidate.threshold,
    )
    lineage = Lineage(
        origin="retrain",
        parent=request.parent,
        request_key=request.request_key,
        dataset=dataset,
        trained_from=material.counts().by_set(),
        technique=candidate.technique,
        recipe=candidate.recipe,
        code=code_version(),
        seed=request.seed,
        gates=sha256(more[PAGE]),
        overrides=(request.override,) if request.override else (),
        notes=f"benchmark and baseline describe the new domain: its sealed frames and those of validation; {material.excluded}",
    )
    manifest = msgspec.structs.replace(
        its.parent.manifest,
        labels=material.dataset.labels,
        boxes=graph.BOXES,
        embedding=graph.EMBEDDING,
        detection=benchmark,
        threshold=candidate.threshold,
        lineage=lineage,
        files={},
    )
    reference = baseline(its, candidate, index)
    recorded = golden.record(candidate.model, manifest, reference, material.frames.rows(material.added))
    files = {
        MODEL: candidate.model,
        BASELINE: baselines.encode(reference),
        GOLDEN: goldens.encode(recorded),
        WEIGHTS: candidate.weights,
        **more,
    }
    return write(its.folder, manifest, files)[1], benchmark.map50.value
