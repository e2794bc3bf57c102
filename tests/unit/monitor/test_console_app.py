"""The console's pages and posts: what each shows, that names are only ever text, and that an order is an event or is refused in words."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from urllib.parse import quote, urlencode

import msgspec
import pytest

from contracts import events
from contracts.errors import LogAwayError, StoreError
from contracts.events import (
    AnyEvent,
    Approve,
    CancelJob,
    FrameLabelled,
    GateResult,
    OverrideCounts,
    Promote,
    Reject,
    RequestRetrain,
    ReviewLabel,
    Rollback,
    ServingReported,
    VersionServed,
)
from contracts.health import Answer, Request
from contracts.predictions import ClassTruth, Detections
from monitor.console.jobs import A_PAGE, ADVICE
from monitor.console.places import Places
from retrain.trigger.hold import HoldKind
from tests.console_house import EVIL, GATES, MODEL, NOW, TRIALS, ConsoleHouse, tell
from tests.console_night import decided
from tests.small_model import photographs, publish_small_version, set_channels

REASON = {"by": "ada", "reason": "because"}


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return ConsoleHouse(tmp_path)


def post(house: ConsoleHouse, path: str, fields: dict[str, str], token: str | None = None, **headers: str) -> Answer:
    """A form, with the token that the pages carry."""
    if token is None:
        (token,) = set(re.findall(r'name="token" value="([^"]+)"', house.get("/console/jobs")[1]))
    body = urlencode({"token": token, **fields}).encode()
    kind = {"content-type": "application/x-www-form-urlencoded", "host": "localhost:8081"}
    return house.console.answer(Request("POST", path, {**kind, **headers}, "127.0.0.1", body))


def ordered(house: ConsoleHouse) -> list[AnyEvent]:
    return house.said(events.COMMANDS)


class Reader(HTMLParser):
    """The elements of a page, and every attribute of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.mark.parametrize("path", ["jobs", "jobs?state=held", "jobs?page=99", "labels", "versions", "versions/2", "versions/1"])
def test_a_page_before_anything_happened(house: ConsoleHouse, path: str) -> None:
    status, page = house.get(f"/console/{path}")
    assert status == 200
    assert page.count("<h1") == 1
    assert "the whole log" not in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("/", 200),
        ("/nowhere", 404),
        ("/jobs/x", 404),
        ("/jobs/x/verdict", 404),
        ("/versions/9", 404),
        ("/versions/..%2f..%2fx", 404),
        ("/versions/1/verdict", 404),
        ("/versions/1/nothing", 404),
        ("/frames/x", 404),
        ("/frames/..%2f..%2fetc%2fpasswd", 404),
        ("/static/style.css?x", 200),
        ("/static/label.js", 200),
        ("/static/..%2fapp.py", 404),
        ("/jobs?page=-1&state=%00", 200),
        ("/jobs?page=99999999999999999999", 200),
        ("/labels?frame=%22%3E&after=..&undo=x", 200),
        ("/labels?a=1&b&c&d&e&f&g&h&i&j", 400),
    ],
)
def test_every_path_has_an_answer(house: ConsoleHouse, path: str, status: int) -> None:
    answer = house.console.answer(Request("GET", f"/console{path}", {}, "127.0.0.1"))
    assert answer.status == status
    if answer.content_type.startswith("text/html"):
        headers = dict(answer.headers)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["Cross-Origin-Resource-Policy"]) == ("no-store", "same-origin")


