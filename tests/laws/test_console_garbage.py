"""Whatever is asked of the console: never a fault of the server, never a word that a browser would run, and nothing decided without a name."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import events
from contracts.health import Answer, Request
from tests.console_house import EVIL, MODEL, ConsoleHouse, tell
from tests.console_night import night
from tests.small_model import photographs

ROOMS = ("", "incidents", "cameras", "audit", "runbooks", "jobs", "versions", "labels", "frames", "static")
DEEDS = (
    "small",
    "ask",
    "cancel",
    "override",
    "rollback",
    "approve",
    "reject",
    "promote",
    "acknowledge",
    "false",
    "retrain",
    "report",
)
FIELDS = (
    "by",
    "reason",
    "confirm",
    "force",
    "label",
    "frame",
    "boxes",
    "kind",
    "yes",
    "unsure",
    "undo",
    "after",
    "state",
    "q",
    "site",
    "page",
    "id",
    "done",
)
GARBAGE = st.one_of(
    st.sampled_from(
        (EVIL, "../../etc/passwd", "\0", "%00", "-1", "1e999", "9" * 400, "ė\u202e", "null", "[[1,2", '[{"label":"x"}]', "' or 1=1")
    ),
    st.text(max_size=40),
)


class Asked(ConsoleHouse):
    """A console with a bad night behind it; `known` are ids and names that are there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        tell(self)
        incident = night(self, names=EVIL)
        card = self.frame(photographs(1)[0][0], camera=EVIL)
        self.take(self.want([card]))
        jobs = re.findall(r'href="/console/jobs/([0-9a-f-]+)"', self.get("/console/jobs")[1])
        self.known = (
            incident.incident_id,
            card.frame_id,
            *jobs[:3],
            "1",
            "2",
            "belt-1",
            EVIL,
            "KeepsightEventsDropped",
            "style.css",
        )
        (self.token,) = set(re.findall(r'name="token" value="([^"]+)"', self.get("/console/jobs")[1]))

    def ask(self, method: str, parts: list[str], fields: dict[str, str], forged: bool = False) -> Answer:
        """A page, or a form with the page's token unless it is `forged`."""
        path = "/console/" + "/".join(quote(part, safe="") for part in parts)
        headers = {"host": "localhost:8081", "content-type": "application/x-www-form-urlencoded"}
        token = {} if forged else {"token": self.token}
        form = urlencode({**fields, **token} if method == "POST" else fields, errors="surrogatepass")
        if method == "GET":
            return self.console.answer(Request("GET", f"{path}?{form}", headers, "127.0.0.1"))
        return self.console.answer(Request("POST", path, headers, "127.0.0.1", form.encode()))


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(tmp_path_factory.mktemp("console"))


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), method=st.sampled_from(("GET", "POST")))
def test_whatever_is_asked_is_answered(console: Asked, data: st.DataObject, method: str) -> None:
    part = st.one_of(st.sampled_from((*ROOMS, *DEEDS, *console.known)), GARBAGE)
    parts = [data.draw(st.sampled_from(ROOMS)), *data.draw(st.lists(part, max_size=3))]
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), GARBAGE, max_size=5))
    answer = console.ask(method, parts, fields)
    assert answer.status < 500, (method, parts, fields, answer.body[-500:])
    harmless(answer)


@pytest.mark.parametrize("room", ROOMS)
def test_no_page_repeats_what_a_browser_would_run(console: Asked, room: str) -> None:
    for method in ("GET", "POST"):
        for field in FIELDS:
            harmless(console.ask(method, [room], {field: EVIL}))
            harmless(console.ask(method, [room, EVIL], {field: EVIL}))


def harmless(answer: Answer) -> None:
    assert b"<script>alert" not in answer.body
    assert b"<img src=/console/evil" not in answer.body
    assert not any("\r" in value or "\n" in value for _, value in answer.headers)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), forged=st.booleans())
def test_nothing_is_decided_without_a_name_a_reason_and_our_page(console: Asked, data: st.DataObject, forged: bool) -> None:
    room = data.draw(st.sampled_from(("incidents", "jobs", "versions")))
    parts = [room, *data.draw(st.lists(st.sampled_from((*DEEDS, *console.known)), min_size=1, max_size=2))]
    full = {"by": "ada", "reason": "because", "confirm": MODEL, "yes": "1", "label": "flower"}
    lacking = set() if forged else {data.draw(st.sampled_from(("by", "reason")))}
    before = console.said(events.COMMANDS, events.LABELS)
    answer = console.ask("POST", parts, {name: value for name, value in full.items() if name not in lacking}, forged)
    assert 400 <= answer.status < 500, (parts, answer.status, answer.body[-300:])
    assert console.said(events.COMMANDS, events.LABELS) == before
