"""A run's state on disk: the newest whole one is found, the damaged and the foreign are not."""

from pathlib import Path

import pytest
import torch

from contracts.errors import StoreError
from contracts.files import Folder
from retrain.training.checkpoint import FOLDER, Checkpoints, Run, split
from retrain.training.curve import Point
from retrain.training.stopping import Best


def state(update: int) -> Run:
    return Run(
        Best(0.1 * update, update), update=update, loss_sum=1 / 3, curve=[Point(0, None, 0.1, 0.0, 0.0)], scaler={"n": 3, "s": 0.5}
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / FOLDER).iterdir())


def test_the_newest_is_read_back_whole_and_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(Folder(str(tmp_path)), "k")
    assert checkpoints.read() is None
    for update in range(4):
        checkpoints.write(state(update), {"network/w": torch.full((3,), float(update))})
    assert [name[:9] for name in names(tmp_path)] == ["000000002", "000000003"]
    found = Checkpoints(Folder(str(tmp_path)), "k").read()
    assert found is not None
    run, tensors = found
    assert run == state(3)
    assert isinstance(run.scaler["n"], int)
    assert tensors["network/w"].tolist() == [3.0] * 3


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "gone"])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(Folder(str(tmp_path)), "k")
    for update in range(2):
        checkpoints.write(state(update), {"w": torch.zeros(9)})
    newest = tmp_path / FOLDER / names(tmp_path)[-1]
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    if damage == "gone":
        newest.unlink()
    else:
        newest.write_bytes({"cut": newest.read_bytes()[:-5], "changed": bytes(content), "empty": b""}[damage])
    found = checkpoints.read()
    assert found is not None
    assert found[0].update == 0
    checkpoints.write(state(2), {"w": torch.zeros(9)})
    again = checkpoints.read()
    assert again is not None
    assert again[0].update == 2


def test_another_run_s_checkpoints_are_none_of_ours(tmp_path: Path) -> None:
    Checkpoints(Folder(str(tmp_path)), "theirs").write(state(1), {"w": torch.zeros(1)})
    assert Checkpoints(Folder(str(tmp_path)), "ours").read() is None


def test_one_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in the way")
    with pytest.raises(StoreError, match=FOLDER):
        Checkpoints(Folder(str(tmp_path)), "k").write(state(1), {})


def test_split_takes_one_part() -> None:
    assert split({"best/a/b": torch.ones(1), "bestial/c": torch.ones(1), "d": torch.ones(1)}, "best").keys() == {"a/b"}
