"""What holds for every test: no settings from the developer's shell, reproducible examples from hypothesis, one thread a library."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("keepsight", deadline=None, derandomize=True)
settings.load_profile("keepsight")

KEPT = ("KEEPSIGHT_TEST_", "KEEPSIGHT_REQUIRE_ALL")


@pytest.fixture(autouse=True)
def _no_settings_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KEEPSIGHT_") and not name.startswith(KEPT)]:
        monkeypatch.delenv(name)
