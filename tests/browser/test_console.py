"""The console in a real browser: a labelling session by keys alone into the log, boxes drawn, orders given, with and without a script, by day and by night."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from prometheus_client import CollectorRegistry

from contracts import events
from contracts.events import AnyEvent, CancelJob, FrameLabelled, ReviewLabel
from contracts.health import Answer, HealthServer
from contracts.listener import listen
from contracts.predictions import Box, BoxesTruth, ClassTruth
from tests.console_house import EVIL, GATES, MODEL, ConsoleHouse, boxes_picture, tell
from tests.small_model import photographs

PAGES = ("jobs", "jobs/JOB", "labels", "versions", "versions/2")
Open = Callable[..., Page]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ConsoleHouse]:
    house = ConsoleHouse(tmp_path)
    yield house
    house.close()


@pytest.fixture
def visit(browser: Browser, house: ConsoleHouse) -> Iterator[Open]:
    """Opens a page of the house's console; in the end nothing may have gone wrong on any."""
    address = house.serve()
    opened: list[Page] = []
    troubles: list[str] = []

    def visit(path: str = "", **kind: object) -> Page:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **kind})  # type: ignore[arg-type]  # Playwright's, by name
        page.on("console", lambda message: None if "is sandboxed" in message.text else troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: None if request.url.startswith(f"{address}/console/") else troubles.append(request.url))
        page.on("request", lambda request: troubles.append(request.url) if "evil" in request.url else None)
        opened.append(page)
        page.goto(f"{address}/console/{path}")
        return page

    yield visit
    for page in opened:
        page.close()
    assert troubles == []


def running(house: ConsoleHouse) -> str:
    (job,) = house.view.jobs(("running",))
    return job.last.job_id


def labels(said: list[AnyEvent]) -> list[FrameLabelled]:
    return [one for one in said if isinstance(one, FrameLabelled)]


def test_a_session_by_keys_alone_ends_on_the_log(house: ConsoleHouse, visit: Open) -> None:
    cards = [house.frame(one) for one in photographs(5)[0]]
    house.take(house.want(cards, ("uncertain", "drifted", "uniform", "suspect", "diverse")))
    page = visit("labels")
    shown = page.locator("#photograph")

    def at(number: int) -> None:
        expect(shown).to_have_attribute("src", f"/console/frames/{cards[number].frame_id}")
        assert shown.evaluate("one => one.decode().then(() => one.naturalWidth)") == 96

    at(0)
    page.keyboard.press("2")  # no name yet: nothing goes out, the field asks for it
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("ada 1")  # a digit in a name is no class
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    at(1)
    expect(page.get_by_text("You label as ada 1")).to_be_visible()
    page.keyboard.press("1")
    at(2)
    page.keyboard.press("z")
    at(1)
    expect(page.get_by_role("button", name="china")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    at(2)
    page.keyboard.press("s")
    at(3)
    page.keyboard.press("ArrowLeft")
    at(2)
    page.keyboard.press("ArrowRight")
    at(3)
    expect(page.get_by_text("Other labels speak for")).to_be_hidden()
    page.keyboard.press("m")
    expect(page.get_by_text("Other labels speak for flower")).to_be_visible()
    page.keyboard.press("1")
    at(4)
    page.keyboard.press("u")
    at(2)  # the one that was skipped
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
    given = [(one.frame_id, one.truth) for one in labels(house.said(events.LABELS))]
    expected = ((0, "flower"), (1, "china"), (1, "flower"), (3, "china"), (2, "china"))
    assert given == [(cards[number].frame_id, ClassTruth(label)) for number, label in expected]
    reviews = [(one.frame_id, one.verdict, one.by) for one in house.said(events.COMMANDS) if isinstance(one, ReviewLabel)]
    assert reviews == [(cards[3].frame_id, "right", "ada 1"), (cards[4].frame_id, "unsure", "ada 1")]


def test_more_classes_than_keys_take_turns(browser: Browser, tmp_path: Path) -> None:
    house = ConsoleHouse(tmp_path, new_classes=tuple(f"class {number}" for number in range(3, 15)))
    house.take(house.want([house.frame(one) for one in photographs(2)[0]]))
    page = browser.new_page()
    page.goto(f"{house.serve()}/console/labels")
    page.get_by_label("Your name").fill("ada")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="class 9", exact=False)).to_contain_text("9")
    page.keyboard.press("0")
    page.keyboard.press("2")
    expect(page.get_by_text("1 of 2 done")).to_be_visible()
    page.close()
    (label,) = labels(house.said(events.LABELS))
    assert label.truth == ClassTruth("class 11")
    house.close()


