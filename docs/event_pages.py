"""The reference of the events, from their structs: a JSON Schema each, and the page that explains topics, keys and fields."""

import ast
import inspect
import json
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from markdown_table import NOTE, table

from contracts import channels, events, manifest, predictions, quality, statistics
from contracts.ports import TopicSpec

DOCUMENTED: Final = (events, predictions, statistics, manifest, quality, channels)
"""The modules whose structs carry field docstrings."""


def event_pages() -> dict[str, str]:
    """The JSON Schema of every event, and the page that explains them."""
    pages = {"events/README.md": events_page()}
    for kind in events.EVENT_TYPES:
        (schema,), shapes = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
        for name, shape in shapes.items():
            for field, text in DOCSTRINGS.get(name, {}).items():
                shape["properties"][field]["description"] = text
        content = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__, **schema, "$defs": shapes}
        pages[f"events/{kind.__name__}.json"] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return pages


def events_page() -> str:
    """Topics, keys and every event's fields."""
    by_topic: dict[str, list[type[events.Event]]] = {spec.name: [] for spec in events.TOPICS}
    keys = {}
    for kind in events.EVENT_TYPES:
        topic, key = events.place_of(symbolic(kind))
        by_topic[topic].append(kind)
        keys[topic] = key or "none"
    rows = [
        (
            f"`{spec.name}`",
            ", ".join(f"[{kind.__name__}](#{kind.__name__.lower()})" for kind in by_topic[spec.name]),
            f"`{keys[spec.name]}`",
            str(spec.partitions),
            kept(spec),
        )
        for spec in events.TOPICS
    ]
    parts = [NOTE + EVENTS_HEAD, table(("topic", "events", "key", "partitions", "kept"), rows)]
    shared = events.Event.__struct_fields__
    parts += ["## In every event\n", table(FIELD_HEAD, list(field_rows(events.Event)))]
    shapes: dict[str, type[msgspec.Struct]] = {}
    for kind in events.EVENT_TYPES:
        rows_of_kind = list(field_rows(kind, shared))
        parts += [
            f"## {kind.__name__}\n",
            f"{text_of(kind)} Schema: [{kind.__name__}.json]({kind.__name__}.json)\n",
            table(FIELD_HEAD, rows_of_kind),
        ]
        collect(kind, shapes)
    parts.append("# Shapes inside events\n")
    for name, shape in sorted(shapes.items()):
        parts += [f"## {name}\n", f"{text_of(shape)}\n", table(FIELD_HEAD, list(field_rows(shape)))]
    return "\n".join(parts)


def kept(spec: TopicSpec) -> str:
    """What of a topic is kept, and how long."""
    days = "for ever" if spec.retention_s is None else f"{spec.retention_s / events.DAY_S:g} days"
    return f"the last of each key, {days}" if spec.compacted else days


FIELD_HEAD: Final = ("field", "type", "default", "meaning")


def field_rows(kind: type[msgspec.Struct], without: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    """A struct's fields: name, type, default, meaning. The tag comes first where unions tell shapes apart by it."""
    config = kind.__struct_config__
    if config.tag_field and not issubclass(kind, events.Event):
        yield f"`{config.tag_field}`", f"`{config.tag}`", "", "Which shape this is."
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name not in without:
            yield (
                f"`{field.name}`",
                type_text(hints[field.name]),
                default_text(field),
                DOCSTRINGS.get(kind.__name__, {}).get(field.name, ""),
            )


def default_text(field: msgspec.structs.FieldInfo) -> str:
    """What a field is when a record leaves it out, as JSON."""
    if field.required:
        return "must be given"
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return f"`{json.dumps(msgspec.to_builtins(default))}`"


def type_text(kind: Any) -> str:
    """A type in the words of JSON."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {type_text(arguments[0])}"
    if origin is dict:
        return f"table of {type_text(arguments[1])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(one) for one in arguments)
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return {str: "text", float: "number", int: "whole number", bool: "true or false", type(None): "null"}[kind]


def collect(kind: Any, into: dict[str, type[msgspec.Struct]]) -> None:
    """All structs that a type holds, except events."""
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        if kind.__name__ in into:
            return
        if not issubclass(kind, events.Event):
            into[kind.__name__] = kind
        for hint in typing.get_type_hints(kind).values():
            collect(hint, into)
    for argument in typing.get_args(kind):
        if typing.get_origin(kind) is not typing.Literal:
            collect(argument, into)


def symbolic(kind: type[msgspec.Struct]) -> Any:
    """A struct whose fields say their own names, to read keys off `place_of`."""
    hints = typing.get_type_hints(kind)
    nested = {name: hint for name, hint in hints.items() if inspect.isclass(hint) and issubclass(hint, msgspec.Struct)}
    return kind(**{name: symbolic(nested[name]) if name in nested else f"<{name}>" for name in kind.__struct_fields__})


def text_of(kind: type) -> str:
    """A class's docstring."""
    return inspect.getdoc(kind) or ""


def docstrings() -> dict[str, dict[str, str]]:
    """The string below each field of the structs in DOCUMENTED, inherited ones too: Python keeps these in the source only."""
    found: dict[str, dict[str, str]] = {}
    for module in DOCUMENTED:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                inherited = [found.get(base.id, {}) for base in node.bases if isinstance(base, ast.Name)]
                found[node.name] = {name: text for one in inherited for name, text in one.items()}
                for field, after in zip(node.body, node.body[1:], strict=False):
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
                        found[node.name][field.target.id] = inspect.cleandoc(ast.literal_eval(after.value)).replace("\n", " ")
    return found


DOCSTRINGS: Final = docstrings()

EVENTS_HEAD: Final = """# Events

One record a fact: JSON, readable with kcat. Headers are CloudEvents 1.0 (`ce_id`, `ce_type`, `ce_source`, `ce_time`, `ce_specversion`, and
`content-type`). Times in the body are Unix seconds. Delivery is at least once: fold repeats by `event_id`. Readers must ignore fields they do not
know; fields are only ever added, with defaults, and a breaking change is a new type. Records of one key keep their order.
"""
