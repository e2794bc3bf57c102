"""Camera health, frame by frame: is the camera blind, frozen, smeared, or sending something else than it used to?

A symptom is what one frame shows; the same symptom in `fault_frames` frames in a row is a fault. Symptoms are judged against the version's reference
and the camera's own past, never against absolute levels alone: a night shift's dark frames are not a fault where the reference has them.
"""

import math
from typing import Final

from contracts.events import FrameScored
from contracts.incidents import Evidence
from monitor.camera import Camera
from monitor.items.reference import FOCUS_RUN, Reference

BLACK_LUMA: Final = 16.0
"""Video black: luma below it, without contrast, holds no picture."""
WHITE_LUMA: Final = 245.0
FLAT_CONTRAST: Final = 6.0
COVERED_SHARE: Final = 0.25
"""A covered lens leaves less than this share of the lowest contrast that the reference shows."""
FOCUS_DROP: Final = math.log(2)
"""Beside being below the reference's limit, the mean sharpness has halved against the camera's own level."""
FOCUS_DROP_ALONE: Final = math.log(4)
"""The same for a camera without a reference."""
FOCUS_MEMORY: Final = 256
"""Frames over which the camera's own level is averaged."""
USUAL_FRAMES: Final = 32
"""Frames after which a camera's size, codec and focus count as its own."""
FROZEN_DIFFERENCE: Final = 1e-3
"""Grey levels: below it two frames are one picture; a live sensor's noise alone gives more."""
NEAR_DIFFERENCE: Final = 0.1
"""Of the contrast: two pictures that differ by less, with hashes that differ in at most NEAR_BITS of 64, show one scene. Measured on neighbours in a
stream: solar cells of one kind on one mount differ by 0.87 (1 % of pairs below 0.14), one noisy scene by 0.004 to 0.03."""
NEAR_BITS: Final = 8
REPEATING_MEMORY: Final = 256
"""Frames over which the share of near repeats is averaged."""
REPEATING: Final = 0.5

WORDS: Final[dict[str, str]] = {
    "black": "sends black frames",
    "white": "is overexposed",
    "covered": "is covered",
    "frozen": "is frozen on one picture",
    "out_of_focus": "is out of focus",
    "wrong_picture": "sends another size or codec than it used to",
    "clock_skew": "has a wrong clock",
    "silent": "has stopped sending",
    "differs": "alone differs from its reference and from its peers",
}
"""The faults, as a headline says them after the camera's name."""


def symptom_of(frame: FrameScored, camera: Camera, reference: Reference | None, clock_skew_s: float) -> str:
    """What is wrong with one frame, "" when nothing is. The gravest is named."""
    seen = frame.statistics
    dark, bright = reference.luma_range if reference else (BLACK_LUMA, WHITE_LUMA)
    if seen.contrast < FLAT_CONTRAST and seen.luma_mean < min(BLACK_LUMA, dark):
        return "black"
    if seen.luma_mean > max(WHITE_LUMA, bright) or (seen.clipped_bright > 0.9 and seen.luma_mean > bright):
        return "white"
    if seen.contrast < COVERED_SHARE * (reference.contrast_low if reference else 2 * FLAT_CONTRAST):
        return "covered"
    if seen.frame_difference is not None and seen.frame_difference < FROZEN_DIFFERENCE and seen.phash == camera.phash:
        return "frozen"
    if _blurred(camera, reference):
        return "out_of_focus"
    if camera.picture_frames >= USUAL_FRAMES and (frame.width, frame.height, frame.codec) != camera.picture:
        return "wrong_picture"
    return "clock_skew" if abs(frame.captured_at - frame.received_at) > clock_skew_s else ""


def _blurred(camera: Camera, reference: Reference | None) -> bool:
    if len(camera.focus_recent) < FOCUS_RUN:
        return False
    now, settled = camera.focus_now(), camera.focus_frames >= USUAL_FRAMES
    if reference is None:
        return settled and now < camera.focus - FOCUS_DROP_ALONE
    own = camera.focus if settled else reference.focus
    return now < min(reference.focus_limit, own - FOCUS_DROP)


