"""The dashboards as Grafana will read them: whole, fresh, each panel with its words, links that lead somewhere, queries on what is exported."""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from contracts import metrics_monitor, metrics_process, metrics_retrain, metrics_serving
from dashboards.grafana import queries as written
from dashboards.grafana.__main__ import main, pages
from dashboards.grafana.board import MOST_PANELS, Board, rendered
from dashboards.grafana.boards import BOARDS as MADE
from dashboards.grafana.promql import BY_PROMETHEUS, Query, series
from dashboards.grafana.tiles import About, figure
from tests.alert_rules import ALERTS, GRAFANA, NAMES, RECORDED, ROOT, RULES
from tests.console_house import ConsoleHouse, tell
from tests.dashboards import BOARDS, FILLED, links, queries

UIDS = ("overview", "model", "camera", "serving", "pipeline", "retrain", "meta")
CONSOLE = "http://localhost:8081/console/"
OF_A_NAME = re.compile(
    r"(cameras|runbooks)/\$\{__(field\.labels|data\.fields)\.(camera|alertname)}|cameras\?site=\$\{__data\.fields\.site:percentencode}"
)
"""Pages of what a row or a series names."""
SPECS = {spec.name: spec for part in (metrics_monitor, metrics_process, metrics_retrain, metrics_serving) for spec in part.ALL}
MADE_BY_PROMETHEUS = {spec.name for spec in BY_PROMETHEUS}
ON_NO_BOARD = {
    "keepsight_serving_requests_total": "its refusals and frames say the same by cause; for whoever draws a board by route",
    "keepsight_serving_provider": "why a GPU is not used: one word a server, asked once, in docs/gpu.md",
    "keepsight_retrain_holds_total": "how often jobs began to wait: what waits now, and for what, is on the board",
    "keepsight_retrain_labels": "how many labels are kept: the console's page of labels has it by version",
    "keepsight_serving_batch_size": "for whoever tunes max_batch; the time that it costs is in the stages",
    "keepsight_monitor_incidents_left_out": "open incidents by cause count them all, and so does the console",
    "process_virtual_memory_bytes": "mapped models and logs count in it: nobody should act on it",
}
"""Exported and documented, on no board, and why."""
ASKED = list(queries())


each_board = pytest.mark.parametrize("board", list(BOARDS.values()), ids=list(BOARDS))


