"""A package becomes a version once, whole, under a number that nobody else has, whatever dies or is away in between."""

from pathlib import Path

import msgspec
import pytest

from contracts import manifest as manifests
from contracts.errors import StoreError, VersionError
from contracts.files import Folder, sha256
from contracts.manifest import BASELINE, MANIFEST, MODEL, Manifest
from contracts.repository import ModelRepository
from retrain.registry import publish
from retrain.request import CandidateOutcome
from tests.packages import packaged, with_first_version
from tests.unit.contracts.versions import MODEL_BYTES, small_baseline, small_manifest

NOW = 1_760_000_000.0


class Bench:
    """A repository with version 1, and a job's folder."""

    def __init__(self, folder: Path) -> None:
        self.repository = with_first_version(str(folder / "repository"))
        self.job = Folder(str(folder / "job"))

    def stage(self, outcome: CandidateOutcome, now: float = NOW) -> Manifest:
        return publish.stage("solar", "1", outcome, self.job, self.repository, now)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_package_becomes_a_version_with_all_its_files(bench: Bench) -> None:
    outcome = packaged(bench.job, verdict_html=b"<p>better</p>", weights_safetensors=b"weights")
    staged = bench.stage(outcome)
    assert bench.repository.versions("solar") == ["1"], "nobody sees it before it is finished"
    manifest = bench.repository.finish(staged)
    assert (manifest.version, manifest.created_at, manifest.lineage.parent) == ("2", NOW, "1")
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == {
        name: digest for name, digest in outcome.package.items() if name != MANIFEST
    }
    assert bench.repository.read("solar", "2").model == MODEL_BYTES
    assert Folder(bench.repository.url).read("models/solar/2/verdict.html") == b"<p>better</p>"


def test_killed_before_or_after_the_manifest_the_next_life_ends_with_the_same_version(bench: Bench) -> None:
    outcome = packaged(bench.job)
    bench.stage(outcome)
    assert bench.stage(outcome, NOW + 9).version == "2"
    first = bench.repository.finish(bench.stage(outcome, NOW + 9))
    assert bench.repository.finish(bench.stage(outcome, NOW + 99)) == first
    assert first.created_at == NOW + 9
    assert bench.repository.versions("solar") == ["1", "2"]


def test_a_number_that_a_rival_took_gives_way_to_the_next(bench: Bench) -> None:
    outcome = packaged(bench.job)
    bench.job.write(publish.CHOSEN, msgspec.json.encode({"version": "2", "digest": sha256(MODEL_BYTES)}))
    bench.repository.publish(small_manifest("2"), b"a rival's", small_baseline())
    assert bench.repository.finish(bench.stage(outcome)).version == "3"
    assert bench.repository.read("solar", "2").model == b"a rival's"


def test_numbers_that_are_always_taken_are_given_up_with_a_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelRepository, "next_version", lambda self, model: "1")
    with pytest.raises(StoreError, match="5 numbers in a row of solar"):
        bench.stage(packaged(bench.job))


@pytest.mark.parametrize("name", [MODEL, BASELINE, MANIFEST, "verdict.html"])
def test_an_altered_or_missing_file_is_refused_by_its_name(bench: Bench, name: str) -> None:
    outcome = packaged(bench.job, verdict_html=b"<p>better</p>")
    bench.job.write(f"package/{name}", b"another")
    with pytest.raises(VersionError, match=rf"job/package/{name} was altered: sha256 .* the outcome says"):
        bench.stage(outcome)
    bench.job.remove(f"package/{name}")
    with pytest.raises(VersionError, match=rf"job/package/{name} is missing"):
        bench.stage(outcome)
    assert bench.repository.versions("solar") == ["1"]


def test_a_package_that_is_no_version_of_this_job_is_refused(bench: Bench) -> None:
    for model, parent in (("lunar", "1"), ("solar", "7")):
        outcome = packaged(bench.job, model, parent)
        with pytest.raises(
            VersionError, match=f"holds {model} made of version '{parent}'; the job is for solar and its version '1'"
        ):
            bench.stage(outcome)
    outcome = packaged(bench.job, verdict_html=b"")
    fewer = {name: digest for name, digest in outcome.package.items() if name != "verdict.html"}
    with pytest.raises(VersionError, match=r"the manifest and the outcome differ in verdict\.html"):
        bench.stage(msgspec.structs.replace(outcome, package=fewer))
    with pytest.raises(VersionError, match=r"manifest\.json is not among them"):
        bench.stage(msgspec.structs.replace(outcome, package={MODEL: outcome.package[MODEL]}))
    with pytest.raises(VersionError, match="names 0 files"):
        bench.stage(msgspec.structs.replace(outcome, package={}))


def test_a_name_that_leads_elsewhere_is_refused_before_it_is_read(bench: Bench) -> None:
    outcome = packaged(bench.job)
    manifest = manifests.decode(bench.job.read(f"package/{MANIFEST}"), "")
    files = {**manifest.files, "../../escape": manifest.files[MODEL]}
    content = manifests.encode(msgspec.structs.replace(manifest, files=files))
    bench.job.write(f"package/{MANIFEST}", content)
    said = {**outcome.package, "../../escape": outcome.package[MODEL], MANIFEST: sha256(content)}
    with pytest.raises(VersionError, match=r"file '\.\.' is not a name"):
        bench.stage(msgspec.structs.replace(outcome, package=said))


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_repository_that_is_away_is_not_begun_anew(bench: Bench, tmp_path: Path, when: str) -> None:
    outcome = packaged(bench.job)
    place, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    staged = bench.stage(outcome)
    place.rename(elsewhere)
    with pytest.raises(StoreError, match=r"is (it|the repository) mounted"):
        bench.stage(outcome) if when == "before" else bench.repository.finish(staged)
    assert not place.exists()
    elsewhere.rename(place)
    assert bench.repository.finish(bench.stage(outcome)).version == "2"
