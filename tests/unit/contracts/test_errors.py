"""The tree of errors is the one its docstring draws."""

import re

from contracts import errors
from contracts.errors import FrameError, KeepsightError


def drawn() -> dict[str, str]:
    """Each class in the docstring's tree with the class above it."""
    above, parents = {0: "KeepsightError"}, {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth = len(found[1]) // 4
            parents[found[2]] = above[depth]
            above[depth + 1] = found[2]
    return parents


def test_the_docstring_draws_the_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KeepsightError)]
    assert {kind.__name__: kind.__bases__[0].__name__ for kind in kinds if kind is not KeepsightError} == drawn()


def test_a_frame_error_carries_its_reason() -> None:
    error = FrameError("truncated", "the frame ends too early")
    assert (error.reason, str(error)) == ("truncated", "the frame ends too early")
