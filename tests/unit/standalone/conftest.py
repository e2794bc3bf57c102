"""A house that `keepsight init` made, and its log."""

from pathlib import Path

import pytest

from contracts.events import TOPICS
from contracts.log import open_bus
from contracts.ports import Bus
from standalone.settings_file import write_house


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return write_house(tmp_path / "house")


@pytest.fixture
def bus(house: Path) -> Bus:
    log = open_bus(f"embedded://{house.parent}/log")
    log.ensure_topics(TOPICS)
    return log
