"""What a video camera's records say, as a finding: each channel's ratio by scope, the features that moved most, and what CBPE and ATC tell."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from monitor.detectors.ewma import Floats
from monitor.incidents.finding import MOST_PARTS, Finding, Part, Performance, Reading
from monitor.video import almanac as almanacs
from monitor.video.aspect import SCALES, Aspect, Channel
from monitor.video.bank import State
from monitor.video.plan import Judged
from monitor.video.scene import Scene

Z_95: Final = 1.96
_HOUR: Final = SCALES.index(60)
"""The scale on which an estimate of accuracy is told: steady enough to read, and no older than the alarm."""


def finding(scene: Scene, states: Sequence[tuple[Judged, State]], accuracy: float | None) -> Finding:
    """The finding of the minute judged last. `states`: the records [1] of each aspect of the camera."""
    readings = [reading for judged, state in states for reading in _readings(judged.aspect, state, scene.minute)]
    performance = next(
        (told for judged, state in states if (told := _performance(judged.aspect, state, scene.minute, accuracy))), None
    )
    found = Finding(scene.camera, scene.version, scene.minutes, scene.above, scene.minute * 60.0, tuple(readings), performance)
    found = replace(found, departure=_departure(states, scene.minute))
    own = scene.hours.get("peer" if found.ratio("image", "peer") >= 1 else "self")
    return replace(found, course=own.course()) if own is not None else found


def ratios(states: Sequence[tuple[Judged, State]]) -> dict[str, list[float]]:
    """The newest ratios by channel, each by scope: self, then peer."""
    return {
        channel.name: [round(float(ratio), 3) for ratio in state.live["ratio"][0, c]]
        for judged, state in states
        for c, channel in enumerate(judged.aspect.channels)
    }


def _readings(aspect: Aspect, state: State, minute: int) -> list[Reading]:
    live = state.live[0]
    found = []
    for c, channel in enumerate(aspect.channels):
        for p, scope in enumerate(aspect.scopes):
            ratio, since = float(live["ratio"][c, p]), float(live["since"][c, p]) * 60
            parts = _parts(aspect, channel, c, p, state, minute)
            if parts:
                found.append(Reading(channel.name, channel.family, scope, ratio, since if ratio >= 1 else 0.0, parts))
    return found


def _parts(aspect: Aspect, channel: Channel, c: int, p: int, state: State, minute: int) -> tuple[Part, ...]:
    """The features that moved most on the channel's worst scale, largest first."""
    live, almanac = state.live[0], state.almanac[0]
    if not almanac["samples"][p]:
        return ()
    variance = almanacs.variance(almanac)
    limit = almanac["limit"][c, p]
    bank = live["bank"].astype(float)
    statistic = aspect.statistics(bank, np.maximum(variance, 1e-30))[c, p]
    scale = int(np.where(limit > 0, statistic / np.where(limit > 0, limit, 1), 0).argmax())
    moved = bank[p, scale, channel.columns]
    errors = moved / np.sqrt(variance[p, scale, channel.columns])
    level, unit = _level(aspect, state, minute)
    whole = float(np.square(errors).sum()) or 1.0
    names, normal, units = aspect.features[channel.columns], level[channel.columns], unit[p, channel.columns]
    largest = np.argsort(-np.abs(errors), kind="stable")[:MOST_PARTS]
    return tuple(
        Part(names[i], float(normal[i] + moved[i] * units[i]), float(normal[i]), float(errors[i]), float(errors[i] ** 2 / whole))
        for i in largest
    )


def _level(aspect: Aspect, state: State, minute: int) -> tuple[Floats, Floats]:
    """What the camera shows at this time of day [F], and the unit of its residuals [P, F]."""
    almanac = state.almanac
    level = almanacs.level(almanac, int(almanacs.context(aspect, minute // aspect.slot)))[0]
    return level, bank_units(aspect, state, minute)


def bank_units(aspect: Aspect, state: State, minute: int) -> Floats:
    """[P, F]: a residual of 1 in the feature's own unit."""
    spread, floor = almanacs.spread(aspect, state.almanac, minute)[0], almanacs.floor(aspect)
    own = np.sqrt(np.maximum(spread[0], floor))
    if len(spread) == 1:
        return np.asarray(own[None])
    return np.stack([own, own * np.sqrt(np.maximum(spread[1], floor / own**2))])


def _departure(states: Sequence[tuple[Judged, State]], minute: int) -> Floats | None:
    """As `Finding.departure` has it; None while the image has no history."""
    of = {judged.aspect.name: (judged.aspect, state) for judged, state in states}
    known = [of[name] for name in ("image", "embedding") if name in of and of[name][1].almanac["samples"][0, 0]]
    if not known or known[0][0].name != "image":
        return None
    return np.concatenate(
        [state.live["bank"][0, 0, _HOUR].astype(float) * bank_units(a, state, minute)[0] / np.array(a.floor) for a, state in known]
    )


def _performance(aspect: Aspect, state: State, minute: int, accuracy: float | None) -> Performance | None:
    """How CBPE and ATC moved over the last hour; None without an accuracy to start from, and while the camera warms."""
    if accuracy is None or "expected accuracy" not in aspect.features or not state.almanac["samples"][0, 0]:
        return None
    unit = bank_units(aspect, state, minute)[0, -2:]
    moved = state.live[0]["bank"][0, _HOUR, -2:].astype(float) * unit
    half = Z_95 * state.almanac[0]["deviation"][0, _HOUR, -2:].astype(float) * unit
    return Performance(accuracy, float(moved[0]), float(half[0]), float(moved[1]), float(half[1]))
