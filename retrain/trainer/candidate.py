"""Makes a candidate of a request: several techniques learn from new labels and replayed old ones, the best of them is judged by every gate.

    python -m retrain.trainer.candidate JOB_FOLDER      reads request.json, writes outcome.json last; one JSON line a step on standard output

It publishes nothing: what no gate refused is packaged in the folder, and the service that asked makes it a version.

Everything dear is kept in the folder under a key of its inputs (embeddings, techniques, verdicts) and the rest is deterministic, so that a process
killed at any instant is started again with the same folder and ends with the same outcome. Old frames are embedded by no one: the champion's views of
its dataset lie beside it.

Under torchrun several processes do this side by side and train together; the first one alone says, writes and judges.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

import msgspec
import numpy as np
import torch

from contracts.errors import KeepsightError, VersionError
from contracts.events import GateResult
from contracts.files import Folder, sha256
from contracts.finite import finite
from contracts.frames import see
from contracts.manifest import MODEL
from contracts.repository import ModelRepository, Version
from retrain.data.counts import TooLittleError
from retrain.data.frames import Excluded
from retrain.data.material import Material, gather
from retrain.gates.latency import measured
from retrain.gates.verdict import settled
from retrain.models.session import Session
from retrain.request import OUTCOME, PAGE, REQUEST, CandidateOutcome, CandidateRequest, TrialRow
from retrain.steps import Steps
from retrain.trainer.detector_candidate import detector_candidate
from retrain.trainer.pictured import pictured
from retrain.trainer.review import doubted
from retrain.trainer.rework import Rework
from retrain.trainer.submission import submit
from retrain.trainer.techniques import Contest, Workshop, contest, device_of
from retrain.trainer.trial import Evidence, judge
from retrain.trainer.verdict_page import verdict_page
from retrain.trainer.winner import candidate
from retrain.training import distributed

TIMED: Final = 11
"""Frames that each graph answers for the table."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 when outcome.json was written, 2 when something around the candidate failed (said on standard error)."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        run(Path(arguments[0]))
    except KeepsightError as error:
        sys.stderr.write(f"keepsight: {error}\n")
        return 2
    return 0


