"""Whose frames a key may send."""

import pytest

from contracts.keys import new_key, parse
from serving.problems import ProblemError
from serving.transport.keys import check_camera


def test_a_camera_of_others_is_refused_with_the_scope_it_needs() -> None:
    key = parse(new_key("line-3", ["camera:line-3-*", "labels"])[1], "keys").keys["line-3"]
    check_camera(key, "line-3-left")
    with pytest.raises(ProblemError) as refused:
        check_camera(key, "gate")
    assert (refused.value.kind, refused.value.more) == ("wrong-scope", {"needed": "camera:gate"})
