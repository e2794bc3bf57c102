"""Makes a candidate of a request: the champion's own embedding, a head fitted anew on new labels and replayed old ones, judged by every gate.

    python -m retrain.trainer.candidate JOB_FOLDER      reads request.json, writes outcome.json last; one JSON line a step on standard output

It publishes nothing: what no gate refused is packaged in the folder, and the service that asked makes it a version.

Everything dear is kept in the folder under a key of its inputs (embeddings, stressed embeddings) and the rest is deterministic, so that a process
killed at any instant is started again with the same folder and ends with the same outcome. Old frames are embedded by no one: the champion's views of
its dataset lie beside it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import torch

from contracts.errors import KeepsightError, VersionError
from contracts.events import GateResult
from contracts.files import Folder
from contracts.manifest import MODEL
from contracts.repository import ModelRepository, Version
from retrain.data.counts import TooLittleError
from retrain.data.frames import Excluded
from retrain.data.material import Material, gather
from retrain.gates.verdict import settled
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest
from retrain.steps import Steps
from retrain.trainer.review import doubted
from retrain.trainer.rework import Rework, refit
from retrain.trainer.submission import submit
from retrain.trainer.trial import judge


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 when outcome.json was written, 2 when something around the candidate failed (said on standard error)."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    torch.set_num_threads(1)
    try:
        run(Path(arguments[0]), Steps())
    except KeepsightError as error:
        sys.stderr.write(f"keepsight: {error}\n")
        return 2
    return 0


def run(folder: Path, say: Steps) -> CandidateOutcome:
    """The outcome of the request in `folder`, written there. Raises KeepsightError when a store or the parent version cannot be read."""
    request = read_request(folder)
    try:
        outcome = _make(request, Folder(str(folder)), say)
    except TooLittleError as held:
        outcome = CandidateOutcome(verdict="held", reason=str(held))
    outcome = msgspec.structs.replace(outcome, fence=request.fence)
    Folder(str(folder)).write(OUTCOME, msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    say(outcome.verdict, 1.0, outcome.reason)
    return outcome


def read_request(folder: Path) -> CandidateRequest:
    """The request in a job's folder. Raises VersionError when there is none that can be read."""
    try:
        return msgspec.json.decode((folder / REQUEST).read_bytes(), type=CandidateRequest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise VersionError(f"{folder / REQUEST} is no request for a candidate: {error}") from error


def _make(request: CandidateRequest, folder: Folder, say: Steps) -> CandidateOutcome:
    excluded = Excluded()
    say("reading the champion", 0.0, f"{request.model} version {request.parent}")
    parent = ModelRepository(request.repository).read(request.model, request.parent)
    say("reading frames", 0.02, f"{len(request.labels)} labelled frames")
    material = gather(request, parent, folder, excluded, lambda done: say("embedding frames", 0.05 + 0.4 * done, str(excluded)))
    say("training the head", 0.45, str(material.counts()))
    rework = refit(request, parent, material)
    say("judging", 0.6, f"l2 {rework.fitted.l2:g}, balanced accuracy out of fold {rework.fitted.score:.3f}")
    evidence = judge(request, parent, material, rework, folder, lambda gate, done: say("judging", 0.6 + 0.3 * done, gate))
    outcome = _decide(request, parent, material, rework, evidence.results, folder, say)
    return msgspec.structs.replace(
        outcome, judged_on=evidence.judged_on, assigned=material.dealt, suspects=doubted(material, rework)
    )


def _decide(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    rework: Rework,
    results: tuple[GateResult, ...],
    folder: Folder,
    say: Steps,
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
    manifest, files = submit(request, parent, material, rework, folder)
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
