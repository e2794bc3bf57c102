"""Frames that show the same moment, found in memory that grows with their number."""

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from contracts.frames import measure
from retrain.data.duplicates import NEAR_EMBEDDING, NEAR_HASH, leaks, near_pairs
from retrain.models.session import Views


def found(seen: Views, others: Views | None = None) -> list[tuple[int, int]]:
    return sorted((i, j) for block in near_pairs(seen, others) for i, j in block.tolist())


def views(phash: np.ndarray, embedding: np.ndarray) -> Views:
    rows = len(phash)
    return Views(
        np.zeros((rows, 10), np.float32), phash.astype(np.uint64), embedding.astype(np.float32), np.zeros((rows, 2), np.float32)
    )


def by_comparing_all(seen: Views, others: Views | None) -> list[tuple[int, int]]:
    """What the quadratic way finds."""
    second = others or seen
    distance = np.linalg.norm(seen.embedding[:, None] - second.embedding[None], axis=2)
    counted = distance if others is not None else distance[~np.eye(len(seen), dtype=bool)]
    limit = NEAR_EMBEDDING * np.median(counted)
    close = (distance <= limit) & (np.bitwise_count(seen.phash[:, None] ^ second.phash[None]) <= NEAR_HASH)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(close, 1) if others is None else close)]


def test_a_frame_sent_again_at_another_quality_is_a_near_duplicate_and_others_are_not() -> None:
    pictures = [cv2.resize(np.round(image * 15.9).astype(np.uint8), (64, 64)) for image in load_digits().images[:60]]
    again = [cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_GRAYSCALE) for p in pictures[:5]]
    everything = pictures + again
    hashes = [int(measure(cv2.cvtColor(p, cv2.COLOR_GRAY2RGB))[0].phash, 16) for p in everything]
    embedding = np.stack([p.ravel() for p in everything]).astype(np.float32)
    rows = len(everything)
    seen = Views(np.zeros((rows, 10), np.float32), np.array(hashes, np.uint64), embedding, np.zeros((rows, 2), np.float32))
    assert found(seen) == [(i, 60 + i) for i in range(5)]
    first, second = seen.rows(np.arange(60)), seen.rows(np.arange(60, 65))
    assert found(second, first) == [(i, i) for i in range(5)]
    assert found(seen.rows(np.arange(0))) == []


def test_hash_and_embedding_must_both_say_so() -> None:
    embedding = np.array([[0, 0], [0, 0.01], [9, 9], [5, 0], [0, 5]], np.float32)
    far = 0xFFFF_FFFF
    seen = Views(np.zeros((5, 10), np.float32), np.array([0, far, 0, far, 0], np.uint64), embedding, np.zeros((5, 2), np.float32))
    assert found(seen) == []
    same = Views(seen.statistics, np.zeros(5, np.uint64), embedding, seen.scores)
    assert found(same) == [(0, 1)]


def flipped(random: np.random.Generator, hashes: np.ndarray, most: int) -> np.ndarray:
    """Each hash with up to `most` of its bits turned over."""
    turned = np.zeros(len(hashes), dtype=np.uint64)
    for row, count in enumerate(random.integers(0, most + 1, len(hashes))):
        for bit in random.integers(0, 64, count).tolist():
            turned[row] |= np.uint64(1 << bit)
    return np.asarray(hashes ^ turned, dtype=np.uint64)


@given(st.integers(0, 10_000), st.integers(2, 40), st.booleans())
def test_the_same_pairs_as_by_comparing_all(seed: int, scenes: int, within: bool) -> None:
    random = np.random.default_rng(seed)
    hashes, places = random.integers(0, 2**63, scenes).astype(np.uint64), random.normal(size=(scenes, 6)) * 10

    def frames(count: int) -> Views:
        of = random.integers(0, scenes, count)
        return views(
            flipped(random, hashes[of], 7), places[of] + random.normal(size=(count, 6)) * random.choice([0.01, 1.0], (count, 1))
        )

    seen, others = frames(50), None if within else frames(30)
    assert found(seen, others) == by_comparing_all(seen, others)


@pytest.mark.parametrize("agreeing", range(5))
@pytest.mark.parametrize("last", [False, True])
def test_four_bits_may_differ_one_in_each_of_four_bands(agreeing: int, last: bool) -> None:
    first = [0, 13, 26, 39, 52, 64]
    bits = [first[band + 1] - 1 if last else first[band] for band in range(5) if band != agreeing]
    hashes = [0, sum(1 << bit for bit in bits), 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_0000]
    assert found(views(np.array(hashes, np.uint64), np.array([[0, 0], [0, 0.01], [9, 9], [5, 0]]))) == [(0, 1)]


def test_tiles_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    embedding = np.concatenate([np.zeros((25, 3)), random.normal(size=(25, 3)) * 9])
    seen = views(np.full(50, 5), embedding + random.normal(size=(50, 3)) * 0.01)
    whole, others = found(seen), found(seen, seen)
    monkeypatch.setattr("retrain.data.duplicates._TILE", 7)
    assert found(seen) == whole
    assert found(seen, seen) == others
    assert len(whole) >= 25 * 24 // 2


def test_a_camera_that_stands_still_fills_no_memory() -> None:
    count = 2000
    embedding = np.concatenate([np.zeros((count, 8)), np.random.default_rng(0).normal(size=(count, 8))])
    seen = views(np.zeros(2 * count), embedding)
    tracemalloc.start()
    pairs = sum(len(block) for block in near_pairs(seen))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pairs >= count * (count - 1) // 2
    assert peak < 30e6, "all distances at once are 64 MB, all pairs 32 MB"


def test_a_pair_in_two_sets_leaks_and_so_does_a_recording() -> None:
    embedding = np.array([[0, 0], [9, 9], [0, 0.001], [50, 0], [0, 50], [70, 70]])
    seen = views(np.zeros(6), embedding)
    apart = ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert leaks(seen, ["train"] * 6, apart) == []
    assert leaks(seen, ["train", "train", "gate", "train", "train", "gate"], apart) == [(0, 2)]
    assert leaks(seen, ["train", "gate", "validation", "gate", "gate", "gate"], apart) == [(0, 2)]
    assert leaks(seen, ["train", "train", "train", "train", "gate", "gate"], ["r0", "r1", "r2", "r3", "r3", "r5"]) == [(3, 4)]
    assert leaks(seen.rows(np.arange(0)), [], []) == []
