"""Which requests are traced, and under whose trace."""

import subprocess
import sys

import pytest
from starlette.types import Scope

from contracts.errors import SettingsError
from contracts.logs import Logger
from serving.telemetry.trace import Parent, Stage, Trace, Traces, note, of, parent_of, tracing_to
from tests.small_model import photographs
from tests.unit.serving import parts

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def _scope(*traceparents: str) -> Scope:
    return {"type": "http", "headers": [(b"traceparent", one.encode()) for one in traceparents]}


@pytest.mark.parametrize(
    ("said", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-more", True),
    ],
)
def test_a_camera_names_its_own_span(said: str, sampled: bool) -> None:
    assert parent_of(_scope(said)["headers"]) == Parent(int(TRACE, 16), int(SPAN, 16), sampled)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_traceparent_is_none(said: str) -> None:
    assert parent_of(_scope(said)["headers"]) is None
    assert parent_of(_scope(f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01")["headers"]) is None


def test_the_camera_decides_and_of_the_others_a_share_is_traced() -> None:
    draws = iter((0.1, 0.3))
    traces = Traces(0.2, lambda *_: "", lambda: next(draws))
    assert traces.begin(_scope(f"00-{TRACE}-{SPAN}-00")) is None
    traced = traces.begin(_scope(f"00-{TRACE}-{SPAN}-01"))
    assert traced is not None
    assert traced.parent is not None
    scope = _scope()
    assert of(scope) is None
    own = traces.begin(scope)
    assert own is not None
    assert own.parent is None
    assert of(scope) is own
    assert traces.begin(_scope()) is None


def test_stages_are_noted_where_there_is_a_trace() -> None:
    (content,), _ = photographs(1)
    one, other = parts.frame(content), parts.frame(content)
    other.trace = Trace(None)
    note([one, other], "infer", 1.0, 2.5)
    assert one.trace is None
    assert other.trace.stages == [Stage("infer", 1.0, 2.5)]


def test_an_endpoint_that_is_no_url_is_a_wrong_setting() -> None:
    assert tracing_to("", parts.instruments(), Logger("test")) is None
    with pytest.raises(SettingsError, match=r"expected a URL such as http://collector:4318/v1/traces"):
        tracing_to("collector:4318", parts.instruments(), Logger("test"))


def test_without_the_extra_the_setting_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serving.telemetry.tracing", None)
    with pytest.raises(SettingsError, match=r"needs keepsight\[tracing\]"):
        tracing_to("http://collector:4318/v1/traces", parts.instruments(), Logger("test"))


def test_nothing_is_imported_for_traces_that_nobody_asked_for() -> None:
    code = "import sys, serving.__main__; print(any(name.startswith('opentelemetry.sdk') for name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said == "False\n"
