"""A night for the console's pages: a fleet in all its states, incidents from their first word to their last, what a report has to draw, and stored frames."""

from collections.abc import Sequence
from typing import Any

import cv2
import msgspec
import numpy as np

from contracts.events import Acknowledge, Decided, IncidentClosed, IncidentOpened, IncidentUpdated, RetrainRequested
from contracts.incidents import Contribution, Estimate, Evidence, Incident
from monitor.camera_detail import CameraDetail, ChannelView
from monitor.identity import derived_id
from monitor.overview import STATES, CameraView, Overview
from monitor.report.paths import path_of
from monitor.report.shapes import Shape
from tests.console_house import MODEL, NOW, ConsoleHouse

REASONS = {
    "warming": "the first block of 64 frames is not full: at least 12 are there",
    "suspect": "above a limit, not yet confirmed",
    "drifted": "9 blocks in a row above a limit",
    "fault": "out_of_focus",
    "no_verdict": "its baseline has 12 frames, 96 are needed to calibrate limits",
    "away": "it sent nothing lately",
    "audit": "an audit camera is counted, never judged",
}
ACCURACY = {"value": 0.942, "low": 0.931, "high": 0.953, "n": 1200}


def camera(number: int, state: str = "quiet", site: str = "hall 2", name: str = "") -> CameraView:
    """The n-th camera."""
    worst = {"drifted": 2.81, "suspect": 1.12}.get(state, 0.31 + number % 7 / 20)
    return CameraView(
        camera=name or f"belt-{number}", site=site, state=state, version="1", frames={"frames": 48_200 + number, "judged": 48_100, "late": 3}, blocks=751,
        last_at=NOW - 3 - number % 9, worst=worst, ratios={"embedding": worst, "luma_mean": worst / 2, "softmax": 0.4}, reason=REASONS.get(state, ""),
    )  # fmt: skip


def overview(cameras: Sequence[CameraView], **changes: Any) -> Overview:
    """The monitor's overview of these."""
    version = {
        "unjudged": "", "labels": 212, "realised": {"accuracy": {"value": 0.858, "low": 0.802, "high": 0.905, "n": 212}}, "label_evidence": 0.4,
        "unused_labels": {}, "benchmark": {"accuracy": ACCURACY, "balanced_accuracy": {**ACCURACY, "value": 0.938}},
        "estimated": {"value": 0.883, "low": 0.861, "high": 0.905, "cameras": len(cameras), "beyond": 2, "agrees": True},
    }  # fmt: skip
    seen = Overview(
        model=MODEL, champion="1", watermark=NOW - 3, versions={"1": version}, cameras=sorted(cameras, key=lambda one: one.camera), incidents=[], marks=[],
        events={}, made_at=NOW - 2, lag=12,
    )  # fmt: skip
    return msgspec.structs.replace(seen, **changes)


def fleet(count: int) -> list[CameraView]:
    """So many cameras of a hundred sites at most, a few of each state."""
    return [camera(n, STATES[n % len(STATES)] if n % 50 < len(STATES) else "quiet", f"hall {n % 100 + 1}") for n in range(count)]


