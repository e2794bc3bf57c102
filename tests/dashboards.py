"""The dashboards as Grafana reads them, for tests: panels, their queries with Grafana's variables filled in, and where their links lead."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from dashboards.grafana.__main__ import HERE

BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}
FILLED = {
    "$__rate_interval": "5m",
    "$__range": "1h",
    **{f"${name}": ".*" for name in ("model", "version", "instance", "camera")},
    "$metric": "accuracy",
}
_LINK = re.compile(r'"url": "([^"]+)"')


class Asked(NamedTuple):
    """A query of a board, and where it stands."""

    board: str
    panel: str
    expr: str
    """As Grafana has it."""

    @property
    def filled(self) -> str:
        """As Prometheus is asked."""
        return filled(self.expr)


def filled(text: str) -> str:
    """With Grafana's variables put in: everything chosen, the last hour shown."""
    for name in sorted(FILLED, key=len, reverse=True):
        text = text.replace(name, FILLED[name])
    assert "$" not in text, text
    return text


def queries() -> Iterator[Asked]:
    """Of panels, annotations and variables, in order."""
    for uid, board in BOARDS.items():
        for panel in board["panels"]:
            yield from (Asked(uid, panel["title"], target["expr"]) for target in panel["targets"])
        for note in board["annotations"]["list"]:
            yield Asked(uid, f"annotation {note['name']}", note["target"]["expr"])
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
                yield Asked(uid, f"variable {variable['name']}", f"count by ({label}) ({selector})")


def links() -> Iterator[tuple[str, str]]:
    """Every board and address that it links to."""
    for uid, board in BOARDS.items():
        for url in _LINK.findall(json.dumps(board)):
            yield uid, url
