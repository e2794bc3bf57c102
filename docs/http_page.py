"""The reference of serving's HTTP edge, from the OpenAPI document that it serves."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from markdown_table import NOTE, table

from serving.openapi import document
from serving.problems import KINDS, TYPE_PREFIX

Json = Mapping[str, Any]
VERSIONED: Final = "/versions/{version}"
"""Paths of the Open Inference Protocol that name a version are those without it over again."""


def http_page() -> str:
    """The whole page."""
    whole = document()
    parts = [NOTE + HEAD]
    for path, methods in whole["paths"].items():
        if VERSIONED not in path:
            for method, operation in methods.items():
                parts += _operation(method.upper(), path, operation)
    parts += ["## Problems\n", PROBLEMS, table(("type", "status", "is"), [_problem(kind) for kind in sorted(KINDS)])]
    parts += ["# Shapes\n"]
    for name, shape in sorted(whole["components"]["schemas"].items()):
        if name != "Problem":
            parts += [f"## {name}\n"]
            parts += [f"{shape['description']}\n"] if "description" in shape else []
            parts += [table(("field", "is", "must be given"), list(_fields(shape)))]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"## {method} {path}\n"
    keyed = " A key, where the server asks for keys." if "security" in operation else ""
    yield f"{operation['summary']}.{keyed} {operation.get('description', '')}".rstrip() + "\n"
    if operation.get("parameters"):
        rows = [(f"`{one['name']}`", one["in"], one.get("description", "")) for one in operation["parameters"]]
        yield table(("parameter", "in", "is"), rows)
    if "requestBody" in operation:
        yield f"Body: {_content(operation['requestBody']['content'])}.\n"
    yield table(("status", "is"), [_answer(status, one) for status, one in operation["responses"].items()])


def _answer(status: str, answer: Json) -> tuple[str, str]:
    if int(status) < 400 or not (kinds := re.findall(r"\(([a-z-]+)\)", answer["description"])):
        content = _content(answer.get("content", {}))
        return status, f"{answer['description']}{f': {content}' if content else ''}"
    return status, ", ".join(f"`{kind}`" for kind in kinds)


def _content(content: Json) -> str:
    """Media types, each with the shape that it has, where it has one."""
    return ", ".join(f"`{kind}`{_shape(one.get('schema', {}))}" for kind, one in content.items())


def _shape(schema: Json) -> str:
    return f" ({_type(schema)})" if "$ref" in schema or "oneOf" in schema else ""


def _fields(shape: Json) -> Iterator[tuple[str, str, str]]:
    required = shape.get("required", ())
    for name, one in shape.get("properties", {}).items():
        words = [_type(one), one.get("description", "")]
        yield f"`{name}`", ": ".join(word for word in words if word), "yes" if name in required else ""


def _type(schema: Json) -> str:
    """A schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{'problems' if name == 'Problem' else name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "")
    if isinstance(kind, list):
        return " or ".join(_type({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "table"}
    return words.get(kind, kind)


def _problem(kind: str) -> tuple[str, str, str]:
    return f"`{kind}`", str(KINDS[kind].status), KINDS[kind].title


HEAD: Final = """# HTTP of serving

What a server answers, as its own `/openapi.json` has it for programs. How a camera uses it: [cameras](cameras.md). Clients of Triton and KServe:
[Open Inference Protocol](open-inference-protocol.md); its paths under `/v2/models/{model}` are there under `/v2/models/{model}/versions/{version}`, too.
Who may ask, limits and times: [security](security.md).

The monitor answers `/livez`, `/readyz`, `/metrics`, `/v1/state`, `/v1/reports/…` and the [console](console.md), with
[scopes of their own](security.md#the-monitor); retrain `/livez`, `/readyz` and `/metrics`.
"""

PROBLEMS: Final = f"""Every refusal is `application/problem+json` (RFC 9457): `type` is `{TYPE_PREFIX}` and the name below, `title` and `status` are as
here, `detail` says what was wrong with this request and what to do.
"""
