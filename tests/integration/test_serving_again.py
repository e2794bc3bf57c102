"""Frames that are sent again because their answer was lost on the way: counted once, whether the server still knows them or not."""

from pathlib import Path

import numpy as np
import tritonclient.http as triton

from contracts.ids import new_id
from tests.serving_process import ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

FRAMES, _ = photographs(3)


def test_a_frame_that_is_sent_again_counts_once_even_after_a_kill(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path)
    publish_small_version(serving.repository)
    serving.start()
    now = serving.answered(FRAMES[0])["received_at"]
    queries = [f"&captured_at={now}&frame_id={new_id(now)}" for _ in FRAMES]
    first = [serving.answered(content, query=query) for content, query in zip(FRAMES, queries, strict=True)]
    assert [serving.answered(content, query=query) for content, query in zip(FRAMES, queries, strict=True)] == first
    assert serving.metric("keepsight_serving_events_total", outcome="spooled") == 1 + len(FRAMES)
    serving.kill()
    serving.start()
    again = [serving.answered(content, query=query) for content, query in zip(FRAMES, queries, strict=True)]
    assert [answer["frame_id"] for answer in again] == [answer["frame_id"] for answer in first]
    assert serving.metric("keepsight_serving_events_total", outcome="spooled") == len(FRAMES)
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    assert len(serving.scored(1 + len(FRAMES))) == 1 + len(FRAMES)
    assert serving.answered(FRAMES[0], "line-2", queries[0])["frame_id"] != first[0]["frame_id"]
    assert serving.stop() == 0


def test_frames_that_are_sent_again_over_the_inference_protocol_count_once(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path)
    publish_small_version(serving.repository)
    serving.start()
    now = serving.answered(FRAMES[0])["received_at"]
    given = [new_id(now) for _ in FRAMES]
    client = triton.InferenceServerClient(f"127.0.0.1:{serving.port}")

    def infer() -> list[str]:
        tensor = triton.InferInput("image", [len(FRAMES), 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[one] for one in FRAMES], np.object_))
        said = client.infer("small", [tensor], parameters={"camera": "line-1", "captured_at": now, "frame_id": ",".join(given)})
        return [one.decode() for one in said.as_numpy("frame_id").ravel()]

    first = infer()
    assert infer() == first
    alone = [serving.answered(one, query=f"&frame_id={name}")["frame_id"] for one, name in zip(FRAMES, given, strict=True)]
    assert alone == first
    client.close()
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    assert serving.metric("keepsight_serving_events_total", outcome="published") == 1 + 3 * len(FRAMES)  # scored anew each time
    assert len(serving.scored(1 + len(FRAMES))) == 1 + len(FRAMES)  # and counted once
    assert serving.stop() == 0