def sharpen(frame: FrameScored, camera: Camera) -> None:
    """Take a frame's sharpness into the newest run, before its symptom is told."""
    focus = math.log(1e-3 + max(0.0, frame.statistics.sharpness))
    camera.focus_recent = [*camera.focus_recent[1 - FOCUS_RUN :], (_taken_at(frame), focus)]


def observe(frame: FrameScored, camera: Camera, symptom: str) -> None:
    """Remember a frame: the run of its symptom, and, without one, what is usual for the camera."""
    if symptom == camera.symptom:
        camera.symptom_run += 1
    else:
        since = _taken_at(frame) if symptom != "out_of_focus" else _blurred_since(camera)
        camera.symptom, camera.symptom_run, camera.symptom_since = symptom, 1, since
    camera.healthy_run = 0 if symptom else camera.healthy_run + 1
    camera.repeating += (_repeats(frame, camera) - camera.repeating) / REPEATING_MEMORY
    camera.phash = frame.statistics.phash
    picture = (frame.width, frame.height, frame.codec)
    if camera.picture_frames == 0 or picture == camera.picture:
        camera.picture, camera.picture_frames = picture, min(camera.picture_frames + 1, USUAL_FRAMES)
    elif camera.picture_frames < USUAL_FRAMES:
        camera.picture, camera.picture_frames = picture, 1
    if not symptom:
        camera.focus_frames += 1
        rate = 1 / min(camera.focus_frames, FOCUS_MEMORY)
        camera.focus += rate * (camera.focus_recent[-1][1] - camera.focus)


def doubt(camera: Camera) -> str:
    """Why the camera's stream kind seems wrong; "" when it does not. Frames of `items` show separate objects."""
    if camera.stream != "items" or camera.repeating < REPEATING:
        return ""
    share = f"{camera.repeating:.0%} of its newest frames repeat the one before"
    return f"{share}: if it sees a continuous scene, set its stream to video; if its line stands still, send frames when an object passes"


def _repeats(frame: FrameScored, camera: Camera) -> bool:
    """Whether a frame shows the scene of the one before."""
    seen = frame.statistics
    if seen.frame_difference is None or not camera.phash or seen.frame_difference >= NEAR_DIFFERENCE * seen.contrast:
        return False
    return (int(seen.phash, 16) ^ int(camera.phash, 16)).bit_count() <= NEAR_BITS


def _taken_at(frame: FrameScored) -> float:
    """When the camera took it: a fault began with its first frame's capture, and what was captured since is kept out of training. Never after receipt."""
    return min(frame.captured_at, frame.received_at)


def _blurred_since(camera: Camera) -> float:
    """The first of the newest frames from which on all are softer than midway between the camera's level and the run's."""
    midway = (camera.focus + camera.focus_now()) / 2
    since = camera.focus_recent[-1][0]
    for at, focus in reversed(camera.focus_recent):
        if focus > midway:
            break
        since = at
    return since


def is_fault(camera: Camera, peers: list[Camera], fault_frames: int) -> bool:
    """Whether the symptom is confirmed. When the peers lose focus with it, it is no lens: drift judges it then."""
    if not camera.symptom or camera.symptom_run < fault_frames:
        return False
    if camera.symptom == "out_of_focus":
        drops = sorted(peer.focus - peer.focus_now() for peer in peers if not peer.fault)
        own = camera.focus - camera.focus_now()
        return not (drops and drops[len(drops) // 2] > own / 2)
    return True


def evidence(camera: Camera, fault_frames: int) -> Evidence:
    """The run of its symptom, over the run that makes a fault."""
    ratio, run, needed = camera.symptom_run / fault_frames, float(camera.symptom_run), float(fault_frames)
    return Evidence("camera health", camera.symptom, camera.name, round(ratio, 3), run, needed, "frames in a row")


def accept_picture(camera: Camera) -> None:
    """What is sent now is usual from here on: the change was reported, and whether it does harm is for drift and labels to tell."""
    camera.picture_frames, camera.picture_since = 0, camera.fault_since
