"""Which cause is named, which other one is doubted, and what makes most of a deviation."""

import numpy as np
import pytest

from contracts.incidents import Cause
from monitor.incidents import triage, wording
from monitor.incidents.drift_type import Told
from monitor.incidents.finding import Family, Finding, Part, Performance, Reading, Shape

MIX = (("cat", 0.5, 0.2), ("dog", 0.5, 0.8))


def shape(explained: float = 0.0, mixture: float = 0.0, image: float = 1.0, embedding: float = 4.0, entropy: float = 0.0) -> Shape:
    return Shape(np.zeros(3), 16.0, explained, mixture, image, embedding, entropy, "luma_mean", MIX)


def reading(channel: str, family: Family, ratio: float, parts: tuple[tuple[str, float], ...]) -> Reading:
    return Reading(channel, family, "self", ratio, 1.0, tuple(Part(name, 2.0, 1.0, 5.0, share) for name, share in parts))


def finding(
    camera: str = "cam-1", seen: Shape | None = None, image: float = 2.0, embedding: float = 1.0, unsure: bool = False
) -> Finding:
    readings = (
        reading("image statistics", "image", image, (("luma_mean", 0.75), ("contrast", 0.25))),
        reading("embedding", "embedding", embedding, (("embedding axis 1", 0.6), ("embedding axis 2", 0.4))),
        reading("embedding kernel", "embedding", embedding, (("kernel feature 1", 1.0),)),
        reading("softmax", "softmax", 1.5 if unsure else 0.1, (("entropy", 1.0),)),
    )
    return Finding(camera, "1", 20, 8, 0.0, readings, Performance(0.9, 0.0, 0.01, 0.0, 0.01), seen)


def cause(seen: Shape | None, told: Told | None = None, cameras: int = 3, **more: float) -> tuple[Cause, Cause | None]:
    found = [finding(f"cam-{i}", seen, **more) for i in range(cameras)]  # type: ignore[arg-type]  # ratios by name
    return triage.diagnose(found, told, cameras=cameras, pipeline=False)[:2]


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (shape(explained=0.95), "population_change"),
        (shape(mixture=1.5), "new_class"),
        (shape(image=6.0), "environment_change"),
        (shape(), "population_change"),
        (shape(entropy=0.8), "new_class"),
        (shape(explained=0.95, mixture=3.0, image=9.0), "population_change"),  # the first question decides
    ],
)
def test_each_cause_by_its_own_sign(seen: Shape, named: Cause) -> None:
    assert cause(seen) == (named, None)


@pytest.mark.parametrize(
    ("seen", "named", "other"),
    [
        (shape(explained=0.65, image=6.0), "population_change", "environment_change"),
        (shape(explained=0.55, image=6.0), "environment_change", "population_change"),
        (shape(mixture=0.4, image=6.0), "new_class", "environment_change"),
        (shape(mixture=0.3), "population_change", "new_class"),
        (shape(image=2.2), "environment_change", "population_change"),
    ],
)
def test_close_evidence_names_both_sides_and_how_to_tell_them(seen: Shape, named: Cause, other: Cause) -> None:
    assert cause(seen) == (named, other)
    (said,) = wording.doubt(named, other)
    assert said.startswith("Not sure between a")
    assert "Lay the example frames beside the reference's" in said


def test_a_mixture_that_is_still_on_its_way_may_be_anything_gradual() -> None:
    seen = shape(mixture=1.0, image=6.0)
    assert cause(seen, Told("gradual", 10.0, "", goes_on=True)) == ("environment_change", "new_class")
    assert cause(seen, Told("gradual", 10.0, "", goes_on=False)) == ("new_class", None)


def test_one_camera_among_quiet_peers_is_at_fault_unless_it_shows_other_objects() -> None:
    assert triage.looks_like_the_camera([finding(seen=shape())])
    assert triage.looks_like_the_camera([finding(seen=shape(image=6.0))])
    assert not triage.looks_like_the_camera([finding(seen=shape(explained=0.9))])
    assert not triage.looks_like_the_camera([finding(seen=shape(mixture=1.0))])
    assert triage.looks_like_the_camera([finding()])  # without a form: image statistics lead
    assert not triage.looks_like_the_camera([finding(image=0.5, embedding=2.0)])


def test_a_site_of_one_camera_doubts_the_camera() -> None:
    assert cause(shape(image=6.0), cameras=1) == ("environment_change", "camera_fault")


def test_a_new_form_of_pictures_comes_first() -> None:
    found = [finding("cam-1", shape(image=9.0)), finding("cam-2", shape(image=9.0))]
    named, other, evidence = triage.diagnose(found, None, cameras=2, pipeline=True)
    assert (named, other) == ("pipeline_change", None)
    assert evidence[0].feature == "picture form"


def test_without_a_form_the_channels_answer() -> None:
    assert cause(None) == ("environment_change", None)
    assert cause(None, image=0.5, embedding=2.0) == ("population_change", None)
    assert cause(None, image=0.5, embedding=2.0, unsure=True) == ("new_class", None)
    assert cause(None, cameras=0) == ("population_change", None)


def test_evidence_says_what_was_asked_with_its_threshold() -> None:
    evidence = triage.diagnose([finding(seen=shape(explained=0.9))], None, cameras=3, pipeline=False).evidence
    assert [e.feature for e in evidence] == ["class mix", "mixture", "image over embedding", "entropy"]
    assert evidence[0].ratio == pytest.approx(0.9 / triage.EXPLAINED, abs=1e-3)
    assert "cat 50% -> 20%" in evidence[0].detail


def test_contributions_add_up_to_at_most_one_of_each_kind_and_leave_kernel_waves_out() -> None:
    found = [finding("cam-1", shape(explained=0.8), image=3.0), finding("cam-2", shape(explained=0.8))]
    told = triage.contributions(found)
    for kind in ("feature", "class", "camera"):
        assert 0 < sum(c.share for c in told if c.kind == kind) <= 1 + 1e-9
    assert [c.name for c in told if c.kind == "camera"] == ["cam-1", "cam-2"]
    assert next(c.name for c in told if c.kind == "feature") == "luma_mean"
    assert {c.name: c.share for c in told if c.kind == "class"} == pytest.approx({"cat": 0.4, "dog": 0.4})
    assert not any("kernel" in c.name for c in told)


def test_an_estimate_is_untrusted_where_the_embedding_left_or_the_two_disagree() -> None:
    (still, _), (gone, _) = triage.estimates_of([finding(embedding=0.5)]), triage.estimates_of([finding(embedding=2.0)])
    assert (still.trusted, gone.trusted) == (True, False)
    assert triage.estimates_of([]) == ()
    new, mixed = (finding(embedding=0.5, seen=shape(explained=e, mixture=2.0)) for e in (0.0, 0.9))
    assert [triage.estimates_of([seen])[0].trusted for seen in (new, mixed)] == [False, True]
