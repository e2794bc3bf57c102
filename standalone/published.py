"""How many events serving says it published, from its /metrics: what the demo compares with the events that it read."""

import time
import urllib.request
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from contracts.metrics_serving import EVENTS


class Published(NamedTuple):
    """Events since serving began: journalled on its disk, acknowledged by the log, dropped."""

    spooled: int
    published: int
    dropped: int

    @property
    def made(self) -> int:
        """All that set out."""
        return self.spooled + self.dropped


def counted(exposition: str) -> Published:
    """The counts in a text exposition."""
    outcomes = {"spooled": 0, "published": 0, "dropped": 0}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == EVENTS.name and (outcome := sample.labels.get("outcome", "")) in outcomes:
                outcomes[outcome] += int(sample.value)
    return Published(**outcomes)


def drained(address: str, timeout_s: float) -> Published:
    """The counts once they stand still and the log has acknowledged all, or after `timeout_s`; zeros when serving does not answer."""
    deadline = time.monotonic() + timeout_s
    last = Published(0, 0, 0)
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
                now = counted(answer.read().decode())
        except OSError:
            return last
        if (now == last and now.published >= now.spooled) or time.monotonic() > deadline:
            return now
        last = now
        time.sleep(1.0)
