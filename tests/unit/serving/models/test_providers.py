"""Where a model runs, for everything that may be asked and may be there."""

import pytest

from contracts.errors import VersionError
from serving.models.providers import NAMES, Provider, choose, fallen_back

CPU, CUDA, TENSORRT = NAMES["cpu"], NAMES["cuda"], NAMES["tensorrt"]
GPU_BUILD = [TENSORRT, CUDA, CPU]


@pytest.mark.parametrize(
    ("asked", "available", "fall_back", "place", "why_not"),
    [
        ("auto", [CPU], False, "cpu", {"cuda": "not in this build", "tensorrt": "not asked for"}),
        ("auto", GPU_BUILD, False, "cuda", {"cpu": "not asked for", "tensorrt": "not asked for"}),
        ("cpu", GPU_BUILD, False, "cpu", {"cuda": "not asked for", "tensorrt": "not asked for"}),
        ("cuda", [CUDA, CPU], False, "cuda", {"cpu": "not asked for", "tensorrt": "not asked for"}),
        ("tensorrt", GPU_BUILD, False, "tensorrt", {"cpu": "not asked for", "cuda": "not asked for"}),
        ("cuda", [CPU], True, "cpu", {"cuda": "not in this build", "tensorrt": "not asked for"}),
        ("tensorrt", [CPU], True, "cpu", {"cuda": "not asked for", "tensorrt": "not in this build"}),
    ],
)
def test_the_choice_and_why_not_another(
    asked: Provider, available: list[str], fall_back: bool, place: str, why_not: dict[str, str]
) -> None:
    found = choose(asked, available, fall_back)
    assert found.place == place
    assert dict(found.reasons) == {place: "runs", **why_not}


@pytest.mark.parametrize("asked", ["cuda", "tensorrt"])
def test_what_is_asked_for_and_not_there_is_no_choice(asked: Provider) -> None:
    with pytest.raises(VersionError, match="provider is '" + asked):
        choose(asked, [CPU], False)
    with pytest.raises(VersionError, match="the session runs on CPUExecutionProvider"):
        fallen_back(choose(asked, GPU_BUILD, False), CPU, asked, False)


def test_a_session_that_did_not_start_there() -> None:
    for asked, allowed in (("auto", False), ("cuda", True)):
        found = fallen_back(choose(asked, GPU_BUILD, allowed), CPU, asked, allowed)  # type: ignore[arg-type]
        assert dict(found.reasons) == {"cpu": "runs", "cuda": "did not start", "tensorrt": "not asked for"}
    cuda = fallen_back(choose("tensorrt", GPU_BUILD, True), CUDA, "tensorrt", True)
    assert dict(cuda.reasons) == {"cuda": "runs", "tensorrt": "did not start", "cpu": "not asked for"}
    stays = choose("cuda", GPU_BUILD, False)
    assert fallen_back(stays, CUDA, "cuda", False) is stays
