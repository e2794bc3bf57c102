"""Sampling: the uniform share is uniform and blind to content, the uncertain share is the least confident, both reproducible."""

import math
import random

import pytest

from contracts.predictions import Box, Detections
from serving.scoring.sampling import Sampler


def _choices(sampler: Sampler, confidences: list[float], camera: str = "line-1") -> list[str | None]:
    return [sampler.choose(camera, confidence) for confidence in confidences]


def _confidences(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [0.5 + 0.5 * draw.random() for _ in range(count)]


@pytest.mark.parametrize("share", [0.05, 0.35])
def test_the_uniform_share_is_drawn_whatever_the_model_says(share: float) -> None:
    confidences = _confidences(20_000)
    chosen = [choice == "uniform" for choice in _choices(Sampler(share, 0.02, "s"), confidences)]
    spread = 4 * math.sqrt(share * (1 - share) / len(chosen))
    assert abs(sum(chosen) / len(chosen) - share) < spread
    low = [one for one, confidence in zip(chosen, confidences, strict=True) if confidence < 0.6]
    assert abs(sum(low) / len(low) - share) < 4 * math.sqrt(share * (1 - share) / len(low))


def test_uncertain_frames_are_the_least_confident_share() -> None:
    confidences = _confidences(20_000)
    chosen = _choices(Sampler(0.0, 0.1, "s"), confidences)
    picked = [confidence for choice, confidence in zip(chosen, confidences, strict=True) if choice == "uncertain"]
    assert 0.09 < len(picked) / len(chosen) < 0.11
    assert sum(picked) / len(picked) < 0.65


def test_the_uncertain_share_holds_when_confidence_drifts() -> None:
    drifting = [value * (0.5 if index > 5000 else 1.0) for index, value in enumerate(_confidences(10_000))]
    chosen = _choices(Sampler(0.0, 0.05, "s"), drifting)
    assert 0.03 < sum(choice == "uncertain" for choice in chosen[5000:]) / 5000 < 0.07


def test_ties_do_not_all_count_as_uncertain() -> None:
    chosen = _choices(Sampler(0.0, 0.05, "s"), [1.0] * 5000)
    assert sum(choice is not None for choice in chosen) / 5000 < 0.06


def test_of_a_detector_frames_with_a_toss_up_are_kept_and_empty_ones_are_not() -> None:
    """Nine frames in ten are empty, as of most cameras; every tenth has a box that may be one or not, beside a sure one."""
    draw, sure = random.Random(3), Box("nut", 5, 5, 9, 9, 0.97)
    unsure = [Detections((sure, Box("nut", 0, 0, 9, 9, 0.4 + 0.2 * draw.random()))) for _ in range(1000)]
    frames = [unsure[index // 10] if index % 10 == 0 else Detections(()) for index in range(10_000)]
    chosen = _choices(Sampler(0.0, 0.05, "s"), [frame.confidence for frame in frames])
    kept = [frame for frame, choice in zip(frames, chosen, strict=True) if choice]
    assert 0.04 < len(kept) / len(frames) < 0.06
    assert all(frame.boxes for frame in kept)


def test_no_share_is_no_sample_and_all_is_all() -> None:
    assert set(_choices(Sampler(0.0, 0.0, "s"), _confidences(500))) == {None}
    assert set(_choices(Sampler(1.0, 0.5, "s"), _confidences(500))) == {"uniform"}


def test_cameras_are_reproducible_and_apart() -> None:
    confidences = _confidences(300)
    first = _choices(Sampler(0.3, 0.05, "s"), confidences, "a")
    assert first == _choices(Sampler(0.3, 0.05, "s"), confidences, "a")
    assert first != _choices(Sampler(0.3, 0.05, "s"), confidences, "b")
    mixed, alone = Sampler(0.3, 0.05, "s"), []
    for confidence in confidences:
        mixed.choose("b", 0.1)
        alone.append(mixed.choose("a", confidence))
    assert alone == first
