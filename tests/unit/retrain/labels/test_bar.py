"""A bar on a terminal, nothing in a file, and not more often than a person sees."""

import io

from retrain.labels.bar import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_that_is_rewritten() -> None:
    out, now = Terminal(), [0.0]
    bar = Bar(out, lambda: now[0])
    tick = bar.named("labels")
    for done in range(1000):
        now[0] += 0.001
        tick(done, 2000)
    said = out.getvalue()
    assert said.count("\r") == 10
    assert said.endswith("900 of 2,000\x1b[K")
    assert "\n" not in said
    bar.end()
    assert out.getvalue().endswith("\r\x1b[K")


def test_elsewhere_nothing_is_written() -> None:
    out = io.StringIO()
    bar = Bar(out, lambda: 0.0)
    bar.named("labels")(1, 2)
    bar.end()
    assert out.getvalue() == ""


def test_nothing_to_do_is_no_division() -> None:
    out = Terminal()
    Bar(out, lambda: 0.0).named("labels")(0, 0)
    assert "0 of 0" in out.getvalue()
