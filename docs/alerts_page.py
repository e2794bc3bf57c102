"""The page of the alerts: the table from the rules, and how to tune and wire them."""

from pathlib import Path
from typing import Any, Final

import yaml
from markdown_table import NOTE, table

DASHBOARDS: Final = Path(__file__).parents[1] / "dashboards"
FILES: Final = ("traffic", "slo", "serving", "monitor", "retrain", "meta")
"""In the order in which the page shows them."""
TITLES: Final = {
    "traffic": "Do frames come",
    "slo": "Is the promise to cameras kept",
    "serving": "Serving",
    "monitor": "What the monitor says, and whether it sees",
    "retrain": "Retraining and rollout",
    "meta": "The monitoring itself",
}


def alerts_page() -> str:
    """The whole page."""
    of_file = {name: _alerts(name) for name in FILES}
    names = {rule["alert"] for rules in of_file.values() for rule in rules}
    paging = {rule["alert"] for rules in of_file.values() for rule in rules if "page" in _severity(rule)}
    parts = [NOTE + HEAD.format(alerts=len(names), pages=len(paging))]
    for name, rules in of_file.items():
        rows: dict[str, list[dict[str, Any]]] = {}
        for rule in rules:
            rows.setdefault(rule["alert"], []).append(rule)
        parts += [
            f"### {TITLES[name]}\n",
            table(("alert", "wakes", "after", "means"), [_row(alert, of) for alert, of in rows.items()]),
        ]
    return "\n".join([*parts, TAIL])


