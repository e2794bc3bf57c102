"""What SREs and on-call engineers look at: Grafana dashboards as code, alert rules with their tests, Alertmanager's configuration, a runbook an alert.

The names of metrics come from the contracts and nothing else does. What Prometheus, Grafana and the console read (`rules`, `json`, `provisioning`,
`runbooks`) is data of this package; only `dashboards.grafana`, which writes the JSON, is code, and it runs where the repository is built.
"""
