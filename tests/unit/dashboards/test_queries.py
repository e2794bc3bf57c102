"""What the boards' queries mean, by promtool: a verdict only where there is one, zero only while somebody counts, a mark where something happened."""

from pathlib import Path
from typing import NamedTuple

import yaml

from dashboards.grafana.boards.overview import VERDICT
from dashboards.grafana.queries import fleet, monitor, promise
from tests.alert_rules import program, succeeds
from tests.dashboards import BOARDS, filled


class Case(NamedTuple):
    """A query, a sample a minute of each series, and what the query answers after a quarter of an hour, by its labels."""

    expr: str
    series: dict[str, str]
    expected: dict[str, float]


ACTIVE = {'keepsight_monitor_active{model="m",instance="a"}': "1x20"}
STANDBY = {'keepsight_monitor_active{model="m",instance="b"}': "0x20"}
CHAMPION = 'keepsight_serving_model_info{{model="m",version="{}",variant="champion",instance="s"}}'
NOTES = {note["name"]: note["target"]["expr"] for note in BOARDS["keepsight-overview"]["annotations"]["list"]}


def quality(low: float, high: float, version: str = "1") -> dict[str, str]:
    """Realised accuracy of a version whose benchmark is 0.9 at least; version 1 answers frames."""
    labels = f'model="m",version="{version}",metric="accuracy"'
    return {
        **ACTIVE,
        CHAMPION.format("1"): "1x20",
        f'keepsight_monitor_benchmark{{{labels},bound="low",instance="a"}}': "0.9x20",
        f'keepsight_monitor_quality{{{labels},bound="low",instance="a"}}': f"{low}x20",
        f'keepsight_monitor_quality{{{labels},bound="high",instance="a"}}': f"{high}x20",
    }


def incidents(instance: str, count: int) -> dict[str, str]:
    return {f'keepsight_monitor_open_incidents{{model="m",cause="drift",severity="page",instance="{instance}"}}': f"{count}x20"}


CASES = {
    "worse: the intervals do not meet": Case(monitor.QUALITY_OF_MODEL.expr, quality(0.5, 0.7), {'{model="m"}': 2}),
    "a loss of ten points is excluded": Case(monitor.QUALITY_OF_MODEL.expr, quality(0.85, 0.97), {'{model="m"}': 0}),
    "too few labels to say": Case(monitor.QUALITY_OF_MODEL.expr, quality(0.4, 0.99), {'{model="m"}': 1}),
    "no labels, no verdict": Case(monitor.QUALITY_OF_MODEL.expr, {**ACTIVE, CHAMPION.format("1"): "1x20"}, {}),
    "a version that was taken back is past": Case(monitor.QUALITY_OF_MODEL.expr, quality(0.5, 0.7, "2"), {}),
    "no incident while somebody counts": Case(monitor.PAGES.expr, ACTIVE, {"{}": 0}),
    "nobody counts: nothing is known": Case(monitor.PAGES.expr, STANDBY, {}),
    "what a standby remembers is not shown": Case(
        monitor.PAGES.expr, {**ACTIVE, **STANDBY, **incidents("a", 2), **incidents("b", 9)}, {"{}": 2}
    ),
    "the watermark of nothing has no age": Case(
        monitor.AGE.expr, {**ACTIVE, 'keepsight_monitor_watermark_seconds{instance="a"}': "0x20"}, {}
    ),
    "no frame was due": Case(promise.ANSWERED.expr, {"keepsight:serving_unanswered:ratio_rate5m": "NaN " * 20}, {}),
    "half the budget is left": Case(
        promise.BUDGET_LEFT.expr,
        {
            "keepsight:serving_frames_unanswered:rate5m": "0.05x20",
            "keepsight:serving_frames_due:rate5m": "100x20",
            "keepsight:availability:budget": "0.001x20",
        },
        {"{}": 0.5},
    ),
    "a target that does not answer": Case(
        fleet.DOWN.expr,
        {'up{job="keepsight-serving",instance="a"}': "1x20", 'up{job="keepsight-monitor",instance="b"}': "0x20"},
        {"{}": 1},
    ),
    "a new champion is marked": Case(
        NOTES["Promotions"],
        {CHAMPION.format("1"): "1x8 _x12", CHAMPION.format("2"): "_x8 1x12"},
        {'{model="m", version="2"}': 1},
    ),
    "an old one is not": Case(NOTES["Promotions"], {CHAMPION.format("1"): "1x20"}, {}),
    "an incident is marked at its beginning": Case(
        NOTES["Incidents"],
        {
            **ACTIVE,
            'keepsight_monitor_incident_since_timestamp_seconds{model="m",incident="i",cause="drift",severity="page",instance="a"}': "300x20",
            'keepsight_monitor_incident_info{model="m",incident="i",headline="h",site="s",path="p",instance="a"}': "1x20",
        },
        {'{model="m", incident="i", cause="drift", severity="page", headline="h"}': 300_000},
    ),
}


def test_the_queries_mean_what_the_boards_say(tmp_path: Path) -> None:
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in case.series.items()],
            "promql_expr_test": [
                {
                    "expr": filled(case.expr),
                    "eval_time": "15m",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in case.expected.items()],
                }
            ],
        }
        for name, case in CASES.items()
    ]
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": tests}))
    succeeds(program("promtool", "prometheus"), "test", "rules", "cases.yaml", cwd=tmp_path)


def test_without_a_verdict_quality_is_grey() -> None:
    assert [VERDICT[level][1] for level in (0, 1, 2)] == ["green", "#808080", "red"]
    panel = next(panel for panel in BOARDS["keepsight-model"]["panels"] if panel["title"] == "Quality against the benchmark")
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    assert mapping["options"]["1"] == {"text": "no verdict", "color": "#808080"}
    assert [step["color"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]] == ["blue"], (
        "nothing is green by itself"
    )
