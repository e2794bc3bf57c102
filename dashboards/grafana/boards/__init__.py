"""The boards, one module each, in the order in which an on-call engineer walks through them."""

from typing import Final

from dashboards.grafana.board import Board
from dashboards.grafana.boards import camera, meta, model, overview, pipeline, retrain, serving

BOARDS: Final[tuple[Board, ...]] = (
    overview.BOARD,
    model.BOARD,
    camera.BOARD,
    serving.BOARD,
    pipeline.BOARD,
    retrain.BOARD,
    meta.BOARD,
)
