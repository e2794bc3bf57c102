"""The verdict's page: every gate, every picture, nothing from anywhere, and nothing that a name could smuggle in."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.events import GateResult
from retrain.gates.changed import Cell, Change
from retrain.gates.corruptions import CORRUPTIONS
from retrain.gates.page import LISTED, SHOWN, Content, render
from retrain.gates.page_figures import Point
from retrain.request import Suspect, TrialRow

EVIL = "<script>alert('x')</script>\"'&"
RESULTS = (
    GateResult("data", "pass", 300.0, 100.0, "enough"),
    GateResult("gain", "fail", 0.5, 0.05, "no gain"),
    GateResult("negative flips", "inconclusive", 0.01, 0.02, "too few"),
)


def frame(row: int) -> bytes:
    return cv2.imencode(".jpg", np.random.default_rng(row).integers(0, 255, (300, 400, 3), dtype=np.uint8))[1].tobytes()


def changes(count: int, name: str = "cam") -> tuple[Change, ...]:
    return tuple(Change(n, "old", name, "good", "good", "bad", -0.9) for n in range(count))


def content(name: str = "cam", many: int = 3) -> Content:
    suspects = tuple(Suspect(f"{name}{n}", name, "other", 0.01) for n in range(many))
    return Content(
        model=name, parent="1", job=name, verdict="rejected", results=(*RESULTS, GateResult(name, "fail", 1.0, 0.0, name)), facts={"Technique": name},
        better=changes(many, name), worse=changes(many, name), flips=changes(many, name), grid={name: (Cell(0.1, 0.2, 9),) * len(CORRUPTIONS)},
        table=(TrialRow(name, name, 0.8, 0.9, 0.85, 1.0, 1.0, 100.0, 2.0, True, name),),
        curve=(Point(0, None, 0.5), Point(1, 1.0, 0.7), Point(2, 0.5, 0.6)), suspects=suspects, rows={one.frame_id: n for n, one in enumerate(suspects)},
    )  # fmt: skip


class Seen(HTMLParser):
    """The tags, the texts, and every attribute that could load something."""

    VOID = frozenset({"meta", "img", "br", "line", "polyline", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "data", "action", "srcset", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_every_gate_has_a_row_with_its_verdict_figure_limit_and_sentence() -> None:
    page = render(content(), frame)
    for one in RESULTS:
        row = re.search(rf'<tr id="gate-{one.gate.replace(" ", "-")}">(.*?)</tr>', page)
        assert row is not None
        assert all(part in row[1] for part in (one.verdict, f"{one.value:.4g}", f"{one.limit:.4g}", one.detail))
    assert "1 of 4 gates passed, 2 failed (gain, cam), 1 could not tell (negative flips)." in page
    found = seen(page)
    assert "The candidate to follow version 1 is refused" in found.text
    assert "epoch 1: 0.700" in found.text


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = seen(render(content(EVIL), frame))
    assert "script" not in page.tags
    assert len(page.loads) == 9
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.loads)
    assert EVIL in page.text


@pytest.mark.parametrize("many", [0, SHOWN, 3000])
def test_a_page_is_under_two_megabytes_however_much_there_is_to_show(many: int) -> None:
    page = render(content("n" * 300, many), frame)
    assert len(page.encode()) < 2_000_000
    assert page.count("<img") <= 3 * SHOWN
    assert seen(page).text.count("The list:") == (2 if many else 0)
    if many > LISTED:
        assert f"The list: {LISTED} of {many}" in page


def test_frames_that_are_gone_cost_their_pictures_and_the_page_says_so() -> None:
    def gone(row: int) -> bytes:
        raise StoreError("the frame store is away")

    page = render(content(), gone)
    assert "<img" not in page
    assert page.count("no picture") == 9
    assert "Pictures that could not be read: 3." in page


def test_a_candidate_that_met_no_gate_has_a_page_too() -> None:
    bare = Content(model="m", parent="1", job="j", verdict="held", results=(), facts={})
    assert "is held: more or better labels are needed" in render(bare, frame)
    assert render(bare, frame) == render(bare, frame)
