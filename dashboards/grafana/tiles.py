"""Panels of five shapes: a figure, lines over time, bars, states over time, a table. Each says what it shows, what to do when it looks bad, and what it
means that nothing is there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.grafana.promql import Query

Steps = tuple[tuple[float | None, str], ...]
"""Thresholds: from which value on which colour; the first from None."""
Words = Mapping[int, tuple[str, str]]
"""What a number means: a word and its colour."""
P = TypeVar("P", stat.Panel, timeseries.Panel, bargauge.Panel, statetimeline.Panel, table.Panel)
PLAIN: Final[Steps] = ((None, "blue"),)
"""Neither good nor bad."""


def bad_from(bad: float, warn: float | None = None) -> Steps:
    """Green below, orange from `warn`, red from `bad`."""
    return ((None, "green"), *(((warn, "orange"),) if warn is not None else ()), (bad, "red"))


def good_from(good: float, warn: float | None = None) -> Steps:
    """Red below `warn` (or `good`), orange between, green from `good`."""
    return ((None, "red"), *(((warn, "orange"),) if warn is not None else ()), (good, "green"))


class About(NamedTuple):
    """What a panel says beside its picture."""

    title: str
    shows: str
    """What it shows, in one or two sentences."""
    when_bad: str
    """What to do when it looks bad."""
    empty: str
    """What it means that nothing is there."""
    unit: str
    links: tuple[DashboardLink, ...] = ()


class Tile(NamedTuple):
    """A panel and its place: `width` of 24 columns, `height` in Grafana's units of some 30 pixels."""

    panel: Any
    width: int
    height: int


def figure(
    about: About, *queries: Query, steps: Steps = PLAIN, words: Words | None = None, width: int = 4, height: int = 5
) -> Tile:
    """The newest value, coloured by its thresholds."""
    panel = _dressed(stat.Panel(), about, queries, steps, words).color_mode(shapes.BigValueColorMode.BACKGROUND)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.graph_mode(shapes.BigValueGraphMode.NONE if words else shapes.BigValueGraphMode.AREA)
    return Tile(panel, width, height)


def lines(
    about: About,
    *queries: Query,
    steps: Steps = PLAIN,
    stacked: bool = False,
    most: float | None = None,
    exemplars: bool = False,
    width: int = 8,
    height: int = 8,
) -> Tile:
    """Lines over time, from zero; thresholds above the first are drawn as dashed lines, and exemplars as dots."""
    panel = _dressed(timeseries.Panel(), about, queries, steps, None, exemplars=exemplars).min(0)
    panel.color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    panel.show_points(shapes.VisibilityMode.NEVER).fill_opacity(30 if stacked else 8)
    panel.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
    legend = common.VizLegendOptions().show_legend(True).display_mode(shapes.LegendDisplayMode.LIST)
    panel.legend(legend.placement(shapes.LegendPlacement.BOTTOM).calcs(["lastNotNull"]))
    if stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if most is not None:
        panel.max(most)
    if len(steps) > 1:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED))
    return Tile(panel, width, height)


def bars(about: About, query: Query, steps: Steps, most: float | None = None, width: int = 8, height: int = 10) -> Tile:
    """One bar a series, now."""
    panel = _dressed(bargauge.Panel(), about, (query,), steps, None, instant=True).min(0)
    panel.orientation(shapes.VizOrientation.HORIZONTAL).display_mode(shapes.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if most is not None:
        panel.max(most)
    return Tile(panel, width, height)


def states(about: About, query: Query, words: Words, width: int = 12, height: int = 7) -> Tile:
    """A band for each series, coloured by its state."""
    panel = _dressed(statetimeline.Panel(), about, (query,), PLAIN, words)
    panel.show_value(shapes.VisibilityMode.NEVER).fill_opacity(80)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
    )
    return Tile(panel, width, height)


class Column(NamedTuple):
    """A column of a table: a query's value, named by its legend."""

    query: Query
    unit: str = "short"
    steps: Steps = ()
    words: Words | None = None


def rows(
    about: About,
    *columns: Column,
    leads: Mapping[str, Sequence[DashboardLink]] | None = None,
    order: Sequence[str] = (),
    hidden: Sequence[str] = (),
    width: int = 24,
    height: int = 8,
) -> Tile:
    """A table of instant queries: a row for each set of labels, a column for each label and each query.

    `leads`: links on a label's column; `order`: the first columns; `hidden`: labels that only links need.
    """
    panel = _dressed(table.Panel(), about, [column.query for column in columns], PLAIN, None, instant=True, as_table=True)
    letters = [chr(ord("A") + number) for number in range(len(columns))]
    names = {f"Value #{letter}": column.query.legend for letter, column in zip(letters, columns, strict=True)}
    if len(columns) == 1:
        names = {"Value": columns[0].query.legend}
    called = {name: shown for shown, name in names.items()}
    places = {called.get(name, name): place for place, name in enumerate(order)}
    panel.with_transformation(DataTransformerConfig("merge", options={}))
    organize = {"excludeByName": {"Time": True}, "indexByName": places, "renameByName": names}
    panel.with_transformation(DataTransformerConfig("organize", options=organize))
    for column in columns:
        panel.override_by_name(column.query.legend, _cell(column))
    for label in hidden:  # the first is its name up to Grafana 12.1
        panel.override_by_name(label, [DynamicConfigValue("custom.hidden", True), DynamicConfigValue("custom.hideFrom.viz", True)])
    for label, links in (leads or {}).items():
        panel.override_by_name(label, [DynamicConfigValue("links", [_plain(link) for link in links])])
    return Tile(panel, width, height)


def _dressed(
    panel: P,
    about: About,
    queries: Sequence[Query],
    steps: Steps,
    words: Words | None,
    instant: bool = False,
    as_table: bool = False,
    exemplars: bool = False,
) -> P:
    """What every panel has."""
    panel.title(about.title).unit(about.unit).no_value(about.empty)
    panel.description(f"{about.shows}\n\n**When it looks bad:** {about.when_bad}")
    panel.thresholds(_thresholds(steps)).color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    if words:
        panel.mappings([_mapping(words)])
    if about.links:
        panel.data_links(list(about.links))
    for query in queries:
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto")
        target = target.instant() if instant else target.range()
        target = target.exemplar(True) if exemplars else target
        panel.with_target(target.format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES))
    return panel


def _thresholds(steps: Steps) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value, colour) for value, colour in steps])


def _mapping(words: Words) -> ValueMap:
    return ValueMap(options={str(value): ValueMappingResult(text=word, color=colour) for value, (word, colour) in words.items()})


def _cell(column: Column) -> list[DynamicConfigValue]:
    """How a column's values look."""
    look = [DynamicConfigValue("unit", column.unit)]
    if column.steps:
        look.append(DynamicConfigValue("thresholds", _thresholds(column.steps).build()))
    if column.words:
        look.append(DynamicConfigValue("mappings", [_mapping(column.words)]))
    if column.steps or column.words:
        look.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return look


def _plain(link: DashboardLink) -> dict[str, object]:
    """A link inside a field's options, which have no types of their own."""
    built = link.build()
    return {"title": built.title, "url": built.url, "targetBlank": bool(built.target_blank)}
