"""Where a panel leads: from the fleet to a model, to a camera, to an incident in the console.

Addresses are those of one machine; a deployment puts its own in their place when it renders (`python -m dashboards.grafana --console URL`).
"""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

CONSOLE: Final = "http://localhost:8081"
"""The monitor's port on one machine."""


def console(title: str, path: str = "") -> DashboardLink:
    """A page of the operator console."""
    return at(title, f"/console/{path}")


def at(title: str, path: str) -> DashboardLink:
    """A path that a metric itself names, on the console's address."""
    return _link(title, f"{CONSOLE}{path}").target_blank(True)


def board(title: str, uid: str, **variables: str) -> DashboardLink:
    """Another board over the same time, of the same data source."""
    chosen = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return _link(title, f"/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}{chosen}")


def _link(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url)
