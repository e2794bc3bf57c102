"""What the head of a request decides."""

import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import is_id, new_id, time_of
from contracts.keys import new_key, parse
from serving.edge.admission import admit, captured, frame_ids, said
from serving.problems import ProblemError
from serving.settings import Camera

CAMERAS = {"line-1": Camera(site="hall"), "gate.2": Camera(site="yard", stream="video")}


def _refused(query: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        admit(said(query, headers or []), CAMERAS, 1000.0, 10.0)
    return refused.value


def test_query_and_headers_name_the_camera_and_the_query_wins() -> None:
    headers = [
        (b"keepsight-camera", b"line-1"),
        (b"keepsight-captured-at", b"900"),
        (b"keepsight-deadline-ms", b"250"),
        (b"host", b"x"),
    ]
    admitted = admit(said(b"", headers), CAMERAS, 1000.0, 10.0)
    assert (admitted.camera_name, admitted.captured_at, admitted.deadline_s) == ("line-1", 900.0, 0.25)
    assert admit(said(b"camera=gate.2", headers), CAMERAS, 1000.0, 10.0).camera == CAMERAS["gate.2"]


def test_what_is_not_said_has_a_default() -> None:
    admitted = admit(said(b"camera=line-1&captured_at=", []), CAMERAS, 1000.0, 10.0)
    assert (admitted.captured_at, admitted.deadline_s) == (1000.0, 10.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1767225600", 1767225600.0),
        ("1767225600.125", 1767225600.125),
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
        ("2026-01-01T01:00:00 01:00", 1767225600.0),
        ("2025-12-31T19:00:00.5-05:00", 1767225600.5),
    ],
)
def test_capture_times(text: str, seconds: float) -> None:
    assert captured(text) == seconds


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0", "1767225600000", "2026-01-01", "2026-01-01T00:00:00", "noon", "1e400"])
def test_what_is_no_capture_time(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        captured(text)
    assert refused.value.kind == "bad-captured-at"


def test_milliseconds_are_recognised() -> None:
    assert "milliseconds" in _refused(b"camera=line-1&captured_at=1767225600000").detail


@pytest.mark.parametrize("text", [b"0", b"-5", b"soon", b"nan", b"600001"])
def test_what_is_no_deadline(text: bytes) -> None:
    assert _refused(b"camera=line-1&deadline_ms=" + text).kind == "bad-deadline"


def test_an_unknown_camera_is_told_where_it_is_named() -> None:
    problem = _refused(b"camera=line.1")
    assert problem.kind == "unknown-camera"
    assert "Did you mean 'line-1'?" in problem.detail
    assert '[serving.cameras."line.1"]' in problem.detail


def test_which_cameras_there_are_is_told_to_those_only_whose_key_is_for_them() -> None:
    key = parse(new_key("line", ["camera:line-*"])[1], "keys").keys["line"]
    assert admit({"camera": "line-1"}, CAMERAS, 1000.0, 10.0, key).camera_name == "line-1"
    for name, kind in (("gate.2", "wrong-scope"), ("gate.3", "wrong-scope"), ("line-9", "unknown-camera")):
        with pytest.raises(ProblemError) as refused:
            admit({"camera": name}, CAMERAS, 1000.0, 10.0, key)
        assert refused.value.kind == kind


@given(
    st.binary(max_size=80),
    st.lists(st.tuples(st.sampled_from([b"keepsight-camera", b"keepsight-captured-at", b"x"]), st.binary(max_size=20))),
)
def test_nothing_in_a_head_surprises(query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    with contextlib.suppress(ProblemError):
        admit(said(query, headers), CAMERAS, 1000.0, 10.0)


NOW = 1_767_225_600.0
GIVEN = new_id(NOW)


def test_a_senders_frame_id_gives_the_same_id_each_time_and_another_for_each_camera() -> None:
    def found(camera: str, given: str) -> str:
        return admit(said(f"camera={camera}&frame_id={given}".encode(), []), CAMERAS, NOW + 5, 10.0).frame_id

    first = found("line-1", GIVEN)
    assert is_id(first)
    assert time_of(first) == time_of(GIVEN)
    assert first == found("line-1", GIVEN.upper())
    assert len({first, GIVEN, found("gate.2", GIVEN), found("line-1", new_id(NOW))}) == 4
    assert admit(said(b"camera=line-1", [(b"keepsight-frame-id", GIVEN.encode())]), CAMERAS, NOW, 10.0).frame_id == first


@pytest.mark.parametrize("off_s", [-90_000.0, 90_000.0])
def test_a_frame_id_of_another_day_is_not_used(off_s: float) -> None:
    assert admit(said(f"camera=line-1&frame_id={GIVEN}".encode(), []), CAMERAS, NOW + off_s, 10.0).frame_id == ""


@pytest.mark.parametrize("text", ["7", "0" * 36, "x" * 5000, str(uuid.UUID(int=0)), GIVEN.replace("-7", "-4")])
def test_a_frame_id_that_is_no_uuid7_is_refused(text: str) -> None:
    assert _refused(f"camera=line-1&frame_id={text}".encode()).kind == "bad-frame-id"


def test_each_frame_of_a_request_has_the_id_that_it_would_have_alone() -> None:
    given = [new_id(1000.0) for _ in range(3)]
    alone = [admit({"camera": "line-1", "frame_id": one}, CAMERAS, 1000.0, 10.0).frame_id for one in given]
    assert frame_ids(f"{given[0]}, {given[1]},{given[2].upper()}", 3, "line-1", 1000.0) == alone
    assert frame_ids(given[0], 1, "line-1", 1000.0) == alone[:1]
    assert frame_ids("", 2, "line-1", 1000.0) == ["", ""]
    assert frame_ids(",".join(given), 3, "line-1", 200_000.0) == ["", "", ""]


@pytest.mark.parametrize("said", ["{0}", "{0},{0}", "{0},{1},{2}", "{0},", "{0},x", "x", "true"])
def test_ids_that_are_not_one_for_each_frame(said: str) -> None:
    text = said.format(*(new_id(1000.0) for _ in range(3)))
    with pytest.raises(ProblemError, match=r"^frame_id is '") as refused:
        frame_ids(text, 2, "line-1", 1000.0)
    assert refused.value.kind == "bad-frame-id"