def test_whatever_a_camera_calls_itself_is_text_on_every_page(house: ConsoleHouse) -> None:
    tell(house)
    jobs = [f"/console/jobs/{job.last.job_id}" for job in house.view.jobs(("running", "held"))]
    gates, trials = (
        (GateResult(EVIL, "fail", 0, 0, EVIL),),
        (msgspec.structs.replace(TRIALS[0], technique=EVIL, recipe=EVIL, why=EVIL),),
    )
    named = {
        "step": EVIL,
        "hold": EVIL,
        "detail": EVIL,
        "trigger": EVIL,
        "technique": EVIL,
        "version": EVIL,
        "metrics": {EVIL: 1.0},
    }
    house.take(
        house.job(0, "running", job_id=EVIL, page=EVIL, gates=gates, trials=trials, **named),
        house.job(-1, "held", job_id=f"held {EVIL}", **named),
        house.rollout("2", "canary", 0.05, reason=EVIL, parent=EVIL),
        ServingReported(
            event_id="s",
            occurred_at=NOW,
            model=MODEL,
            replica=EVIL,
            sequence=1,
            versions=(VersionServed(EVIL, EVIL, "champion", EVIL),),
            started_at=NOW,
        ),
        Reject(event_id="r", occurred_at=NOW, model=MODEL, version="2", by=EVIL, reason=EVIL),
    )
    jobs += [f"/console/jobs/{quote(name, safe='')}" for name in (EVIL, f"held {EVIL}")]
    wanted = house.view.wanted()
    assert wanted is not None
    evil = next(frame.frame_id for frame in wanted.frames if frame.camera == EVIL)
    seen = ""
    for path in ("/console/jobs", *jobs, "/console/versions", "/console/versions/2", f"/console/labels?frame={evil}"):
        status, page = house.get(path, cookie="keepsight-name=%22%3E%3Cscript%3Ex%3C/script%3E")
        reader = Reader(page)
        assert status == 200
        assert set(reader.tags).isdisjoint({"style", "object", "embed", "base"})
        assert reader.tags.count("script") <= 2
        assert reader.tags.count("img") == page.count('<img id="photograph"')
        assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "style"]
        assert all(value.startswith(("/", "#")) for name, value in reader.attributes if name in ("src", "href", "action"))
        seen += unescape(page)
    assert EVIL in seen
    assert '"><script>x</script>' in seen


def test_ten_thousand_jobs_come_in_pages(house: ConsoleHouse) -> None:
    for number in range(10_000, 0, -1):
        house.take(house.job(number, "rejected" if number % 4 else "succeeded", detail="forgetting: 4 points"))
    _, page = house.get("/console/jobs")
    assert page.count('data-head="job"') == A_PAGE
    assert len(page) < 100_000
    assert "10,000 jobs" in page
    assert "page 1 of 200" in page
    _, last = house.get("/console/jobs?page=200")
    oldest = house.view.jobs()[-1].last.job_id
    assert oldest in last
    assert 'rel="next"' not in last
    assert "2,500 jobs" in house.get("/console/jobs?state=succeeded")[1]
    assert "?state=succeeded&amp;page=3" in house.get("/console/jobs?state=succeeded&page=2")[1]


def test_what_to_do_is_said_of_every_hold(house: ConsoleHouse) -> None:
    assert set(get_args(HoldKind)) <= set(ADVICE)
    for number, hold in enumerate(get_args(HoldKind), 1):
        house.take(house.job(number, "held", hold=hold, detail="a sentence"))
    _, page = house.get("/console/jobs")
    assert page.count("What to do.") == min(10, len(get_args(HoldKind)))


def test_a_job_shows_gates_techniques_and_its_verdict(house: ConsoleHouse) -> None:
    folder = house.folder / "state" / "retrain" / "jobs"
    running = house.job(1, "running", 60, step="train", progress=0.5)
    where = folder / running.job_id / "1"
    where.mkdir(parents=True)
    (where / "verdict.html").write_text("<p>better and worse</p>")
    job = house.job(1, "rejected", detail="slices", gates=GATES, trials=TRIALS, page=f"{where}/verdict.html")
    house.take(running, job)
    _, page = house.get(f"/console/jobs/{job.job_id}")
    for text in ("camera gate-2 loses 12 points", "lp ft", "best harmonic mean", f'src="/console/jobs/{job.job_id}/verdict"'):
        assert text in page
    assert '<iframe class="verdict" title="The verdict\'s page" sandbox ' in page
    assert "Cancel" not in page
    answer = house.console.answer(Request("GET", f"/console/jobs/{job.job_id}/verdict", {}, ""))
    assert answer.body == b"<p>better and worse</p>"
    house.take(house.job(1, "held", hold="cooldown"))
    for text in ("camera gate-2 loses 12 points", "lp ft", "<iframe"):  # the last verdict stands while it waits again
        assert text in house.get(f"/console/jobs/{job.job_id}")[1]
    (where / "verdict.html").unlink()
    assert "which this monitor cannot read" in house.get(f"/console/jobs/{job.job_id}")[1]
    assert house.get(f"/console/jobs/{job.job_id}/verdict")[0] == 404


def test_a_published_versions_gates_stand_at_its_job(house: ConsoleHouse) -> None:
    job = house.job(1, "succeeded", version="2")
    house.take(job, house.published("2", GATES))
    assert "camera gate-2 loses 12 points" in house.get(f"/console/jobs/{job.job_id}")[1]
    assert "camera gate-2 loses 12 points" in house.get("/console/versions/2")[1]
    assert "3 pass, 1 fail, 1 inconclusive" in house.get("/console/versions")[1]


