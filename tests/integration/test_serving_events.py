"""What a real serving process puts on its log and into its frame store: one event an answer, samples, labels, canary and shadow."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from contracts.channels import Channels
from contracts.frame_store import FrameStore
from contracts.predictions import ClassTruth
from tests.serving_process import ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels

FRAMES, _ = photographs(40)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path, sample_share=0.5, uncertain_share=0.1)
    publish_small_version(house.repository)
    yield house
    assert house.stop() == 0


def test_every_answer_is_an_event_that_says_the_same(serving: ServingProcess) -> None:
    serving.start()
    answers = {}
    for index, content in enumerate(FRAMES):
        answer = serving.answered(
            content, ("line-1", "line-2", "gate", "sealed")[index % 4], f"&captured_at={1_767_225_600 + index}"
        )
        answers[answer["frame_id"]] = answer
    events = {event.frame_id: event for event in serving.scored(len(FRAMES))}
    assert events.keys() == answers.keys()
    for frame_id, answer in answers.items():
        event = events[frame_id]
        said = (event.camera, event.version, event.variant, event.captured_at, event.received_at, event.confidence, event.sample)
        assert said == tuple(
            answer[key] for key in ("camera", "version", "variant", "captured_at", "received_at", "confidence", "sample")
        )
        assert list(event.prediction.probabilities) == answer["prediction"]["probabilities"]  # type: ignore[union-attr]  # all are classifications
        assert (event.width, event.height, event.codec) == (96, 96, "jpeg")
        assert len(event.embedding) > 1
        assert event.audit is (event.camera == "sealed")
        assert (event.sample is None) == (event.stored is None)
    differences = [event.statistics.frame_difference for event in events.values() if event.camera == "gate"]
    assert differences[0] is None
    assert all(difference and difference > 0 for difference in differences[1:])
    assert all(event.statistics.frame_difference is None for event in events.values() if event.stream == "items")


def test_a_sampled_frame_is_stored_and_can_be_labelled_at_once_and_again(serving: ServingProcess) -> None:
    serving.start()
    store = FrameStore(str(serving.home / "frames"))
    sampled, told = 0, set()
    for content in FRAMES:
        answer = serving.answered(content)
        reply = serving.label({"frame_id": answer["frame_id"], "label": "flower", "labelled_by": "eve"})
        if answer["sample"] is None:
            assert (reply.status, reply.problem) == (404, "unknown-frame")
            assert answer["frame_id"] in reply.json["detail"]
            assert "sample" in reply.json["detail"]
            continue
        sampled += 1
        assert reply.json["accepted"] == 1
        again = serving.label([{"frame_id": answer["frame_id"], "label": "flower", "labelled_by": "eve"}])
        assert again.json["accepted"] == 1
        told |= {*reply.json["event_ids"], *again.json["event_ids"]}
        card = eventually("the card", partial(store.card, "small", answer["frame_id"]))
        assert card is not None
        assert store.read(card.path) == content
    assert 5 < sampled < 40
    events = serving.labelled(len(told))
    assert {event.event_id for event in events} == told
    assert len({event.frame_id for event in events}) == sampled
    assert {event.truth for event in events} == {ClassTruth("flower")}
    assert {event.labelled_by for event in events} == {"eve"}
    assert all(event.predictions[0].variant == "champion" and event.stored and event.sample for event in events)


def test_labels_are_refused_whole_with_what_is_wrong(serving: ServingProcess) -> None:
    serving.start()
    known = next(answer["frame_id"] for answer in map(serving.answered, FRAMES) if answer["sample"])
    good = {"frame_id": known, "label": "china"}
    gone = "01890a5d-ac96-774b-bcce-b302099a8057"
    reply = serving.label([good, {"frame_id": gone, "label": "china"}])
    assert (reply.status, reply.problem, reply.json["frame_ids"]) == (404, "unknown-frame", [gone])
    reply = serving.label([good, {"frame_id": known, "label": "chinna"}])
    assert (reply.status, reply.problem, reply.json["known"]) == (422, "unknown-class", ["china", "flower"])
    for posted, problem in [
        ({"frame_id": known, "lable": "china"}, "bad-json"),
        ({"label": "china"}, "bad-json"),
        ([], "bad-json"),
        ("china", "bad-json"),
        ({"frame_id": known}, "wrong-truth"),
        ({"frame_id": known, "boxes": []}, "wrong-truth"),
        ({"frame_id": "../../../etc/passwd", "label": "china"}, "unknown-frame"),
    ]:
        assert serving.label(posted).problem == problem, posted
    assert serving.label(good).status == 200
    assert len(serving.labelled(1)) == 1


def test_an_audit_camera_is_logged_and_never_stored(serving: ServingProcess) -> None:
    serving.start()
    answers = [serving.answered(content, "sealed") for content in FRAMES]
    assert {answer["sample"] for answer in answers} == {None}
    assert all(event.audit and event.stored is None for event in serving.scored(len(answers)))
    assert serving.label({"frame_id": answers[0]["frame_id"], "label": "china"}).problem == "unknown-frame"


def test_a_candidate_answers_its_share_of_the_cameras_and_always_the_same(tmp_path: Path) -> None:
    cameras = {f"camera-{number}": {"site": "hall"} for number in range(12)}
    serving = ServingProcess(tmp_path, cameras=cameras)
    publish_small_version(serving.repository, version="1")
    publish_small_version(serving.repository, version="2", seed=1, champion=False)
    channels = set_channels(serving.repository, candidate="2", share=0.5)
    serving.start()
    try:
        for camera in [*cameras, *cameras]:
            version, variant = channels.answering(camera)
            answer = serving.answered(FRAMES[0], camera)
            assert (answer["version"], answer["variant"]) == (version, variant)
        events = serving.scored(24)
        expected = {camera: Channels.answering(channels, camera) for camera in cameras}
        assert {(event.camera, (event.version, event.variant)) for event in events} == set(expected.items())
        assert {event.variant for event in events} == {"champion", "candidate"}
    finally:
        assert serving.stop() == 0


def test_every_answered_frame_is_shadowed_and_the_labels_know_it(serving: ServingProcess) -> None:
    publish_small_version(
        serving.repository, version="2", labels=("china", "flower"), seed=3, reference=(FRAMES, [0, 1] * 20), champion=False
    )
    set_channels(serving.repository, shadow="2")
    serving.start()
    answers = [serving.answered(content, ("line-1", "line-2")[index % 2]) for index, content in enumerate(FRAMES)]
    events = serving.scored(2 * len(FRAMES))
    assert Counter((event.version, event.variant) for event in events) == {("1", "champion"): 40, ("2", "shadow"): 40}
    assert {event.frame_id for event in events if event.variant == "shadow"} == {answer["frame_id"] for answer in answers}
    sampled = [answer["frame_id"] for answer in answers if answer["sample"]]
    assert serving.label([{"frame_id": frame_id, "label": "china"} for frame_id in sampled]).json["accepted"] == len(sampled)
    for event in serving.labelled(len(sampled)):
        assert [(said.version, said.variant) for said in event.predictions] == [("1", "champion"), ("2", "shadow")]
    store = FrameStore(str(serving.home / "frames"))
    for frame_id in sampled:
        eventually("the card knows both", partial(_predictions, store, frame_id), (2).__eq__)
    eventually("the count", lambda: serving.metric("keepsight_serving_shadow_frames_total", outcome="scored") == 40)


def _predictions(store: FrameStore, frame_id: str) -> int:
    card = store.card("small", frame_id)
    return len(card.predictions) if card else 0
