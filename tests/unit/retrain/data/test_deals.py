"""The set of every recording, once dealt."""

from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.files import Folder
from retrain.data.deals import Deals
from retrain.request import Set


def test_what_was_dealt_stands_and_only_what_was_not_is_added(tmp_path: Path) -> None:
    deals = Deals(str(tmp_path), "m")
    assert deals.standing() == {}
    assert deals.keep({"a": "train", "b": "gate"}, "job-1") == {"a": "train", "b": "gate"}
    assert deals.keep({"a": "gate", "c": "validation"}, "job-2") == {"a": "train", "b": "gate", "c": "validation"}
    assert Deals(str(tmp_path), "m").standing() == {"a": "train", "b": "gate", "c": "validation"}
    written = sorted((tmp_path / "datasets" / "m" / "recordings").iterdir())
    assert [path.name for path in written] == ["000001.json", "000002.json"]
    assert deals.keep({"c": "train"}, "job-3")["c"] == "validation"
    assert len(list((tmp_path / "datasets" / "m" / "recordings").iterdir())) == 2, "nothing new, nothing written"


def test_a_recording_is_as_long_as_it_was_settled_first(tmp_path: Path) -> None:
    assert Deals(str(tmp_path), "m").bucket_s(20.0) == 20.0
    assert Deals(str(tmp_path), "m").bucket_s(5.0) == 20.0
    assert Deals(str(tmp_path), "m").standing() == {}


def test_of_two_dealers_at_once_the_first_one_s_word_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = Deals(str(tmp_path), "m"), Deals(str(tmp_path), "m")
    create = Folder.create
    rival: list[dict[str, Set]] = [{"a": "gate"}]

    def beaten(folder: Folder, path: str, content: bytes) -> bool:
        if rival:
            quick.keep(rival.pop(), "the quick one")
        return create(folder, path, content)

    monkeypatch.setattr(Folder, "create", beaten)
    assert slow.keep({"a": "train", "b": "train"}, "the slow one") == {"a": "gate", "b": "train"}
    assert quick.standing() == {"a": "gate", "b": "train"}


def test_a_gap_in_the_numbers_holds_nobody_up_and_what_is_restored_stands_again(tmp_path: Path) -> None:
    deals = Deals(str(tmp_path), "m")
    for name in "abc":
        deals.keep({name: "train"}, name)
    path = tmp_path / "datasets" / "m" / "recordings" / "000002.json"
    lost = path.read_bytes()
    path.unlink()
    assert deals.keep({"b": "gate", "d": "gate"}, "d") == {"a": "train", "b": "gate", "c": "train", "d": "gate"}
    path.write_bytes(lost)
    assert deals.standing() == {"a": "train", "b": "train", "c": "train", "d": "gate"}


def test_a_torn_deal_is_named_and_never_dealt_again(tmp_path: Path) -> None:
    deals = Deals(str(tmp_path), "m")
    deals.keep({"a": "train"}, "job")
    (tmp_path / "datasets" / "m" / "recordings" / "000001.json").write_bytes(b'{"by":')
    with pytest.raises(StoreError, match=r"recordings/000001.json, which says who learns and who judges, is not as we wrote it"):
        deals.keep({"b": "train"}, "job")
