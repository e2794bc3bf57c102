"""Camera health, frame by frame: is the camera blind, frozen, smeared, or sending something else than it used to?

A symptom is what one frame shows; the same symptom in `fault_frames` frames in a row is a fault. Symptoms are judged against the version's reference
and the camera's own past, never against absolute levels alone: a night shift's dark frames are not a fault where the reference has them.
"""

import math
from typing import Final

from contracts.events import Evidence, FrameScored
from monitor.camera import Camera
from monitor.reference import Reference

BLACK_LUMA: Final = 16.0
"""Video black: luma below it, without contrast, holds no picture."""
WHITE_LUMA: Final = 245.0
FLAT_CONTRAST: Final = 6.0
COVERED_SHARE: Final = 0.25
"""A covered lens leaves less than this share of the lowest contrast that the reference shows."""
FOCUS_SHARE: Final = 0.5
"""Sharpness below this share of the camera's own level, beside being below the reference's 2 % quantile, is out of focus."""
FOCUS_MEMORY: Final = 256
"""Frames over which the camera's own level is averaged."""
USUAL_FRAMES: Final = 32
"""Frames after which a camera's size, codec and focus count as its own."""
FROZEN_DIFFERENCE: Final = 1e-3
"""Grey levels: below it two frames are one picture; a live sensor's noise alone gives more."""

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
    if _blurred(seen.sharpness, camera, reference):
        return "out_of_focus"
    if camera.picture_frames >= USUAL_FRAMES and (frame.width, frame.height, frame.codec) != camera.picture:
        return "wrong_picture"
    return "clock_skew" if abs(frame.captured_at - frame.received_at) > clock_skew_s else ""


def _blurred(sharpness: float, camera: Camera, reference: Reference | None) -> bool:
    settled = camera.focus_frames >= USUAL_FRAMES
    if reference is None:
        return settled and sharpness < FOCUS_SHARE**2 * math.exp(camera.focus)
    own = math.exp(camera.focus) if settled else reference.sharpness_low
    return sharpness < min(reference.sharpness_low, FOCUS_SHARE * own)


def observe(frame: FrameScored, camera: Camera, symptom: str) -> None:
    """Remember a frame: the run of its symptom, and, without one, what is usual for the camera."""
    if symptom == camera.symptom:
        camera.symptom_run += 1
    else:
        camera.symptom, camera.symptom_run, camera.symptom_since = symptom, 1, frame.received_at
    camera.healthy_run = 0 if symptom else camera.healthy_run + 1
    camera.phash = frame.statistics.phash
    picture = (frame.width, frame.height, frame.codec)
    if camera.picture_frames == 0 or picture == camera.picture:
        camera.picture, camera.picture_frames = picture, min(camera.picture_frames + 1, USUAL_FRAMES)
    elif camera.picture_frames < USUAL_FRAMES:
        camera.picture, camera.picture_frames = picture, 1
    if not symptom:
        camera.focus_frames += 1
        rate = 1 / min(camera.focus_frames, FOCUS_MEMORY)
        camera.focus += rate * (math.log(1e-3 + frame.statistics.sharpness) - camera.focus)


def is_fault(camera: Camera, peers: list[Camera], fault_frames: int) -> bool:
    """Whether the symptom is confirmed. When all peers lose focus, or change their picture, together, it is no fault of this camera."""
    if not camera.symptom or camera.symptom_run < fault_frames:
        return False
    shared = camera.symptom in ("out_of_focus", "wrong_picture")
    return not (shared and peers and all(peer.symptom == camera.symptom or peer.fault == camera.symptom for peer in peers))


def evidence(camera: Camera, fault_frames: int) -> Evidence:
    """The run of its symptom, over the run that makes a fault."""
    ratio = camera.symptom_run / fault_frames
    return Evidence("camera health", camera.symptom, camera.name, ratio, camera.symptom_run, fault_frames, "frames in a row")


def accept_picture(camera: Camera) -> None:
    """What is sent now is usual from here on: the picture changed at the whole site, or a fault of this kind was reported and went on."""
    camera.picture_frames = 0
