"""`keepsight jobs`: training jobs as the log tells them, and a person's orders about one."""

import argparse
import getpass
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError
from contracts.events import RETRAIN, CancelJob, OverrideCounts, encode
from contracts.ids import new_id
from contracts.log import open_bus
from contracts.ports import Bus
from standalone import job_words
from standalone.job_history import JobSeen, Seen, about
from standalone.job_live import Picture, follow
from standalone.log_so_far import LogSoFar
from standalone.status import house_of

ABOUT: Final = """\
Training jobs: what waits and why, what trains and how far it is, what came of the others. Reads the log only.

    keepsight jobs                                             the newest jobs, and what a person can do
    keepsight jobs JOB                                         one in full: course, techniques, gates
    keepsight jobs JOB --follow                                until it is over
    keepsight jobs --decisions                                 every decision, "no" included, as in the ledger
    keepsight jobs override JOB --by NAME --reason TEXT        let it train with too few labels of a class
    keepsight jobs cancel JOB --by NAME --reason TEXT          end it without a version

JOB is an id, its beginning or its end.
"""
ORDERS: Final[dict[str, type[OverrideCounts] | type[CancelJob]]] = {"override": OverrideCounts, "cancel": CancelJob}
_SHOWN: Final = 20
OVER: Final = ("succeeded", "rejected", "failed")


def run(arguments: Sequence[str]) -> int:
    """Show jobs, or put an order on the log. Returns the exit status. Raises KeepsightError."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    words: list[str] = parsed.words
    if words[:1] and words[0] in ORDERS:
        if len(words) != 2:
            parser.error(f"{words[0]} needs one JOB")
        return _order(parsed, words[0], words[1])
    if len(words) > 1:
        parser.error(f"one JOB, or an order ({', '.join(ORDERS)}) and a JOB; got {' '.join(words)}")
    house = house_of(parsed.settings)
    bus = open_bus(house.log, "keepsight-jobs", house.log_security)
    try:
        _show(parsed, bus, house.model, words[0] if words else "")
        return 0
    finally:
        bus.close()


def found(jobs: Seen, name: str) -> JobSeen:
    """The job whose id is, begins or ends with `name`. Raises SettingsError naming those that there are."""
    matching = [job for job in jobs.jobs.values() if job.job_id.startswith(name) or job.job_id.endswith(name)]
    if len(matching) != 1:
        known = ", ".join(f"…{job_words.short(one)}" for one in list(jobs.jobs)[-_SHOWN:]) or "none"
        many = f"{len(matching)} jobs begin or end" if matching else "no job begins or ends"
        raise SettingsError(f"{many} with {name!r}; the newest: {known}")
    return matching[0]


def _show(parsed: argparse.Namespace, bus: Bus, model: str, name: str) -> None:
    jobs, log = Seen(parsed.decisions), LogSoFar(bus, [RETRAIN], model)

    def look() -> Picture:
        jobs.take(log.events())
        chosen = [found(jobs, name)] if name else list(jobs.jobs.values())
        running = next((job for job in chosen if job.last.state == "running"), None)
        over = all(job.last.state in OVER for job in chosen)
        return Picture(_lines(parsed, jobs, chosen, model, bool(name)), running.last.progress if running else None, over)

    try:
        if parsed.follow:
            follow(look)
        else:
            _say("\n".join(look().lines))
    finally:
        log.close()


def _lines(parsed: argparse.Namespace, jobs: Seen, chosen: list[JobSeen], model: str, one: bool) -> list[str]:
    decisions = about(jobs.decisions, chosen[0]) if one else jobs.decisions
    most = len(chosen) if parsed.all else _SHOWN
    if parsed.json:
        return [job_words.as_json(chosen[-most:] if most else [], decisions if parsed.decisions else None)]
    if parsed.decisions:
        return job_words.decided(decisions)
    return job_words.whole(chosen[0]) if one else job_words.table(jobs, model, most)


def _order(parsed: argparse.Namespace, order: str, name: str) -> int:
    if not parsed.reason:
        raise SettingsError(f"to {order} a job needs --reason TEXT: it is kept in the record")
    house = house_of(parsed.settings)
    bus = open_bus(house.log, "keepsight-operator", house.log_security)
    try:
        jobs, log = Seen(), LogSoFar(bus, [RETRAIN], house.model)
        try:
            jobs.take(log.events())
        finally:
            log.close()
        job = found(jobs, name)
        if job.last.state in OVER:
            raise SettingsError(f"job {job.job_id} is over: {job_words.state_of(job)}")
        now = time.time()
        event = ORDERS[order](
            event_id=new_id(now),
            occurred_at=now,
            model=house.model,
            job_id=job.job_id,
            by=parsed.by or getpass.getuser(),
            reason=parsed.reason,
        )
        bus.publish([encode(event, "keepsight/operator")])
    finally:
        bus.close()
    _say(
        f"{order} is on the log as {type(event).__name__} {event.event_id}; `keepsight jobs {job_words.short(job.job_id)}` shows it"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keepsight jobs", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="JOB", help="a job; or override JOB, cancel JOB")
    parser.add_argument("--decisions", action="store_true", help="every decision of the service, or those about JOB")
    parser.add_argument("--json", action="store_true", help="for a program: all that is known, as JSON")
    parser.add_argument("--all", action="store_true", help=f"all jobs of the log, not the newest {_SHOWN}")
    parser.add_argument("--follow", action="store_true", help="again until it is over, or Ctrl-C")
    parser.add_argument("--by", default="", metavar="NAME", help="who orders it (default: the user's name)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the record")
    parser.add_argument(
        "--settings",
        type=Path,
        default=Path(os.environ.get("KEEPSIGHT_SETTINGS", "keepsight.toml")),
        metavar="FILE",
        help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]",
    )
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
