"""The chart rendered by the real Helm engine: each profile of helm/keepsight/ci once, as documents."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).parents[1] / "helm" / "keepsight"
PROFILES = sorted(path.stem for path in (CHART / "ci").glob("*.yaml"))
RELEASE, NAMESPACE = "demo", "vision"
NAME = f"{RELEASE}-keepsight"
Document = dict[str, Any]


def values(profile: str) -> dict[str, Any]:
    """The values of a profile."""
    return dict(yaml.safe_load((CHART / "ci" / f"{profile}.yaml").read_text()))


@functools.cache
def chart() -> helm.Chart:
    """The chart, loaded once."""
    return helm.Chart.load(CHART)


def render(given: Mapping[str, Any], release: str = RELEASE) -> dict[tuple[str, str], Document]:
    """What would be installed, by kind and name. Raises HelmError with what the engine says."""
    texts = chart().render(dict(given), name=release, namespace=NAMESPACE)
    found = [one for path, text in texts.items() if path.endswith(".yaml") for one in yaml.load_all(text, yaml.CSafeLoader) if one]
    made = {(one["kind"], one["metadata"]["name"]): one for one in found}
    assert len(made) == len(found), "no two documents have one name"
    return made


@functools.cache
def rendered(profile: str) -> dict[tuple[str, str], Document]:
    """The documents of a profile; not to be changed."""
    return render(values(profile))


def notes(given: Mapping[str, Any]) -> str:
    """What Helm says after an installation."""
    return chart().render(dict(given), name=RELEASE, namespace=NAMESPACE)["keepsight/templates/NOTES.txt"]


def workload(profile: str, section: str) -> Document:
    """The StatefulSet of a service."""
    return rendered(profile)["StatefulSet", f"{NAME}-{section}"]


def pods(profile: str) -> dict[str, Document]:
    """Every pod as it would be started (labels and spec), by its workload's kind and name."""
    found = {}
    for (kind, name), one in rendered(profile).items():
        if kind == "Pod":
            found[f"{kind}/{name}"] = one
        elif kind == "StatefulSet":
            found[f"{kind}/{name}"] = one["spec"]["template"]
    return found
