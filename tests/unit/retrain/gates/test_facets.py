"""Light and viewpoint: named by the training set's light and by what recordings look like, in whatever order they come."""

import numpy as np

from retrain.gates.facets import light_of, viewpoint_of


def test_light_is_told_by_the_training_set() -> None:
    reference = np.arange(90, dtype=np.float32)
    assert light_of(np.array([5, 45, 89], dtype=np.float32), reference) == ("dark", "medium", "bright")
    assert light_of(np.array([5], dtype=np.float32), np.zeros(0, dtype=np.float32)) == ()


def test_recordings_that_look_alike_share_a_viewpoint() -> None:
    random = np.random.default_rng(0)
    scene = np.repeat([0, 1, 2, 3], 30)
    embedding = (np.eye(8)[scene] * 10 + random.normal(0, 0.3, (120, 8))).astype(np.float32)
    recordings = [f"cam#{i // 5}" for i in range(120)]
    views = viewpoint_of(embedding, recordings)
    assert len(set(views)) == 4
    assert all(len({views[i] for i in np.flatnonzero(scene == k)}) == 1 for k in range(4))
    order = random.permutation(120)
    again = viewpoint_of(embedding[order], [recordings[i] for i in order])
    assert again == tuple(views[i] for i in order)


def test_few_recordings_have_no_viewpoints() -> None:
    assert viewpoint_of(np.zeros((50, 4), dtype=np.float32), [f"r{i // 10}" for i in range(50)]) == ()
