"""Networks by name: what is built, what comes back from a file, whose builders are run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.errors import VersionError
from retrain.models import recipe, weights
from retrain.models.graph import EMBEDDING, SCORES
from retrain.models.network import Built, Classifier, Network, Stages, pack
from retrain.models.recipe import EFFICIENTNET, SMALL_CONV, find, installed
from tests.small_pictures import LABELS, SIDE, pictures

AB = ("a", "b")


def built(name: str, side: int = SIDE, **how: bool | int) -> Network:
    return find(name).build("classification", AB, side, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "side", "width"), [(SMALL_CONV, 16, 256), (SMALL_CONV, 45, 256), (EFFICIENTNET, 64, 2560)])
def test_a_network_answers_scores_and_embedding_at_its_side(name: str, side: int, width: int) -> None:
    network = built(name, side, pretrained=False)
    answers = network(torch.zeros(3, side, side, 3, dtype=torch.uint8))
    assert {key: list(tensor.shape) for key, tensor in answers.items()} == {SCORES: [3, 2], EMBEDDING: [3, width]}
    assert answers[SCORES].tolist() == [[0.0, 0.0]] * 3  # the new head prefers nothing
    assert network.loss(answers, torch.tensor([0, 1, 1])).tolist() == pytest.approx([np.log(2)] * 3)


@pytest.mark.parametrize(("name", "stages"), [(SMALL_CONV, 5), (EFFICIENTNET, 10)])
def test_stages_hold_every_weight_once_with_the_head_last(name: str, stages: int) -> None:
    network = built(name, 32, pretrained=False)
    found = network.stages()
    assert len(found) == stages
    assert [id(w) for stage in found for w in stage] == [id(w) for w in network.parameters()]  # in the order of the layers
    assert isinstance(network, Classifier)
    assert [id(w) for w in found[-1]] == [id(w) for w in network.head.parameters()]


def test_the_seed_decides_what_starts_at_random_and_leaves_the_caller_s_stream_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    same, again, other = (pack(built(SMALL_CONV, seed=seed)) for seed in (1, 1, 2))
    assert same == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_pretrained_weights_are_the_wheel_s_and_scratch_has_others() -> None:
    first, second = built(EFFICIENTNET, 64).state_dict(), built(EFFICIENTNET, 224, seed=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    scratch, stem = built(EFFICIENTNET, 64, pretrained=False).state_dict(), "body.network._conv_stem.weight"
    assert not torch.equal(scratch[stem], first[stem])


def test_a_packed_network_is_loaded_whole() -> None:
    recipe = find(SMALL_CONV)
    network = recipe.build("classification", LABELS, SIDE, seed=4)
    assert isinstance(network, Classifier)
    network.put_head(np.ones((10, 256), dtype=np.float32), np.arange(10, dtype=np.float32))
    again = recipe.load(pack(network))
    assert again.built == network.built
    frames = torch.from_numpy(pictures()[0][:4])
    assert torch.equal(again(frames)[SCORES], network(frames)[SCORES])
    assert not again.training


def test_a_head_of_another_shape_is_refused() -> None:
    network = built(SMALL_CONV)
    assert isinstance(network, Classifier)
    with pytest.raises(ValueError, match=r"the head is \(1, 256\) with \(2,\), expected \(2, 256\)"):
        network.put_head(np.ones((1, 256), dtype=np.float32), np.zeros(2, dtype=np.float32))


def test_a_file_of_another_recipe_is_refused() -> None:
    content = pack(built(SMALL_CONV))
    with pytest.raises(VersionError, match="are of recipe 'small-conv'"):
        find(EFFICIENTNET).load(content)
    with pytest.raises(VersionError, match="do not say what they are of"):
        find(SMALL_CONV).load(weights.encode(built(SMALL_CONV).state_dict()))


def test_a_recipe_may_begin_from_a_file_whose_head_has_other_classes(tmp_path: Path) -> None:
    source = find(SMALL_CONV).build("classification", LABELS, SIDE, seed=7)
    (tmp_path / "w.safetensors").write_bytes(pack(source))
    recipe = find(SMALL_CONV, tmp_path / "w.safetensors")
    network = recipe.build("classification", AB, SIDE)
    assert torch.equal(network.state_dict()["body.layers.0.0.weight"], source.state_dict()["body.layers.0.0.weight"])
    assert network.state_dict()["head.weight"].shape == (2, 256)
    assert recipe.key() != find(SMALL_CONV).key() == find(SMALL_CONV).key()
    with pytest.raises(VersionError, match=r"gone\.safetensors cannot be read"):
        find(SMALL_CONV, tmp_path / "gone.safetensors").build("classification", AB, SIDE)


def test_what_there_is_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed() == (EFFICIENTNET, SMALL_CONV)
    with pytest.raises(VersionError, match="no recipe 'resnet' here: installed are efficientnet-lite0, small-conv"):
        find("resnet")
    monkeypatch.setattr(recipe, "installed", lambda: (SMALL_CONV,))
    with pytest.raises(
        VersionError, match=r"no recipe 'efficientnet-lite0' here; it comes with keepsight\[demo\]: installed are small-conv;"
    ):
        find(EFFICIENTNET)
    with pytest.raises(VersionError, match="'timm:resnet18' begins from a safetensors file"):
        find("timm:resnet18")


def test_a_body_without_maps_makes_no_detector() -> None:
    class Flat(torch.nn.Module):
        width = 3

        def stages(self) -> Stages:
            return ()

    with pytest.raises(VersionError, match="'flat' shows no feature maps to find objects on: it builds classifiers only"):
        recipe._headed(Built("flat", "detection", AB, SIDE), Flat())


BUILDER = """
from retrain.models.network import Built, Classifier
from retrain.models.small_conv import SmallConv

