"""Arrays from outside: what is allowed comes out, a bomb does not."""

import io

import numpy as np
import pytest

from contracts.arrays import arrays


def _packed(**named: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **named)  # type: ignore[arg-type]
    return stream.getvalue()


def test_arrays_come_out_by_name() -> None:
    found = arrays(_packed(one=np.arange(3), two=np.array(["a", "b"])))
    assert found["one"].tolist() == [0, 1, 2]
    assert found["two"].tolist() == ["a", "b"]


def test_a_bomb_is_refused_packed() -> None:
    bomb = _packed(zeros=np.zeros(1 << 20, np.uint8))
    assert len(bomb) < 4096
    with pytest.raises(ValueError, match=r"that unpack to \d+, at most 65536 are allowed"):
        arrays(bomb, 1 << 16)


def test_pickles_are_not_opened() -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        arrays(_packed(objects=np.array([{}], dtype=object)))
