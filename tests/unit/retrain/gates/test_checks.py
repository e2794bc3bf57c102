"""Every gate's verdicts, and both error rates of the statistical ones on drawn figures."""

import msgspec
import numpy as np
import pytest

from contracts.events import GateResult
from contracts.quality import quality
from retrain.gates import checks
from retrain.gates.paired import Judged

LABELS = ("functional", "defective")


def judged(n: int, champion: float, candidate: float, seed: int, share: float = 0.3, together: float = 0.9) -> Judged:
    """Two models of the given accuracies on n frames; where both could be right they agree in the share `together`."""
    random = np.random.default_rng(seed)
    truth = (random.random(n) < share).astype(np.int64)
    luck = random.random(n)
    own = np.where(random.random(n) < together, luck, random.random(n))

    def says(accuracy: float, fortune: np.ndarray) -> np.ndarray:
        said = np.where(fortune < accuracy, truth, 1 - truth)
        return np.where(np.arange(2)[None, :] == said[:, None], 0.8, 0.2)

    return Judged(truth, says(champion, luck), says(candidate, own), tuple(f"cam-{i % 3}" for i in range(n)))


def always(judged_frames: Judged, label: int) -> Judged:
    fixed = np.tile(np.where(np.arange(2) == label, 0.9, 0.1), (len(judged_frames), 1))
    return Judged(judged_frames.truth, judged_frames.champion, fixed, judged_frames.camera)


def test_an_error_inside_a_gate_fails_closed() -> None:
    def broken() -> GateResult:
        raise ZeroDivisionError("no frames")

    result = checks.guarded("gain", broken)
    assert (result.gate, result.verdict) == ("gain", "fail")
    assert "ZeroDivisionError" in result.detail


