"""Networks of timm as bodies: its architecture, its normalisation, its weights from a safetensors file that was fetched before.

timm needs torchvision, which has no build for every platform that torch has; nothing else of Keepsight needs either.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from contracts.errors import VersionError
from retrain.models import weights as files


def check(kind: str) -> None:
    """Raises VersionError when timm cannot be imported or has no network of that name."""
    if not _timm().is_model(kind):
        raise VersionError(f"timm has no network {kind!r}")


class TimmBody(nn.Module):
    """uint8 frames [N, side, side, 3] to timm's pooled features [N, width]."""

    mean: Tensor
    std: Tensor

    def __init__(self, kind: str, side: int, weights: Path | None) -> None:
        super().__init__()
        self.network = _timm().create_model(kind, pretrained=False, num_classes=0)
        how = self.network.pretrained_cfg
        if weights is not None:
            self._start(weights, how.get("classifier", ()))
        self.register_buffer("mean", torch.tensor(how["mean"]).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(how["std"]).view(1, 3, 1, 1) * 255.0)
        try:
            with torch.no_grad():
                features = self.network.eval()(torch.zeros(1, 3, side, side))
        except Exception as error:  # whatever a network of timm raises for a size that it was not made for
            raise VersionError(f"timm's {kind} takes no frames of {side} x {side}: {error}") from error
        self.width = int(features.shape[1])

    def forward(self, image_NHWC: Tensor) -> Tensor:
        """Embeddings of uint8 frames."""
        embedding: Tensor = self.network((image_NHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std)
        return embedding

    def stages(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The weights by timm's own coarse groups, input first."""
        from timm.models import group_parameters

        grouped = group_parameters(self.network, self.network.group_matcher(coarse=True), reverse=True)
        order: dict[int, list[nn.Parameter]] = {}
        for name, weight in self.network.named_parameters():
            order.setdefault(grouped[name], []).append(weight)
        return tuple(tuple(order[number]) for number in sorted(order))

    def _start(self, weights: Path, classifier: str | tuple[str, ...]) -> None:
        """The file's weights, without its classifier."""
        heads = tuple(f"{name}." for name in ((classifier,) if isinstance(classifier, str) else classifier))
        try:
            content = weights.read_bytes()
        except OSError as error:
            raise VersionError(f"{weights} cannot be read: {error.strerror}") from error
        tensors, _ = files.decode(content, str(weights))
        body = {name: tensor for name, tensor in tensors.items() if not (heads and name.startswith(heads))}
        files.fill(self.network, body, str(weights))


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise VersionError(f"timm cannot be imported ({error}): install keepsight[timm] where torchvision has a build") from error
    return timm
