"""What every network that is trained whole answers and says of itself, and the usual one: a body with a linear head."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contracts.predictions import Task
from retrain.models import weights
from retrain.models.graph import EMBEDDING, SCORES

Stages = tuple[tuple[nn.Parameter, ...], ...]


class Built(msgspec.Struct, frozen=True):
    """What a network was built as: it stands in its weights file, so that the file alone builds it again. `side` in pixels."""

    recipe: str
    task: Task
    labels: tuple[str, ...]
    side: int


class Network(nn.Module, ABC):
    """uint8 RGB frames [N, side, side, 3] to named answers; normalisation is inside."""

    def __init__(self, built: Built) -> None:
        super().__init__()
        self.built = built

    @abstractmethod
    def forward(self, image_NHWC: Tensor) -> dict[str, Tensor]:
        """`embedding` [N, D] and, by task, `scores` [N, K] (logits) or `boxes`."""

    @abstractmethod
    def stages(self) -> Stages:
        """Every weight once, in stages: input first, head last."""

    @abstractmethod
    def loss(self, answers: Mapping[str, Tensor], truth: Tensor | list[Tensor]) -> Tensor:
        """The loss [N] of each frame."""


class Body(Protocol):
    """A module from uint8 frames [N, side, side, 3] to embeddings [N, width]."""

    width: int

    def __call__(self, image_NHWC: Tensor) -> Tensor: ...

    def stages(self) -> Stages: ...


class Classifier(Network):
    """A body and a linear head. The head begins at zero: all classes equally likely, whatever the seed."""

    def __init__(self, built: Built, body: Body) -> None:
        super().__init__(built)
        assert isinstance(body, nn.Module)
        self.body = body
        self.head = nn.Linear(body.width, len(built.labels))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, image_NHWC: Tensor) -> dict[str, Tensor]:
        """`scores` [N, K] and `embedding` [N, D]."""
        embedding_ND = self.body(image_NHWC)
        return {SCORES: self.head(embedding_ND), EMBEDDING: embedding_ND}

    def stages(self) -> Stages:
        """The body's, then the head."""
        return (*self.body.stages(), tuple(self.head.parameters()))

    def loss(self, answers: Mapping[str, Tensor], truth: Tensor | list[Tensor]) -> Tensor:
        """Cross-entropy [N] with the classes `truth` [N]."""
        assert isinstance(truth, Tensor)
        return nn.functional.cross_entropy(answers[SCORES].float(), truth, reduction="none")

    def put_head(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Begin from a fitted head: weight [K, D], bias [K]. Raises ValueError for one of another shape."""
        if weight.shape != tuple(self.head.weight.shape) or bias.shape != tuple(self.head.bias.shape):
            raise ValueError(
                f"the head is {weight.shape} with {bias.shape}, expected {tuple(self.head.weight.shape)} with one bias a class"
            )
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))


def pack(network: Network) -> bytes:
    """A network's weights with what it was built as: what `Recipe.load` reads."""
    return weights.encode(network.state_dict(), msgspec.to_builtins(network.built))
