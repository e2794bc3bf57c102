"""The gate "drift closure": the monitor's judgement becomes a verdict, and a monitor that is not there lets nothing pass where verdicts have three values."""

import sys

import numpy as np
import pytest

from contracts.baseline import Baseline
from contracts.manifest import BASELINE, MODEL, FileEntry, InputSpec, Lineage, Manifest
from contracts.statistics import NUMERIC
from retrain.gates.closure import Judgement, by_monitor, closure
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT

MANIFEST = Manifest(
    model="m", version="1", created_at=0.0, task="classification", labels=("a", "b"), input=InputSpec("image", 8, 8), scores="s", embedding="e",
    scores_are="logits", lineage=Lineage("bootstrap"), files={MODEL: FileEntry("ab" * 32, 1), BASELINE: FileEntry("", 0)},
)  # fmt: skip


def frames(count: int, seed: int, shift: float = 0.0) -> Baseline:
    """Exchangeable frames in recordings of eight, on axes of their own; `shift` is in deviations of a frame."""
    random = np.random.default_rng(seed)
    p = random.uniform(0.6, 0.99, count)
    truth = (random.random(count) > 0.5).astype(np.int32)
    said = np.where(truth[:, None] == np.arange(2), p[:, None], 1 - p[:, None])
    return Baseline(
        labels=("a", "b"), statistics=random.normal(100, 5, (count, len(NUMERIC))).astype(np.float32),
        embedding=random.normal(shift, 1, (count, 4)).astype(np.float32), probabilities=said.astype(np.float32), truth=truth,
        group=(np.arange(count) // 8).astype(np.int32), centre=np.zeros(6, np.float32), axes=np.eye(4, 6, dtype=np.float32),
    )  # fmt: skip


def test_the_monitor_s_own_process_finds_its_domain_quiet_and_another_one_not() -> None:
    quiet, loud = (by_monitor(MANIFEST, frames(200, 1), frames(80, 2, shift)) for shift in (0.0, 3.0))
    for policy in POLICIES.values():
        same, other = closure(quiet, policy), closure(loud, policy)
        assert (same.verdict, same.limit) == ("pass", 1.0)
        assert "80 sealed new frames in blocks of 20" in same.detail
        assert other.verdict == "fail"
        assert other.value > 1
        assert "embedding" in other.detail


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((sys.executable, "-m", "monitor_is_not_installed"), "No module named monitor_is_not_installed"),
        (("/nowhere/python",), "No such file"),
        ((sys.executable, "-c", "print('no judgement')"), "malformed"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "status 3"),
    ],
)
def test_without_the_monitor_there_is_no_judgement_and_the_sentence_says_what_to_do(command: tuple[str, ...], reason: str) -> None:
    found = by_monitor(MANIFEST, frames(200, 1), frames(80, 2), command)
    assert reason in found.unjudged
    assert "install the monitor where retraining runs" in found.unjudged
    assert closure(found, STRICT).verdict == "inconclusive"
    assert closure(found, SMALL_SETS).verdict == "pass"
    assert closure(found, SMALL_SETS).detail.startswith("not judged: ")


def test_what_we_read_is_what_the_monitor_writes() -> None:
    from monitor.judge_baseline import Judgement as Theirs

    assert Judgement.__struct_fields__ == Theirs.__struct_fields__
