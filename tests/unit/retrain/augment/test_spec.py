"""What may be declared, and what is said of what may not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import SettingsError
from retrain.augment.operations import OPERATIONS
from retrain.augment.spec import OperationSpec, PipelineSpec, Range, SomeOf, encode, filled, parse, standard

ROOT = Path(__file__).parents[4]
WHOLE = """
seed = 7
order = "random"
device = "cpu"
min_visibility = 0.5

[[operations]]
name = "rotate"
p = 0.5
magnitude = [-10, 10]

[[operations]]
some_of = 1
p = 0.9
operations = [{ name = "gamma" }, { name = "blur", magnitude = [0, 2] }]

[[operations]]
name = "matched"
p = 0.3
"""


def test_everything_that_can_be_declared_is_read() -> None:
    assert parse(WHOLE) == PipelineSpec(
        (
            OperationSpec("rotate", 0.5, Range(-10, 10)),
            SomeOf(1, (OperationSpec("gamma"), OperationSpec("blur", magnitude=Range(0, 2))), 0.9),
            OperationSpec("matched", 0.3),
        ),
        order="random",
        seed=7,
        device="cpu",
        min_visibility=0.5,
    )


def test_nothing_declared_is_the_default() -> None:
    assert parse(" \n") == standard()


def test_a_comment_alone_declares_no_operation() -> None:
    assert parse("# none") == PipelineSpec()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = ", "Invalid value"),
        ("sede = 1", "unknown field `sede`"),
        ("seed = -1", "`int` >= 0"),
        ("operations = 3", "Expected `array`"),
        ("[[operations]]\nname = 'rotte'", "no operation 'rotte'; there are crop, flip,"),
        ("[[operations]]\nname = 'rotate'\np = 1.5", "<= 1.0"),
        ("[[operations]]\nname = 'rotate'\nstrength = 1", "unknown field `strength`"),
        (
            "[[operations]]\nname = 'rotate'\nmagnitude = [10, -10]",
            r"magnitude \[10.0, -10.0\] must rise and lie within \[-180, 180\]",
        ),
        ("[[operations]]\nname = 'blur'\nmagnitude = [-1, 1]", r"within \[0, 10\]"),
        ("[[operations]]\nname = 'gamma'\nmagnitude = [nan, 1]", "must rise"),
        ("[[operations]]\nname = 'flip'\nmagnitude = [0, 1]", "no strength"),
        ("[[operations]]\nsome_of = 2\noperations = [{ name = 'blur' }]", "only 1 operations are given"),
        ("[[operations]]\nsome_of = 0\noperations = []", "`int` >= 1"),
        ("[[operations]]\nsome_of = 1\noperations = [{ name = 'matched' }]", "not within some_of"),
        ("[[operations]]\nname = 'matched'\nmagnitude = [0, 1]", "from the drift"),
        ("[[operations]]\nname = 'flip'\n" * 65, "65 operations; at most 64"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(text)


def test_the_matching_operations_take_their_place() -> None:
    found = (OperationSpec("gamma", magnitude=Range(0, 1)), OperationSpec("blur", magnitude=Range(0, 2)))
    spec = filled(parse(WHOLE), found)
    assert spec.operations[2:] == (OperationSpec("gamma", 0.3, Range(0, 1)), OperationSpec("blur", 0.3, Range(0, 2)))
    assert len(filled(parse(WHOLE), ()).operations) == 2


def test_the_key_tells_pipelines_apart() -> None:
    assert encode(parse(WHOLE)) == encode(parse(WHOLE))
    assert encode(standard(1)) != encode(standard(2))


def test_every_usual_range_is_allowed() -> None:
    for operation in OPERATIONS.values():
        assert operation.widest.low <= operation.usual.low <= operation.usual.high <= operation.widest.high


def test_the_guide_lists_every_operation_and_states_the_default() -> None:
    guide = (ROOT / "docs" / "augmentation.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", guide, re.MULTILINE)
    assert rows == [
        (
            name,
            one.does,
            *((one.unit, *(f"{ends.low:g} to {ends.high:g}" for ends in (one.usual, one.widest))) if one.unit else "---"),
        )
        for name, one in OPERATIONS.items()
    ]
    (declared,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert parse(declared) == standard()


def test_checking_a_text_loads_neither_torch_nor_opencv() -> None:
    script = "import sys, retrain.augment.spec; print(sorted({'torch', 'cv2', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "[]\n"
