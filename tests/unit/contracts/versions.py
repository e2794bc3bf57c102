"""Small manifests and baselines for the tests of the contracts; the model file is bytes, nobody runs it here."""

import numpy as np

from contracts.baseline import Baseline, principal_axes
from contracts.manifest import InputSpec, Lineage, Manifest

MODEL_BYTES = b"an onnx graph, as far as the repository cares"


def small_baseline(frames: int = 20, labels: tuple[str, ...] = ("good", "defect"), seed: int = 0) -> Baseline:
    """A consistent baseline of random reference frames, 6 embedding dimensions of which 4 vary."""
    random = np.random.default_rng(seed)
    embeddings = (random.normal(size=(frames, 4)) @ random.normal(size=(4, 6)) + 3).astype(np.float32)
    centre, axes = principal_axes(embeddings)
    return Baseline(
        labels=labels,
        statistics=random.uniform(0, 100, (frames, 10)).astype(np.float32),
        embedding=((embeddings - centre) @ axes.T).astype(np.float32),
        probabilities=random.dirichlet(np.ones(len(labels)), frames).astype(np.float32),
        truth=random.integers(-1, len(labels), frames).astype(np.int32),
        group=(np.arange(frames) // 5).astype(np.int32),
        centre=centre,
        axes=axes,
    )


def small_manifest(version: str = "1", model: str = "solar", labels: tuple[str, ...] = ("good", "defect")) -> Manifest:
    """A manifest without files: publishing fills them in."""
    return Manifest(
        model=model,
        version=version,
        created_at=1_700_000_000.0,
        task="classification",
        labels=labels,
        input=InputSpec("image", 32, 32),
        scores="scores",
        embedding="embedding",
        scores_are="logits",
        positive=labels[-1],
        lineage=Lineage("bootstrap", trained_from={"train": 100}, seed=1),
        files={},
    )