def incident(number: int, **changes: Any) -> Incident:
    """The n-th incident."""
    incident_id = derived_id(NOW - 600 * number, "incident", number)
    plain = Incident(
        incident_id=incident_id, cause="environment_change", severity="page", site="hall 2", cameras=("belt-1", "belt-2"), version="1",
        headline="Hall 2 sends pictures of another light or quality than version 1's reference since 2025-06-15 14:50:40 UTC on belt-1, belt-2 "
        "(2 of 12 cameras), suddenly; embedding at 2.8 times its limit; accuracy 0.94 -> 0.86 [0.80, 0.91] by 212 labels",
        action="Look at the example frames beside the reference's: light, exposure, haze or noise? Undo what can be undone.", since=NOW - 960,
        opened_at=NOW - 600, drift_type="sudden", report=path_of(incident_id), labels_wanted=200, labels_have=140,
        evidence=(
            Evidence("embedding", "axis 3", "belt-1", 2.81, 3.41, 0.12), Evidence("luma_mean", "luma_mean", "belt-2", 1.94, 61.2, 118.4, "grey levels"),
        ),
        estimates=(
            Estimate("accuracy", "labels", 0.942, 0.858, 0.802, 0.905, 212), Estimate("accuracy (CBPE)", "estimate", 0.942, 0.883, 0.861, 0.905, 40, False),
        ),
        contributions=(Contribution("feature", "luma_mean", 0.61), Contribution("camera", "belt-1", 0.55), Contribution("class", "flower", 0.12)),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def opened(one: Incident, at: float = 0.0) -> IncidentOpened:
    at = at or one.opened_at
    return IncidentOpened(event_id=derived_id(at, one.incident_id, "opened"), occurred_at=at, model=MODEL, incident=one)


def updated(one: Incident, at: float, why: str = "evidence") -> IncidentUpdated:
    number = derived_id(at, one.incident_id, why)
    return IncidentUpdated(event_id=number, occurred_at=at, model=MODEL, incident=one, why=why)  # type: ignore[arg-type]  # one of the three


def closed(
    one: Incident, at: float, resolution: str = "belt-1, belt-2 had 30 quiet blocks in a row", false_alarm: bool = False
) -> IncidentClosed:
    number = derived_id(at, one.incident_id, "closed")
    return IncidentClosed(
        event_id=number, occurred_at=at, model=MODEL, incident=one, resolution=resolution, false_alarm=false_alarm
    )


def decided(number: int, kind: str, ago_s: float, **facts: object) -> Decided:
    """A row of retrain's ledger."""
    at = NOW - ago_s
    return Decided(
        event_id=derived_id(at, "row", number), occurred_at=at, model=MODEL, sequence=number, kind=kind, body=msgspec.json.encode(facts).decode(), hash="0" * 64
    )  # fmt: skip


def detail(view: CameraView, **changes: Any) -> CameraDetail:
    """A camera as the monitor's loop sees it."""
    course = tuple((NOW - 86_400 + 1800 * n, 0.2 + 0.05 * (n % 3) + max(0, n - 40) * 0.35) for n in range(48))
    plain = CameraDetail(
        view=view, stream="items", picture=(1280, 960, "jpeg"), course=course, faults=((NOW - 90_000, NOW - 88_200),), labels=61,
        channels=(
            ChannelView("embedding", "embedding", view.worst, 9 if view.worst >= 1 else 0, NOW - 960 if view.worst >= 1 else 0.0),
            ChannelView("luma_mean", "image", 0.71), ChannelView("softmax", "softmax", 0.4),
        ),
        realised={"accuracy": {"value": 0.83, "low": 0.71, "high": 0.92, "n": 61}},
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def drawn() -> tuple[Shape, ...]:
    """What a report has to draw."""
    at = np.linspace(-3, 3, 24)
    usual, moved = (np.exp(-((at - shift) ** 2) / 0.8) for shift in (-0.8, 1.2))
    before, now = (tuple(float(v) for v in side / side.sum()) for side in (usual, moved))
    return (
        Shape("luma_mean", 0.81, now, before, 40.0, 160.0),
        Shape("embedding 3", 0.62, before, now, -2.5, 4.1),
        Shape("sharpness", 0.41, before, tuple(reversed(before)), 2.0, 9.5),
        Shape("predicted class", 0.22, (0.6, 0.4), (0.38, 0.62), classes=("china", "flower")),
    )


def part(number: int, dark: bool) -> bytes:
    """A drawn photograph: a hexagonal nut on a belt, by day or under a lamp that fails."""
    rng = np.random.default_rng(number)
    picture = np.full((240, 320, 3), (150, 146, 140), np.uint8)
    for x in range(0, 320, 40):
        cv2.line(picture, (x, 0), (x - 30, 240), (138, 134, 128), 2)
    turn, (cx, cy) = rng.uniform(0, 60), rng.integers((120, 90), (200, 150))
    corners = [(cx + 62 * np.cos(np.radians(turn + 60 * k)), cy + 62 * np.sin(np.radians(turn + 60 * k))) for k in range(6)]
    cv2.fillPoly(picture, [np.array(corners, np.int32)], (176, 182, 190))
    cv2.polylines(picture, [np.array(corners, np.int32)], True, (92, 98, 106), 3, cv2.LINE_AA)
    cv2.circle(picture, (int(cx), int(cy)), 30, (112, 110, 106), -1, cv2.LINE_AA)
    light = np.linspace(0.55, 0.25, 320)[None, :, None] if dark else np.linspace(1.1, 0.95, 320)[None, :, None]
    noisy = picture * light + rng.normal(0, 7 if dark else 3, picture.shape)
    return cv2.imencode(".jpg", noisy.clip(0, 255).astype(np.uint8))[1].tobytes()


def night(house: ConsoleHouse, names: str = "belt-1") -> Incident:
    """The whole story; returns the incident that pages. `names` is what its first camera calls itself."""
    states = {
        "belt-1": "drifted",
        "belt-2": "drifted",
        "gate-1": "fault",
        "gate-2": "suspect",
        "dock-3": "warming",
        "dock-4": "no_verdict",
        "dock-5": "away",
    }
    cameras = [
        camera(n, state, "hall 2" if name.startswith("belt") else "hall 7", name) for n, (name, state) in enumerate(states.items())
    ]
    cameras += [camera(n, "quiet", f"hall {n % 4 + 4}") for n in range(10, 64)]
    house.overview = overview(cameras)
    now = [house.frame(part(n, dark=True), names) for n in range(4)]
    before = [house.frame(part(n, dark=False), names) for n in range(10, 14)]
    for n, card in enumerate(before):  # taken the day before
        house.store.put(msgspec.structs.replace(card, captured_at=NOW - 90_000 + n), part(n + 10, dark=False))
    first = incident(
        1,
        cameras=(names, "belt-2"),
        examples=tuple(card.path for card in now),
        reference_examples=tuple(card.path for card in before),
    )
    fault = incident(
        2, cause="camera_fault", severity="ticket", site="hall 7", cameras=("gate-1",), headline="Gate-1 of hall 7 is out of focus since 2025-06-15 14:31 UTC",
        action="Clean the lens, then look at focus and mount. Frames of a camera at fault are kept out of training.", estimates=(), contributions=(),
        evidence=(Evidence("camera health", "out_of_focus", "gate-1", 1.0, 12, 12, "frames in a row"),), drift_type=None, report="", since=NOW - 2100,
        opened_at=NOW - 1900, labels_wanted=0, examples=(), reference_examples=(), acknowledged_by="Ada",
    )  # fmt: skip
    over = incident(
        3,
        headline="Hall 5 sees another mix of the classes that version 1 knows since 2025-06-12 03:10 UTC",
        cause="population_change",
        severity="ticket",
    )
    ticket = msgspec.structs.replace(first, severity="ticket", cameras=(names,), opened_at=NOW - 600)
    key = {"event_id": derived_id(NOW - 300, "request"), "occurred_at": NOW - 300, "model": MODEL}
    house.take(
        opened(over, NOW - 300_000), closed(over, NOW - 250_000), opened(fault), opened(ticket), updated(first, NOW - 420),
        RetrainRequested(**key, request_key="key-1", version="1", reason="harm of 6 points (95 % 3 to 9) over 212 labels", incident_id=first.incident_id),  # type: ignore[arg-type]
        house.job(1, "held", 280, hold="labels", detail="212 of 300 labels"),
        Acknowledge(event_id=derived_id(NOW - 1500, "ack"), occurred_at=NOW - 1500, model=MODEL, incident_id=fault.incident_id, by="Ada", reason="on my way"),
        decided(41, "job_advanced", 280, job=house.job(1, "held").job_id, state="held", hold="labels", why="212 of 300 labels"),
        decided(42, "command_refused", 200, command="approve", by="Ben", why="version 2 waits for nobody"),
    )  # fmt: skip
    house.shapes[first.incident_id] = drawn()
    house.details["belt-1"] = detail(
        house.overview.cameras[0] if house.overview.cameras[0].camera == "belt-1" else camera(0, "drifted", name="belt-1"),
        newest=tuple(card.path for card in now), before=tuple(card.path for card in before),
    )  # fmt: skip
    return first
