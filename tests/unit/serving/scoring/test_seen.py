"""What a version sees of a frame: prepared as its input asks, measured by the one definition, and the shadow's view beside it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts import frames as framing
from contracts.errors import FrameError
from contracts.manifest import InputSpec
from serving.models.served import Served
from serving.scoring.seen import Eye
from serving.settings import Camera
from tests.small_model import SPEC, photographs
from tests.unit.serving import parts

CONTENTS, _ = photographs(3)
VIDEO = Camera(site="yard", stream="video")


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return parts.served(tmp_path)


def test_the_view_is_the_one_definition(served: Served) -> None:
    seen = Eye().see(parts.frame(CONTENTS[0]), parts.lineup(served))
    image = framing.prepare(framing.decode(CONTENTS[0]), SPEC)
    assert np.array_equal(seen.view.pixels, image)
    assert seen.view.statistics == framing.measure(image)[0]
    assert seen.shadow is None
    assert seen.variant == "champion"


def test_video_is_compared_with_its_cameras_last_frame(served: Served) -> None:
    eye, lineup = Eye(), parts.lineup(served)

    def difference(content: bytes, camera: str, kind: Camera | None = VIDEO) -> float | None:
        return eye.see(parts.frame(content, camera, kind), lineup).view.statistics.frame_difference

    assert difference(CONTENTS[0], "gate") is None
    assert difference(CONTENTS[1], "yard") is None
    assert difference(CONTENTS[0], "gate") == 0
    assert (difference(CONTENTS[1], "gate") or 0) > 1
    assert difference(CONTENTS[0], "line", None) is None
    assert difference(CONTENTS[0], "line", None) is None


def test_the_shadow_shares_the_pixels_when_its_input_has_the_same_shape(served: Served, tmp_path: Path) -> None:
    other = parts.served(tmp_path, "2", seed=1)
    seen = Eye().see(parts.frame(CONTENTS[0]), parts.lineup(served, other, shadow="2"))
    assert seen.shadow
    assert seen.shadow.pixels is seen.view.pixels
    assert seen.shadow.served is other


def test_the_shadow_has_its_own_view_when_its_input_differs(served: Served, tmp_path: Path) -> None:
    other = parts.served(tmp_path, "2", seed=1)
    other.manifest = msgspec.structs.replace(other.manifest, input=InputSpec("image", 16, 24, "letterbox"))
    seen = Eye().see(parts.frame(CONTENTS[0], "gate", VIDEO), parts.lineup(served, other, shadow="2"))
    assert seen.shadow
    assert seen.shadow.pixels.shape == (16, 24, 3)
    assert seen.shadow.statistics.luma_mean != seen.view.statistics.luma_mean


def test_versions_with_another_decode_each_see_their_own_pixels(served: Served, tmp_path: Path) -> None:
    other = parts.served(tmp_path, "2", seed=1)
    reduced = msgspec.structs.replace(SPEC, decode="reduced")
    other.manifest = msgspec.structs.replace(other.manifest, input=reduced)
    content = photographs(1)[0][0]
    assert framing.reduction(framing.inspect(content), reduced) == 2
    for champion, shadow, of_champion, of_shadow in ((served, other, SPEC, reduced), (other, served, reduced, SPEC)):
        seen = Eye().see(parts.frame(content), parts.lineup(champion, shadow, shadow=shadow.version))
        assert seen.shadow
        assert np.array_equal(seen.view.pixels, framing.see(content, of_champion))
        assert np.array_equal(seen.shadow.pixels, framing.see(content, of_shadow))
        assert seen.shadow.statistics == framing.measure(seen.shadow.pixels)[0]


def test_a_version_does_not_shadow_itself(served: Served) -> None:
    assert Eye().see(parts.frame(CONTENTS[0]), parts.lineup(served, shadow="1")).shadow is None


def test_a_damaged_frame_is_refused(served: Served) -> None:
    frame = parts.frame(CONTENTS[0])
    frame.content = frame.content[: len(frame.content) // 2]
    with pytest.raises(FrameError):
        Eye().see(frame, parts.lineup(served))
