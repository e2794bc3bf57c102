"""The small version's replay takes half a second and is the same in every test: made once."""

from collections.abc import Iterator

import pytest

from contracts.baseline import Baseline, encode
from contracts.manifest import Manifest
from monitor.items import replay
from monitor.items.reference import Budget, Reference


@pytest.fixture(autouse=True, scope="session")
def _replays_made_once() -> Iterator[None]:
    known: dict[tuple[bytes, Budget, int, int], replay.Replay] = {}
    held_out = replay.held_out

    def once(manifest: Manifest, baseline: Baseline, whole: Reference, budget: Budget, confirm: int, recover: int) -> replay.Replay:
        key = (encode(baseline), budget, confirm, recover)
        if key not in known:
            known[key] = held_out(manifest, baseline, whole, budget, confirm, recover)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "held_out", once)
        yield
