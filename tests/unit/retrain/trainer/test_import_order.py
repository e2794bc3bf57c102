"""What `keepsight import-model` is asked for, and the step that it names next."""

import pytest

from retrain.trainer.import_order import order_of

ARGUMENTS = [
    "m.onnx",
    "--name",
    "doors",
    "--labels",
    "open,shut",
    "--reference",
    "pictures",
    "--repository",
    "r",
    "--frame-store",
    "f",
]


@pytest.mark.parametrize(
    ("more", "where"), [([], ""), (["--settings", "my house/keepsight.toml"], " --settings 'my house/keepsight.toml'")]
)
def test_the_next_step_is_for_the_house_that_was_named(more: list[str], where: str) -> None:
    order = order_of([*ARGUMENTS, *more], "Makes a version.")
    assert order.next_step("1", "1") == f"It is the champion. Next: keepsight up{where}"
    later = order.next_step("2", "1")
    assert later.startswith("The champion is still version 1.")
    assert later.endswith(f"keepsight promote 2 --reason WHY{where}")
