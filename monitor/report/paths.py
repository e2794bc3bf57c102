"""Where an incident's report lies on the monitor's HTTP server: it follows from the incident, before the report is made."""

from typing import Final

PREFIX: Final = "/v1/reports/"
"""Below it, all of them."""


def path_of(incident_id: str) -> str:
    """The path of an incident's report."""
    return f"{PREFIX}{incident_id}.html"
