"""Numbers that JSON has no word for, in what crosses the log: infinite ones and NaN. Written as they are they become null, which
no reader takes for a number.

They are written as LARGEST with their sign: to a reader an absurd figure in its place tells more than an event that is lost. A null that was written
where a number belongs, before this was so, is read as LARGEST.
"""

import math
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

LARGEST: Final = 1e12
"""Beyond anything that is measured, times in Unix seconds included, and short to read."""
T = TypeVar("T")


def finite(value: T) -> T:
    """The value, a tree of structs, tuples, dicts and plain values, with LARGEST where a number is infinite or NaN; itself where none is."""
    return _finite(value)  # type: ignore[no-any-return]  # of the type that it was


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else -LARGEST if value < 0 else LARGEST
        case msgspec.Struct():
            fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
            mended = {name: new for name, old in fields if (new := _finite(old)) is not old}
            return msgspec.structs.replace(value, **mended) if mended else value
        case tuple():
            parts = tuple(_finite(part) for part in value)
            return parts if any(new is not old for new, old in zip(parts, value, strict=True)) else value
        case dict():
            content = {key: _finite(part) for key, part in value.items()}
            return content if any(content[key] is not value[key] for key in value) else value
    return value


def decode(content: bytes | str, kind: Any) -> Any:
    """Read JSON as `kind` (a type that msgspec knows), LARGEST for each null where only a number may stand. Raises msgspec.MsgspecError."""
    return msgspec.convert(_filled(msgspec.json.decode(content), _type_of(kind)), kind)


@cache
def _type_of(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _filled(value: Any, kind: inspect.Type) -> Any:
    match kind:
        case inspect.FloatType() if value is None:
            return LARGEST
        case inspect.Metadata():
            return _filled(value, kind.type)
        case inspect.UnionType() if value is not None:
            return _filled(value, chosen) if (chosen := _chosen(kind, value)) is not None else value
        case inspect.StructType() if isinstance(value, dict):
            fields = {field.encode_name: field.type for field in kind.fields}
            return {name: _filled(part, fields[name]) if name in fields else part for name, part in value.items()}
        case inspect.VarTupleType() | inspect.ListType() if isinstance(value, list):
            return [_filled(part, kind.item_type) for part in value]
        case inspect.DictType() if isinstance(value, dict):
            return {name: _filled(part, kind.value_type) for name, part in value.items()}
    return value


def _chosen(union: inspect.UnionType, value: Any) -> inspect.Type | None:
    """The struct among a union's types that a value is tagged as; else the first that is no None."""
    structs = [kind for kind in union.types if isinstance(kind, inspect.StructType)]
    if isinstance(value, dict) and structs and structs[0].tag_field is not None:
        return next((kind for kind in structs if kind.tag == value.get(kind.tag_field)), None)
    return next((kind for kind in union.types if not isinstance(kind, inspect.NoneType)), None)