def run(folder: Path, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> CandidateOutcome | None:
    """The outcome of the request in `folder`, written there; None in all but the first of several processes that train together.

    Raises KeepsightError when a store or the parent version cannot be read.
    """
    request, job = read_request(folder), Folder(str(folder))
    torch.set_num_threads(request.threads)
    with distributed.joined(device=device_of(request.device).type) as place:
        steps = Steps(stream, job, silent=not place.first)
        try:
            outcome = _make(request, job, folder, steps, clock)
        except TooLittleError as held:
            outcome = CandidateOutcome(verdict="held", reason=str(held))
        if outcome is None or not place.first:
            return None
    outcome = msgspec.structs.replace(outcome, fence=request.fence)
    job.write(OUTCOME, msgspec.json.format(msgspec.json.encode(finite(outcome)), indent=1))
    steps(outcome.verdict, 1.0, outcome.reason)
    return outcome


def read_request(folder: Path) -> CandidateRequest:
    """The request in a job's folder. Raises VersionError when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / REQUEST).read_bytes(), type=CandidateRequest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise VersionError(f"{folder / REQUEST} is no request for a candidate: {error}") from error


def _make(
    request: CandidateRequest, folder: Folder, local: Path, steps: Steps, clock: Callable[[], float]
) -> CandidateOutcome | None:
    excluded = Excluded()
    steps("reading the champion", 0.0, f"{request.model} version {request.parent}")
    repository = ModelRepository(request.repository)
    parent = repository.read(request.model, request.parent)
    steps("reading frames", 0.02, f"{len(request.labels)} labelled frames")
    material = gather(request, parent, folder, excluded, lambda done: steps("embedding frames", 0.05 + 0.4 * done, str(excluded)))
    if parent.manifest.task == "detection":
        steps("training the detector", 0.45, str(material.counts()))
        return detector_candidate(request, parent, material, repository, folder, local, steps, device_of(request.device), clock)
    steps("training the head", 0.45, str(material.counts()))
    shop = Workshop(request, parent, material, repository, folder, local, steps, clock)
    tried = contest(shop)
    if not distributed.place().first:
        return None
    rework, tried, evidence, judged_on = _judged(shop, tried)
    won = tried.trials[tried.winner()]
    suspects, table = doubted(material, tried.heads, request.confirmed), _timed(shop, rework, tried.table())
    verdict = settled(evidence.results, request.ask)
    page = verdict_page(request, parent, material, evidence, verdict, suspects, rework.technique, table, won.curve)
    folder.write(PAGE, page)
    more = {PAGE: page, **pictured(folder, won.curve, won.row)}
    outcome = _decide(request, parent, material, rework, evidence.results, folder, steps, more)
    return msgspec.structs.replace(
        outcome,
        page=PAGE,
        judged_on=judged_on,
        suspects=suspects,
        table=table,
        device_s=sum(row.device_s for row in table),
    )


def _judged(shop: Workshop, tried: Contest) -> tuple[Rework, Contest, Evidence, tuple[str, ...]]:
    """The best on validation with what the gates say of it; where one refuses it, the head alone where none refuses that. And the recordings that judged,
    once for each look.

    A network that learned whole on few labels may do well on the frames that chose it and not on sealed ones, and the head alone is then no worse than
    before. Two candidates are judged at most: what one look passes wrongly by chance, two do at most twice as often.
    """
    rework, tried = candidate(shop, tried)
    evidence = _looked(shop, rework, tried)
    refused = [gate for gate in _refusing(evidence) if gate != "data"]
    if not refused or tried.winner() == "head_only":
        return rework, tried, evidence, evidence.judged_on
    plain, why = tried, f"refused by {', '.join(refused)}"
    while plain.winner() != "head_only":
        plain, why = plain.without(plain.winner(), why), "not judged"
    head, plain = candidate(shop, plain)
    second = _looked(shop, head, plain, evidence.judged_on)
    judged_on = (*evidence.judged_on, *second.judged_on)
    if against := _refusing(second):
        return rework, tried.without("head_only", f"refused by {', '.join(against)}, too"), evidence, judged_on
    return head, plain, second, judged_on


def _refusing(evidence: Evidence) -> list[str]:
    return [result.gate for result in evidence.results if result.verdict == "fail"]


def _looked(shop: Workshop, rework: Rework, tried: Contest, worn: Sequence[str] = ()) -> Evidence:
    """What the gates say of a candidate; `worn` are recordings that judged another one of this job just now."""
    shop.steps("judging", 0.7, f"{rework.technique}: {tried.trials[tried.winner()].row.harmonic:.3f} on validation")
    uses = Counter(shop.request.verdicts)
    uses.update(worn)
    return judge(
        msgspec.structs.replace(shop.request, verdicts=dict(uses)),
        shop.parent,
        shop.material,
        rework,
        shop.folder,
        lambda gate, done: shop.steps("judging", 0.7 + 0.2 * done, gate),
    )


def _timed(shop: Workshop, rework: Rework, table: tuple[TrialRow, ...]) -> tuple[TrialRow, ...]:
    """The table with the median CPU milliseconds a frame: of the champion's graph, whose network all techniques share, and of the chosen one's own."""

    def timed() -> dict[str, bytes]:
        manifest, material = shop.parent.manifest, shop.material
        frames = [see(material.frames[int(row)], material.session.spec) for row in np.flatnonzero(material.new)[:4]]
        own = Session(rework.model, manifest.input, manifest.embedding, manifest.scores)
        shared_s, own_s = (float(np.median(seconds)) for seconds in measured(material.session, own, frames, TIMED))
        rows = [msgspec.structs.replace(row, latency_ms=round(1e3 * (own_s if row.chosen else shared_s), 3)) for row in table]
        return {"table.json": msgspec.json.encode(rows)}

    made = shop.steps.once("table", [sha256(msgspec.json.encode(table)), sha256(rework.model)], timed)
    return msgspec.json.decode(made["table.json"], type=tuple[TrialRow, ...])


def _decide(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    rework: Rework,
    results: tuple[GateResult, ...],
    folder: Folder,
    say: Steps,
    more: Mapping[str, bytes],
) -> CandidateOutcome:
    """Package it if every gate passed; refuse if one failed; if one could not tell, wait for more labels, or let a person decide where one is asked."""
    failed = [result for result in results if result.verdict == "fail"]
    unsure = [result for result in results if result.verdict == "inconclusive"]
    counts = material.counts().by_set()
    open_gates = "; ".join(f"{result.gate}: {result.detail}" for result in [*failed, *unsure])
    verdict = settled(results, request.ask)
    if verdict != "packaged":
        return CandidateOutcome(verdict=verdict, reason=open_gates, gates=results, trained_from=counts)
    say("packaging", 0.92)
    manifest, files = submit(request, parent, material, rework, folder, more)
    benchmark = manifest.benchmark
    assert benchmark is not None  # submit always gives one
    passed = f"all {len(results)}" if not unsure else f"{len(results) - len(unsure)} of {len(results)}"
    reason = (
        f"{passed} gates passed; accuracy on the new domain {benchmark.accuracy.value:.3f}, balanced "
        f"{benchmark.balanced_accuracy.value:.3f}; {material.counts()}; {material.excluded}{f'; open: {open_gates}' if unsure else ''}"
    )
    return CandidateOutcome(
        verdict="packaged", reason=reason, digest=files[MODEL], gates=results, trained_from=counts, package=files
    )


if __name__ == "__main__":
    sys.exit(main())
