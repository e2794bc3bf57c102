"""A bad night in a real browser: the fleet, an incident and its cameras read by day and by night, on a phone, without a script, and acted upon by keys alone.

With KEEPSIGHT_WRITE_PICTURES=1 it writes the pictures of docs/console.md.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts import events
from contracts.events import Acknowledge, MarkFalseAlarm
from contracts.incidents import Incident
from tests.browser.test_console import FAINT, NAMELESS, SMALL
from tests.console_house import MODEL, ConsoleHouse
from tests.console_night import night, overview
from tests.small_model import set_channels

PAGES = (
    "",
    "incidents",
    "incidents/ID",
    "cameras",
    "cameras/belt-1",
    "cameras/nobody",
    "audit",
    "runbooks",
    "runbooks/KeepsightEventsDropped",
)
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WRITES = os.environ.get("KEEPSIGHT_WRITE_PICTURES") == "1"
SHOWN = {
    "console-fleet": ("", "light", 1200, 900),
    "console-incident": ("incidents/ID", "light", 1200, 1500),
    "console-incident-phone": ("incidents/ID", "dark", 390, 844),
    "console-cameras": ("cameras", "dark", 1200, 640),
}
"""Of docs/console.md: page, light or dark, width and height."""
CUT = "[...document.querySelectorAll('td')].filter(one => one.scrollHeight > one.clientHeight + 1).map(one => one.dataset.head)"
"""Cells on a phone whose column's name runs into the next one's."""
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    house = ConsoleHouse(tmp_path_factory.mktemp("house"))
    set_channels(house.url, MODEL, champion="1", candidate="2", share=0.05, previous=None)
    yield house
    house.close()


@pytest.fixture(scope="module")
def incident(house: ConsoleHouse) -> Incident:
    first = night(house)
    house.take(house.rollout("2", "canary", 0.05, 300, "400 frames, no guard near its limit"))
    return first


@pytest.fixture(scope="module")
def address(house: ConsoleHouse) -> str:
    return house.serve()


@pytest.fixture
def visit(browser: Browser, address: str, incident: Incident) -> Iterator[Open]:
    """Opens a page of the console; in the end nothing may have gone wrong on any."""
    opened: list[Page] = []
    troubles: list[str] = []

    def visit(path: str = "", **kind: object) -> Page:
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **kind})  # type: ignore[arg-type]  # Playwright's, by name
        page.on("console", lambda message: None if "Failed to load resource" in message.text else troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(f"{address}/console/") else troubles.append(request.url))
        opened.append(page)
        page.goto(f"{address}/console/{path.replace('ID', incident.incident_id)}")
        return page

    yield visit
    for page in opened:
        page.close()
    assert troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(visit: Open, incident: Incident, scheme: str) -> None:
    page = visit("", color_scheme=scheme, reduced_motion="reduce")
    address = page.url
    for path in PAGES:
        page.set_viewport_size({"width": 1200, "height": 900})
        page.goto(address + path.replace("ID", incident.incident_id))
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(heading => Number(heading.tagName[1]))")
        assert levels.count(1) == 1, path
        assert all(second - first <= 1 for first, second in itertools.pairwise(levels)), path
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate(FAINT) == []
        if scheme == "dark":
            continue  # what follows knows no colours
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(SMALL) == []
        assert page.evaluate(
            "[...document.querySelectorAll('svg')].every(one => one.getAttribute('role') === 'img' && one.ariaLabel)"
        )
        for width in (1200, 768, 390):
            page.set_viewport_size({"width": width, "height": 850})
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (path, width)
        assert page.evaluate(CUT) == [], path


def test_a_house_without_frames_fits_a_phone(house: ConsoleHouse, visit: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "overview", overview([], versions={}, watermark=0.0))
    page = visit("", viewport={"width": 390, "height": 844})
    expect(page.locator("main")).to_contain_text("keepsight-camera --server")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_photographs_are_shown_on_both_sides(visit: Open) -> None:
    page = visit("incidents/ID")
    page.locator("#photographs").scroll_into_view_if_needed()
    expect(page.locator("#photographs img")).to_have_count(8)
    widths = page.locator("#photographs img").evaluate_all(
        "all => Promise.all(all.map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert widths == [320] * 8
    assert page.locator("#shapes svg").first.bounding_box()["height"] > 50  # type: ignore[index]  # it is on the screen


def test_by_keys_alone_from_the_fleet_to_an_acknowledgement(house: ConsoleHouse, visit: Open, incident: Incident) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Hall 2 sends pictures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hall 2 sends pictures")).to_be_visible()
    page.locator("summary", has_text="Acknowledge").focus()
    page.keyboard.press("Enter")
    for words in ("Ada", "on my way"):
        page.keyboard.press("Tab")
        page.keyboard.type(words)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("On the log: Ada has seen the incident")
    expect(page.locator("#orders")).to_contain_text("on my way")
    (order,) = [one for one in house.said(events.COMMANDS) if isinstance(one, Acknowledge)]
    assert (order.incident_id, order.by, order.reason) == (incident.incident_id, "Ada", "on my way")


def test_without_a_script_it_is_read_searched_and_decided(house: ConsoleHouse, visit: Open, incident: Incident) -> None:
    page = visit("cameras", java_script_enabled=False)
    page.get_by_label("Camera or site").fill("gate")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#all tbody tr")).to_have_count(2)
    page.get_by_role("link", name="fault 1").click()
    expect(page.locator("#all tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Incidents").click()
    page.get_by_role("link", name="Hall 2 sends pictures").first.click()
    page.get_by_text("Mark as a false alarm").first.click()
    page.get_by_label("Type false alarm to confirm").fill("no")
    page.get_by_label("Your name").nth(1).fill("Ben")
    page.get_by_label("Reason").nth(1).fill("a test piece")
    page.get_by_role("button", name="Mark as a false alarm").click()
    expect(page.get_by_text("type false alarm to confirm")).to_be_visible()
    page.go_back()
    page.get_by_text("Mark as a false alarm").first.click()
    page.get_by_label("Type false alarm to confirm").fill("false alarm")
    page.get_by_label("Your name").nth(1).fill("Ben")
    page.get_by_label("Reason").nth(1).fill("a test piece")
    page.get_by_role("button", name="Mark as a false alarm").click()
    expect(page.get_by_role("status")).to_contain_text("Ben called the incident a false alarm")
    (order,) = [one for one in house.said(events.COMMANDS) if isinstance(one, MarkFalseAlarm)]
    assert (order.incident_id, order.by, order.reason) == (incident.incident_id, "Ben", "a test piece")


@pytest.mark.skipif(not WRITES, reason="it writes docs/pictures, with KEEPSIGHT_WRITE_PICTURES=1")
@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_for_the_docs(visit: Open, tmp_path: Path, name: str) -> None:
    from PIL import Image

    path, scheme, width, height = SHOWN[name]
    page = visit(path, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": height})
    page.evaluate("Promise.all([...document.images].map(one => { one.loading = 'eager'; return one.decode(); }))")
    page.screenshot(path=tmp_path / "taken.png")
    PICTURES.mkdir(exist_ok=True)
    Image.open(tmp_path / "taken.png").convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        PICTURES / f"{name}.png", optimize=True
    )


def test_the_docs_show_the_pictures_that_are_made() -> None:
    guide = (PICTURES.parent / "console.md").read_text()
    assert {f"{name}.png" for name in SHOWN} == {file.name for file in PICTURES.glob("console-*.png")}
    assert all(f"pictures/{name}.png" in guide for name in SHOWN)
