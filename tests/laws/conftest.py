"""Every law runs over both adapters: the embedded log in a temporary folder, and a genuine Kafka broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka_cluster import cluster, running
from tests.laws.logs import Log


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """One log a test, with names of its own; the broker serves the whole run."""
    if request.param == "embedded":
        log = Log("embedded", str(tmp_path / "log"), None)
    elif (lent := running()) is not None:
        log = Log("kafka", lent, None)
    else:
        broker = cluster()
        log = Log("kafka", ",".join(broker.servers), broker)
    yield log
    log.close()
