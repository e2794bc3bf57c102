"""The order of visits, and the table made of them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import throughput
from benchmarks.serving.client import Answer, Seen
from benchmarks.serving.peers.table import PEERS
from benchmarks.serving.sending import Outcome


class _Ground:
    repository = Path("nowhere")


@pytest.mark.parametrize("number", range(3))
def test_a_round_visits_every_peer_once_and_ours_among_them_twice(number: int) -> None:
    ground: Any = _Ground()
    names = [name for name, _ in throughput._contenders(ground, number)]
    assert Counter(names) == {throughput.OURS: 2, **{peer.name: 1 for peer in PEERS}}
    first, second = (at for at, name in enumerate(names) if name == throughput.OURS)
    assert second - first > 2


def test_rounds_begin_with_another_peer() -> None:
    ground: Any = _Ground()
    assert len({throughput._contenders(ground, number)[1][0] for number in range(3)}) == 3


def visit(rate: int, ceiling: float) -> throughput.Visit:
    answers = [Answer(n / rate, 0.01, 200) for n in range(rate - 1)]
    outcome = Outcome(Seen(0.0, 1.0, 0.1, answers, 0, 0, 0), 1.0, rate / 100, 200.0, 150.0)
    return throughput.Visit(dict.fromkeys(throughput.CONNECTIONS, outcome), ceiling, 8.0)


def test_shares_are_taken_of_the_ceilings_beside_each_visit_and_the_absent_stay_in_the_table() -> None:
    table = throughput._Table([visit(100, 120), visit(50, 60)], {"one": [visit(80, 100)], "absent": []})
    rows = {row.name: row for row in table.at(8, {"raw": 110.0}, {"raw": 8.0})}
    share = rows["share of the ceiling, 8 connections"]
    assert share.value == pytest.approx((99 / 120 + 49 / 60) / 2)
    assert share.peers == {"one": pytest.approx(0.79), "absent": None}
    assert share.ok is True
    assert rows["throughput, 8 connections"].peers == {"raw": 110.0, "one": 79.0, "absent": None}
    assert {row.name: row.ok for row in table.whole()}["memory after it, RSS"] is True
