"""Batches of pictures that no camera sent: kept once, found by their digest, held to it."""

from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.foreign import Batch, Inbox, Picture

BATCH = Batch(
    "factory 2", (Picture("0" * 64, ClassTruth("cat"), "a.jpg", "ada"), Picture("1" * 64, BoxesTruth((Box("cat", 1, 2, 3, 4),))))
)


def test_a_batch_is_kept_once_and_comes_back_whole(tmp_path: Path) -> None:
    inbox = Inbox(str(tmp_path), "m")
    assert inbox.names() == ()
    digest = inbox.put(BATCH)
    assert inbox.put(BATCH) == digest
    assert (inbox.names(), inbox.get(digest)) == ((digest,), BATCH)
    assert Inbox(str(tmp_path), "other").names() == ()


def test_what_is_missing_altered_or_no_batch_says_so(tmp_path: Path) -> None:
    inbox = Inbox(str(tmp_path), "m")
    digest = inbox.put(BATCH)
    file = tmp_path / "datasets" / "m" / "inbox" / f"{digest}.json"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(StoreError, match="was altered: its SHA-256 is another than its name"):
        inbox.get(digest)
    with pytest.raises(StoreError, match="is no batch of pictures that we can read"):
        inbox.get("0" * 64)
