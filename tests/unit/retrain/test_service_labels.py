"""What the service's turns do with frames, labels and reviews on a real log: what could be labelled is asked for, what is labelled is kept from retention."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import StoreError
from contracts.events import DEAD, FRAMES, FrameScored, LabelsWanted, ReviewLabel
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.labelling import labelled
from contracts.ports import Outgoing
from contracts.predictions import ClassTruth, classification
from contracts.statistics import ImageStatistics
from tests.unit.retrain.test_service import START, Site

STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.service.close()
    made.database.close()
    made.bus.close()


def scored(number: int, **more: Any) -> FrameScored:
    at = START + number
    frame = new_id(at)
    standard: dict[str, Any] = {
        "stored": frame_path("small", frame, "jpeg"),
        "sample": "uniform",
        "model": "small",
        "variant": "champion",
    }
    return FrameScored(
        event_id=new_id(at), occurred_at=at, frame_id=frame, camera="line-1", site="hall", stream="items", version="1", captured_at=at, received_at=at,
        width=8, height=8, bytes=1, codec="jpeg", statistics=STATISTICS, confidence=0.7, entropy=0.5,
        prediction=classification(("china", "flower"), [0.3, 0.7]), embedding=(0.5,), **{**standard, **more},
    )  # fmt: skip


def quiet(site: Site) -> None:
    """A turn without a tick."""
    due, site.service._ticks.due = site.service._ticks.due, lambda: set()  # type: ignore[method-assign]
    site.turn()
    site.service._ticks.due = due  # type: ignore[method-assign]


def asked(site: Site) -> list[set[str]]:
    return [{frame.frame_id for frame in event.frames} for event in site.events() if isinstance(event, LabelsWanted)]


def test_stored_frames_are_asked_for_until_they_are_labelled(site: Site) -> None:
    first, second = scored(0), scored(1)
    site.publish(first, scored(2, stored=None, sample=None), scored(3, variant="shadow"), second, scored(4, model="other"))
    site.bus.publish(
        [Outgoing(FRAMES, "small/x", b'{"type":"FrameScored","stored":"x"}'), Outgoing(FRAMES, "small/x", b"no frame")]
    )
    quiet(site)
    site.turn()
    assert asked(site) == [{first.frame_id, second.frame_id}]
    assert len(site.events(DEAD)) == 1  # the one that says it was stored; the other concerns nobody here
    store = FrameStore(site.settings.frame_store)
    card = StoredFrame(
        frame_id=first.frame_id, model="small", camera="line-1", site="hall", captured_at=START, codec="jpeg", sample="uniform", predictions=(),
        path=first.stored or "",
    )  # fmt: skip
    store.put(card, b"a frame")
    site.publish(labelled(card, ClassTruth("china"), "ada", "console", site.now))
    site.turn()
    assert site.registry.get_sample_value("keepsight_retrain_labels_unkept") == 1
    site.turn(120.0)
    assert asked(site)[-1] == {second.frame_id}
    store.prune("small", 0, START + 1e6)
    assert site.registry.get_sample_value("keepsight_retrain_labels_unkept") == 0
    (kept,) = site.service._labels.usable(())
    assert store.read(kept.path) == b"a frame"


def test_frames_set_aside_are_not_lost_by_a_turn_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = scored(0)
    site.publish(frame)
    quiet(site)
    with monkeypatch.context() as patched:
        patched.setattr(site.service._release, "save", _away)
        with pytest.raises(StoreError):
            site.turn()
    site.turn()
    assert asked(site) == []  # the list was looked at in the turn that failed
    site.turn(60.0)
    assert asked(site) == [{frame.frame_id}]


def test_a_review_on_the_log_counts_once_and_takes_the_label_out(site: Site) -> None:
    site.label(2)
    site.turn()
    frame = site.service._labels.usable(())[0].frame_id
    said = ReviewLabel(event_id=new_id(site.now), occurred_at=site.now, model="small", frame_id=frame, by="ada", verdict="wrong")
    site.publish(said, said)
    site.turn()
    assert frame not in [one.frame_id for one in site.service._labels.usable(())]
    rows = site.database.sql.execute("SELECT count(*) FROM ledger WHERE kind = 'label_reviewed'").rows
    assert rows == [(1,)]


def _away() -> None:
    raise StoreError("away")
