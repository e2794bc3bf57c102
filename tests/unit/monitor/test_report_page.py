"""The page of a report: everything that somebody named is escaped, nothing is loaded, and Evidently's page stands in a frame of its own."""

import html
import re
from pathlib import Path

from contracts.incidents import Contribution, Estimate, Evidence, Incident
from contracts.log_security import LogSecurity
from contracts.quality import wilson
from monitor.report.evidently_page import _Shown
from monitor.report.figures import Figure, Right
from monitor.report.notices import being_made, failed
from monitor.report.page import Content, render
from monitor.report.photographs import Photograph, Photographs
from monitor.report.task import Task, decode, encode

NUMBER = "0197723a-dc80-7000-8000-000000000001"
EVIL = '"><script>alert(1)</script>&'


def incident(text: str) -> Incident:
    """An incident that says this wherever a name or a word stands."""
    return Incident(
        incident_id=NUMBER, cause="population_change", severity="page", headline=text, action=text, site=text, cameras=(text,), version=text,
        since=1_750_000_000.0, opened_at=1_750_000_060.0, evidence=(Evidence(text, text, text, 2.5, 1.0, 0.5, text),), drift_type="recurring",
        recurs=text, contributions=(Contribution("camera", text, 0.4),), estimates=(Estimate(text, "labels", 0.9, 0.5, 0.4, 0.6, 40, False),),
    )  # fmt: skip


def content(text: str = "hall", evidently: str = "<html><body><p>theirs</p></body></html>", **changes: object) -> Content:
    task = Task(model="m", incident=incident(text), log="embedded:///log", repository="/repository", frames=100)
    values: dict[str, object] = {
        "task": task, "incident": task.incident, "closed_at": None, "made_at": 1_750_000_100.0,
        "figures": [Figure(text, 1.0, 2.0, 0.123456, 0.2, 0.3, 0.4, 0.123456)], "rights": [Right(text, None, wilson(9, 40))],
        "reference_rows": 1200, "current_rows": 100, "frames": 5000, "answers": 0, "notes": [text], "evidently": evidently,
    }  # fmt: skip
    return Content(**{**values, **changes})  # type: ignore[arg-type]  # the values above, by name


def test_names_are_data() -> None:
    page = render(content(EVIL))
    assert EVIL not in page
    assert "alert(1)</script>" not in page
    assert page.count(html.escape(EVIL)) >= 12
    assert page.count("<script>") == 1


def test_it_tells_what_where_since_when_and_how_much() -> None:
    page = render(content())
    for text in (
        "2025-06-15 15:06:40 UTC, still open",
        "100 frames laid out, of 5,000",
        "1,200 frames of version",
        "recurring: version hall served",
    ):
        assert text in page, text
    assert page.count("0.1235") == 2
    assert "not to be trusted" in page
    assert "0.225 [0.123, 0.375]" in page
    assert "40%" in page
    closed = render(content(closed_at=1_750_000_090.0))
    assert "closed 2025-06-15 15:08:10 UTC" in closed


def test_nothing_is_loaded_and_theirs_is_kept_apart() -> None:
    page = render(content(evidently="<html><body><script>a('</body>')</script></body></html>"))
    assert "default-src 'none'" in page
    frame = re.search(r'<iframe [^>]*sandbox="allow-scripts" srcdoc="([^"]*)"', page)
    assert frame is not None
    inner = html.unescape(frame[1])
    assert inner.startswith("<html><body><script>a('</body>')</script><script>setInterval")
    assert inner.endswith("</script></body></html>")
    assert "<iframe" not in render(content(evidently=""))


def test_photographs_stand_before_and_since_and_their_cameras_are_data() -> None:
    assert "photographs" not in render(content())
    one = Photograph(EVIL, 1_750_000_000.0, b"\xff\xd8")
    page = render(content(photographs=Photographs((one,), (one, one))))
    assert EVIL not in page
    assert page.count('<img src="data:image/jpeg;base64,/9g="') == 3
    assert page.index("Before it began") < page.index("Since it began")
    assert "none is stored" in render(content(photographs=Photographs((), (one,))))


def test_only_the_monitor_s_own_page_links_to_being_made_anew() -> None:
    assert f"/v1/reports/{NUMBER}.html?again" in render(content())
    alone = Task(model="m", incident=incident("x"), log="l", repository="r", frames=100, served=False)
    assert "?again" not in render(content(task=alone))


def test_notices() -> None:
    waiting = being_made(NUMBER, 0)
    assert waiting.status == 202
    assert f'<meta http-equiv="refresh" content="2; url=/v1/reports/{NUMBER}.html">'.encode() in waiting.body
    assert b"3 others are made first" in being_made(NUMBER, 3).body
    told = failed(NUMBER, EVIL)
    assert told.status == 500
    assert EVIL.encode() not in told.body
    assert html.escape(EVIL).encode() in told.body
    assert b"Try again" in told.body


def test_evidently_is_given_names_that_cannot_end_its_script() -> None:
    shown = _Shown()
    names = ["good", "</script><img src=x>", "‹/script›‹img src=x›", "a\u2028b", "x" * 100, "x" * 101, ""]
    said = [shown(name) for name in names]
    assert said[0] == "good"
    assert len(set(said)) == len(names)
    assert not any(c in one for one in said for c in "<>&\u2028")
    assert [shown.meant(one) for one in said] == names
    assert [shown(name) for name in names] == said


def test_a_task_goes_through_the_line_with_its_secrets() -> None:
    task = Task(
        model="m", incident=incident("x"), log="kafka://host:9092", repository="/r", frames=7,
        security=LogSecurity(ca_file=Path("/ca.pem"), username="u", password="p\n\"", tls=True),
    )  # fmt: skip
    line = encode(task)
    assert line.count(b"\n") == 1
    assert decode(line) == task
    assert decode(encode(content().task)) == content().task
