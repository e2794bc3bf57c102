"""Which techniques a job tries, by what its heads say of old and new frames."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from contracts.errors import VersionError
from contracts.files import Folder
from contracts.quality import quality
from retrain.data.material import Material
from retrain.models.head import Head
from retrain.request import CandidateRequest, Technique, TrialRow
from retrain.trainer import techniques
from retrain.trainer.rework import fit_known, fit_probe
from retrain.trainer.techniques import Contest, Workshop, device_of
from retrain.training.bakeoff import Trial
from retrain.training.crossfit import Fitted, pack, unpack
from tests.small_pictures import LABELS
from tests.training_material import material


def shop(found: Material, benchmark: float | None = 0.9, **fields: Any) -> Workshop:
    request = CandidateRequest(
        job_id="j", request_key="k", model="m", parent="1", repository="", frame_store="", since=0.0, labels=(), seed=0, **fields
    )
    known = None
    if benchmark is not None:
        right = np.tile(np.eye(10), (100, 1))
        wrong = np.roll(right, 1, axis=1)
        said = np.where((np.arange(1000) < benchmark * 1000)[:, None], right, wrong)
        known = quality(LABELS, np.tile(np.arange(10), 100), said, None)
        assert known.balanced_accuracy.value == pytest.approx(benchmark)
    parent: Any = SimpleNamespace(manifest=SimpleNamespace(benchmark=known))
    return Workshop(request, parent, found, Any, Folder("/nowhere"), Path("/nowhere"), Any, lambda: 0.0)  # type: ignore[arg-type]


def heads(found: Material, old: float, new: float) -> Fitted:
    """Heads that are right on these shares of each class of both domains."""
    learning = found.learning()
    truth, is_new = found.truth[learning], found.new[learning]
    said = truth.copy()
    for k in range(10):
        for domain, share in ((True, new), (False, old)):
            rows = np.flatnonzero((truth == k) & (is_new == domain))
            said[rows[round(share * len(rows)) :]] = (k + 1) % 10
    return Fitted(Head(np.zeros((10, 4), np.float32), np.zeros(10, np.float32)), 1.5, 0.3, np.eye(10)[said], 0.5)


@pytest.mark.parametrize(
    ("old", "new", "fields", "wanted"),
    [
        (0.95, 0.85, {}, ("head_only", "lp_ft")),
        (0.80, 0.85, {}, ("head_only", "full", "lp_ft")),
        (0.95, 0.60, {}, ("head_only", "full", "scratch")),
        (0.95, 0.85, {"cause": "new_class"}, ("head_only", "lp_ft", "full")),
        (0.95, 0.60, {"techniques": ("lp_ft",)}, ("head_only", "lp_ft")),
        (0.80, 0.60, {"techniques": ("head_only",)}, ("head_only",)),
        (0.80, 0.60, {"budget_s": 0.0}, ("head_only",)),
    ],
    ids=["near", "not near", "far", "new class", "named", "head named", "no budget"],
)
def test_the_rule_or_the_request_says_what_is_tried(
    old: float, new: float, fields: dict[str, Any], wanted: tuple[Technique, ...]
) -> None:
    found = material(600, 400)
    assert techniques._techniques(shop(found, **fields), heads(found, old, new)) == wanted


def test_where_too_few_new_frames_would_be_left_for_a_baseline_nothing_but_the_head_is_tried() -> None:
    found = material(600, 150)  # sixty that a network would not learn from
    assert techniques._techniques(shop(found, techniques=("full",)), heads(found, 0.9, 0.9)) == ("head_only",)
    found = material(600, 200)
    assert techniques._techniques(shop(found, techniques=("full",)), heads(found, 0.9, 0.9)) == ("head_only", "full")


def test_without_a_benchmark_the_heads_are_near_themselves() -> None:
    found = material(600, 400)
    assert techniques._techniques(shop(found, None), heads(found, 0.5, 0.5)) == ("head_only", "lp_ft")


def test_heads_come_back_from_their_file_as_they_were() -> None:
    one = heads(material(100, 100), 0.9, 0.9)
    again = unpack(pack(one))
    assert pack(again) == pack(one)
    assert (again.temperature, again.l2, again.score) == (1.5, 0.3, 0.5)
    assert (again.out_of_fold == one.out_of_fold).all()


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto").type == "cpu" == device_of("cpu").type
    with pytest.raises(VersionError, match="torch finds no GPU here"):
        device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (device_of("auto").type, device_of("cuda").type, device_of("cpu").type) == ("cuda", "cuda", "cpu")


def test_what_a_fine_tuning_begins_from_has_not_seen_the_frames_that_judge_it() -> None:
    """On an embedding of noise a head learns its own frames by heart, and knows no other."""
    found = material(150, 150)
    noise = np.random.default_rng(0).standard_normal((300, 600)).astype(np.float32)
    found = replace(found, seen=replace(found.seen, embedding=noise))
    known = fit_known(found, 0.003, 10)
    assert known is not None
    for head, learned in ((fit_probe(shop(found).request, found, 0.003), found.new | ~found.new), (known, ~found.new)):
        right = head.logits(noise).argmax(axis=1) == found.truth
        train = found.dataset.where("train") & learned
        assert right[train].mean() > 0.95
        assert right[~train].mean() < 0.3
    assert fit_known(replace(found, new=found.new | True), 0.003, 10) is None


def trial(technique: Technique, harmonic: float, epoch: int) -> Trial:
    return Trial(
        TrialRow("r", technique, 0.5, 0.5, harmonic, 1.0, 1.0, 0.0, 0.0, False, ""), epoch=epoch, weights=b"w" if epoch else b""
    )


def test_what_no_epoch_made_better_is_not_chosen() -> None:
    """Its weights are those that it began from: the head alone, fitted to less."""
    tried = {"head_only": trial("head_only", 0.65, 0), "full": trial("full", 0.67, 3), "lp_ft": trial("lp_ft", 0.9, 0)}
    nothing: Any = None
    contest = Contest(nothing, nothing, tried)  # type: ignore[arg-type]
    assert contest.winner() == "full"
    assert [(row.technique, row.chosen) for row in contest.table()] == [("head_only", False), ("full", True), ("lp_ft", False)]
    del tried["full"]
    assert contest.winner() == "head_only"
