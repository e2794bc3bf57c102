"""What a check finds, and how checks are run: at once, each bounded by the clock, told in the order in which they were named."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from contracts.errors import KeepsightError

Verdict = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `check` begins with the service that it is about, if it is about one; `fix` is what a person does, "" where nothing is to be done."""

    verdict: Verdict
    check: str
    said: str
    fix: str = ""

    def line(self) -> str:
        """As a person reads it."""
        return f"{self.verdict:4}  {self.check:20}  {self.said}" + (f"  -> {self.fix}" if self.fix else "")


class Check(NamedTuple):
    """`look` finds something or nothing. It may raise KeepsightError, which is a failure with the error's words."""

    name: str
    look: Callable[[], Iterable[Finding]]


def examined(checks: Sequence[Check], limit_s: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Finding]:
    """The findings of all checks, in their order. One that takes longer than `limit_s` seconds has failed; nobody waits for it any more."""
    found: list[list[Finding] | None] = [None] * len(checks)

    def run(number: int, check: Check) -> None:
        found[number] = _looked(check)

    threads = [threading.Thread(target=run, args=(number, check), daemon=True) for number, check in enumerate(checks)]
    until = clock() + limit_s
    for thread in threads:
        thread.start()
    for number, (check, thread) in enumerate(zip(checks, threads, strict=True)):
        thread.join(max(0.0, until - clock()))
        yield from found[number] or (() if found[number] is not None else (_late(check, limit_s),))


def merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Neighbours that say the same of several services as one: `serving, monitor log`."""
    held: Finding | None = None
    for one in findings:
        service, _, what = one.check.partition(" ")
        if held is not None and held.check.endswith(f" {what}") and replace(held, check="") == replace(one, check=""):
            held = replace(held, check=f"{held.check.removesuffix(f' {what}')}, {service} {what}")
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _looked(check: Check) -> list[Finding]:
    try:
        return list(check.look())
    except KeepsightError as error:
        return [Finding("FAIL", check.name, str(error), "do what the message says; docs/troubleshooting.md")]
    except Exception as error:  # a check that breaks must not hide what the others found
        return [Finding("FAIL", check.name, f"the check itself broke: {error!r}", "please report it")]


def _late(check: Check, limit_s: float) -> Finding:
    return Finding(
        "FAIL",
        check.name,
        f"no answer within {limit_s:g} s",
        "see whether what it asks hangs or is only slow: --timeout waits longer",
    )
