"""Recordings named by a frame's own time, and scenes made of several."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.data.recordings import BUCKETS_S, joined, recording_of, usual_bucket_s


def test_a_recording_is_a_camera_s_stretch_of_time_whatever_else_is_labelled() -> None:
    assert recording_of("s", "a", 1_730_000_405.9, 20.0) == "s/a/1730000400"
    assert recording_of("s", "a", 1_730_000_419.999, 20.0) == "s/a/1730000400"
    assert recording_of("s", "a", 1_730_000_420.0, 20.0) == "s/a/1730000420"
    assert recording_of("", "a", 0.5, 1.0) == "/a/0"


@pytest.mark.parametrize(
    ("gap_s", "bucket_s"),
    [(0.01, 1.0), (0.2, 2.0), (0.3, 5.0), (1.0, 10.0), (2.0, 20.0), (2.5, 30.0), (5.0, 60.0), (3600.0, 60.0)],
)
def test_a_stretch_holds_about_ten_labelled_frames_of_a_camera_and_never_more_than_a_minute(gap_s: float, bucket_s: float) -> None:
    cameras, times = ["a", "b"] * 30, [i // 2 * gap_s for i in range(60)]
    assert usual_bucket_s(cameras, times) == bucket_s
    assert usual_bucket_s(cameras[::-1], times[::-1]) == bucket_s


def test_where_labels_are_too_few_to_tell_a_stretch_is_a_minute() -> None:
    assert usual_bucket_s([], []) == 60.0
    assert usual_bucket_s(["a", "b"], [0.0, 1.0]) == 60.0


@given(st.floats(0, 4e9), st.sampled_from(BUCKETS_S))
def test_a_frame_lies_in_the_stretch_that_names_it(captured_at: float, bucket_s: float) -> None:
    start = int(recording_of("s", "a", captured_at, bucket_s).rsplit("/", 1)[1])
    assert start <= captured_at < start + bucket_s


def test_near_duplicates_join_their_recordings() -> None:
    pairs = [np.array([[0, 1]]), np.array([[1, 2], [0, 1]])]
    assert joined(["a", "b", "c", "d"], pairs) == ["a", "a", "a", "d"]
    assert joined(["c", "b", "c", "a"], [np.array([[0, 1], [2, 3]])]) == ["a", "a", "a", "a"]
    assert joined([], []) == []
