"""The Grafana dashboards: one module a board, queries apart from panels, written as JSON by `python -m dashboards.grafana`.

`promql` writes PromQL from declared metrics, `queries` has the queries, `tiles` makes panels of them, `board` puts a dashboard together, `boards`
lists them. A board answers one question and holds at most twelve panels.
"""
