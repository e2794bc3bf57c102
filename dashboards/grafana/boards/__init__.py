"""The boards, one module each, in the order in which an on-call engineer walks through them."""

from typing import Final

from dashboards.grafana.board import Board
from dashboards.grafana.boards.camera import BOARD as CAMERA
from dashboards.grafana.boards.meta import BOARD as META
from dashboards.grafana.boards.model import BOARD as MODEL
from dashboards.grafana.boards.overview import BOARD as OVERVIEW
from dashboards.grafana.boards.pipeline import BOARD as PIPELINE
from dashboards.grafana.boards.retrain import BOARD as RETRAIN
from dashboards.grafana.boards.serving import BOARD as SERVING

BOARDS: Final[tuple[Board, ...]] = (OVERVIEW, MODEL, CAMERA, SERVING, PIPELINE, RETRAIN, META)
