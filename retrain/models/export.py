"""A network as an ONNX graph, and what network and graph answer on the same real frames, for the comparison."""

import copy
import io
import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contracts.errors import VersionError
from contracts.frames import Pixels
from retrain.models import graph
from retrain.models.network import Network
from retrain.models.session import Floats, Session

OPSET: Final = 17

BATCHES: Final = (1, 3, 16)
"""Alone, an odd number, and the most that serving forms by default."""
_FRAMES: Final = 16


class _Ordered(nn.Module):
    """A network with its named answers in a fixed order, as the exporter wants them."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, image_NHWC: Tensor) -> tuple[Tensor, ...]:
        answers = self.network(image_NHWC)
        return tuple(answers[name] for name in self.names)


def exported(network: Network) -> bytes:
    """The graph of a trained network, in float32, self-contained and accepted by the checker; the network stays as it is."""
    still = copy.deepcopy(network).to("cpu", torch.float32).eval()
    names = (graph.BOXES if network.built.task == "detection" else graph.SCORES, graph.EMBEDDING)
    model = graph.read(to_onnx(_Ordered(still, names), network.built.side, names), "the exported network")
    with torch.no_grad():
        answers = still.eval()(torch.zeros(1, network.built.side, network.built.side, 3, dtype=torch.uint8))
    for output in model.graph.output:  # the exporter loses count of a detector's rows
        for dim, size in zip(output.type.tensor_type.shape.dim[1:], answers[output.name].shape[1:], strict=True):
            dim.dim_value = size
    return graph.encode(graph.checked(model, "the exported network"))


def exported_body(network: Network) -> bytes:
    """The graph of a network without its head, self-contained and accepted by the checker: it answers `embedding` alone."""
    still = copy.deepcopy(network).to("cpu", torch.float32).eval()
    names = (graph.EMBEDDING,)
    return graph.encode(graph.read(to_onnx(_Ordered(still, names), network.built.side, names), "the exported body"))


def to_onnx(module: nn.Module, side: int, outputs: Sequence[str]) -> bytes:
    """The ONNX graph of a module in evaluation mode that takes uint8 frames [N, side, side, 3]; batch dimension free. Raises VersionError."""
    stream = io.BytesIO()
    frame = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The TorchScript exporter: 3 s against 15 of its successor, needs no further package; the parity gate judges what it wrote.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module,
                (frame,),
                stream,  # type: ignore[arg-type]  # this exporter writes to streams too
                input_names=[graph.IMAGE],
                output_names=list(outputs),
                dynamic_axes={name: {0: "N"} for name in (graph.IMAGE, *outputs)},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # the exporter's own kinds, and whatever a network raises when it is traced
            raise VersionError(f"the network cannot be exported: {str(error).strip().splitlines()[0]}") from error
    return stream.getvalue()


def by_torch(network: Network, frames: Sequence[Pixels]) -> tuple[Floats, Floats]:
    """Embeddings [n, D] and scores [n, K], or boxes [n, M, 6], of prepared frames by the network itself, as `Session.run` gives them."""
    device = next(network.parameters()).device
    with torch.no_grad():
        answers = network.eval()(torch.from_numpy(np.stack(frames)).to(device))
    said = answers[graph.BOXES if network.built.task == "detection" else graph.SCORES]
    return answers[graph.EMBEDDING].cpu().numpy(), said.cpu().numpy()


def parity_frames(count: int, wanted: int = _FRAMES) -> list[int]:
    """Indices of at most `wanted` frames spread evenly over `count`."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, wanted))})


def onnx_logits(session: Session, frames: Sequence[Pixels], batches: Sequence[int] = BATCHES) -> NDArray[np.float64]:
    """Scores [len(batches) * n, K] of the n frames, once for each batch size."""
    parts = [session.run(frames[start : start + size])[1] for size in batches for start in range(0, len(frames), size)]
    return np.concatenate(parts).astype(np.float64)
