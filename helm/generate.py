"""Writes what the chart takes from elsewhere: values.schema.json, and copies of the alert rules and dashboards. Run `make generate`; `make check` calls it
with --check.

The schema follows values.yaml (names, types, comments), adds what is allowed from the tables here, and takes what `settings` may hold from the services'
own settings classes: a setting that does not exist, or that the chart decides, is refused before anything is installed.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from contracts.ids import NAME
from contracts.settings import ServiceSettings
from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import Camera, ServingSettings

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "helm" / "keepsight"
COPIED: Final = {"rules": ROOT / "dashboards" / "rules", "dashboards": ROOT / "dashboards" / "json"}
"""Folders below files/ in the chart, and where they come from: Helm reads no file outside of a chart."""
SERVICES: Final[Mapping[str, type[ServiceSettings]]] = {
    "serving": ServingSettings,
    "monitor": MonitorSettings,
    "retrain": RetrainSettings,
}
SHARED: Final = ("log_level", "new_classes")
"""The shared settings that are a person's to set; the chart decides the others."""
DECIDED: Final = re.compile(
    r"host|port|health_host|health_port|keys_file|open|tls_\w+|cameras|stop_delay_s|provider|devices"
    r"|state_url|state_password|mlflow_token|launcher|kubernetes_\w+"
)
"""Settings of a service that other values decide, or that are secrets."""

_SECRET: Final = {"pattern": r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"}
_QUANTITY: Final = {"pattern": r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"}
_URL: Final = {"pattern": "^https?://[^/]+"}
_STORE: Final = {"pattern": "^$|^[a-z0-9]+://"}
_STRINGS: Final = {"additionalProperties": {"type": "string"}}
_ANY: Final = (
    "affinity",
    "resources",
    "nodeSelector",
    "podLabels",
    "podAnnotations",
    "annotations",
    "labels",
    "more",
    "serviceSecrets",
)
"""Tables whose keys are the user's."""
ALLOWED: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    (r".*\.(existingSecret|caSecret|clientSecret|tlsSecret|mlflowTokenSecret|existingClaim)", _SECRET),
    (r".*\.(size|tmpSize)", _QUANTITY),
    (r".*\.(labels|podLabels|annotations|podAnnotations|nodeSelector|serviceSecrets|jobs\.resources)", _STRINGS),
    (r"(\w+\.)?(consoleUrl|grafanaUrl)", _URL),
    (r"stores\.(repository|frames)", _STORE),
    (r"model", {"pattern": f"^{NAME.pattern}$"}),
    (r"log\.brokers", {"items": {"type": "string", "pattern": r"^[^\s,/:]+:[0-9]{1,5}$"}}),
    (r"log\.prefix", {"pattern": r"^[A-Za-z0-9._-]*$"}),
    (r"log\.sasl\.mechanism", {"enum": ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]}),
    (
        r"log\.sasl\.serviceSecrets",
        {"additionalProperties": False, "properties": {section: {"type": "string", **_SECRET} for section in SERVICES}},
    ),
    (r"sharedVolume\.accessMode", {"enum": ["ReadWriteMany", "ReadWriteOnce"]}),
    (r"image\.pullPolicy", {"enum": ["Always", "IfNotPresent", "Never"]}),
    (r".*\.digest", {"pattern": "^(sha256:[0-9a-f]{64})?$"}),
    (r"serving\.service\.type", {"enum": ["ClusterIP", "LoadBalancer", "NodePort"]}),
    (r"serving\.service\.externalTrafficPolicy", {"enum": ["Cluster", "Local"]}),
    (r"serving\.autoscaling\.by", {"enum": ["hpa", "keda"]}),
    (r"serving\.autoscaling\.prometheus", {"pattern": "^$|^https?://"}),
    (r"serving\.autoscaling\.cpuPercent", {"minimum": 10, "maximum": 100}),
    (r"serving\.autoscaling\.(min|max)Replicas|\w+\.replicas|\w+\.gpu\.count", {"minimum": 1}),
    (r"serving\.gpu\.provider", {"enum": ["auto", "cuda", "tensorrt"]}),
    (r"serving\.stopDelaySeconds", {"type": "number", "maximum": 60}),
    (r"serving\.terminationGracePeriodSeconds", {"minimum": 75}),
    (r"\w+\.startSeconds", {"minimum": 2}),
    (r"retrain\.jobs\.gpus", {"maximum": 16}),
    (r"retrain\.jobs\.tolerations", {"items": {"type": "object", **_STRINGS}}),
    (r".*\.port", {"minimum": 1, "maximum": 65_535}),
    (
        r"networkPolicy\.more",
        {
            "additionalProperties": False,
            "properties": {name: {"type": "array", "items": {"type": "object"}} for name in (*SERVICES, "training")},
        },
    ),
    (r"networkPolicy\.kafkaPorts", {"items": {"type": "integer", "minimum": 1, "maximum": 65_535}}),
    (r".*(interval|scrapeTimeout)", {"pattern": "^[0-9]+(s|m)$"}),
)
"""What is allowed beyond the type, by path; every row that matches is added."""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or with --check name the stale ones and return 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    check = parser.parse_args(argv).check
    wanted = {CHART / "values.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", **copies()}
    left_over = [path for folder in COPIED for path in sorted((CHART / "files" / folder).glob("*")) if path not in wanted]
    stale = [path for path, content in wanted.items() if not path.is_file() or path.read_text() != content]
    for path in [*stale, *left_over]:
        name = path.relative_to(ROOT)
        print(f"{name} is stale: run `make generate` and commit the result" if check else f"wrote {name}")
    if not check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
        for path in left_over:
            path.unlink()
    return 1 if check and (stale or left_over) else 0


