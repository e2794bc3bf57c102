"""An incident's report in a real browser: made by Evidently in its process from a real log, readable, quiet, offline, and deaf to what names say."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from contracts import events
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.incidents import Contribution, Evidence, Incident
from contracts.log import open_bus
from monitor.identity import derived_id
from monitor.report import child
from monitor.report.task import Task
from tests.monitor_line import MODEL, Line, other, usual

EVIL = "<img src=http://example.invalid/x onerror=alert(1)>"
CAMERAS = ("cam-1", "cam-2")
pytest.importorskip("pandas", reason="the report extra is not installed (pip install 'keepsight[report]')")


def stored(folder: Path, at: float, content: bytes) -> str:
    """Put a photograph into the frame store in the folder; where it lies."""
    frame_id = derived_id(at, "frame")
    where = frame_path(MODEL, frame_id, "jpeg")
    card = StoredFrame(
        frame_id=frame_id, model=MODEL, camera=EVIL, site="hall", captured_at=at, codec="jpeg", sample="uniform", predictions=(), path=where
    )  # fmt: skip
    FrameStore(str(folder)).put(card, content)
    return where


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    line = Line(folder)
    bus = open_bus(f"embedded://{folder}/log")
    bus.ensure_topics(events.TOPICS)
    since = line.now
    before = tuple(stored(folder, since - 20 + n, usual()[n]) for n in range(2))
    after = tuple(stored(folder, since + n, other()[n]) for n in range(2))
    frames = list(line.pass_by(CAMERAS, 160, other()))
    labels = [line.label(frame, right=number % 24 != 0) for number, frame in enumerate(frames) if frame.sample == "uniform"]
    bus.publish([events.encode(fact, "test") for fact in (*frames, *labels)])
    bus.close()
    incident = Incident(
        incident_id="0197723a-dc80-7000-8000-000000000001", cause="new_class", severity="page", headline=f"Hall sees {EVIL}", action="Look at them.",
        site="hall", cameras=CAMERAS, version="1", since=since, opened_at=line.now, drift_type="sudden",
        evidence=(Evidence("embedding", "axis 3", EVIL, 3.25, 2.0, 0.1),), contributions=(Contribution("class", EVIL, 0.5),),
        examples=after, reference_examples=before,
    )  # fmt: skip
    page = folder / "page.html"
    task = Task(
        model=MODEL, incident=incident, log=f"embedded://{folder}/log", repository=line.url, frame_store=str(folder), frames=200
    )
    assert child.make(task, page, threading.Event()) == ""
    return page


@pytest.fixture(scope="module")
def opened(browser: Browser, path: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page, opened once (it is large), and everything that it said or asked for that it should not have."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else troubles.append(request.url)
    )
    page.goto(path.as_uri())
    yield page, troubles
    page.close()


@pytest.fixture
def page(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    page, troubles = opened
    page.set_viewport_size({"width": 1280, "height": 900})
    yield page
    assert troubles == []


def theirs(page: Page) -> FrameLocator:
    """Evidently's page, on the screen."""
    page.locator("iframe").scroll_into_view_if_needed()
    return page.frame_locator("iframe")


def test_ours_says_what_happened(page: Page) -> None:
    assert page.locator("h1").inner_text() == f"Hall sees {EVIL}"
    facts = page.locator("#facts").inner_text()
    for text in (
        "cam-1, cam-2",
        "new class",
        "sudden",
        "192 frames of version 1's baseline",
        "200 frames laid out, of 320",
        "40 of uniformly",
    ):
        assert text in facts, text
    assert EVIL in page.locator("#evidence").inner_text()
    assert page.locator("#distances tbody tr").count() == 22


def test_photographs_of_both_sides_are_shown(page: Page) -> None:
    assert page.locator("#photographs h3").all_inner_texts() == ["Before it began", "Since it began"]
    widths = page.locator("#photographs img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [96] * 4
    assert page.locator("#photographs figcaption").first.inner_text().startswith(EVIL)


def test_evidently_agrees_in_its_own_frame(page: Page) -> None:
    frame = theirs(page)
    expect(frame.get_by_text("Dataset Drift is detected")).to_be_visible(timeout=30_000)
    expect(frame.get_by_text("Classification Model Performance")).to_be_visible()
    expect(frame.get_by_text("Confusion Matrix").first).to_be_visible()
    row = page.locator("#distances tbody tr", has_text="embedding 7")
    expect(frame.locator("tr", has_text="embedding 7")).to_contain_text(row.locator("td").nth(3).inner_text()[:4])


def test_the_frame_is_as_high_as_its_content(page: Page) -> None:
    frame = theirs(page)
    expect(frame.get_by_text("Confusion Matrix").first).to_be_visible(timeout=30_000)
    page.wait_for_function("document.querySelector('iframe').clientHeight > 2000")
    inner = frame.locator("body").evaluate("body => [body.scrollHeight, document.documentElement.clientHeight]")
    assert inner[0] <= inner[1]


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_runs_out_of_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_screenshot_shows_ink_where_evidently_stands(page: Page, tmp_path: Path) -> None:
    import cv2

    expect(theirs(page).get_by_text("Dataset Drift is detected")).to_be_visible(timeout=30_000)
    ink = 0.0
    for _ in range(100):  # a frame is painted after its text is there: each screenshot waits for the next paint
        page.evaluate("document.querySelector('#evidently').scrollIntoView()")
        page.screenshot(path=tmp_path / "page.png")
        picture = cv2.imread(str(tmp_path / "page.png"), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        ink = float(picture[100:].std())
        if ink > 10:
            break
    assert ink > 10
