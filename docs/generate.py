"""Writes the references that follow from the code: settings.md, metrics.md, http.md, gates.md, alerts.md and events/. Run `make generate`; `make check` calls
it with --check.

What it knows comes from the settings classes, the metric declarations and the event structs, their field docstrings included; a room that is
not there yet is left out.
"""

import argparse
import importlib
import importlib.util
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alerts_page import alerts_page
from event_pages import event_pages
from gates_page import gates_page
from http_page import http_page
from markdown_table import NOTE, table

import contracts
from contracts.metrics import Spec
from contracts.settings import SECTIONS, ServiceSettings, default_text

DOCS: Final = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or with --check name the stale ones and return 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    check = parser.parse_args(argv).check
    wanted = {
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "http.md": http_page(),
        "gates.md": gates_page(),
        "alerts.md": alerts_page(),
        **event_pages(),
    }
    stale = [name for name, content in wanted.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != content]
    left_over = [path for path in sorted((DOCS / "events").glob("*")) if f"events/{path.name}" not in wanted]
    if check:
        for name in [*stale, *(f"events/{path.name}" for path in left_over)]:
            print(f"docs/{name} is stale: run `make generate` and commit the result")
        return 1 if stale or left_over else 0
    for name in stale:
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(wanted[name])
        print(f"docs/{name} written")
    for path in left_over:
        path.unlink()
        print(f"docs/events/{path.name} removed")
    return 0


# Settings


def settings_page() -> str:
    """Every setting of every service: key, default, what is allowed, variable and meaning."""
    parts = [NOTE + SETTINGS_HEAD, "## All services (top level of the file)\n", settings_table(ServiceSettings, "")]
    for section in SECTIONS:
        if (cls := settings_class(section)) is not None:
            parts += [f"## [{section}]\n", f"{inspect.getdoc(cls)}\n", settings_table(cls, section), *nested_tables(cls, section)]
    return "\n".join(parts)


def settings_class(section: str) -> type[ServiceSettings] | None:
    """The settings class of a room, from its settings module; None while there is none."""
    if importlib.util.find_spec(f"{section}.settings") is None:
        return None
    module = importlib.import_module(f"{section}.settings")
    classes = [kind for kind in vars(module).values() if inspect.isclass(kind) and issubclass(kind, ServiceSettings)]
    return next((kind for kind in classes if kind.section == section), None)


def settings_table(cls: type[ServiceSettings], section: str) -> str:
    """The fields of a class that it does not share with the others."""
    properties = cls.model_json_schema()["properties"]
    prefix = f"KEEPSIGHT_{section.upper()}_" if section else "KEEPSIGHT_"
    rows = [
        (f"`{name}`", f"`{default_text(field)}`", allowed(properties[name]), f"`{prefix}{name.upper()}`", field.description or "")
        for name, field in cls.model_fields.items()
        if not section or name not in ServiceSettings.model_fields
    ]
    return table(("key", "default", "allowed", "variable", "meaning"), rows)


def nested_tables(cls: type[ServiceSettings], section: str) -> Iterator[str]:
    """Tables of tables, such as [serving.cameras.NAME]."""
    schema = cls.model_json_schema()
    for name, field in schema["properties"].items():
        inner = field.get("additionalProperties")
        if isinstance(inner, dict) and "$ref" in inner:
            shape = schema["$defs"][inner["$ref"].rpartition("/")[2]]
            rows = [
                (
                    f"`{key}`",
                    f"`{json.dumps(one['default'])}`" if "default" in one else "must be given",
                    allowed(one),
                    one.get("description", ""),
                )
                for key, one in shape["properties"].items()
            ]
            yield f"### [{section}.{name}.NAME]\n\n{shape.get('description', '')}\n"
            yield table(("key", "default", "allowed", "meaning"), rows)


def allowed(schema: Mapping[str, Any]) -> str:
    """What a setting may be, in words, from its JSON Schema."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(allowed(one) for one in schema["anyOf"] if one.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "object")
    if kind == "array":
        return f"list: {allowed(schema.get('items', {}))}"
    words = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "object": "table"}.get(kind, "text")
    words = "path" if schema.get("format") == "path" else words
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return " ".join([words, " and ".join(bounds)]).strip()


SETTINGS_HEAD: Final = """# Settings

A service reads, later wins: its defaults, a TOML file (`--settings FILE` or `KEEPSIGHT_SETTINGS`), secret files, variables, the command line
(`--key VALUE`, with `-` for `_`). Top-level keys of the file hold for all services, a service's own keys stand in its section:

```toml
log = "kafka://broker-1:9092,broker-2:9092"
model = "solar"

[serving]
port = 8080
```

- **Variables.** `KEEPSIGHT_LOG` sets `log` for every service, `KEEPSIGHT_SERVING_LOG` for serving alone. Lists and tables are JSON there.
- **Secret files.** A file named like a key (`kafka_password`) in `/run/secrets/keepsight`, or in the folder that `KEEPSIGHT_SECRETS_DIR` names,
  holds its value: what Docker and Kubernetes mount. Secrets are never printed.
- **Mistakes.** An unknown key or variable, or a value out of range, stops the service at its start (exit status 2) with the key, the value and
  what is allowed.

Units stand in the names: `_s` seconds, `_bytes`, `_pixels`. Shares go from 0 to 1.
"""


# Metrics


def metrics_page() -> str:
    """Every metric that a service exports."""
    parts = [NOTE + METRICS_HEAD]
    for name in sorted(module.name for module in pkgutil.iter_modules(contracts.__path__) if module.name.startswith("metrics_")):
        module = importlib.import_module(f"contracts.{name}")
        specs: tuple[Spec, ...] = module.ALL
        rows = [(f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.help) for one in specs]
        parts += [
            f"## {name.removeprefix('metrics_')}\n",
            f"{inspect.getdoc(module)}\n",
            table(("metric", "kind", "labels", "meaning"), rows),
        ]
        buckets = [f"`{one.name}`: {', '.join(f'{bound:g}' for bound in one.buckets)}" for one in specs if one.buckets]
        if buckets:
            parts.append("Upper bounds of the buckets:\n\n" + "\n".join(f"- {line}" for line in buckets) + "\n")
    return "\n".join(parts)


METRICS_HEAD: Final = """# Metrics

Each service answers `GET /metrics` in Prometheus' format. Base units; label values come from closed sets. No metric has a camera label (a fleet's
cameras would swamp Prometheus: what concerns one camera is in the events), except a gauge of the few worst cameras, whose name ends in `_top`.
"""


if __name__ == "__main__":
    sys.exit(main())
