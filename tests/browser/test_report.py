"""The demo's report in a real browser, made from the recorded facts of a real run; the photographs in it here are others (the demo's may not be passed on)."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from standalone.facts import Facts
from standalone.report import Picture, Pictures, as_html
from tests import digits

RECORDED = Path(__file__).with_name("recorded_facts.json")


@pytest.fixture(scope="module")
def facts() -> Facts:
    return msgspec.json.decode(RECORDED.read_bytes(), type=Facts)


@pytest.fixture(scope="module")
def path(facts: Facts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shown = [Picture(digit.content, digit.label, "5", "image/png") for digit in digits.scans()[:6]]
    page = tmp_path_factory.mktemp("report") / "report.html"
    page.write_text(as_html(facts, Pictures(tuple(shown), tuple(shown), tuple(shown[:3]))), encoding="utf-8")
    return page


@pytest.fixture
def page(browser: Browser, path: Path) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    troubles: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert troubles == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    page.close()


def test_it_tells_the_story_first(page: Page, facts: Facts) -> None:
    assert "the loop closed" in page.title()
    assert page.locator("h1").count() == 1
    story = page.locator("#story").inner_text()
    assert "poly-crystalline" in story
    assert "unknown" not in story
    after = facts.proof.answering["poly"]["after"].accuracy.value
    assert f"{100 * after:.0f}\N{NO-BREAK SPACE}% of poly" in story


def test_tables_hold_every_fact(page: Page, facts: Facts) -> None:
    assert page.locator("#proof tbody tr").count() == 8
    assert page.locator("#gates tbody tr").count() == len(facts.gates) > 0
    assert page.locator("#timeline tbody tr").count() == len(facts.timeline) > 10
    assert page.locator("#promises tbody tr").count() == len(facts.promises)
    assert page.locator("#promises .no-mark").count() == 0
    assert page.locator("article.incident").count() == len(facts.incidents) >= 2


def test_pictures_are_there_and_described(page: Page) -> None:
    images = page.locator("img")
    assert images.count() == 15
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("[...document.images].every(image => image.alt.length > 10)")
    curve = page.locator("section svg")
    assert curve.get_attribute("role") == "img"
    assert curve.get_attribute("aria-labelledby") == "curve-title"
    box = curve.bounding_box()
    assert box is not None
    assert box["height"] > 200


def test_headings_follow_each_other(page: Page) -> None:
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(heading => Number(heading.tagName[1]))")
    assert levels[0] == 1
    assert all(second - first <= 1 for first, second in itertools.pairwise(levels))


@pytest.mark.parametrize("width", [1200, 768, 390])
def test_nothing_runs_out_of_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_licence_is_named(page: Page) -> None:
    assert "CC BY-NC-SA 4.0" in page.locator("footer").inner_text()
