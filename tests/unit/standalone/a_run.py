"""A run whose every promise was kept, small enough to read; tests change one thing in it."""

import msgspec

from contracts.quality import Metric, Quality
from standalone.facts import Count, Dot, Entry, Facts, Moments, Promise, Proof, SeenGate, SeenIncident, SeenVersion
from standalone.promises import judge


def quality(accuracy: float, balanced: float, recall: float) -> Quality:
    def metric(value: float) -> Metric:
        return Metric(value, value - 0.03, value + 0.03, 200)

    return Quality(metric(accuracy), metric(balanced), metric(recall), metric(0.7), metric(0.8), {})


DRIFT = SeenIncident(
    cause="population_change",
    headline="Frames of line-3 look unlike the reference: accuracy .83 -> .45 by 80 labels",
    first_headline="Frames of line-3 look unlike the reference",
    action="label the sampled frames",
    cameras=("cam-31", "cam-32", "cam-33"),
    since_s=71.0,
    opened_at_s=78.0,
    closed_at_s=170.0,
    resolution="version 2 fits what is seen now",
    false=False,
    evidence=("embedding: norm 9 against 3 on cam-31, 3.0 times its threshold",),
    effect=("accuracy 0.83 → 0.45 (95 %: 0.40 to 0.50, by 80 labels)",),
)
FAULT = SeenIncident(
    cause="camera_fault",
    headline="cam-32 is out of focus",
    first_headline="cam-32 is out of focus",
    action="clean the lens",
    cameras=("cam-32",),
    since_s=80.0,
    opened_at_s=84.0,
    closed_at_s=95.0,
    resolution="sharp again",
    false=False,
)
OLD, NEW = quality(0.83, 0.80, 0.7), quality(0.80, 0.71, 0.55)


def kept() -> Facts:
    facts = Facts(
        seed=1,
        date="2026-01-01 00:00 UTC",
        log="embedded",
        moments=Moments(live_s=30.0, switched_s=70.0, smeared_s=79.0, cleaned_s=88.0, swapped_s=160.0, ended_s=220.0),
        bootstrap_s=25.0,
        timeline=(Entry(70.0, "product switched", "poly", "world"), Entry(78.0, "incident opened", "look <b>here</b>", "bad")),
        incidents=(DRIFT, FAULT),
        gates=(SeenGate("gain", "pass", 0.3, 0.0, "accuracy gained on the new domain"),),
        versions=(
            SeenVersion(
                version="1",
                origin="bootstrap",
                digest="ab12",
                technique="head",
                trained_from={"mono": 384},
                benchmark_accuracy=0.83,
                answered=700,
            ),
            SeenVersion(
                version="2",
                origin="retrain",
                digest="cd34",
                technique="head",
                trained_from={"new": 120},
                benchmark_accuracy=0.81,
                answered=300,
            ),
        ),
        proof=Proof(
            answering={
                "mono": {"before": OLD, "during": OLD, "after": OLD},
                "poly": {"before": quality(0.4, 0.5, 0.9), "after": NEW},
            },
            shadowing={"mono": OLD, "poly": quality(0.4, 0.5, 0.9)},
        ),
        dots=tuple(Dot(30 + i / 5, f"cam-{i % 3 + 1}", i % 4 != 0, "1", False) for i in range(900)),
        frames=Count(1000, 1000),
        events=Count(1600, 1600),
        labels_posted=300,
        smeared_labelled=9,
        smeared_trained=0,
        trained_labels=240,
    )
    return msgspec.structs.replace(facts, promises=judge(facts))


def broken(facts: Facts) -> list[str]:
    return [promise.name for promise in judge(facts) if not promise.kept]


__all__ = ["DRIFT", "FAULT", "Promise", "broken", "kept", "quality"]
