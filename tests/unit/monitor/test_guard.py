"""The guard before the monitor's pages: nothing is open by oversight, who is let through, what the others hear, and what is told of them."""

import json
import logging
from base64 import b64encode
from collections import Counter
from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.health import Answer, Request
from contracts.keys import new_key, parse
from contracts.logs import Logger
from contracts.settings import load
from monitor.guard import Guard, Local, check_closed, sent
from monitor.settings import MonitorSettings

ON_CALL, ON_CALL_LINE = new_key("on-call", ["monitor"])
SCRAPER, SCRAPER_LINE = new_key("prometheus", ["metrics"])
ADA, ADA_LINE = new_key("ada", ["monitor", "console"])
CAMERA, CAMERA_LINE = new_key("line-3", ["camera:*", "labels"])
RING = parse(ON_CALL_LINE + ADA_LINE + SCRAPER_LINE + CAMERA_LINE + "gateway monitor cert:gateway-3\n", "keys")
REPORT = "/v1/reports/0197723a-dc80-7000-8000-000000000001.html"


class House:
    """A guard, what it counted, and the hour."""

    def __init__(self) -> None:
        self.counted, self.now = Counter[str](), 0.0
        self.guard = Guard(lambda: RING, self.count, Logger("monitor"), lambda: self.now)

    def count(self, problem: str) -> None:
        self.counted[problem] += 1

    def ask(self, path: str, token: str = "", method: str = "GET") -> Answer | None:
        return self.guard(asked(path, f"Bearer {token}" if token else "", method))


def asked(path: str, authorization: str = "", method: str = "GET", **headers: str) -> Request:
    """A request as the server hands it over."""
    return Request(method, path, {**({"authorization": authorization} if authorization else {}), **headers}, "10.0.0.9")


def basic(password: str, user: str = "ada") -> str:
    """The header that a browser sends."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _check(*arguments: str) -> None:
    check_closed(load(MonitorSettings, arguments, "keepsight-monitor", "about"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    _check("--host", host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.1.2.3", "monitor.example"])
def test_any_other_address_must_be_closed_or_opened_on_purpose(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[monitor\] host .* nothing asks who they are: set keys_file .* or open = true"):
        _check("--host", host)
    _check("--host", host, "--open", "true")
    _check("--host", host, "--keys-file", str(tmp_path / "keys"))
    with pytest.raises(SettingsError, match="take one away"):
        _check("--host", host, "--open", "true", "--keys-file", str(tmp_path / "keys"))


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_need_no_key(path: str) -> None:
    assert House().ask(path) is None


@pytest.mark.parametrize("path", ["/", "/metrics", "/v1/state", "/v1/state/", REPORT, "/livez/", "//livez", "/LIVEZ", "/new"])
def test_every_other_path_does(path: str) -> None:
    house = House()
    answer = house.ask(path)
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["type"]) == (401, "urn:keepsight:problem:missing-key")
    assert [value for _, value in answer.headers] == ['Bearer realm="keepsight"', 'Basic realm="keepsight"']
    answer = house.ask(path, "ks.on-call.wrong")
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["type"]) == (401, "urn:keepsight:problem:unknown-key")
    assert house.counted == {"missing-key": 1, "unknown-key": 1}


@pytest.mark.parametrize(
    ("path", "key_id", "opened"),
    [
        ("/v1/state", "on-call", True),
        (REPORT, "on-call", True),
        ("/new", "on-call", True),
        ("/metrics", "prometheus", True),
        ("/metrics", "on-call", False),
        ("/v1/state", "prometheus", False),
        (REPORT, "line-3", False),
    ],
)
def test_a_key_opens_what_it_is_for(path: str, key_id: str, opened: bool) -> None:
    answer = House().ask(path, {"on-call": ON_CALL, "prometheus": SCRAPER, "line-3": CAMERA}[key_id])
    assert (answer is None) is opened
    if answer is not None:
        assert answer.status == 403
        assert answer.headers == (("WWW-Authenticate", 'Bearer realm="keepsight", error="insufficient_scope"'),)
        assert "this needs m" in json.loads(answer.body)["detail"]


def test_a_person_gives_the_key_as_password() -> None:
    guard = House().guard
    assert guard(asked(REPORT, basic(ON_CALL))) is None
    assert guard(asked(REPORT, basic(ON_CALL, user=""))) is None
    for wrong in (basic("wrong"), basic(""), "Basic", "Basic *", "Basic é", basic(ON_CALL) + "=", "Digest x", ON_CALL):
        answer = guard(asked(REPORT, wrong))
        assert answer is not None
        assert answer.status == 401
    assert sent(basic("a:b").replace("Basic", "bASIC")) == b"a:b"


def test_failed_tries_are_told_of_at_a_bounded_rate_and_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "keepsight")
    house = House()
    for _ in range(100):
        house.ask("/v1/state", "ks.on-call.s3cret")
    house.now = 10.0
    house.guard(asked(REPORT, basic("ks.nobody.s3cret")))
    told = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "key_refused"]
    assert [(one["refused"], one["key_id"], one["path"]) for one in told] == [(1, "on-call", "/v1/state"), (100, "", REPORT)]
    assert "s3cret" not in str(told)


@pytest.mark.parametrize("path", ["/console/labels", "/v1/state", "/new"])
def test_what_changes_something_needs_a_key_of_its_own(path: str) -> None:
    house = House()
    assert house.ask(path, ADA, "POST") is house.ask(path, ADA) is None
    answer = house.ask(path, ON_CALL, "POST")
    assert answer is not None
    assert answer.status == 403
    assert "this needs console" in json.loads(answer.body)["detail"]


def test_a_browser_is_asked_for_a_key_that_may_do_it() -> None:
    answer = House().guard(asked("/console/jobs/ask", basic(ON_CALL), "POST"))
    assert answer is not None
    assert (answer.status, answer.headers[-1]) == (401, ("WWW-Authenticate", 'Basic realm="keepsight"'))
    assert "this needs console" in json.loads(answer.body)["detail"]
    assert House().guard(asked("/console/jobs/ask", basic(ADA), "POST")) is None


def test_whose_key_it_was_is_told() -> None:
    guard = House().guard
    assert guard.key_id(asked("/", basic(ADA))) == guard.key_id(asked("/", f"Bearer {ADA}")) == "ada"
    assert guard.key_id(asked("/", basic("wrong"))) == guard.key_id(asked("/")) == ""


@pytest.mark.parametrize("host", ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST", "127.9.9.9"])
def test_without_keys_this_machine_is_answered(host: str) -> None:
    assert Local(lambda _: None)(asked(REPORT, host=host)) is None


@pytest.mark.parametrize(
    "host", ["evil.example:8081", "127.0.0.1.evil.example", "localhost.evil.example", "10.1.2.3", "[::1", "", "[x]"]
)
def test_without_keys_no_other_name_is(host: str) -> None:
    counted: list[str] = []
    local = Local(counted.append)
    answer = local(asked(REPORT, host=host))
    assert answer is not None
    assert (answer.status, counted) == (421, ["wrong-host"])
    assert "keys_file" in json.loads(answer.body)["detail"]
    assert local(asked("/livez", host=host)) is None