def test_orders_about_jobs_are_events(house: ConsoleHouse) -> None:
    job = house.job(1, "held", hold="data", detail="few")
    house.take(job)
    for path, fields in (("ask", REASON), (f"{job.job_id}/override", REASON), (f"{job.job_id}/cancel", REASON)):
        answer = post(house, f"/console/jobs/{path}", fields)
        assert answer.status == 303, answer.body
        place = dict(answer.headers)["Location"]
        assert "On the log: ada " in house.get(place)[1]
    asked, override, cancel = ordered(house)
    assert isinstance(asked, RequestRetrain)
    assert isinstance(override, OverrideCounts)
    assert isinstance(cancel, CancelJob)
    assert override.job_id == cancel.job_id == job.job_id
    assert {(one.by, one.reason, one.model) for one in (asked, override, cancel)} == {("ada", "because", MODEL)}
    assert "let it train with too few labels" in house.get(f"/console/jobs/{job.job_id}")[1]


def test_orders_about_versions_are_events(house: ConsoleHouse) -> None:
    house.take(house.rollout("2", "awaiting_approval"))
    assert post(house, "/console/versions/2/approve", REASON).status == 303
    assert post(house, "/console/versions/2/reject", REASON).status == 303
    house.take(house.rollout("2", "rejected"))
    assert post(house, "/console/versions/2/promote", {**REASON, "confirm": "2", "force": "yes"}).status == 303
    set_channels(house.url, MODEL, champion="2", previous="1")
    assert post(house, "/console/versions/rollback", {**REASON, "confirm": " 1 "}).status == 303
    approve, reject, promote, rollback = ordered(house)
    assert isinstance(approve, Approve)
    assert isinstance(reject, Reject)
    assert isinstance(promote, Promote)
    assert isinstance(rollback, Rollback)
    assert (approve.version, reject.version, promote.version, promote.force, rollback.by) == ("2", "2", "2", True, "ada")


@pytest.mark.parametrize(
    ("path", "fields", "status", "words"),
    [
        ("jobs/ask", {"by": "ada"}, 422, "a reason is missing"),
        ("jobs/ask", {"reason": "r"}, 422, "your name is missing"),
        ("jobs/JOB/override", REASON, 409, "the job is succeeded by now"),
        ("jobs/JOB/cancel", REASON, 409, "the job is succeeded by now"),
        ("jobs/other/cancel", REASON, 404, "what it was about is gone"),
        ("jobs/JOB/explode", REASON, 404, "what it was about is gone"),
        ("versions/2/approve", REASON, 409, "the last rollout is version 1, stable"),
        ("versions/2/promote", {**REASON, "confirm": "1"}, 422, "type 2 to confirm"),
        ("versions/1/promote", {**REASON, "confirm": "1"}, 409, "it is the champion"),
        ("versions/9/promote", {**REASON, "confirm": "9"}, 404, "what it was about is gone"),
        ("versions/2/explode", REASON, 404, "nothing that can be done"),
        ("versions/rollback", {**REASON, "confirm": "1"}, 409, "no previous version"),
        ("labels", {"by": "ada", "frame": "../x", "label": "china"}, 410, "gone from the frame store"),
    ],
)
def test_what_would_change_nothing_is_refused_in_words(
    house: ConsoleHouse, path: str, fields: dict[str, str], status: int, words: str
) -> None:
    job = house.job(1, "succeeded")
    house.take(job, house.rollout("1", "stable"))
    answer = post(house, f"/console/{path.replace('JOB', job.job_id)}", fields)
    assert answer.status == status
    assert words in unescape(answer.body.decode())
    assert ordered(house) == []


def test_an_order_that_retrain_refused_is_told_where_it_was_given(house: ConsoleHouse) -> None:
    house.take(house.rollout("2", "awaiting_approval"))
    answer = post(house, "/console/versions/2/approve", REASON)
    place = dict(answer.headers)["Location"]
    page = house.get(place)[1]
    assert "On the log: ada approved version 2" in page
    assert 'data-refresh="5"' in page  # the answer comes within seconds
    (order,) = ordered(house)
    refused = decided(1, "command_refused", 0, order=order.event_id, command="approve", by="ada", why=f"it is stable {EVIL}")
    house.take(refused, decided(2, "command_refused", 0, order="another", command="reject", by="ben", why="unheard"))
    page = house.get(place)[1]
    assert "On the log" not in page
    assert "<b>Refused</b>, nothing was done: it is stable &quot;&gt;" in page
    assert "it is stable" in house.get("/console/versions/2")[1].partition('<table id="orders">')[2]
    assert "unheard" not in page