def copies() -> dict[Path, str]:
    """The rules without their tests, and the dashboards, by their place in the chart."""
    found = [
        (folder, path)
        for folder, source in COPIED.items()
        for path in sorted(source.glob("*"))
        if path.suffix in (".yaml", ".json")
    ]
    return {CHART / "files" / folder / path.name: path.read_text() for folder, path in found if not path.stem.endswith("_test")}


def schema() -> dict[str, Any]:
    """values.schema.json."""
    text = (CHART / "values.yaml").read_text()
    whole = _object(yaml.safe_load(text), "", comments(text))
    whole["properties"]["settings"] |= _settings(ServiceSettings, SHARED)
    for section, of in SERVICES.items():
        own = [name for name in of.model_fields if name not in ServiceSettings.model_fields and not DECIDED.fullmatch(name)]
        whole["properties"][section]["properties"]["settings"] |= _settings(of, own)
    cameras = whole["properties"]["serving"]["properties"]["cameras"]
    cameras |= {"additionalProperties": False, "patternProperties": {f"^{NAME.pattern}$": _plain(Camera.model_json_schema())}}
    whole["properties"]["global"] = {"type": "object", "description": "of a chart that this one is a part of"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of the chart keepsight", **whole}


def comments(text: str) -> dict[str, str]:
    """What stands behind each key of values.yaml, by its path."""
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        matched = re.match(r"( *)(\w+):(?:[^#]*?\S)?(?:  # (.*))?$", line)
        if matched is None or line.lstrip().startswith("#"):
            continue
        indent = len(matched[1])
        above = [*(one for one in above if one[0] < indent), (indent, matched[2])]
        found[".".join(name for _, name in above)] = matched[3] or ""
    return found


def _object(values: Mapping[str, Any], path: str, told: Mapping[str, str]) -> dict[str, Any]:
    properties = {key: _value(value, f"{path}.{key}".lstrip("."), told) for key, value in values.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value(value: Any, path: str, told: Mapping[str, str]) -> dict[str, Any]:
    """What a value of the type that values.yaml has there may be."""
    if isinstance(value, dict) and value and path.rpartition(".")[2] not in _ANY:
        made = _object(value, path, told)
    else:
        made = {"type": _TYPES[type(value)]} | ({"minimum": 0} if type(value) is int else {})
    if isinstance(value, list):
        made |= {
            "items": {"type": "object"} if path.startswith("networkPolicy.") or path.endswith("tolerations") else {"type": "string"}
        }
    for pattern, more in ALLOWED:
        if re.fullmatch(pattern, path):
            made |= more
    return made | ({"description": said} if (said := told.get(path)) else {})


_TYPES: Final = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def _settings(of: type[ServiceSettings], names: Sequence[str]) -> dict[str, Any]:
    """A table of settings, each as its class describes it."""
    properties = _plain(of.model_json_schema())["properties"]
    return {"additionalProperties": False, "properties": {name: properties[name] for name in names}}


def _plain(made: Any, known: Mapping[str, Any] | None = None) -> Any:
    """A schema of pydantic without references, titles and defaults: Helm has those of values.yaml."""
    if isinstance(made, list):
        return [_plain(one, known) for one in made]
    if not isinstance(made, dict):
        return made
    known = {**(known or {}), **made.get("$defs", {})}
    if "$ref" in made:
        return _plain({**known[made["$ref"].rpartition("/")[2]], **{key: one for key, one in made.items() if key != "$ref"}}, known)
    left_out = ("$defs", "default", "format") + (("title",) if isinstance(made.get("title"), str) else ())
    return {key: _plain(value, known) for key, value in made.items() if key not in left_out}


if __name__ == "__main__":
    sys.exit(main())
