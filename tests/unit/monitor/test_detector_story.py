"""A detector's cameras through the judge: quiet as they are, one incident when the light goes, told in words that fit boxes."""

from functools import cache

import numpy as np
import pytest

from contracts import frames
from contracts.detections import detections, way
from contracts.events import IncidentClosed, IncidentOpened
from contracts.repository import ModelRepository
from tests.composed import composed, jpeg
from tests.monitor_house import CAMERAS, House, kinds
from tests.monitor_line import MODEL, Content, Line, Look
from tests.small_detector import LABELS, publish_small_detector, run_blobs

SIZE = {"width": 160, "height": 120}


@cache
def usual() -> Content:
    """80 composed frames that the reference has not seen."""
    return tuple(jpeg(one.image) for one in composed(80, seed=11))


@cache
def dark() -> Content:
    """The same at a third of the light."""
    return tuple(jpeg((one.image * 0.35).astype(np.uint8)) for one in composed(80, seed=11))


class DetectorLine(Line):
    """Cameras whose frames the small detector answers."""

    def publish(self, version: str, *_: object) -> None:  # type: ignore[override]  # its reference is its own
        """Publish the detector."""
        publish_small_detector(self.url, MODEL, version, contents=[jpeg(one.image) for one in composed(128, seed=1)])

    def _look(self, version: str, pool: Content) -> list[Look]:
        if (version, pool) not in self._looks:
            read = ModelRepository(self.url).read(MODEL, version)
            spec, headers = read.manifest.input, [frames.inspect(one) for one in pool]
            images = [frames.see(one, spec, header) for one, header in zip(pool, headers, strict=True)]
            rows, embedding = run_blobs(read.model, np.stack(images))
            looks = []
            for image, header, row, place in zip(images, headers, rows, read.baseline.project(embedding).round(5), strict=True):
                found = detections(row, LABELS, way(header, spec))
                assert found is not None
                looks.append(Look(frames.measure(image)[0], tuple(place.tolist()), found))
            self._looks[version, pool] = looks
        return self._looks[version, pool]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(DetectorLine(tmp_path_factory.mktemp("line")))


def test_cameras_of_a_detector_are_judged_and_the_light_that_goes_is_one_incident(house: House) -> None:
    line = house.line
    assert house.see(line.pass_by(CAMERAS, 240, usual(), **SIZE)) == []
    assert set(house.states().values()) == {"quiet"}
    said = house.see(line.pass_by(CAMERAS, 96, dark(), **SIZE))
    assert kinds(said).count("IncidentOpened") == 1
    assert isinstance(said[0], IncidentOpened)
    told = said[-1].incident  # type: ignore[union-attr]  # incidents only
    assert (told.cause, told.severity) == ("environment_change", "page")
    assert told.cameras == CAMERAS
    assert {e.channel for e in told.evidence} >= {"image statistics", "detections", "triage"}
    assert told.estimates == ()  # nobody knows how to expect a detector's quality from its scores
    assert "RetrainRequested" not in kinds(said)
    assert {c.name for c in told.contributions if c.kind == "class"} <= {*LABELS, "nothing"}
    back = house.see(line.pass_by(CAMERAS, 320, usual(), **SIZE))
    assert isinstance(back[-1], IncidentClosed)
