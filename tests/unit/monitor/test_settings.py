"""The settings: every number of the policy can be set, and is refused when impossible."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.settings import load
from monitor.items.watch import CHUNK
from monitor.policy import Policy
from monitor.settings import MonitorSettings


def settings(*arguments: str) -> MonitorSettings:
    return load(MonitorSettings, arguments, "keepsight-monitor", "about")


def test_the_defaults_are_the_policy_s() -> None:
    assert settings().policy() == Policy()


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "k.toml"
    file.write_text('model = "cells"\n[monitor]\nblock_frames = 16\nlabel_arl = 1e6\n')
    read = settings("--settings", str(file))
    assert (read.model, read.policy().block_frames, read.policy().label_arl) == ("cells", 16, 1e6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--block-frames", "20"), f"multiple of {CHUNK}, for instance {20 // CHUNK * CHUNK + CHUNK}"),
        (("--label-tolerance", "2"), "label_tolerance"),
        (("--confirm-blocks", "0"), "confirm_blocks"),
        (("--fault-frames", "40"), "fault_frames"),
    ],
)
def test_impossible_values_are_refused_by_name(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(*arguments)


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in MonitorSettings.model_fields.values())
