"""A one-way mirror of finished rollouts in a team's MLflow, over its REST API: what became of each version, and which is the champion.

Nothing is ever read from there to decide anything, and the model's files stay in the repository: a registered version names where they lie and their
SHA-256. Every step looks first for what it would make, by tags, so that one that was cut off, or told twice, ends in the same. Written for MLflow 2.3 and
later, tried against 3.17.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from contracts.manifest import Manifest
from contracts.quality import Metric

Call = Callable[[str, str, Mapping[str, Any]], Any]
"""`call(method, path, arguments)` of the REST API answers its JSON. Raises StoreError while MLflow does not answer, RefusedError when it says no."""
CHAMPION: Final = "champion"
KNOWN: Final = "RESOURCE_ALREADY_EXISTS"
_MOST: Final = 500
"""Characters of a tag's or parameter's value; what MLflow takes differs from release to release, none takes less."""


class RefusedError(Exception):
    """MLflow said no, by its `code`: asking again is no use."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Finished(msgspec.Struct, frozen=True):
    """A rollout that came to an end, at `at` (Unix seconds)."""

    version: str
    parent: str
    state: Literal["stable", "rolled_back"]
    reason: str
    by: str
    at: float


class Mirror:
    """Mirrors a model of the repository at `url`; `manifest_of` reads a version's manifest there."""

    def __init__(self, call: Call, model: str, url: str, manifest_of: Callable[[str], Manifest]) -> None:
        self._call, self._model, self._url, self._manifest_of = call, model, url.rstrip("/"), manifest_of

    def mirror(self, finished: Finished) -> None:
        """Bring MLflow up to it. Raises StoreError, VersionError for a version that is gone, and RefusedError."""
        self._make(
            "registered-models/create",
            {"name": self._model, "description": "Mirrored by Keepsight; changes here change nothing there"},
        )
        number = self._version(finished.version) or self._register(finished.version)
        for key, value in {
            "state": finished.state,
            "parent": finished.parent,
            "reason": finished.reason,
            "by": finished.by,
            "ended_at": f"{finished.at:.3f}",
        }.items():
            self._call("POST", "model-versions/set-tag", {"name": self._model, "version": number, **_tag(key, value)})
        self._point(number, finished)

    def _register(self, version: str) -> str:
        """Make the version, with a run that holds its figures. Returns MLflow's number of it."""
        manifest = self._manifest_of(version)
        run = self._run(manifest)
        where = f"{self._url}/models/{self._model}/{version}"
        remote = "://" in self._url and not self._url.startswith("file:")
        made = self._call(
            "POST",
            "model-versions/create",
            {
                "name": self._model,
                "run_id": run["run_id"],
                # MLflow refuses folders of this machine as a source: then it names the run's, and the tag says where the files lie.
                "source": where if remote else run["artifact_uri"],
                "tags": [
                    _tag("version", version),
                    _tag("where", where),
                    *(_tag(key, value) for key, value in _about(manifest).items()),
                ],
            },
        )
        return str(made["model_version"]["version"])

    def _run(self, manifest: Manifest) -> Any:
        """The run that stands for a version: its lineage as parameters, its benchmark as metrics."""
        experiment = self._experiment()
        mine = f"tags.keepsight_model = '{self._model}' AND tags.keepsight_version = '{manifest.version}'"
        found = self._call("POST", "runs/search", {"experiment_ids": [experiment], "filter": mine, "max_results": 1}).get("runs")
        at = int(manifest.created_at * 1000)
        if found:
            info = found[0]["info"]
        else:
            tags = [_tag("model", self._model), _tag("version", manifest.version)]
            asked = {"experiment_id": experiment, "run_name": f"{self._model} {manifest.version}", "start_time": at, "tags": tags}
            info = self._call("POST", "runs/create", asked)["run"]["info"]
        metrics = [{"key": key, "value": value, "timestamp": at, "step": 0} for key, value in _figures(manifest).items()]
        params = [{"key": key, "value": value[:_MOST]} for key, value in _lineage(manifest).items()]
        self._call("POST", "runs/log-batch", {"run_id": info["run_id"], "metrics": metrics, "params": params})
        self._call("POST", "runs/update", {"run_id": info["run_id"], "status": "FINISHED", "end_time": at})
        return info

    def _experiment(self) -> str:
        name = f"keepsight/{self._model}"
        self._make("experiments/create", {"name": name})
        return str(self._call("GET", "experiments/get-by-name", {"experiment_name": name})["experiment"]["experiment_id"])

    def _point(self, number: str, finished: Finished) -> None:
        """The alias goes to a version that is stable, and from one that was taken back to its parent."""
        wanted = holder = self._holder()
        if finished.state == "stable":
            wanted = number
        elif holder in (number, None):
            wanted = self._version(finished.parent) or self._register(finished.parent)
        if wanted != holder:
            self._call("POST", "registered-models/alias", {"name": self._model, "alias": CHAMPION, "version": wanted})

    def _holder(self) -> str | None:
        """MLflow's number of the version that the alias names."""
        model = self._call("GET", "registered-models/get", {"name": self._model})["registered_model"]
        return next((str(one["version"]) for one in model.get("aliases", ()) if one["alias"] == CHAMPION), None)

    def _version(self, version: str) -> str | None:
        """MLflow's number of a version of ours; None while it is not mirrored."""
        mine = f"name = '{self._model}' AND tags.keepsight_version = '{version}'"
        found = self._call("GET", "model-versions/search", {"filter": mine, "max_results": 100}).get("model_versions", ())
        return min((str(one["version"]) for one in found), key=int, default=None)

    def _make(self, path: str, what: Mapping[str, Any]) -> None:
        """Create it unless it is there."""
        try:
            self._call("POST", path, what)
        except RefusedError as error:
            if error.code != KNOWN:
                raise


def _tag(key: str, value: str) -> dict[str, str]:
    return {"key": f"keepsight_{key}", "value": value[:_MOST]}


def _about(manifest: Manifest) -> dict[str, str]:
    return {"digest": manifest.files["model.onnx"].sha256, "task": manifest.task, "labels": ", ".join(manifest.labels)}


def _lineage(manifest: Manifest) -> dict[str, str]:
    """What is known of a version's making, as text; what is empty is left out."""
    lineage = manifest.lineage
    found = {
        "origin": lineage.origin,
        "parent": lineage.parent,
        "dataset": lineage.dataset,
        "technique": lineage.technique,
        "recipe": lineage.recipe,
        "gates": lineage.gates,
        "code": lineage.code,
        "seed": str(lineage.seed),
        "overrides": "; ".join(lineage.overrides),
        **{f"frames_{name}": str(count) for name, count in lineage.trained_from.items()},
    }
    return {key: value for key, value in found.items() if value}


def _figures(manifest: Manifest) -> dict[str, float]:
    """The benchmark's figures by name, each with the ends of its interval."""
    quality = manifest.benchmark or manifest.detection
    if quality is None:
        return {}
    named = {name: value for name, value in msgspec.structs.asdict(quality).items() if isinstance(value, Metric)}
    return {
        f"{name}{end}": float(getattr(metric, part))
        for name, metric in named.items()
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