def test_every_result_survives_json() -> None:
    empty = judged(0, 0.5, 0.5, 0)
    results = [
        checks.guarded("x", lambda: 1 // 0),  # type: ignore[arg-type,return-value]  # the broken gate is the point
        checks.forgetting(empty),
        checks.flips(empty),
        checks.recall(np.zeros(9, dtype=np.int64), np.tile([0.9, 0.1], (9, 1)), LABELS, "defective", None),
        checks.parity(np.zeros((2, 2)), np.zeros((3, 2)), (1,)),
    ]
    assert msgspec.json.decode(msgspec.json.encode(results), type=list[GateResult]) == results
    assert all(result.verdict != "pass" for result in results)


@pytest.mark.parametrize(
    ("counts", "sealed", "leaks", "conflicts", "verdict"),
    [
        ({"a": 300, "b": 300}, 50, 0, 0, "pass"),
        ({"a": 299, "b": 300}, 50, 0, 0, "fail"),
        ({"a": 300, "b": 300}, 49, 0, 0, "fail"),
        ({"a": 300, "b": 300}, 50, 1, 0, "fail"),
        ({"a": 300, "b": 300}, 50, 0, 1, "fail"),
    ],
)
def test_data(counts: dict[str, int], sealed: int, leaks: int, conflicts: int, verdict: str) -> None:
    assert checks.data(counts, sealed, 300, 50, leaks, conflicts).verdict == verdict


def test_parity_allows_rounding_and_refuses_more() -> None:
    logits = np.random.default_rng(0).normal(size=(48, 3)) * 4
    assert checks.parity(logits, logits + 1e-4, (1, 3, 16)).verdict == "pass"
    assert checks.parity(logits, logits + 0.1, (1, 3, 16)).verdict == "fail"
    assert checks.parity(logits, logits[:, ::-1], (1, 3, 16)).verdict == "fail"
    assert checks.parity(logits, np.full_like(logits, np.nan), (1, 3, 16)).verdict == "fail"


def test_gain_finds_a_large_one_and_no_more_false_ones_than_it_may() -> None:
    assert all(checks.gain(judged(70, 0.35, 0.80, seed)).verdict == "pass" for seed in range(40))
    false = np.mean([checks.gain(judged(70, 0.8, 0.8, seed, together=0.7)).verdict == "pass" for seed in range(400)])
    assert false < 0.08


def test_always_fine_is_refused_although_its_accuracy_rises() -> None:
    new = always(judged(240, 0.35, 0.0, 1), 0)
    assert checks.gain(new).verdict == "pass"
    benchmark = quality(LABELS, new.truth, new.champion, "defective")
    result = checks.recall(new.truth, new.candidate, LABELS, "defective", benchmark)
    assert result.verdict == "fail"
    assert result.value == 0.0
    assert checks.recall(new.truth, new.candidate, LABELS, None, None).verdict == "fail"
    assert checks.recall(new.truth, always(new, 1).candidate, LABELS, "defective", benchmark).verdict == "fail"


def test_a_useful_candidate_s_recall_passes() -> None:
    passed = [judged(240, 0.35, 0.75, seed) for seed in range(40)]
    benchmark = quality(LABELS, passed[0].truth, judged(240, 0.8, 0.8, 99).champion, None)
    assert all(checks.recall(j.truth, j.candidate, LABELS, "defective", None).verdict == "pass" for j in passed)
    assert all(checks.recall(j.truth, j.candidate, LABELS, None, benchmark).verdict == "pass" for j in passed)


def test_without_a_positive_frame_recall_cannot_be_judged() -> None:
    truth = np.zeros(60, dtype=np.int64)
    assert checks.recall(truth, np.tile([0.9, 0.1], (60, 1)), LABELS, "defective", None).verdict == "inconclusive"


def test_forgetting_refuses_the_forgetful_and_spares_the_others() -> None:
    spared = np.mean([checks.forgetting(judged(160, 0.84, 0.84, seed)).verdict == "pass" for seed in range(300)])
    assert spared > 0.97
    assert all(checks.forgetting(judged(160, 0.84, 0.65, seed)).verdict == "fail" for seed in range(40))
    assert checks.forgetting(judged(20, 0.84, 0.84, 0)).verdict == "inconclusive"


def test_what_may_be_forgotten_shrinks_with_the_frames_that_can_tell() -> None:
    few, many = (checks.forgetting(judged(n, 0.9, 0.9, 0)).limit for n in (160, 20_000))
    assert -checks.FORGETTING_MOST <= few < many == -checks.FORGETTING_MARGIN


def test_overall_flips_and_slices() -> None:
    new, old = judged(70, 0.35, 0.8, 1), judged(160, 0.84, 0.84, 2)
    worse = judged(160, 0.84, 0.5, 3)
    assert checks.overall(new, old).verdict == "pass"
    assert checks.overall(judged(70, 0.8, 0.8, 4), worse).verdict == "fail"
    assert checks.flips(old).verdict == "pass"
    assert checks.flips(worse).verdict == "fail"
    assert checks.slices(new, old, LABELS).verdict == "pass"
    lost = checks.slices(new, worse, LABELS)
    assert lost.verdict == "fail"
    assert "lost: old functional" in lost.detail
    assert checks.slices(judged(20, 0.5, 0.5, 5), judged(20, 0.5, 0.5, 6), LABELS).verdict == "pass"


def test_one_camera_that_loses_everything_is_found() -> None:
    old = judged(300, 0.9, 0.9, 7)
    broken = np.array([camera == "cam-1" for camera in old.camera])
    candidate = old.candidate.copy()
    candidate[broken] = 1.0 - old.champion[broken]
    result = checks.slices(judged(70, 0.35, 0.8, 1), Judged(old.truth, old.champion, candidate, old.camera), LABELS)
    assert result.verdict == "fail"
    assert "old cam-1" in result.detail


def test_unchanged_models_lose_no_slice() -> None:
    spared = [
        checks.slices(judged(150, 0.8, 0.8, s, together=0.8), judged(160, 0.84, 0.84, s + 500), LABELS).verdict for s in range(200)
    ]
    assert spared.count("pass") > 192


def test_stress_needs_more_than_luck_to_refuse() -> None:
    names = tuple(["dark", "blur", "noise"] * 40)
    refused = [checks.stress(judged(120, 0.7, 0.7, seed, together=0.8), names).verdict for seed in range(200)]
    assert refused.count("fail") < 6
    assert checks.stress(judged(120, 0.8, 0.4, 1), names).verdict == "fail"
    assert "blur" in checks.stress(judged(120, 0.8, 0.4, 1), names).detail


def test_calibration_refuses_the_overconfident() -> None:
    random = np.random.default_rng(0)
    truth = (random.random(230) < 0.5).astype(np.int64)
    honest = np.where((random.random(230) < 0.75)[:, None] == (np.arange(2) == truth[:, None]), 0.75, 0.25)
    sure = np.where(honest > 0.5, 0.999, 0.001)
    empty = judged(0, 0.5, 0.5, 0)
    cameras = ("c",) * 230
    assert checks.calibration(Judged(truth, honest, honest, cameras), empty, 0).verdict == "pass"
    assert checks.calibration(Judged(truth, honest, sure, cameras), empty, 0).verdict == "fail"


def test_latency_ignores_noise_and_finds_a_slower_graph() -> None:
    random = np.random.default_rng(0)
    base = 0.008 + random.exponential(0.004, 41)
    assert checks.latency(base, base[::-1] + 0.0001).verdict == "pass"
    assert checks.latency(base * 0.001, base * 0.001 * 1.5).verdict == "pass"
    assert checks.latency(base, base * 1.3).verdict == "fail"


def test_artefact_names_what_is_wrong() -> None:
    assert checks.artefact([]).verdict == "pass"
    assert checks.artefact(["outputs are x"]).detail == "outputs are x"
