"""What a first version is asked for: defaults, and options that do not go together."""

import pytest

from contracts.errors import VersionError
from retrain.models.recipe import EFFICIENTNET
from retrain.trainer.bootstrap_order import Order, order_of

STORES = ["--repository", "r", "--frame-store", "f", "--model", "m"]


def order(*more: str, stores: list[str] = STORES, labels: str = "a, b") -> Order:
    return order_of([*stores, "--frames", "index.csv", "--labels", labels, *more], "About.")


def test_without_more_it_is_the_usual_network_at_its_usual_side() -> None:
    one = order()
    assert (one.labels, one.recipe, one.sides, one.choose, one.settings) == (("a", "b"), EFFICIENTNET, (224,), False, "")


def test_choosing_tries_the_usual_sides_of_what_is_installed() -> None:
    one = order("--choose", "--latency-ms", "5")
    assert (one.recipe, one.sides, one.latency_ms) == ("", (96, 128, 224), 5.0)
    assert order("--choose", "--sides", "64,32,64", "--recipe", "timm:x", "--recipe-weights", "w").sides == (32, 64)


def test_where_nothing_is_published_no_store_is_needed() -> None:
    assert order("--dry-run", stores=[]).repository == ""
    with pytest.raises(VersionError, match="--frame-store is missing"):
        order(stores=["--repository", "r", "--model", "m"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--side", "16"], "a side of 16: between 32 and 1024 pixels"),
        (["--side", "0"], "a side of 0"),
        (["--sides", "96"], "--sides are tried by --choose"),
        (["--choose", "--side", "96"], "with --choose name --sides"),
        (["--choose", "--sides", "96,big"], "'96,big': whole numbers"),
        (["--choose", "--sides", "32,33,34,35,36,37,38"], "at most 6"),
        (["--latency-ms", "5"], "--latency-ms is a limit above 0 for --choose"),
        (["--choose", "--latency-ms", "0"], "--latency-ms is a limit above 0"),
        (["--choose", "--latency-ms", "nan"], "--latency-ms is a limit above 0"),
        (["--recipe-weights", "w"], "name it with --recipe"),
        (["--positive", "c"], "--positive 'c' is none of the labels a, b"),
    ],
)
def test_what_does_not_go_together_is_said(more: list[str], words: str) -> None:
    with pytest.raises(VersionError, match=words):
        order(*more)


@pytest.mark.parametrize("labels", ["a", "a,a", "a,,b", ""])
def test_labels_are_two_or_more_each_once(labels: str) -> None:
    with pytest.raises(VersionError, match="give at least two, comma-separated, each once"):
        order(labels=labels)


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        order_of(["--help"], "About.\n\nMore.")
    said = capsys.readouterr().out
    assert "About.\n\nA first version" in said
    assert "keepsight train-model --frames pictures/ --labels good,bad --choose --dry-run" in said
