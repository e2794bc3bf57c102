"""Checks are bounded, none hides another, and what is the same of several services is said once."""

import socket
from collections.abc import Iterator
from dataclasses import replace

from contracts.errors import KeepsightError
from standalone.doctor.finding import Check, Finding, examined, merged
from standalone.doctor.told import SETTINGS
from tests.doctors import only


def test_checks_are_bounded_and_none_hides_another() -> None:
    def breaks() -> Iterator[Finding]:
        raise ValueError("x")

    def refuses() -> Iterator[Finding]:
        raise KeepsightError("the log said no")

    def hangs() -> Iterator[Finding]:
        listener.accept()
        yield Finding("ok", "hangs", "")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        checks = [
            Check("one", breaks),
            Check("two", refuses),
            Check("three", hangs),
            Check("four", lambda: [Finding("ok", "four", "")]),
        ]
        found = list(examined(checks, 0.2))
        socket.create_connection(listener.getsockname()).close()
    assert [one.verdict for one in found] == ["FAIL", "FAIL", "FAIL", "ok"]
    assert [one.said for one in found[:3]] == [
        "the check itself broke: ValueError('x')",
        "the log said no",
        "no answer within 0.2 s",
    ]


def test_what_is_the_same_of_several_services_is_said_once() -> None:
    same = [Finding("ok", f"{name} log", "there") for name in ("serving", "monitor")]
    other = [replace(same[0], check="retrain log", said="away"), replace(same[0], check="retrain state", said="away")]
    store = [Finding("ok", f"{name} frame store", "there") for name in SETTINGS]
    assert only(merged(store)).check == "serving, monitor, retrain frame store"
    assert [one.check for one in merged([*same, *other])] == ["serving, monitor log", "retrain log", "retrain state"]
