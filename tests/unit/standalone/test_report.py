"""The report tells the facts: the keys that programs rely on, every text escaped, and whatever did not happen left out without harm."""

import re

import cv2
import msgspec
import numpy as np

from standalone.facts import Count, Facts, Moments, Proof
from standalone.promises import judge
from standalone.report import Picture, Pictures, as_html, as_json
from standalone.report_plot import marks, rolling
from tests.unit.standalone.a_run import DRIFT, kept

GREY = cv2.imencode(".jpg", np.full((32, 32), 90, np.uint8))[1].tobytes()
PICTURES = Pictures(
    (Picture(GREY, "functional", "functional"),), (Picture(GREY, "defective", "functional"),), (Picture(GREY, "<i>", "functional"),)
)


def test_json_has_what_programs_rely_on() -> None:
    content = as_json(kept())
    for metric in ("accuracy", "balanced_accuracy", "recall", "auc"):
        for kind in ("mono", "poly"):
            assert set(content[metric][kind]) == {"before", "during", "after"}
    assert content["accuracy"]["poly"] == {"before": 0.4, "during": None, "after": 0.8}
    assert set(content["timeline"][0]) == {"at_s", "event", "detail"}
    assert content["frames"] == {"sent": 1000, "scored": 1000, "lost": 0}
    assert content["events"] == {"published": 1600, "consumed": 1600, "lost": 0}
    assert {"cause", "cameras", "opened_at_s", "closed_at_s", "false"} <= set(content["incidents"][0])
    assert content["gates"][0]["verdict"] == "pass"
    assert [one["version"] for one in content["versions"]] == ["1", "2"]
    assert content["ok"] is True
    assert content["failed"] == []
    assert set(msgspec.json.decode(msgspec.json.encode(content))) == set(content)


def test_page_is_one_file_and_everything_in_it_is_escaped() -> None:
    evil = msgspec.structs.replace(DRIFT, headline="<script>alert(1)</script>", cameras=('"><img src=x>',))
    facts = msgspec.structs.replace(kept(), incidents=(evil,))
    page = as_html(facts, PICTURES)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<img src=x" not in page
    assert "look &lt;b&gt;here&lt;/b&gt;" in page
    assert "<i>" not in page
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []  # nothing is fetched
    assert "CC BY-NC-SA" in page


def test_page_of_a_run_that_ended_early_still_tells_it() -> None:
    facts = msgspec.structs.replace(
        kept(),
        moments=Moments(live_s=3.0, ended_s=4.0),
        incidents=(),
        gates=(),
        timeline=(),
        dots=(),
        versions=kept().versions[:1],
        proof=Proof(answering={}, shadowing={}),
        frames=Count(0, 0),
        troubles=("serving ended with status 1",),
    )
    facts = msgspec.structs.replace(facts, promises=judge(facts))
    page = as_html(facts, Pictures((), (), ()))
    assert "serving ended with status 1" in page
    assert "The loop did not close" in page


def test_facts_can_be_written_down_and_read_again() -> None:
    facts = kept()
    assert msgspec.json.decode(msgspec.json.encode(facts), type=Facts) == facts


def test_rolling_share_is_of_the_last_frames() -> None:
    times, shares = rolling(kept().dots[:100], window=4)
    assert len(times) == len(shares) == 97
    assert set(shares) == {0.75}
    assert times[0] == kept().dots[3].at_s
    assert rolling(kept().dots[:3], window=4) == ([], [])


def test_marks_are_numbered_in_order_of_time() -> None:
    shown = marks(kept())
    assert [mark.number for mark in shown] == list(range(1, len(shown) + 1))
    assert [mark.at_s for mark in shown] == sorted(mark.at_s for mark in shown)
    assert next(mark.event for mark in shown) == "New product"
    assert "All closed" in {mark.event for mark in shown}