def _alerts(name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((DASHBOARDS / "rules" / f"{name}.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _severity(rule: dict[str, Any]) -> str:
    return str(rule.get("labels", {}).get("severity", "page or ticket, as the incident says"))


def _row(alert: str, rules: list[dict[str, Any]]) -> tuple[str, ...]:
    severities = dict.fromkeys(map(_severity, rules))
    waits = dict.fromkeys(str(rule.get("for", "at once")) for rule in rules)
    text = (DASHBOARDS / "runbooks" / f"{alert}.md").read_text()
    meaning = text.split("**Meaning.** ")[1].split("\n\n")[0]
    return f"[{alert}](../dashboards/runbooks/{alert}.md)", ", ".join(severities), ", ".join(waits), meaning


HEAD: Final = """# Alerts

{alerts} alerts, {pages} of which can wake somebody: a page is what a person must do something about now, a ticket can wait until morning. Each says
what is wrong with its value, since when, what it costs and what to do, and carries its links: `runbook_url`, `dashboard_url`, and of an
incident `incident_url`. No alert fires on a drift statistic: the monitor weighs these, opens [incidents](incidents.md), and says itself whether one pages.

They are Prometheus rules in [`dashboards/rules/`](../dashboards/rules), each tested with its exact words, silent before and after
([`*_test.yaml`](../dashboards/rules), `promtool test rules`), with a runbook in [`dashboards/runbooks/`](../dashboards/runbooks); the console shows
these, too (`/console/runbooks`). Their commands are those of one machine: in Kubernetes `keepsight` runs in each of our pods (`kubectl exec POD --
keepsight status`), and queries go into Prometheus' own page.

## Wiring

On one machine, with Debian's packages `prometheus` and `prometheus-alertmanager` (Prometheus 2.42 and Alertmanager 0.25 or later):

```sh
prometheus --config.file dashboards/prometheus/prometheus.yaml --storage.tsdb.retention.time=30d --enable-feature=exemplar-storage
prometheus-alertmanager --config.file dashboards/alertmanager/alertmanager.yaml --cluster.listen-address=
```

- **Prometheus.** [`prometheus.yaml`](../dashboards/prometheus/prometheus.yaml) scrapes the three services where `keepsight up` has them. The names
  of the jobs (`keepsight-serving`, `keepsight-monitor`, `keepsight-retrain`) are part of the rules. Beyond this machine the ports ask for a key with
  the scope `metrics` ([security](security.md)); the file shows where it goes. Keep 30 days: so far back looks the budget of the
  month on the board Serving. A week at least: KeepsightFramesStopped and KeepsightLabelsStale compare with the week before.
- **Alertmanager.** [`alertmanager.yaml`](../dashboards/alertmanager/alertmanager.yaml) has three receivers: `page`, `ticket` and `watchdog`. Places
  for your own addresses are marked with `>`; secrets are files. Check what you wrote:

```sh
amtool check-config dashboards/alertmanager/alertmanager.yaml
amtool config routes test --config.file=dashboards/alertmanager/alertmanager.yaml severity=page alertname=KeepsightIncident
```

- **The watchdog.** KeepsightWatchdog fires always. Send it to a service outside this house that raises the alarm when it stops coming: nothing
  inside can say that it is dead.
- **Links.** Committed are the addresses of one machine: the console `http://localhost:8081`, Grafana `http://localhost:3000`. Elsewhere replace the
  two in the rules (the chart's values `consoleUrl` and `grafanaUrl` do):

```sh
sed -i 's#http://localhost:8081#https://keepsight.example.org#; s#http://localhost:3000#https://grafana.example.org#' rules/*.yaml
```

## Who hears what

Alertmanager groups by alert and model, pages by the incidents' cause as well: an alert of a model is one message, however many incidents, servers or
cameras it has, and names 50 at most. A bad night with 10,000 cameras is three messages. What joins later is told after five minutes. PagerDuty adds what
joins to the open incident of the group and does not ring again; an incident of another cause does. Who wants a call for each of Keepsight's incidents
adds `incident` to `group_by` of the route `page`, and takes as many calls as sites are hit.

What something graver explains is not told. In Alertmanager: a whole service that is away quiets all tickets; a blind monitor or a log that is away,
what was said of drift and quality of that model; the faster burn the slower ones; a spool that loses events the earlier warnings of it; failing
retrainings the alert that there are so many. In the monitor: frames of a camera at fault are out of drift judging, so that its drift raises no
incident of its own while the site's other cameras are watched on.

An incident is one alert from its opening to its end: its words may change, its labels (`model`, `incident`, `cause`, `severity`) only with its cause
or when a ticket becomes a page. What somebody acknowledged stays open and says so. At most 50 open incidents are exported, pages and the newest
first; `keepsight_monitor_incidents_left_out` counts the rest, which the console has. One that newer ones push out of these 50 is told as resolved while
it is open. While no monitor of the model answers, what fires goes on for six hours: nobody can say that it is over.

## Tuning

**The page budget** is the monitor's: a camera may cost `pages_per_camera_month` false alarms in a month, and every limit is calibrated to its share
of it (`keepsight_monitor_calibrated_replay` says what held-out recordings raise at these settings). 100 cameras at the default of 1 may cost a
hundred in a month, tickets mostly; for one false page in a month of 100 cameras set 0.01. `keepsight backtest` replays recorded events at several
budgets and says what each would have told. What was a false alarm is said with `keepsight false-alarm`: its like raises the limit it crossed for
`false_alarm_days`.

**The promise to cameras** stands in [`slo.yaml`](../dashboards/rules/slo.yaml): 99.9 % of frames answered and 99 % of requests within half a second,
over 30 days. Each number stands once: the two budgets, the list of problems that count against the server, and `le`. Burn rates are those of
Google's *Site Reliability Workbook* (2018, chapter 5): 14.4 times the budget's pace over an hour and five minutes, 6 times over six hours and 30
minutes, 3 times over a day or once over three as a ticket. Time is the server's own, from the moment it reads a request's head: what waits in a load
balancer, or before a host that stands still, is not in it, and a probe from where the cameras are tells.

**Waiting.** `for` is how long a condition must hold, `keep_firing_for` how long an alert stays after it, where it would flap. Change the rule, run
its test, change the test's words.

**Silence** what is planned, with an end and a reason:
`amtool silence add alertname=KeepsightFramesStopped model=solar --duration=12h --comment="works holiday"`.

## The alerts

`after` is `for`: how long it must be so. The table is made of the rules and their runbooks.
"""

TAIL: Final = """## What is tested

`make test` runs `promtool check` and `promtool test rules` on every rule, routes each alert with `amtool`, plays every inhibition and a storm of
10,000 alerts in a real Alertmanager, and drives real services, Prometheus and Alertmanager to a webhook and back: cameras of a site whose lenses are
covered, and a server that is killed (`tests/integration/test_alert_path.py`; a minute of waiting is a second there). `make test-slow` has a server
without a version, a log that is away until events are lost, more cameras than a server answers in time, cameras that all stop, and a rollback that a
frozen server does not follow: each of the ten pages was raised by a real fault and ended with it (a week is half a minute there, and five minutes of
KeepsightLatencyBurn and KeepsightFramesStopped are ten seconds). PagerDuty and e-mail were not tried: what they would say is rendered by `amtool`.
"""
