"""The files that the console shows: those that it is for, and none beside them."""

from pathlib import Path

import pytest

from contracts.ids import new_id
from monitor.console.places import MAX_BYTES, Places
from tests.console_house import MODEL, NOW, ConsoleHouse
from tests.small_model import photographs

JOB = "0197723a-dc80-7000-8000-000000000001"


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return ConsoleHouse(tmp_path)


@pytest.fixture
def places(house: ConsoleHouse) -> Places:
    jobs = house.folder / "state" / "retrain" / "jobs"
    (jobs / JOB / "1" / "package").mkdir(parents=True)
    for place in (jobs / JOB / "1", jobs / JOB / "1" / "package", house.folder / "repository" / "models" / MODEL / "1"):
        (place / "verdict.html").write_text(f"<p>{place}</p>")
        (place / "curve.png").write_bytes(b"\x89PNG")
    (jobs / JOB / "secret.html").write_text("secret")
    (house.folder / "secret.html").write_text("secret")
    return Places(house.url, str(house.folder / "frames"), jobs)


def test_a_verdict_is_found_where_it_was_written(places: Places, house: ConsoleHouse) -> None:
    jobs = house.folder / "state" / "retrain" / "jobs"
    for where in (
        f"models/{MODEL}/1/verdict.html",
        f"{house.url}/models/{MODEL}/1/verdict.html",
        f"{jobs}/{JOB}/1/verdict.html",
        f"file://{jobs}/{JOB}/1/verdict.html",
        f"{jobs}/{JOB}/1/package/verdict.html",
        f"{JOB}/1/verdict.html",
    ):
        assert places.there(where) == (True, True), where
        page, curve = places.verdict(where), places.curve(where)
        assert page is not None
        assert curve is not None
        assert page.body.startswith(b"<p>")
        assert (curve.content_type, curve.body) == ("image/png", b"\x89PNG")
        policy = dict(page.headers)["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "script-src" not in policy


@pytest.mark.parametrize(
    "where",
    [
        "",
        "/etc/passwd",
        "verdict.html",
        "secret.html",
        f"../../{JOB}/secret.html",
        f"{JOB}/secret.html",
        f"{JOB}/../secret.html",
        f"{JOB}/1/../secret.html",
        f"{JOB}/1/.hidden.html",
        f"{JOB}/1/request.json",
        f"{JOB}/2/verdict.html",
        f"models/{MODEL}/../{MODEL}/verdict.html",
        f"models/{MODEL}/1/model.onnx",
        f"models/{MODEL}/1/x/verdict.html",
        f"models/{MODEL}/9/verdict.html",
        "models/../../secret.html",
        "https://evil.example/verdict.html",
        f"{JOB}/1/verdict.html\x00",
        f"{JOB}/1/verdict.html\n",
    ],
)
def test_nothing_else_is(places: Places, where: str) -> None:
    assert places.there(where)[0] is False
    assert places.verdict(where) is None


def test_a_page_that_is_too_large_is_not_read(places: Places, house: ConsoleHouse) -> None:
    page = house.folder / "repository" / "models" / MODEL / "1" / "verdict.html"
    with page.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert places.verdict(f"models/{MODEL}/1/verdict.html") is None


def test_a_picture_is_a_stored_frame(places: Places, house: ConsoleHouse) -> None:
    content = photographs(1)[0][0]
    card = house.frame(content)
    answer = places.picture(MODEL, card.frame_id)
    assert answer is not None
    assert (answer.body, answer.content_type) == (content, "image/jpeg")
    assert dict(answer.headers)["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert dict(answer.headers)["Cross-Origin-Resource-Policy"] == "same-origin"
    for other in ("", "..", "x", new_id(NOW), card.frame_id.upper(), f"{card.frame_id}/..", f"../{card.frame_id}"):
        assert places.picture(MODEL, other) is None


def test_a_card_that_points_out_of_the_store_shows_nothing(places: Places, house: ConsoleHouse) -> None:
    card = house.frame(photographs(1)[0][0])
    path = house.folder / "frames" / card.path.replace(".jpeg", ".json")
    path.write_text(path.read_text().replace(card.path, "frames/../../secret.html"))
    assert places.picture(MODEL, card.frame_id) is None