def build(built: Built) -> Classifier:
    return Classifier(built, SmallConv())

def nothing(built: Built) -> None:
    return None

def forgetful(built: Built) -> Classifier:
    network = Classifier(built, SmallConv())
    network.stages = lambda: (tuple(network.head.parameters()),)
    return network

def narrow(built: Built) -> Classifier:
    return Classifier(Built(built.recipe, built.task, ("only",), built.side), SmallConv())

number = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with builders, installed as pip leaves it; and weights for them."""
    for name in ("keepsight_test_nets", "keepsight_test_loose"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(BUILDER)
    info = tmp_path / "keepsight_test_nets-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keepsight-test-nets\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("keepsight_test_nets\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = find(SMALL_CONV).build("classification", AB, SIDE, seed=9)
    (tmp_path / "w.safetensors").write_bytes(weights.encode(source.state_dict()))
    yield tmp_path / "w.safetensors"
    for name in [name for name in sys.modules if name.startswith("keepsight_test_")]:
        del sys.modules[name]


def test_a_builder_of_an_installed_package(package: Path) -> None:
    network = find("keepsight_test_nets:build", package).build("classification", AB, SIDE)
    assert network.built.recipe == "keepsight_test_nets:build"
    assert torch.equal(network.state_dict()["head.weight"], torch.zeros(2, 256))
    assert find("keepsight_test_nets:build", package).load(pack(network)).built == network.built


def test_the_key_follows_the_builder_s_source(package: Path) -> None:
    recipe = find("keepsight_test_nets:build", package)
    before = recipe.key()
    assert find("keepsight_test_nets:build", package).key() == before
    source = package.parent / "keepsight_test_nets" / "__init__.py"
    source.write_text(source.read_text() + "\n# other\n")
    assert recipe.key() != before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keepsight_test_loose:build", "'keepsight_test_loose' is not an installed package"),
        ("keepsight_test_nets:gone", "cannot be imported"),
        ("keepsight_test_nets:number", "is int, expected a function"),
        ("keepsight_test_nets:nothing", "built NoneType, expected a Network"),
        ("keepsight_test_nets:forgetful", "must hold every weight of the network once"),
        ("keepsight_test_nets:narrow", r"scores \[2, 2\] and embedding \[2, D\] are needed"),
    ],
)
def test_a_builder_that_cannot_be_used_is_refused_by_name(package: Path, name: str, words: str) -> None:
    with pytest.raises(VersionError, match=words):
        find(name, package).build("classification", AB, SIDE)


def test_timm_is_asked_for_by_name_where_it_is_missing(tmp_path: Path) -> None:
    try:
        import timm  # noqa: F401
    except ImportError:
        with pytest.raises(VersionError, match="timm cannot be imported"):
            find("timm:resnet18", tmp_path / "w.safetensors")
    else:
        pytest.skip("timm is installed")
