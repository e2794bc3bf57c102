"""Makes the candidate of the technique that did best: its graph, and what it sees and says of every item."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from contracts.errors import VersionError
from contracts.files import Folder, sha256
from retrain.data.material import VIEWS
from retrain.models.calibrate import softmax, temperature
from retrain.models.export import by_torch, exported
from retrain.models.graph import EMBEDDING, SCORES
from retrain.models.network import pack
from retrain.models.session import Session, views
from retrain.request import Technique
from retrain.trainer.origin import Origin
from retrain.trainer.rework import Rework
from retrain.trainer.techniques import SPAN, Contest, Workshop
from retrain.training.bakeoff import Trial

TOLD: Final[Mapping[Technique, str]] = {
    "lp_ft": "fine-tuning from a new head",
    "full": "fine-tuning from the champion",
    "scratch": "training from scratch",
}
_SEEN: Final = 0.1
"""What embedding with the trained network is, after it."""


def candidate(shop: Workshop, tried: Contest) -> tuple[Rework, Contest]:
    """The winner, ready to be judged, and the contest as it ended: who cannot be exported gives way to the next. Raises StoreError."""
    while tried.origin is not None and (name := tried.winner()) != "head_only":
        try:
            return _whole(shop, tried.origin, tried.heads, name, tried.trials[name]), tried
        except VersionError as error:
            tried = tried.without(name, str(error))
    return (_headed(shop, tried.heads, tried.origin) if tried.origin else tried.heads), tried


def _headed(shop: Workshop, heads: Rework, found: Origin) -> Rework:
    """The head alone; where the body is not the recipe's own its weights go with it, for the next retraining."""
    assert heads.head is not None
    weights = pack(found.network(shop.labels, heads.head)) if found.own else b""
    return replace(heads, recipe=found.recipe.name, weights=weights)


def _whole(shop: Workshop, found: Origin, heads: Rework, name: Technique, won: Trial) -> Rework:
    """The trained network's graph, and what it sees and says of every item. Its temperature is that of the frames that it was chosen on."""
    material = shop.material
    network = found.recipe.load(won.weights)
    shop.steps("export", SPAN[1], name)
    inputs = [sha256(won.weights), str(torch.__version__)]
    model = shop.steps.once("export", inputs, lambda: {"model.onnx": exported(network)})["model.onnx"]
    cache = Folder(f"{shop.folder.url}/{VIEWS}")
    seen = views(
        Session(model, material.session.spec, EMBEDDING, SCORES),
        material.frames,
        cache,
        shop.request.threads,
        lambda done: shop.steps("embedding frames", SPAN[1] + _SEEN * done, name),
    )
    logits, tuned = seen.scores.astype(np.float64), material.dataset.where("validation")
    weight = np.where(material.new[tuned], 1.0 / max(1, material.new[tuned].sum()), 1.0 / max(1, (~material.new[tuned]).sum()))
    fitted = temperature(logits[tuned], material.truth[tuned], weight)
    own = ~material.dataset.where("train")
    return Rework(
        model,
        seen,
        np.where(own[:, None], softmax(logits / fitted), heads.probabilities),
        own,
        fitted,
        f"{TOLD[name]} of {found.recipe.name}, {won.row.why}; {shop.old_share:.0%} of what it learned from were old frames",
        lambda frames: by_torch(network, frames)[1].astype(np.float64),
        recipe=found.recipe.name,
        weights=won.weights,
    )
