"""A dashboard: its tiles in reading order, the variables that it asks for, and on every one the same annotations and links.

The foundation SDK leaves out what Grafana needs to be told: identities of panels and targets, the data source of each, and when a variable is asked anew.
That is put in at the end.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from contracts import metrics_monitor, metrics_process, metrics_retrain, metrics_serving
from dashboards.grafana import links
from dashboards.grafana.promql import increase, of_retrain, series
from dashboards.grafana.queries import monitor
from dashboards.grafana.tiles import Tile

COLUMNS: Final = 24
MOST_PANELS: Final = 12
"""More than fit on two screens are looked at by nobody."""
TAG: Final = "keepsight"
_DATASOURCE: Final = DataSourceRef("prometheus", "${datasource}")


@dataclass(frozen=True)
class Variable:
    """A choice above the board: the values of a label. `all`: every value at once is the default, and new ones are in it at once."""

    name: str
    selector: str
    label: str
    about: str
    all: bool = True


MODEL: Final = Variable("model", series(metrics_process.BUILD_INFO), "model", "Models that are served, watched or mended.")
INSTANCE: Final = Variable(
    "instance", series(metrics_process.BUILD_INFO, model="$model"), "instance", "Processes, as Prometheus names them."
)
SERVER: Final = Variable(
    "instance", series(metrics_process.BUILD_INFO, service="serving", model="$model"), "instance", "Serving processes."
)
VERSION: Final = Variable(
    "version", series(metrics_monitor.LABELS, model="$model"), "version", "Versions of the model that answered lately."
)
METRIC: Final = Variable(
    "metric", series(metrics_monitor.QUALITY, model="$model"), "metric", "What quality is measured by.", all=False
)
CAMERA: Final = Variable(
    "camera", series(metrics_monitor.DRIFT_CAMERA, model="$model"), "camera", "Of the 20 worst cameras; the console has all."
)
CHAMPIONS: Final = series(metrics_serving.MODEL_INFO, variant="champion", model="$model")


@dataclass(frozen=True)
class Board:
    """A dashboard. `question` is what it answers; `since` how far it looks back."""

    uid: str
    title: str
    question: str
    tiles: tuple[Tile, ...]
    variables: tuple[Variable, ...] = (MODEL,)
    since: str = "now-6h"


def rendered(board: Board, console: str = links.CONSOLE) -> str:
    """The dashboard as JSON with the console's address put in. Raises ValueError for too many panels or a row that does not fill the width."""
    if len(board.tiles) > MOST_PANELS:
        raise ValueError(f"{board.uid} has {len(board.tiles)} panels; {MOST_PANELS} at most: which can go?")
    made = (
        dashboard.Dashboard(f"Keepsight / {board.title}")
        .uid(board.uid)
        .description(board.question)
        .tags([TAG])
        .time(board.since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
    )
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    made.variables([source, *map(_variable, board.variables)])
    made.annotations(_annotations())
    made.links([_boards(), links.console("Console").icon("external link")])
    for tile, place in zip(board.tiles, _places(board), strict=True):
        made.with_panel(tile.panel.grid_pos(place).datasource(_DATASOURCE))
    content = json.loads(JSONEncoder().encode(made.build()))
    _complete(content)
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).replace(links.CONSOLE, console) + "\n"


def _places(board: Board) -> Iterator[GridPos]:
    """Left to right, then down; every row is full and as high as its tiles, which are of one height."""
    x = y = 0
    row = board.tiles[0].height if board.tiles else 0
    for tile in board.tiles:
        if tile.height != row and x:
            raise ValueError(f"{board.uid}: a tile of height {tile.height} in a row of height {row}")
        row = tile.height
        yield GridPos(h=tile.height, w=tile.width, x=x, y=y)
        x += tile.width
        if x > COLUMNS:
            raise ValueError(f"{board.uid}: a row of {x} columns, there are {COLUMNS}")
        if x == COLUMNS:
            x, y = 0, y + row
    if x:
        raise ValueError(f"{board.uid}: the last row has {x} of {COLUMNS} columns")


def _variable(variable: Variable) -> dashboard.QueryVariable:
    query = f"label_values({variable.selector}, {variable.label})"
    made = dashboard.QueryVariable(variable.name).label(variable.name.capitalize()).description(variable.about)
    made.query({"query": query, "refId": f"variable-{variable.name}"}).definition(query).datasource(_DATASOURCE)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.NATURAL_ASC)
    if variable.all:
        made.include_all(True).multi(True).all_value(".*").current(VariableOption(text=["All"], value=["$__all"]))
    return made


def _boards() -> dashboard.DashboardLink:
    menu = dashboard.DashboardLink("Boards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    return menu.include_vars(True).keep_time(True)


def _annotations() -> list[Builder[AnnotationQuery]]:
    """What happened, on every board: a champion that was not there ten minutes ago, a rollback, an incident at its beginning."""
    keys = "max by (model, version)"
    promotions = f"{keys} ({CHAMPIONS}) unless {keys} ({CHAMPIONS} offset 10m)"
    rollbacks = f"sum by (by) ({of_retrain(increase(metrics_retrain.ROLLBACKS, '10m'))}) > 0"
    return [
        _annotation("Promotions", promotions, "green", "Champion", "{{model}} version {{version}}"),
        _annotation("Rollbacks", rollbacks, "orange", "Taken back", "by {{by}}"),
        _annotation(
            "Incidents", monitor.BEGUN.expr, "red", "{{severity}}: {{cause}}", "{{model}}: {{headline}}"
        ).use_value_for_time(True),
    ]


def _annotation(name: str, expr: str, colour: str, title: str, text: str) -> dashboard.AnnotationQuery:
    query = prometheus.Dataquery().expr(expr).interval("60s").ref_id("Anno")
    made = dashboard.AnnotationQuery().name(name).datasource(_DATASOURCE).enable(True).icon_color(colour).target(query)
    return made.title_format(title).text_format(text).tag_keys("model,version,severity")


def _complete(content: dict[str, Any]) -> None:
    """What the SDK leaves out, or sets as nobody wants it."""
    for number, panel in enumerate(content["panels"], 1):
        panel["id"] = number
        for place, target in enumerate(panel["targets"]):
            target["refId"] = chr(ord("A") + place)
            target["datasource"] = panel["datasource"]
            target["editorMode"] = "code"
    for shown in (*content["annotations"]["list"], *content["links"]):
        del shown["placement"]  # the SDK's default folds them into a menu
