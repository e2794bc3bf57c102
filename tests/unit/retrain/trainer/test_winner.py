"""Who won becomes the candidate, if a graph can be made of it."""

from typing import Any

import pytest

from contracts.errors import VersionError
from retrain.request import Technique, TrialRow
from retrain.trainer import winner
from retrain.trainer.techniques import Contest, Workshop
from retrain.training.bakeoff import Trial


def trial(technique: Technique, harmonic: float, epoch: int) -> Trial:
    return Trial(TrialRow("r", technique, 0.5, 0.5, harmonic, 1.0, 1.0, 0.0, 0.0, False, ""), epoch=epoch)


def test_who_cannot_be_exported_gives_way_to_the_next_and_the_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(shop: Workshop, found: Any, heads: Any, name: Technique, won: Trial) -> Any:
        if name == "full":
            raise VersionError("the network cannot be exported: no operator")
        return name

    monkeypatch.setattr(winner, "_whole", whole)
    nothing: Any = None
    tried = {"head_only": trial("head_only", 0.65, 0), "full": trial("full", 0.9, 3), "lp_ft": trial("lp_ft", 0.8, 2)}
    made, ended = winner.candidate(nothing, Contest(nothing, object(), tried))  # type: ignore[arg-type]
    assert (made, ended.winner()) == ("lp_ft", "lp_ft")
    assert [(row.chosen, row.why) for row in ended.table()] == [
        (False, ""),
        (False, "; the network cannot be exported: no operator"),
        (True, ""),
    ]
