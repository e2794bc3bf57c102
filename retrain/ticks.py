"""When to look: APScheduler's ticks, put into a queue that the service's one thread empties. They hold no state; a missed one is made up by the next."""

import queue
from typing import Final, Literal

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

Duty = Literal["advance", "calendar"]
_GRACE_S: Final = 3600
"""A calendar tick that comes late by at most this much (the process was stopped by a debugger, the machine slept) still counts."""


class Ticks:
    """`advance` every `tick_s` seconds (leases, jobs, rollouts, cooldowns), `calendar` by the cron expression, if there is one."""

    def __init__(self, tick_s: float, calendar: str) -> None:
        self._due: queue.SimpleQueue[Duty] = queue.SimpleQueue()
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": _GRACE_S}
        )
        self._scheduler.add_job(self._due.put, "interval", seconds=tick_s, args=("advance",))
        if calendar:
            self._scheduler.add_job(self._due.put, CronTrigger.from_crontab(calendar, timezone="UTC"), args=("calendar",))
        self._due.put("advance")
        self._scheduler.start()

    def due(self) -> set[Duty]:
        """What has become due since the last call."""
        found: set[Duty] = set()
        while True:
            try:
                found.add(self._due.get_nowait())
            except queue.Empty:
                return found

    def close(self) -> None:
        """No more ticks."""
        self._scheduler.shutdown(wait=True)
