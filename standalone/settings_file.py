"""Writes settings files: the plain one that the demo gives its services, and the commented `keepsight.toml` that `keepsight init` starts a house with."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError
from contracts.ids import NAME

TEMPLATE: Final = Path(__file__).with_name("keepsight.toml")
"""With `{folder}` and `{model}` where they go."""
Value = str | bool | int | float | list["Value"] | Mapping[str, "Value"]


def toml(content: Mapping[str, Value], table: str = "") -> str:
    """`content` as TOML: plain keys of a table first, then its tables."""
    lines = [f"{_key(key)} = {_value(value)}" for key, value in content.items() if not isinstance(value, Mapping)]
    parts = ["\n".join(lines)] if lines else []
    for key, value in content.items():
        if isinstance(value, Mapping):
            name = f"{table}.{_key(key)}" if table else _key(key)
            parts.append(f"[{name}]\n{toml(value, name)}".rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def write_house(folder: Path, model: str = "model", force: bool = False) -> Path:
    """Write a commented keepsight.toml whose folders stand below `folder`. Raises SettingsError rather than replace one, unless forced."""
    folder = folder.absolute()
    path = folder / "keepsight.toml"
    if not NAME.fullmatch(model):
        raise SettingsError(
            f"model {model!r} is no name: use letters, digits, '.', '_' or '-', at most 64, beginning with a letter or digit"
        )
    if path.exists() and not force:
        raise SettingsError(f"{path} exists already; edit it, name another folder, or replace it with --force")
    if '"' in str(folder) or "\\" in str(folder) or "'" in str(folder):
        raise SettingsError(f"{folder} has a quote or a backslash in its name; choose a folder without")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE.read_text().replace("{folder}", str(folder)).replace("{model}", model))
    return path


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Value) -> str:
    """JSON's strings, booleans and finite numbers are TOML's, but for DEL, which TOML wants escaped."""
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{value} is no number for a settings file")
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
