"""Pictures of elsewhere, labels that were called wrong, and frames that the store does not give: what a job makes of them."""

from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.frame_store import FrameStore, kept_path
from contracts.predictions import BoxesTruth, ClassTruth, Truth
from retrain.data.deals import Deals
from retrain.data.frames import Excluded, labelled
from retrain.foreign import Batch, Inbox, Picture
from tests.unit.retrain.data.test_material import LABELS, SINCE, Line, line, pictures, sent_again, sets_of

__all__ = ["line"]  # the fixture


def bring(line: Line, contents: list[bytes], truths: list[Truth], source: str = "factory 2") -> str:
    store = line.store
    names = [store.keep("small", content) for content in contents]
    made = tuple(Picture(name, truth, f"{number}.jpg") for number, (name, truth) in enumerate(zip(names, truths, strict=True)))
    return Inbox(str(line.folder / "frames"), "small").put(Batch(source, made))


def test_pictures_of_elsewhere_teach_and_tune_and_never_judge(line: Line) -> None:
    line.take_many(0, 100, 0.0)
    batch = bring(line, pictures()[300:370], [ClassTruth(LABELS[number % 2]) for number in range(70)])
    without = line.attempt()
    excluded = Excluded()
    material = line.attempt(excluded, inbox=(batch,))
    strange = [item for item in material.dataset.items if item.source]
    assert len(strange) + len(excluded) == 70
    assert len(strange) > 60
    assert {item.source for item in strange} == {"factory 2"}
    assert {item.set for item in strange} == {"train", "validation"}
    assert not any(new for item, new in zip(material.dataset.items, material.new, strict=True) if item.source)
    assert {item.frame_id: item.set for item in material.dataset.items if not item.source} == sets_of(without)
    assert [material.frames[row] for row in range(len(material.frames))] == [
        line.store.kept("small", item.sha256) for item in material.dataset.items
    ]
    assert len(material.seen) == len(material.dataset.items)
    whenever = line.attempt(inbox=(batch,), since=0.0)
    assert not any(new for item, new in zip(whenever.dataset.items, whenever.new, strict=True) if item.source)
    sets = {item.sha256: item.set for item in strange}
    line.take_many(100, 40, 900.0)
    later = line.attempt(inbox=(batch,), seed=99)
    assert {item.sha256: item.set for item in later.dataset.items if item.source} == sets
    line.publish(later)
    line.take_many(140, 70, 2000.0)
    third = line.attempt(inbox=(batch,))
    assert {item.sha256: item.set for item in third.dataset.items if item.source} == sets
    assert not any(new for item, new in zip(third.dataset.items, third.new, strict=True) if item.source)
    assert third.dealt == Deals(str(line.folder / "frames"), "small").standing()


def test_pictures_of_elsewhere_that_cannot_be_used_are_told(line: Line) -> None:
    frames = line.take_many(0, 100, 0.0)
    contents = [pictures()[300], pictures()[301], sent_again(line.content[frames[0].frame_id]), b"no picture", pictures()[302]]
    truths: list[Truth] = [ClassTruth("zebra"), BoxesTruth(()), ClassTruth(LABELS[0]), ClassTruth(LABELS[0]), ClassTruth(LABELS[0])]
    batch = bring(line, contents, truths)
    lost = Inbox(str(line.folder / "frames"), "small").get(batch).pictures[4]
    (line.folder / "frames" / kept_path("small", lost.sha256)).write_bytes(b"altered")
    excluded = Excluded()
    line.attempt(excluded, inbox=(batch,))
    assert excluded.reasons == {
        "labelled with boxes, and the model names classes": ["factory 2: 1.jpg"],
        "missing or altered in the frame store": ["factory 2: 4.jpg"],
        "labelled 'zebra', which is none of the model's classes": ["factory 2: 0.jpg"],
        "not a picture that decodes": ["factory 2: 3.jpg"],
        "nearly the same as a frame of the dataset": ["factory 2: 2.jpg"],
    }
    with pytest.raises(StoreError, match="is no batch of pictures that we can read"):
        line.attempt(inbox=("0" * 64,))


def test_a_frame_of_the_dataset_whose_label_was_called_wrong_is_left_out_until_it_has_another(line: Line) -> None:
    frames = line.take_many(0, 80, 0.0)
    first = line.attempt()
    line.publish(first)
    wrong = frames[3].frame_id
    line.take_many(100, 70, 1000.0)
    said = [frame for frame in line.labels.values() if frame.frame_id != wrong]
    excluded = Excluded()
    second = line.attempt(excluded, labels=said, withdrawn=(wrong,))
    assert excluded.reasons["labelled wrong, as a person said, and not labelled again yet"] == [wrong]
    assert wrong not in sets_of(second)
    assert {frame: chosen for frame, chosen in sets_of(second).items() if frame in sets_of(first)} == {
        frame: chosen for frame, chosen in sets_of(first).items() if frame != wrong
    }
    assert len(second.seen) == len(second.dataset.items) == 149
    line.publish(second)
    line.take_many(200, 70, 2000.0)
    line.correct(wrong, LABELS[0])
    third = {item.frame_id: item for item in line.attempt().dataset.items}
    assert (third[wrong].label, third[wrong].set) == (LABELS[0], sets_of(first)[wrong])


def test_a_kept_frame_is_used_when_retention_has_taken_the_other_and_refused_when_it_was_altered(
    line: Line, tmp_path: Path
) -> None:
    first, second = line.take_many(0, 2, 0.0)
    asked = []
    for frame in (first, second):
        path = kept_path("small", line.store.keep("small", line.content[frame.frame_id]))
        asked.append(msgspec.structs.replace(frame, path=path))
    line.store.prune("small", 0, SINCE * 2)
    (line.folder / "frames" / asked[1].path).write_bytes(pictures()[9])
    excluded = Excluded()
    (found,) = labelled(asked, FrameStore(str(line.folder / "frames")), 60.0, excluded)
    assert found.read() == line.content[first.frame_id]
    assert excluded.reasons == {"altered since it was kept in the frame store": [second.frame_id]}


def test_one_frame_that_cannot_be_read_is_left_out_and_a_store_that_cannot_be_read_stops_the_attempt(line: Line) -> None:
    frames = line.take_many(0, 40, 0.0)

    def break_(count: int) -> None:
        for frame in frames[:count]:
            path = line.folder / "frames" / frame.path
            if path.is_file():
                path.unlink()
                path.mkdir()

    store, excluded = FrameStore(str(line.folder / "frames")), Excluded()
    break_(2)
    assert len(labelled(frames, store, 60.0, excluded)) == 38
    assert excluded.reasons == {"not readable in the frame store": [frame.frame_id for frame in frames[:2]]}
    break_(3)
    with pytest.raises(StoreError, match=r"3 of 40 labelled frames cannot be read: .*IsADirectory"):
        labelled(frames, store, 60.0, Excluded())


def test_a_store_that_cannot_be_written_is_told_with_the_path(line: Line) -> None:
    line.take_many(0, 80, 0.0)
    files = line.folder / "frames" / "datasets" / "small"
    files.mkdir(parents=True)
    (files / "files").write_bytes(b"in the way")
    with pytest.raises(StoreError, match=r"datasets/small/files/[0-9a-f]{64} cannot be written: "):
        line.attempt()
