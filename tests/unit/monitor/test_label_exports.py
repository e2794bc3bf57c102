"""What labels show: per class and camera, ages, unjoined ones, and what the field's detectors would have said."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from monitor.exports import Exports
from monitor.overview import overview
from tests.monitor_house import House
from tests.monitor_line import MODEL, Line, usual


def test_labels_are_shown_by_class_camera_and_age(tmp_path: Path) -> None:
    house = House(Line(tmp_path))
    line = house.line
    house.see(line.pass_by(("cam-1", "cam-2"), 20, usual()))
    frames = [line.frame("cam-2" if i % 3 else "cam-1", usual()) for i in range(90)]
    house.see(line.label(f, f.camera == "cam-2", occurred_at=f.captured_at + 60 * i) for i, f in enumerate(frames))
    house.see(
        [line.label(frames[0], True), line.label(frames[1], True), line.label(line.frame("cam-1", usual()), True, predictions=())]
    )
    view = overview(MODEL, house.policy, house.memory, house.standards)
    labels = view.versions["1"]
    assert list(labels["worst_cameras"]) == ["cam-1", "cam-2"]
    assert labels["unused_labels"] == {"labelled again": 1, "corrected": 1}
    registry = CollectorRegistry()
    exports = Exports(registry, MODEL, house.standards.families)
    exports.show(view)
    exports.show(view)  # twice is the same

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"keepsight_monitor_{name}", {"model": MODEL, **labels})

    assert value("camera_quality_top", camera="cam-1", metric="accuracy", bound="value") == 1 / 30
    assert value("camera_quality_top", camera="cam-2", metric="accuracy", bound="value") == 1.0
    recall = value("class_quality", version="1", **{"class": "china"}, metric="recall", bound="value")
    low, high = (
        value("class_quality", version="1", **{"class": "china"}, metric="recall", bound=bound) for bound in ("low", "high")
    )
    assert low is not None
    assert recall is not None
    assert high is not None
    assert low < recall < high
    assert value("label_age_seconds", version="1", quantile="0.5") == 60 * 57
    assert value("label_age_seconds", version="1", quantile="0.9") == 60 * 82
    assert value("labels_unjoined") == 1
    assert value("labels", version="1") == 90
    assert view.versions["1"]["cross_check"] == {}  # river's defaults find nothing within 90 labels from a start
