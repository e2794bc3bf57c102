"""What holds for every test: no settings from the developer's shell, reproducible examples from hypothesis, one thread a library."""

import logging
import os
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

# The health check "too slow" times the drawing of examples: on a busy machine it would fail a test that is right.
settings.register_profile("keepsight", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("keepsight")

KEPT = ("KEEPSIGHT_TEST_", "KEEPSIGHT_REQUIRE_ALL")


@pytest.fixture(autouse=True)
def _no_settings_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KEEPSIGHT_") and not name.startswith(KEPT)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that is tried in this process sets logging up for a process of its own (contracts.logs.log_to_stderr)."""
    root, own = logging.getLogger(), logging.getLogger("keepsight")
    levels = root.level, own.level
    yield
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler]:
        root.removeHandler(handler)
    root.setLevel(levels[0])
    own.setLevel(levels[1])
