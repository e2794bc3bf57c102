"""Settings of a service below the test's folder."""

from pathlib import Path

import pytest

from tests.doctors import Settings


@pytest.fixture
def told(tmp_path: Path) -> Settings:
    return Settings(tmp_path)
