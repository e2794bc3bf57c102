"""The network behind a champion's graph: found where it answers alike, refused with the reason where it does not."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.baseline import Baseline
from contracts.errors import VersionError
from contracts.manifest import WEIGHTS, InputSpec, Lineage, Manifest
from contracts.repository import ModelRepository, Version
from contracts.statistics import NUMERIC
from retrain.models.export import by_torch, exported
from retrain.models.graph import EMBEDDING, IMAGE, SCORES
from retrain.models.head import Head
from retrain.models.last_layer import widened
from retrain.models.network import Classifier, pack
from retrain.models.recipe import SMALL_CONV, find
from retrain.request import CandidateRequest
from retrain.trainer.origin import origin
from tests.small_pictures import LABELS, SIDE, frames

SHOWN = frames(5)


def network(seed: int = 0) -> Classifier:
    made = find(SMALL_CONV).build("classification", LABELS, SIDE, seed=seed)
    assert isinstance(made, Classifier)
    made.put_head(np.random.default_rng(seed).standard_normal((10, 256)).astype(np.float32), np.arange(10, dtype=np.float32))
    return made


def request(**fields: str) -> CandidateRequest:
    return CandidateRequest(
        job_id="j", request_key="k", model="m", parent="1", repository="", frame_store="", since=0.0, labels=(), seed=0, **fields
    )


@pytest.fixture
def published(tmp_path: Path) -> Callable[..., tuple[Version, ModelRepository]]:
    def publish(made: Classifier, weights: bool = False, recipe: str = "", height: int = SIDE) -> tuple[Version, ModelRepository]:
        repository = ModelRepository(str(tmp_path / "repository"))
        zeros = np.zeros
        baseline = Baseline(
            LABELS, zeros((64, len(NUMERIC)), np.float32), zeros((64, 0), np.float32), np.full((64, 10), 0.1, np.float32),
            zeros(64, np.int32), zeros(64, np.int32), zeros(256, np.float32), zeros((0, 256), np.float32),
        )  # fmt: skip
        manifest = Manifest(
            model="m", version="1", created_at=1.0, task="classification", labels=LABELS, input=InputSpec(IMAGE, height, SIDE), scores=SCORES,
            embedding=EMBEDDING, scores_are="logits", lineage=Lineage("retrain", recipe=recipe), files={},
        )  # fmt: skip
        repository.publish(manifest, exported(made), baseline, more={WEIGHTS: pack(made)} if weights else None)
        return repository.read("m", "1"), repository

    return publish


def test_a_fine_tuned_champion_is_known_by_its_lineage_and_its_weights(
    published: Callable[..., tuple[Version, ModelRepository]],
) -> None:
    made = network(seed=4)
    version, repository = published(made, weights=True, recipe=SMALL_CONV)
    found = origin(request(), version, repository, SHOWN)
    assert found.own
    assert by_torch(found.network(LABELS, found.head), SHOWN)[1] == pytest.approx(by_torch(made, SHOWN)[1])
    wider = by_torch(found.network((*LABELS, "zebra"), widened(found.head, 11)), SHOWN)[1]
    assert wider[:, :10] == pytest.approx(by_torch(made, SHOWN)[1])
    assert (wider[:, 10] == 0).all()


def test_a_recipe_s_own_body_needs_no_weights_beside_the_version(published: Callable[..., tuple[Version, ModelRepository]]) -> None:
    """As of a first version: small-conv begins at random, by its seed."""
    version, repository = published(network(), recipe=SMALL_CONV)
    found = origin(request(), version, repository, SHOWN)
    assert not found.own
    other = Head(np.ones((10, 256), dtype=np.float32), np.zeros(10, dtype=np.float32))
    embedding = by_torch(network(), SHOWN)[0]
    assert by_torch(found.network(LABELS, other), SHOWN)[1] == pytest.approx(other.logits(embedding), rel=1e-4)
    scratch = by_torch(found.scratch(LABELS, 9), SHOWN)[0]
    assert not np.allclose(scratch, embedding)


def test_an_imported_graph_s_network_is_named_with_its_weights(
    published: Callable[..., tuple[Version, ModelRepository]], tmp_path: Path
) -> None:
    made = network(seed=7)
    version, repository = published(made)
    (tmp_path / "w.safetensors").write_bytes(pack(made))
    found = origin(request(recipe=SMALL_CONV, recipe_weights=str(tmp_path / "w.safetensors")), version, repository, SHOWN)
    assert by_torch(found.network(LABELS, found.head), SHOWN)[1] == pytest.approx(by_torch(made, SHOWN)[1])


@pytest.mark.parametrize(
    ("named", "said", "reason"),
    [
        ({}, {}, "the champion came as a graph; with its network named in the setting recipe"),
        ({"recipe": "timm:resnet18"}, {}, "made by recipe 'timm:resnet18': name it in the setting recipe"),
        ({}, {"recipe": SMALL_CONV}, "does not answer as the champion does: they differ by"),
        ({}, {"recipe": "no-such"}, "there is no recipe 'no-such' here"),
    ],
    ids=["no recipe", "a stranger's code", "another network", "unknown"],
)
def test_what_cannot_be_known_is_refused_with_the_reason(
    published: Callable[..., tuple[Version, ModelRepository]], named: dict[str, str], said: dict[str, str], reason: str
) -> None:
    version, repository = published(network(seed=5), **named)
    with pytest.raises(VersionError, match=reason.replace("(", r"\(")):
        origin(request(**said), version, repository, SHOWN)


def test_weights_that_were_altered_are_not_trained_on(
    published: Callable[..., tuple[Version, ModelRepository]], tmp_path: Path
) -> None:
    version, repository = published(network(seed=5), weights=True, recipe=SMALL_CONV)
    path = tmp_path / "repository" / "models" / "m" / "1" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(VersionError, match="was altered"):
        origin(request(), version, repository, SHOWN)


def test_frames_that_are_not_square_have_no_recipe(published: Callable[..., tuple[Version, ModelRepository]]) -> None:
    version, repository = published(network(), recipe=SMALL_CONV)
    manifest = msgspec.structs.replace(version.manifest, input=InputSpec(IMAGE, 8, SIDE))
    with pytest.raises(VersionError, match="this version's are 16 x 8"):
        origin(request(), Version(manifest, version.model, version.baseline), repository, SHOWN)
