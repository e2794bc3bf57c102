"""Marked changes: read from every form, wrong ones refused by name, and scored by the stated rule against figures worked out by hand."""

import json
from pathlib import Path

import pytest

from contracts.incidents import Evidence, Incident, Severity
from monitor.backtest.ledger import Entry
from monitor.backtest.recorded import RecordingError
from monitor.backtest.truth import Change, read_truth, score, time_of

CHANGES = [
    Change("lens", 1_000.0, 1_600.0, ("cam-2",), cause="camera_fault", type="sudden"),
    Change("product", 5_000.0, None, (), "hall", "population_change"),
]


def entry(number: str, opened_at: float, cameras: tuple[str, ...] = ("cam-1",), **options: object) -> Entry:
    """An incident; `paged_at` makes it a page then, `closed_at` closes it."""
    severity: Severity = "page" if options.get("paged_at") == opened_at else "ticket"
    incident = Incident(
        incident_id=number, cause="environment_change", severity=severity, headline=f"headline {number}", action="", site=str(options.get("site", "hall")),
        cameras=cameras, version="1", since=opened_at - 10, opened_at=opened_at,
        evidence=(Evidence("embedding", "axis 1", "cam-1", 1.2, 0, 0), Evidence("softmax", "entropy", "cam-1", 3.0, 0, 0)),
    )  # fmt: skip
    found = Entry(incident, incident, closed_at=options.get("closed_at"))  # type: ignore[arg-type]  # a float or None
    if (paged_at := options.get("paged_at")) is not None:
        found.paged, found.paged_at = incident, float(paged_at)  # type: ignore[arg-type]  # a float
    return found


LENS = {"at": 1000, "until": 1600, "cameras": ["cam-2"], "cause": "camera_fault", "type": "sudden", "name": "lens", "sigma": 4}
LENS_IN_WORDS = {**LENS, "at": "1970-01-01T00:16:40Z", "until": "1970-01-01 00:26:40", "cameras": "cam-2"}
PRODUCT = {"at": "1970-01-01T01:23:20+00:00", "site": "hall", "cause": "population_change", "name": "product"}
CSV = """at,until,cameras,site,cause,type,name
1000,1600,cam-2,,camera_fault,sudden,lens
1970-01-01T01:23:20+00:00,,,hall,population_change,,product
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("truth.json", json.dumps([LENS, PRODUCT])),
        ("truth.json", json.dumps({"changes": [PRODUCT, LENS_IN_WORDS]}, indent=1)),
        ("truth.ndjson", f"{json.dumps(LENS)}\n\n{json.dumps(PRODUCT)}\n"),
        ("truth.csv", CSV),
    ],
)
def test_every_form_reads_the_same(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert read_truth(path) == CHANGES


def test_a_name_is_made_and_cameras_stand_in_one_csv_field(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("at,cameras\n5,cam-1;cam-2\n7,cam-1 cam-3\n")
    assert read_truth(path) == [
        Change("change 1", 5.0, None, ("cam-1", "cam-2")),
        Change("change 2", 7.0, None, ("cam-1", "cam-3")),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "marks no change"),
        ("[]", "marks no change"),
        ("when\n5\n", "change 1 has no `at`"),
        ('[{"at": 5}, {"at": 6, "kamera": "cam-1"}]', "change 2 has the field 'kamera'; did you mean 'camera'"),
        ('[{"at": "yesterday"}]', "at is 'yesterday'; give Unix seconds or ISO 8601"),
        ('[{"at": "nan"}]', "at is 'nan'"),
        ('[{"at": 5, "until": 4}]', "until .4. lies before at"),
        ('[{"at": 5, "cameras": 3}]', "cameras is 3"),
        ('[{"at": 5, "name": "a"}, {"at": 6, "name": "a"}]', "the name 'a' stands twice"),
        ('[{"at": 5]', "neither JSON"),
        ("[3]", "expected a list of changes"),
    ],
)
def test_what_is_wrong_is_refused_by_name(content: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "truth"
    path.write_text(content)
    with pytest.raises(RecordingError, match=why):
        read_truth(path)


def test_a_time_without_a_zone_is_utc() -> None:
    assert time_of("2026-10-01", "--since") == time_of("2026-10-01T02:00:00+02:00", "--since") == 1_790_812_800.0
    assert time_of(" 12.5 ", "--since") == 12.5


def test_scoring_by_hand() -> None:
    entries = [
        entry("early", 900.0, ("cam-2",)),  # before the lens, and of no change: false
        entry("other camera", 1_100.0, ("cam-1",)),  # in its time, but not on its camera: false
        entry("lens", 1_090.0, ("cam-1", "cam-2"), paged_at=1_240.0),
        entry("lens again", 1_060.0, ("cam-2",)),
        entry("too late", 1_601.0, ("cam-2",)),
        entry("product", 5_300.0, ("cam-3",), paged_at=9_000.0),  # its page comes after the window: it is a true one's
        entry("other site", 5_100.0, ("cam-9",), site="yard", paged_at=5_100.0),
        entry("last moment", 5_000.0 + 3_600.0),
        entry("over", 5_000.0 + 3_601.0),
    ]
    lens, product = score(CHANGES, entries, window_s=3_600.0)
    assert {e.latest.incident_id: e.change for e in entries if e.change} == {
        "lens": "lens", "lens again": "lens", "product": "product", "last moment": "product",
    }  # fmt: skip
    assert (lens.incident_id, lens.delay_s, lens.page_delay_s) == ("lens again", 60.0, 240.0)
    assert (product.incident_id, product.delay_s, product.page_delay_s) == ("product", 300.0, 4_000.0)
    assert not lens.missed
    assert lens.cause == "environment_change"


def test_a_ticket_that_pages_in_the_time_of_a_change_tells_of_it() -> None:
    (found,) = score(CHANGES[1:], [entry("old", 4_000.0, paged_at=5_200.0)], window_s=3_600.0)
    assert (found.delay_s, found.page_delay_s) == (200.0, 200.0)


def test_a_change_under_an_open_incident_is_missed_and_says_so() -> None:
    open_one, closed_one = entry("open", 4_000.0), entry("closed", 4_000.0, closed_at=4_500.0)
    (found,) = score(CHANGES[1:], [closed_one, open_one], window_s=3_600.0)
    assert found.missed
    assert found.already_open == "open"
    (found,) = score(CHANGES[1:], [closed_one], window_s=3_600.0)
    assert (found.missed, found.already_open) == (True, "")


def test_an_incident_of_several_sites_and_of_no_camera_touches_each() -> None:
    assert CHANGES[1].touches(entry("both", 0.0, (), site="hall, yard").opened)
    assert not CHANGES[1].touches(entry("yard", 0.0, (), site="yard").opened)
    assert CHANGES[0].touches(entry("no camera", 0.0, ()).opened)


def test_lines_show_the_opening_and_the_later_page() -> None:
    first, second = entry("late page", 100.0, paged_at=160.0).lines(1.0)
    assert (first.at, first.kind, first.paged_at, second.at) == (100.0, "ticket", 160.0, 160.0)
    assert first.channels == ("softmax", "embedding")  # strongest first
    (only,) = entry("page", 100.0, paged_at=100.0).lines(1.0)
    assert (only.at, only.kind) == (100.0, "page")