def test_boxes_are_drawn_moved_and_sent(house: ConsoleHouse, visit: Open) -> None:
    content, said = boxes_picture()
    cards = [house.frame(content, prediction=said) for _ in range(2)]
    house.take(house.want(cards))
    page = visit("labels")
    page.get_by_label("Your name").fill("ada")
    page.keyboard.press("Escape")
    stage = page.locator("#stage svg")
    frame = stage.bounding_box()
    assert frame is not None
    scale = min(frame["width"], frame["height"]) / 400  # the photograph is 400 pixels square
    left, top = frame["x"] + (frame["width"] - 400 * scale) / 2, frame["y"] + (frame["height"] - 400 * scale) / 2

    def drag(x1: float, y1: float, x2: float, y2: float) -> None:
        page.mouse.move(left + x1 * scale, top + y1 * scale)
        page.mouse.down()
        page.mouse.move(left + x2 * scale, top + y2 * scale, steps=4)
        page.mouse.up()

    drag(150, 170, 60, 80)  # from the lower right
    page.keyboard.press("2")  # of the box that was drawn, and of the next
    drag(250, 220, 340, 310)
    page.keyboard.press("1")
    drag(5, 5, 6, 6)  # a slip
    page.keyboard.press("b")
    page.keyboard.press("d")
    listed = page.locator("#boxes button")
    expect(listed).to_have_count(2)
    drag(295, 265, 305, 275)  # by its middle
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#photograph")).to_have_attribute("src", f"/console/frames/{cards[1].frame_id}")
    expect(listed).to_have_count(0)
    page.keyboard.press("m")
    page.get_by_role("button", name="Begin with these").click()
    expect(listed).to_have_count(2)
    listed.nth(1).focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="Nothing to label")).to_be_visible()
    page.keyboard.press("z")  # what was said is there again
    expect(listed).to_have_count(1)
    first, second = (one.truth for one in labels(house.said(events.LABELS)))
    assert isinstance(first, BoxesTruth)
    near = [Box("flower", 60, 80, 150, 170), Box("china", 262, 230, 352, 322)]
    assert [box.label for box in first.boxes] == [box.label for box in near]
    for box, other in zip(first.boxes, near, strict=True):
        assert all(abs(getattr(box, side) - getattr(other, side)) < 1.5 for side in ("x1", "y1", "x2", "y2")), (box, other)
    assert second == BoxesTruth((Box("china", 58, 78, 152, 171),))


def test_an_order_is_given_and_shown(house: ConsoleHouse, visit: Open) -> None:
    tell(house)
    page = visit(f"jobs/{running(house)}")
    page.get_by_text("Cancel the job").first.click()
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Cancel the job").click()  # without a reason the browser does not send it
    page.get_by_label("Reason").fill("wrong <b>labels</b>")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_role("status")).to_contain_text("On the log: ada ordered the job cancelled")
    expect(page.locator("#orders")).to_contain_text("wrong <b>labels</b>")
    page.get_by_text("Cancel the job").first.click()
    expect(page.get_by_label("Your name")).to_have_value("ada")
    (order,) = house.said(events.COMMANDS)
    assert isinstance(order, CancelJob)
    assert (order.job_id, order.by, order.reason) == (running(house), "ada", "wrong <b>labels</b>")


def test_all_but_keys_and_boxes_works_without_a_script(house: ConsoleHouse, visit: Open) -> None:
    tell(house)
    page = visit("labels", java_script_enabled=False)
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="flower").click()
    expect(page.get_by_text("1 of 6 done")).to_be_visible()
    page.get_by_text("What the model says").click()
    expect(page.get_by_text("62%")).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    page.get_by_text("Reject").first.click()
    page.get_by_label("Reason").fill("it is dark")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("status")).to_contain_text("ada rejected version 2")
    assert len(labels(house.said(events.LABELS))) == 1