def metrics_of(expr: str) -> set[str]:
    """The names of the series that a query selects."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(str(node.name))
            assert node.name, f"a selector without a name reads every series: {expr}"
        for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
            if (inner := getattr(node, name, None)) is not None and not isinstance(inner, str | float):
                walk(inner)
        for inner in getattr(node, "args", None) or ():
            walk(inner)

    walk(promql_parser.parse(expr))
    return found


def exported_name(name: str) -> str:
    """The metric that a series belongs to: a histogram has three."""
    base = re.sub(r"_(bucket|count|sum)$", "", name)
    return base if base in SPECS and SPECS[base].kind == "histogram" else name


def test_what_is_committed_is_what_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_deployment_puts_its_own_console_in_and_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "keepsight-gone.json").write_text("{}")
    assert main(["--out", str(tmp_path), "--console", "https://eye.example/keepsight/"]) == 0
    for uid in BOARDS:
        ours = (tmp_path / f"{uid}.json").read_text()
        assert "localhost" not in ours
        assert ours.replace("https://eye.example/keepsight", "http://localhost:8081") == pages()[f"{uid}.json"]
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(BOARDS)


def test_stale_and_left_over_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--out", str(tmp_path)])
    capsys.readouterr()
    (tmp_path / "keepsight-meta.json").write_text("{}")
    (tmp_path / "keepsight-gone.json").write_text("{}")
    assert main(["--out", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in said] == [str(tmp_path / f"keepsight-{name}.json") for name in ("meta", "gone")]


def test_the_boards_are_those_that_alerts_and_docs_link_to() -> None:
    assert [board.uid for board in MADE] == [f"keepsight-{name}" for name in UIDS]
    assert set(BOARDS) == {board.uid for board in MADE}
    guide = (ROOT / "docs" / "dashboards.md").read_text()
    for board in MADE:
        assert f"`{board.uid}`" in guide
        assert board.question.partition("?")[0] + "?" in guide


@each_board
def test_a_board_is_whole(board: dict[str, Any]) -> None:
    assert board["schemaVersion"] == 42
    assert 0 < len(board["panels"]) <= MOST_PANELS
    assert board["description"].count("?") >= 1
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
    assert len({panel["title"] for panel in board["panels"]}) == len(board["panels"])
    assert [note["name"] for note in board["annotations"]["list"]] == ["Promotions", "Rollbacks", "Incidents"]
    assert board["links"][0]["type"] == "dashboards"
    assert board["links"][0]["tags"] == board["tags"] == ["keepsight"]
    assert board["links"][0]["includeVars"]
    assert board["links"][0]["keepTime"]


@each_board
def test_no_panel_lies_on_another_and_no_gap_is_left(board: dict[str, Any]) -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
    assert len(taken) == 24 * (max(y for _, y in taken) + 1)


@each_board
def test_its_variables_are_asked_anew_and_all_of_them_are_used(board: dict[str, Any]) -> None:
    source, *asked = board["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    text = json.dumps(board["panels"])
    for variable in asked:
        assert variable["refresh"] == 2, "on a change of the time shown"
        assert f"${variable['name']}" in text
        assert f"${variable['name']}" in FILLED
        assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        if variable["includeAll"]:
            assert variable["allValue"] == ".*", "a new process is in it at once"
    used = {name for name in re.findall(r"\$(\w+)", " ".join(a.expr for a in ASKED if a.board == board["uid"])) if name[:2] != "__"}
    assert used <= {variable["name"] for variable in asked}


@each_board
def test_a_panel_says_what_it_is_what_to_do_and_what_emptiness_means(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        shows, _, act = panel["description"].partition("\n\n**When it looks bad:** ")
        assert min(len(shows), len(act)) > 20, panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert len(defaults["noValue"]) > 10, panel["title"]
        first, *further = [step["value"] for step in defaults["thresholds"]["steps"]]
        assert (first, further) == (None, sorted(further)), panel["title"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"], panel["title"]


@each_board
def test_a_panel_s_targets_have_names_and_a_source(board: dict[str, Any]) -> None:
    for panel in board["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGHIJ"[: len(panel["targets"])])
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            assert target["instant"] is (panel["type"] in ("table", "bargauge")), panel["title"]
            assert target["legendFormat"], panel["title"]


def test_where_durations_are_there_are_percentiles() -> None:
    histograms = {spec.name for spec in SPECS.values() if spec.kind == "histogram" and spec.name.endswith("_seconds")}
    shown = {name for asked in ASKED for name in histograms if "histogram_quantile" in asked.expr and name in asked.expr}
    assert shown == histograms


def test_links_lead_to_boards_and_pages_that_are_there() -> None:
    found = list(links())
    assert len(found) > 30
    for uid, url in found:
        if url.startswith("/d/"):
            target, _, chosen = url.removeprefix("/d/").partition("?")
            assert target in BOARDS, (uid, url)
            known = {variable["name"] for variable in BOARDS[target]["templating"]["list"]}
            when, source, *rest = chosen.split("&")
            assert (when, source) == ("${__url_time_range}", "${datasource:queryparam}")
            assert {pair.partition("=")[0] for pair in rest} <= {f"var-{name}" for name in known}
        elif url != "http://localhost:8081${__data.fields.path}":
            assert url.startswith(CONSOLE), (uid, url)
            assert "$" not in url or OF_A_NAME.fullmatch(url.removeprefix(CONSOLE)), (uid, url)


def test_the_console_has_the_pages_that_boards_link_to(tmp_path: Path) -> None:
    house = ConsoleHouse(tmp_path)
    tell(house)
    pages = {url.removeprefix("http://localhost:8081") for _, url in links() if url.startswith(CONSOLE) and "$" not in url}
    assert "/console/incidents" in pages
    asked = {path: house.get(path)[0] for path in sorted(pages | {f"/console/runbooks/{name}" for name in NAMES})}
    house.close()
    assert set(asked.values()) == {200}, asked


def test_an_alert_leads_to_a_board_that_knows_what_it_names() -> None:
    for rule in ALERTS:
        url = re.sub(r"{{.*?}}", "x", rule["annotations"]["dashboard_url"])
        uid, _, chosen = url.removeprefix(f"{GRAFANA}/d/").partition("?")
        known = {f"var-{variable['name']}" for variable in BOARDS[uid]["templating"]["list"]}
        assert {pair.partition("=")[0] for pair in chosen.split("&") if chosen} <= known, (rule["alert"], url)


def test_the_way_down_leads_from_the_fleet_to_a_model_a_camera_and_an_incident() -> None:
    urls = {uid: {url for board, url in links() if board == uid} for uid in BOARDS}
    assert any(
        url.startswith("/d/keepsight-model?") and "var-model=${__data.fields.model}" in url for url in urls["keepsight-overview"]
    )
    assert "http://localhost:8081${__data.fields.path}" in urls["keepsight-overview"]
    assert any(url.startswith("/d/keepsight-camera?") for url in urls["keepsight-model"])
    assert f"{CONSOLE}cameras/${{__field.labels.camera}}" in urls["keepsight-camera"]


@each_board
def test_a_query_parses_and_reads_what_is_exported(board: dict[str, Any]) -> None:
    known = SPECS.keys() | MADE_BY_PROMETHEUS | RECORDED
    for asked in (one for one in ASKED if one.board == board["uid"]):
        names = {exported_name(name) for name in metrics_of(asked.filled)}
        assert names, asked
        assert names <= known, asked


def test_every_metric_is_on_a_board_or_in_a_rule_or_says_why_not() -> None:
    rules = " ".join(path.read_text() for path in RULES.glob("*.yaml") if not path.stem.endswith("_test"))
    shown = {exported_name(name) for asked in ASKED for name in metrics_of(asked.filled)}
    alerted = {name for name in SPECS if re.search(rf"\b{name}(_bucket|_count|_sum)?\b", rules)}
    assert SPECS.keys() - shown - alerted <= ON_NO_BOARD.keys() <= SPECS.keys() - shown


def test_every_query_that_is_written_is_on_a_board() -> None:
    def inside(value: object) -> list[Query]:
        if isinstance(value, Query):
            return [value]
        values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
        return [query for one in values for query in inside(one)]

    shown = {asked.expr for asked in ASKED}
    for module in pkgutil.iter_modules(written.__path__):
        for name, value in vars(importlib.import_module(f"{written.__name__}.{module.name}")).items():
            for query in inside(value):
                assert query.expr in shown, f"{module.name}.{name}"


def test_a_label_that_a_metric_does_not_have_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="keepsight_serving_frames_total has no label 'camera'; it has model, version, outcome"):
        series(metrics_serving.FRAMES, camera="gate")
    assert series(metrics_serving.FRAMES, model="$model", outcome="!gone", instance="a:1") == (
        'keepsight_serving_frames_total{model=~"$model",outcome!="gone",instance="a:1"}'
    )


def test_a_board_that_is_too_full_or_has_a_ragged_row_is_refused() -> None:
    tile = figure(About("t", "s", "w", "e", "short"), Query("up"), width=12)
    with pytest.raises(ValueError, match="14 panels; 12 at most"):
        rendered(Board("keepsight-x", "X", "?", (tile,) * 14))
    with pytest.raises(ValueError, match="12 of 24 columns"):
        rendered(Board("keepsight-x", "X", "?", (tile,) * 3))
    with pytest.raises(ValueError, match="height 9 in a row of height 5"):
        rendered(Board("keepsight-x", "X", "?", (tile, tile._replace(height=9))))


def test_grafana_is_told_where_they_lie_and_where_prometheus_is() -> None:
    folder = ROOT / "dashboards" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "keepsight.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "keepsight.yaml").read_text())["providers"]
    guide = (ROOT / "docs" / "dashboards.md").read_text()
    assert source["type"] == "prometheus"
    assert source["url"].lstrip("$") in guide
    assert provider["options"]["path"] in guide
    assert not provider["allowUiUpdates"]
