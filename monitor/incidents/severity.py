"""Who is woken: which incidents page, and which wait as tickets until morning.

A page is a label alarm (label_desk.py), two channels within an hour of which one speaks of the model's answers, or a camera fault that its peers
confirm. A camera that is plainly dead is a maintenance ticket: it answers nothing that anybody believes, and its frames are left out; when all cameras
of a site are, the site is blind, and that is a page. A camera that looks alive and sees wrongly is a page where peers in the same light see well.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from contracts.incidents import Severity
from monitor.incidents.finding import Finding

TOGETHER_S: Final = 3600.0
"""Two channels that crossed their limits so close in time speak of one change."""
ANSWERS: Final = ("softmax", "performance")
"""The families that speak of the model's answers."""
BLIND: Final = frozenset({"black", "white", "covered", "frozen", "silent"})
"""Faults that leave nothing to answer."""
AMISS: Final = frozenset({"out_of_focus", "differs"})
"""Faults that leave plausible answers to wrong pictures; both are told against the site's other cameras, where there are any."""


def crossed(findings: Iterable[Finding], at: float) -> dict[str, float]:
    """The families above a limit in findings made `at`, each with that time."""
    return {reading.family: at for finding in findings for reading in finding.readings if reading.ratio >= 1}


def pages(last_crossed: Mapping[str, float]) -> bool:
    """Whether drift is more than a ticket, by when channels of each family were last above their limits."""
    return any(
        family in last_crossed and other != family and abs(last_crossed[family] - when) <= TOGETHER_S
        for family in ANSWERS
        for other, when in last_crossed.items()
    )


def of_fault(fault: str, whole_site: bool, peers: bool) -> Severity:
    """Of a camera's fault. `whole_site`: all of its several cameras have it; `peers`: others of the site are well."""
    return "page" if (fault in BLIND and whole_site) or (fault in AMISS and peers) else "ticket"
