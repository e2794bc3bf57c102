"""The label channel: what it tolerates, when it alarms, what run it speaks of."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.quality import Metric, Quality, quality
from contracts.quality_detection import DetectionQuality
from monitor.policy import Policy
from monitor.quality.labels import Answer, LabelChannel, channel
from monitor.quality.tally import Tally

POLICY = Policy(label_tolerance=0.02, label_class_tolerance=0.05, label_arl=1000.0, labels_for_verdict=20)


def manifest(benchmark: Quality | None) -> Manifest:
    return Manifest(
        model="m", version="1", created_at=0.0, task="classification", labels=("ok", "bad"), input=InputSpec("x", 8, 8), scores="s", embedding="e",
        scores_are="logits", positive="bad", benchmark=benchmark, lineage=Lineage("import"), files={},
    )  # fmt: skip


BENCHMARK = Quality(
    Metric(0.9, 0.85, 0.94, 200), Metric(0.88, 0.8, 0.93, 200), Metric(0.8, 0.7, 0.88, 60), None, None,
    {"ok": Metric(0.94, 0.9, 0.97, 140), "bad": Metric(0.8, 0.7, 0.88, 60)},
)  # fmt: skip


def test_tolerated_errors_come_from_the_benchmark_s_bounds() -> None:
    made = channel(manifest(BENCHMARK), POLICY)
    assert made.overall is not None
    assert made.overall.tolerated == pytest.approx(0.17)
    assert {label: each.tolerated for label, each in made.classes.items()} == pytest.approx({"ok": 0.15, "bad": 0.35})


def test_a_detector_s_tolerated_loss_is_the_setting_s_else_the_benchmark_s_bound() -> None:
    judged = DetectionQuality(Metric(0.6, 0.5, 0.7, 90), Metric(0.4, 0.3, 0.5, 90), Metric(0.2, 0.15, 0.28, 90), {})
    finds = msgspec.structs.replace(manifest(None), task="detection", boxes="b", scores="", positive=None, detection=judged)
    by_benchmark, by_setting = channel(finds, POLICY), channel(finds, replace(POLICY, label_frame_loss=0.4))
    assert by_benchmark.overall is not None
    assert by_setting.overall is not None
    assert (by_benchmark.overall.tolerated, by_setting.overall.tolerated) == pytest.approx((0.3, 0.4))
    assert by_benchmark.camera_tolerated == pytest.approx(0.35)
    assert channel(msgspec.structs.replace(finds, detection=None), POLICY).overall is None


def answer(truth: str, said: str) -> Answer:
    return Answer(float(truth != said), truth, said)


def test_without_a_benchmark_it_counts_and_never_alarms() -> None:
    made = channel(manifest(None), POLICY)
    for i in range(500):
        made.take(answer("ok", "bad"), float(i))
        assert not made.alarms(POLICY)
    assert made.tally.n == 500


def feed(made: LabelChannel, n: int, error: float, seed: int, start: float = 0.0) -> int | None:
    rng = np.random.default_rng(seed)
    for i in range(n):
        truth = "bad" if rng.random() < 0.3 else "ok"
        made.take(answer(truth, truth if rng.random() >= error else ("ok" if truth == "bad" else "bad")), start + i)
        if made.alarms(POLICY):
            return i + 1
    return None


def test_good_labels_do_not_alarm_and_bad_ones_do_within_tens() -> None:
    made = channel(manifest(BENCHMARK), POLICY)
    assert feed(made, 400, 0.1, 1) is None
    found = feed(made, 400, 0.6, 2, start=400.0)
    assert found is not None
    assert 20 <= found <= 60
    assert 380 <= made.since <= 402  # the run that it speaks of began with the change
    assert made.recent.accuracy() is not None
    assert made.recent.n <= found + 20


def test_the_loss_of_one_class_alone_is_found() -> None:
    made = channel(manifest(BENCHMARK), POLICY)
    rng = np.random.default_rng(3)
    alarmed = False
    for i in range(600):
        truth = "bad" if rng.random() < 0.1 else "ok"  # overall error stays near 10 %, below what is tolerated
        made.take(answer(truth, "ok"), float(i))
        alarmed = alarmed or made.alarms(POLICY)
    assert alarmed


def test_an_alarm_is_given_once_until_a_new_episode() -> None:
    made = channel(manifest(BENCHMARK), POLICY)
    assert feed(made, 200, 0.7, 4)
    made.alarmed_at = 5.0
    assert feed(made, 200, 0.7, 5) is None
    made.new_episode()
    assert (made.episode, made.value, made.recent.n) == (2, 0.0, 0)
    assert feed(made, 200, 0.7, 6)


def test_saved_it_is_the_same() -> None:
    made = channel(manifest(BENCHMARK), POLICY)
    feed(made, 100, 0.2, 7)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=LabelChannel) == made


def test_a_tally_agrees_with_the_one_definition_of_quality() -> None:
    rng = np.random.default_rng(0)
    labels = ("ok", "bad")
    truth, said, tally = rng.integers(0, 2, 300), rng.integers(0, 2, 300), Tally()
    for t, s in zip(truth, said, strict=True):
        tally.add(labels[t], labels[s])
    expected = quality(labels, truth, np.eye(2)[said], "bad")
    found = tally.metrics("bad")
    assert found["accuracy"].value == expected.accuracy.value
    assert found["balanced_accuracy"].value == pytest.approx(expected.balanced_accuracy.value)
    assert expected.recall is not None
    assert expected.precision is not None
    assert found["recall"].value == pytest.approx(expected.recall.value)
    assert found["precision"].value == pytest.approx(expected.precision.value)
    assert found["accuracy"].low < expected.accuracy.low  # valid at any time costs width


def test_an_empty_tally_has_no_figures() -> None:
    assert Tally().metrics("bad") == {}
    assert Tally().metrics(None) == {}