def test_another_sites_page_posts_in_vain(house: ConsoleHouse, visit: Open, browser: Browser) -> None:
    form = "<form method=post action={}/console/jobs/ask><input name=token value=x><input name=by value=eve><input name=reason value=r></form>"
    address = visit("jobs").url.removesuffix("/console/jobs")
    page = f"{form.format(address)}<script>document.forms[0].submit()</script>".encode()
    server = HealthServer(
        listen("127.0.0.1", 0, "evil"), CollectorRegistry(), lambda: None, apps={"/evil": lambda _: Answer(200, page, "text/html")}
    )
    evil = browser.new_page()
    evil.goto(f"http://127.0.0.1:{server.port}/evil")
    expect(evil.get_by_role("heading", name="That was not taken")).to_be_visible()
    expect(evil.get_by_text("another site sent this")).to_be_visible()
    evil.close()
    server.close()
    assert (house.said(events.COMMANDS), house.refused) == ([], ["cross-site"])


def test_a_verdict_stands_in_a_sandbox(house: ConsoleHouse, visit: Open) -> None:
    where = house.folder / "repository" / "models" / MODEL / "2" / "verdict.html"
    where.write_text("<h1>Better</h1><style>h1 { color: rgb(1, 2, 3) }</style><script>document.body.innerHTML = 'evil'</script>")
    house.take(house.published("2", GATES, f"models/{MODEL}/2/verdict.html"))
    page = visit("versions/2")
    heading = page.frame_locator("iframe.verdict").get_by_role("heading", name="Better")
    expect(heading).to_be_visible()
    assert heading.evaluate("one => getComputedStyle(one).color") == "rgb(1, 2, 3)"


def test_names_are_text_and_nothing_runs(house: ConsoleHouse, visit: Open) -> None:
    tell(house)
    wanted = house.view.wanted()
    assert wanted is not None
    evil = next(frame.frame_id for frame in wanted.frames if frame.camera == EVIL)
    assert EVIL in visit(f"labels?frame={evil}").locator("aside").inner_text()
    assert EVIL in visit(f"jobs/{running(house)}").locator("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(house: ConsoleHouse, visit: Open, scheme: str) -> None:
    tell(house)
    page = visit("jobs", color_scheme=scheme, reduced_motion="reduce")
    address = page.url.removesuffix("jobs")
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address + path.replace("JOB", running(house)))
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(heading => Number(heading.tagName[1]))")
        assert levels.count(1) == 1, path
        assert all(second - first <= 1 for first, second in itertools.pairwise(levels)), path
        assert page.evaluate(NAMELESS) == []
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate(FAINT) == []
        assert page.evaluate(SMALL) == []
        assert page.locator("html").get_attribute("lang") == "en"
        for width in (1280, 768, 390):
            page.set_viewport_size({"width": width, "height": 850})
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (path, width)


NAMELESS = """() => {
  const named = one => one.getAttribute("aria-label") || one.title || one.alt || one.innerText.trim() || (one.labels && one.labels.length);
  return [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, img, iframe, progress, nav, summary")]
    .filter(one => one.checkVisibility() && !named(one)).map(one => one.outerHTML.slice(0, 120));
}"""
"""Controls and pictures that a screen reader could not name."""
SMALL = """() => [...document.querySelectorAll("button, .others a, .acts summary, nav a")]
  .filter(one => one.checkVisibility() && (one.offsetHeight < 24 || one.offsetWidth < 24)).map(one => one.outerHTML.slice(0, 90))"""
"""Targets that a finger would miss (WCAG 2.2, 2.5.8)."""
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = color => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = color => {
    const [r, g, b] = color.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = one => {
    for (; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = new Set();
  for (let node; node = walker.nextNode();) {
    const one = node.parentElement;
    if (!node.data.trim() || !one.checkVisibility() || one.closest(".hidden, .skip, progress, script, noscript, svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${one.outerHTML.slice(0, 90)}`);
  }
  return [...faint];
}"""
"""Text with less contrast than WCAG 2.2 asks for at level AA (1.4.3): 4.5."""


def test_a_page_asks_anew_unless_somebody_writes(house: ConsoleHouse, visit: Open) -> None:
    tell(house)
    page = visit(f"jobs/{running(house)}")
    page.clock.install()
    page.reload()
    first = page.evaluate("window.mark = 1")
    page.get_by_text("Cancel the job").first.click()
    page.clock.run_for(20_000)
    assert page.evaluate("window.mark") == first
    page.get_by_text("Cancel the job").first.click()
    with page.expect_navigation():
        page.clock.run_for(6_000)
    assert page.evaluate("window.mark") is None
    assert re.search(r"Training: train:lp_ft", page.locator("h1").inner_text())
