"""The mirror in a real MLflow: what stands there after each end of a rollout, however often it is told and wherever it was cut off."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import StoreError, VersionError
from contracts.events import RolloutAdvanced
from contracts.manifest import digest
from contracts.repository import ModelRepository
from retrain.registry.mirroring import Api
from retrain.registry.mlflow import CHAMPION, Finished, Mirror
from tests.mlflow_server import PROGRAM, MlflowServer
from tests.retrain_house import CAMERAS, MODEL, House
from tests.small_model import publish_small_version

pytestmark = pytest.mark.skipif(PROGRAM not in os.environ, reason=f"needs a real MLflow: make test-mlflow ({PROGRAM})")
STABLE = Finished("2", "1", "stable", "500 frames", "retrain", 5.0)
BACK = Finished("2", "1", "rolled_back", "guard errors", "retrain", 6.0)


@pytest.fixture(scope="module")
def server() -> Iterator[MlflowServer]:
    made = MlflowServer()
    yield made
    made.stop()


class Team:
    """A model of its own name in the server, and what a person of the team sees of it."""

    def __init__(self, url: str, folder: Path, model: str) -> None:
        self.api, self.model = Api(url, ""), model
        self.repository = ModelRepository(str(folder / model))
        for version in ("1", "2", "3"):
            publish_small_version(self.repository.url, model, version, seed=int(version), champion=version == "1")

    def mirror(self, finished: Finished, call: Callable[[str, str, Mapping[str, Any]], Any] | None = None) -> None:
        url = self.repository.url
        Mirror(call or self.api, self.model, url, lambda version: self.repository.manifest(self.model, version)).mirror(finished)

    def versions(self) -> dict[str, dict[str, str]]:
        """The tags of each mirrored version, by our numbers."""
        found = self.api("GET", "model-versions/search", {"filter": f"name = '{self.model}'"}).get("model_versions", ())
        tags = [{tag["key"].removeprefix("keepsight_"): tag["value"] for tag in one["tags"]} for one in found]
        assert len({one["version"] for one in tags}) == len(tags), "a version was mirrored twice"
        return {one["version"]: one for one in tags}

    def champion(self) -> str:
        """Our number of the version that the alias names."""
        found = self.api("GET", "registered-models/alias", {"name": self.model, "alias": CHAMPION})["model_version"]
        return next(str(tag["value"]) for tag in found["tags"] if tag["key"] == "keepsight_version")

    def runs(self) -> list[Any]:
        experiment = self.api("GET", "experiments/get-by-name", {"experiment_name": f"keepsight/{self.model}"})["experiment"]
        asked = {"experiment_ids": [experiment["experiment_id"]], "max_results": 50}
        return list(self.api("POST", "runs/search", asked).get("runs", ()))


@pytest.fixture
def team(server: MlflowServer, tmp_path: Path, request: pytest.FixtureRequest) -> Team:
    return Team(server.url, tmp_path, request.node.name.partition("[")[0][5:45])


def test_a_stable_version_stands_there_with_its_digest_and_figures_and_is_champion(team: Team) -> None:
    for _ in range(2):
        team.mirror(STABLE)
    manifest = team.repository.manifest(team.model, "2")
    found = team.versions()["2"]
    assert (found["state"], found["digest"], found["parent"], found["reason"]) == ("stable", digest(manifest), "1", "500 frames")
    assert found["where"] == f"{team.repository.url}/models/{team.model}/2"
    assert team.champion() == "2"
    (run,) = team.runs()
    params = {one["key"]: one["value"] for one in run["data"]["params"]}
    assert params["origin"] == manifest.lineage.origin
    assert run["info"]["status"] == "FINISHED"
    if manifest.benchmark is not None:
        assert {one["key"]: one["value"] for one in run["data"]["metrics"]}["accuracy"] == manifest.benchmark.accuracy.value


def test_a_version_that_was_taken_back_gives_the_alias_to_its_parent(team: Team) -> None:
    team.mirror(BACK)  # before anything was mirrored
    assert (team.champion(), team.versions()["2"]["state"]) == ("1", "rolled_back")
    team.mirror(STABLE)
    assert team.champion() == "2"
    team.mirror(BACK)
    assert team.champion() == "1"
    team.mirror(Finished("3", "1", "stable", "", "ada", 7.0))
    team.mirror(BACK)  # told late: the champion is another by now
    assert team.champion() == "3"
    assert set(team.versions()) == {"1", "2", "3"}


def test_cut_off_after_any_call_the_next_telling_ends_in_the_same(team: Team) -> None:
    total = 0

    def counted(method: str, path: str, arguments: Mapping[str, Any]) -> Any:
        nonlocal total
        total += 1
        return team.api(method, path, arguments)

    team.mirror(STABLE, counted)
    assert total > 10
    for cut in range(1, total):
        other = Team(team.api._url, Path(team.repository.url).parent / str(cut), f"{team.model}_{cut}")
        left = cut

        def until(method: str, path: str, arguments: Mapping[str, Any], other: Team = other) -> Any:
            nonlocal left
            if left == 0:
                raise StoreError("cut off")
            left -= 1
            return other.api(method, path, arguments)

        with pytest.raises(StoreError):
            other.mirror(STABLE, until)
        other.mirror(STABLE)
        assert (len(other.versions()), len(other.runs()), other.champion()) == (1, 1, "2")
        assert other.versions()["2"]["state"] == "stable"


def test_a_version_that_is_gone_from_the_repository_is_said(team: Team) -> None:
    with pytest.raises(VersionError, match="has no version '9'"):
        team.mirror(Finished("9", "1", "stable", "", "retrain", 5.0))


def test_the_service_mirrors_a_rollout_when_it_is_over(server: MlflowServer, tmp_path: Path) -> None:
    house = House(tmp_path, mlflow_url=server.url)
    house.start()
    try:
        since = time.time()
        house.publish(house.request(since), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20)))
        house.until(lambda: any(isinstance(one, RolloutAdvanced) and one.state == "stable" for one in house.events), "the end")
        house.until(lambda: '"mlflow_mirrored"' in house.said(), "the mirror")
    finally:
        house.close()
    api = Api(server.url, "")
    found = api("GET", "registered-models/alias", {"name": MODEL, "alias": CHAMPION})["model_version"]
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    assert (tags["keepsight_version"], tags["keepsight_digest"]) == ("2", digest(house.repository.manifest(MODEL, "2")))
