"""Trains a first version on each network at each side, measures what it answers and costs, and hands the chosen one on.

Every network is judged on the same frames, all of them, each by a head that never saw its recording. CPU times are taken turn by turn at the end,
so that whatever else the machine does falls on all alike. One trained version is in memory at a time: the chosen one is made again from the cache.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.files import Folder
from contracts.frames import see
from contracts.manifest import InputSpec
from retrain.data.frames import Frame
from retrain.gates.latency import in_turn
from retrain.gates.memory import peak_bytes
from retrain.models import graph
from retrain.models.export import parity_frames
from retrain.models.recipe import find, installed
from retrain.models.session import Session
from retrain.trainer.bootstrap_body import Body, Say, Trained, train, within
from retrain.trainer.bootstrap_order import Order
from retrain.trainer.choosing import Judge, Row, chosen

TIMED: Final = 101
"""Runs of each network: the 99th percentile is the second slowest."""
_MEASURING, _AGAIN = 0.8, 0.93
"""Of the choosing, where the measuring begins and where the chosen one is made again."""
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class _Tried:
    """A network as it was trained; without a graph it failed."""

    body: Body
    spec: InputSpec
    row: Row
    model: bytes = b""


def choose(order: Order, frames: Sequence[Frame], say: Say, clock: Callable[[], float]) -> tuple[Trained | None, tuple[Row, ...]]:
    """The chosen first version, None where there is none, and a row a network. Raises VersionError for a recipe that cannot be built, StoreError."""
    bodies = _bodies(order)
    judge = Judge(np.array([order.labels.index(one.label) for one in frames]), [one.recording for one in frames])
    with _kept(order.cache) as cache:
        spent, whole = 0.0, float(sum(body.side**2 for body in bodies))
        tried = []
        for body in bodies:
            low, spent = spent, spent + _MEASURING * body.side**2 / whole
            tried.append(_tried(order, body, frames, judge, cache, within(say, low, spent), clock))
        say("measuring", _MEASURING, f"CPU time and memory of {len(tried)} networks")
        rows = chosen(_measured(tried, frames), judge, order.latency_ms)
        choice = next((one.body for one, row in zip(tried, rows, strict=True) if row.chosen), None)
        return train(order, choice, frames, cache, within(say, _AGAIN, 1.0)) if choice else None, rows


def _bodies(order: Order) -> list[Body]:
    """The installed recipes, and the one that was named, each at each side."""
    names = dict.fromkeys([*installed(), *([order.recipe] if order.recipe else [])])
    recipes = [find(name, order.recipe_weights if name == order.recipe else None) for name in names]
    return [Body(recipe, side) for recipe in recipes for side in order.sides]


@contextmanager
def _kept(cache: str | None) -> Iterator[Folder]:
    """The cache that was named, or one that is gone afterwards."""
    if cache:
        yield Folder(cache)
        return
    with tempfile.TemporaryDirectory(prefix="keepsight-choose-") as folder:
        yield Folder(folder)


def _tried(
    order: Order, body: Body, frames: Sequence[Frame], judge: Judge, cache: Folder, say: Say, clock: Callable[[], float]
) -> _Tried:
    began, spec, row = clock(), body.spec(order.fit), Row(body.recipe.name, body.side)
    try:
        found = train(order, body, frames, cache, say)
    except (VersionError, ValueError, MemoryError, torch.OutOfMemoryError) as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        return _Tried(body, spec, replace(row, failed=f"given up: {why}"))
    right = found.probabilities.argmax(axis=1) == found.dataset.truth()
    row = replace(
        row,
        right=right,
        balanced=judge.balanced(right.astype(float)),
        accuracy=judge.accuracy(right.astype(float)),
        model_mib=len(found.model) / _MIB,
        minutes=(clock() - began) / 60.0,
    )
    return _Tried(body, spec, row, found.model)


def _measured(tried: Sequence[_Tried], frames: Sequence[Frame]) -> list[Row]:
    """The rows with what each network costs when it answers."""
    shown = [frames[i].read() for i in parity_frames(len(frames))]
    running = [one for one in tried if one.model]
    sessions = [Session(one.model, one.spec, graph.EMBEDDING, graph.SCORES) for one in running]
    seconds = iter(in_turn(sessions, [[see(content, one.spec) for content in shown] for one in running], TIMED))
    return [_with_cost(one, next(seconds)) if one.model else one.row for one in tried]


def _with_cost(one: _Tried, seconds: NDArray[np.float64]) -> Row:
    try:
        peak = peak_bytes(one.model, one.spec)
    except VersionError as error:
        return replace(one.row, failed=f"given up: {error}")
    p50_ms, p99_ms = (float(np.quantile(seconds, share)) * 1e3 for share in (0.5, 0.99))
    return replace(one.row, p50_ms=p50_ms, p99_ms=p99_ms, peak_mib=peak / _MIB)
