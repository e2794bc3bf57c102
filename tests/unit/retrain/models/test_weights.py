"""Weights at rest: what is written comes back, what is damaged or of another network is named."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load
from torch import nn

from contracts.errors import VersionError
from retrain.models.weights import decode, encode, fill


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_what_is_written_comes_back() -> None:
    tensors = {"a": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), "b/c": torch.tensor(7), "d": torch.zeros(0)}
    content = encode(tensors, {"x": [1, 0.1], "y": "é"})
    again, note = decode(content, "here")
    assert note == {"x": [1, 0.1], "y": "é"}
    assert {name: tensor.numpy().tobytes() for name, tensor in again.items()} == {
        name: tensor.numpy().tobytes() for name, tensor in tensors.items()
    }
    assert np.array_equal(load(content)["a"], tensors["a"].numpy())  # any reader of the format reads it
    assert encode(dict(reversed(tensors.items())), {"y": "é", "x": [1, 0.1]}) == content


def test_a_file_of_another_program_has_no_note() -> None:
    from safetensors.torch import save

    assert decode(save({"a": torch.ones(1)}, {"format": "pt"}), "here")[1] == {}


def test_a_transposed_tensor_is_written_in_its_order() -> None:
    tensor = torch.arange(6.0).view(2, 3).T
    assert decode(encode({"a": tensor}), "here")[0]["a"].tolist() == tensor.tolist()


@pytest.mark.parametrize("cut", [0, 4, 8, 30, -1])
def test_a_damaged_file_is_refused_by_name(cut: int) -> None:
    with pytest.raises(VersionError, match="here is not a safetensors file"):
        decode(encode({"a": torch.ones(4)}, {"x": 1})[:cut], "here")


def test_a_pickle_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    torch.save({"a": torch.ones(4)}, tmp_path / "x.pth")
    with pytest.raises(VersionError, match="not a safetensors file"):
        decode((tmp_path / "x.pth").read_bytes(), "x.pth")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("0.bias"), "has no tensor '0.bias' float32 \\[2\\]"),
        (lambda t: t.update(more=torch.ones(1)), "has a tensor 'more' float32 \\[1\\] that the network has not"),
        (
            lambda t: t.update({"0.weight": torch.ones(2, 4)}),
            "'0.weight' is float32 \\[2, 4\\], the network's is float32 \\[2, 3\\]",
        ),
        (lambda t: t.update({"0.weight": torch.full((2, 3), float("nan"))}), "'0.weight' holds values that are not finite"),
    ],
)
def test_weights_of_another_network_are_refused_by_name(change, words: str) -> None:  # type: ignore[no-untyped-def]
    tensors = dict(network().state_dict())
    change(tensors)
    with pytest.raises(VersionError, match=words):
        fill(network(), tensors, "here")


def test_only_what_is_named_fresh_may_be_missing_or_of_another_shape() -> None:
    torch.manual_seed(0)
    source, target = network(), network()
    kept = target.state_dict()["0.weight"].clone()
    tensors = dict(source.state_dict()) | {"0.weight": torch.ones(5, 3)}
    del tensors["0.bias"]
    fill(target, tensors, "here", frozenset({"0.weight", "0.bias"}))
    assert torch.equal(target.state_dict()["0.weight"], kept)
    fill(target, source.state_dict(), "here", frozenset({"0.weight", "0.bias"}))
    assert torch.equal(target.state_dict()["0.weight"], source.state_dict()["0.weight"])