def test_a_rollout_under_way_bars_another(house: ConsoleHouse) -> None:
    publish_small_version(house.url, MODEL, "3", seed=3, champion=False)
    house.take(house.rollout("3", "canary", 0.05))
    fields = {**REASON, "confirm": "2", "force": "yes"}
    assert post(house, "/console/versions/2/promote", fields).status == 409
    assert post(house, "/console/versions/3/promote", {**REASON, "confirm": "3"}).status == 409
    assert post(house, "/console/versions/3/promote", {**fields, "confirm": "3"}).status == 303


def test_a_form_that_is_sent_twice_is_one_order(house: ConsoleHouse) -> None:
    (number,) = re.findall(r'name="id" value="([^"]+)"', house.get("/console/jobs")[1])
    places = {dict(post(house, "/console/jobs/ask", {**REASON, "id": number}).headers)["Location"] for _ in range(3)}
    assert places == {f"/console/jobs?done={number}"}
    assert [order.event_id for order in ordered(house)] == [number]
    assert post(house, "/console/jobs/ask", {**REASON, "id": "../x"}).status == 303
    assert len(ordered(house)) == 2


def test_another_sites_page_can_order_nothing(house: ConsoleHouse) -> None:
    assert post(house, "/console/jobs/ask", REASON, token="guessed").status == 409
    assert post(house, "/console/jobs/ask", REASON, origin="http://evil.example").status == 403
    assert post(house, "/console/jobs/ask", REASON, **{"sec-fetch-site": "cross-site"}).status == 403
    assert (ordered(house), house.refused) == ([], ["cross-site"] * 2)


