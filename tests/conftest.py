"""What holds for every test: no settings from the developer's shell, reproducible examples from hypothesis, one thread a library."""

import os

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
