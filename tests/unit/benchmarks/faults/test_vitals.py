"""What a process took over the run."""

import pytest

from benchmarks.faults.vitals import Reading, trend


def test_the_trend_of_memory() -> None:
    found = trend([Reading(60.0 * minute, 100.0 + minute, 20 + minute % 2) for minute in range(10)])
    assert found.slope == pytest.approx(60.0)
    assert (found.first_mib, found.last_mib, found.most_descriptors, found.last_descriptors) == (100.0, 109.0, 21, 21)