def test_a_form_of_an_old_page_comes_back_as_it_was_typed(house: ConsoleHouse) -> None:
    house.take(house.job(0, "running"))
    path = f"/console/jobs/{house.view.jobs()[0].last.job_id}/cancel"
    sent = {"by": 'Ada "Löf"', "reason": EVIL, "id": "x"}
    answer = post(house, path, sent, token="of the last start", **{"sec-fetch-site": "same-origin"})
    page = answer.body.decode()
    assert (answer.status, ordered(house), house.refused) == (409, [], [])
    assert "Nothing was done yet" in page
    assert f"<summary>Cancel job {house.view.jobs()[0].last.job_id}</summary>" in page
    assert f'action="{path}"' in page
    assert not {"script", "img"} & set(Reader(page.partition("<main")[2]).tags)
    fields = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)"(?: required)? value="([^"]*)"', page))
    assert {name: unescape(value) for name, value in fields.items() if name != "token"} == sent
    assert post(house, path, {**sent, "reason": "late"}, token=fields["token"]).status == 303
    assert [type(order) for order in ordered(house)] == [CancelJob]


def test_a_label_of_an_old_page_comes_back_too(house: ConsoleHouse) -> None:
    card = house.frame(photographs(1)[0][0])
    sent = {"by": "ada", "frame": card.frame_id, "label": "flower"}
    page = post(house, "/console/labels", sent, token="old", origin="http://localhost:8081").body.decode()
    assert f"Label frame {card.frame_id}: flower" in page
    fields = dict(re.findall(r'name="(\w+)"(?: required)? value="([^"]*)"', page))
    assert post(house, "/console/labels", fields, token=fields.pop("token")).status == 303
    assert len(house.said(events.LABELS)) == 1


def test_labels_go_to_the_log_and_the_next_frame_comes(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in photographs(3)[0]]
    house.take(house.want(cards, ("uncertain", "suspect", "uniform")))
    assert '<small>3<span class="hidden"> waiting</span></small>' in house.get("/console/jobs")[1]
    answer = post(house, "/console/labels", {"by": "ada", "frame": cards[0].frame_id, "label": "flower"})
    headers = dict(answer.headers)
    assert answer.status == 303
    _, page = house.get(headers["Location"], cookie=headers["Set-Cookie"].partition(";")[0])
    assert f"/console/frames/{cards[1].frame_id}" in page
    assert "You label as <b>ada</b>" in page
    assert "1 of 3 done" in page
    assert 'value="scratch" data-key="3"' in page  # a class that the settings list as new
    _, undone = house.get(re.findall(r'data-key="z" href="([^"]+)"', page)[0])
    assert "You said <b>flower</b>" in undone
    _, skipped = house.get(unescape(re.findall(r'data-key="s ArrowRight" href="([^"]+)"', page)[0]))
    assert f"/console/frames/{cards[2].frame_id}" in skipped
    assert f'data-key="z" href="/console/labels?frame={cards[0].frame_id}"' in skipped
    assert re.search(r'value="flower" data-key="2" aria-pressed="true"', undone)
    assert post(house, "/console/labels", {"by": "ada", "frame": cards[0].frame_id, "label": "china"}).status == 303
    assert post(house, "/console/labels", {"by": "ada", "frame": cards[1].frame_id, "label": "china"}).status == 303
    assert post(house, "/console/labels", {"by": "ada", "frame": cards[2].frame_id, "unsure": "yes"}).status == 303
    assert "All 3 frames" in house.get("/console/labels")[1]
    said = house.said(events.LABELS)
    labels = {(one.frame_id, one.truth) for one in said if isinstance(one, FrameLabelled)}
    assert labels == {
        (cards[0].frame_id, ClassTruth("flower")),
        (cards[0].frame_id, ClassTruth("china")),
        (cards[1].frame_id, ClassTruth("china")),
    }
    reviews = [(one.frame_id, one.verdict) for one in house.said(events.COMMANDS) if isinstance(one, ReviewLabel)]
    assert reviews == [(cards[1].frame_id, "right"), (cards[2].frame_id, "unsure")]


def test_what_the_model_says_is_folded_away(house: ConsoleHouse) -> None:
    house.take(house.want([house.frame(photographs(1)[0][0])]))
    _, page = house.get("/console/labels")
    assert page.index('<details class="model">') < page.index("62%")
    assert page.count("62%") == 1


def test_a_detectors_frame_has_a_class_and_a_list_of_boxes(house: ConsoleHouse) -> None:
    house.take(house.want([house.frame(photographs(1)[0][0], prediction=Detections(()))]))
    _, page = house.get("/console/labels")
    assert 'data-kind="boxes"' in page
    assert "/console/static/boxes.js?" in page
    assert "<noscript>" in page


class Away:
    """A log that does not answer."""

    def publish(self, records: object) -> None:
        raise LogAwayError("broker-1:9092 does not answer")


def test_a_log_that_is_away_takes_nothing_and_says_so(house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    card = house.frame(photographs(1)[0][0])
    house.take(house.want([card]))
    monkeypatch.setattr(house.console, "_bus", Away())
    for path, fields in (("jobs/ask", REASON), ("labels", {"by": "ada", "frame": card.frame_id, "label": "china"})):
        answer = post(house, f"/console/{path}", fields)
        assert answer.status == 503
        assert b"broker-1:9092 does not answer" in answer.body
    assert house.view.said.of(card.frame_id) is None
    assert house.view.orders() == []


def test_a_store_that_is_away_and_a_bug_are_told_on_a_page(
    house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.take(house.want([house.frame(photographs(1)[0][0])]))

    def away(*_: object) -> None:
        raise StoreError("s3://frames cannot be read")

    monkeypatch.setattr(Places, "seen", away)
    status, page = house.get("/console/labels")
    assert (status, "s3://frames cannot be read" in page) == (503, True)
    monkeypatch.setattr(Places, "seen", lambda *_: 1 / 0)
    status, page = house.get("/console/labels")
    assert (status, "It is a bug" in page) == (500, True)
    assert [record.getMessage() for record in caplog.records] == ["console_failed"]


def test_trouble_with_the_log_stands_on_every_page(house: ConsoleHouse) -> None:
    house.view.trouble = "the log is away"
    for tab in ("jobs", "labels", "versions"):
        assert "the log is away. What stands here may be old." in house.get(f"/console/{tab}")[1]


def test_versions_come_in_pages_with_their_lineage_and_servers(house: ConsoleHouse) -> None:
    tell(house)
    _, page = house.get("/console/versions")
    assert page.index('href="/console/versions/2"><b>2</b>') < page.index('href="/console/versions/1"><b>1</b>')
    assert "answers 5% of the cameras" in page
    assert page.count(">silent<") == 2
    assert "400 frames, no guard near its limit" in page
    _, version = house.get("/console/versions/2")
    assert "0.948" in version
    assert str(NOW) not in version
