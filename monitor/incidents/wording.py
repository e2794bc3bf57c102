"""What an incident says to a person: a headline with what, where, since when and how much, and an action that says what to do next.

Times are UTC and carry their day: an incident may stand open for weeks. Nothing is said that was not measured; the cause is a reading, and says so.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from contracts.incidents import Cause, DriftType, Estimate, Evidence
from contracts.quality import Metric
from monitor.health import WORDS
from monitor.incidents.regimes import Regime

ACTIONS: Final[dict[Cause, str]] = {
    "environment_change": "Look at the example frames beside the reference's: light, exposure, haze or noise? Undo what can be undone. If it is to stay, label "
    "the uniformly sampled frames of these cameras: a retraining is requested as soon as labels show harm.",
    "population_change": "Look at the example frames beside the reference's: another product or batch? Label the uniformly sampled frames of these cameras: a "
    "retraining is requested as soon as labels show harm.",
    "new_class": "Look at the example frames: is there a kind of object that the model was never taught? If so, add its class and label examples: a "
    "retraining on the classes that it has cannot help.",
    "concept_drift": "Inputs look as ever while answers are wrong: ask whether the criterion changed, and check the newest labels. Retraining was requested.",
    "quality_decay": "Answers are wrong by the labels, and the inputs cannot be judged here. Check the newest labels. Retraining was requested.",
    "pipeline_change": "These cameras' pictures changed their size or codec together: ask what was deployed to cameras, gateway or encoder, and whether it "
    "can be rolled back.",
    "camera_fault": "Check the camera: lens, cable, light and mount.",
    "job_failed": "Read the job's log.",
}
MIX: Final = (
    "Ask what is being made, and whether more of one class is plausible: the evidence `class mix` names the classes. A mere change of the mix needs no "
    "new model. Label the uniformly sampled frames of these cameras: a retraining is requested as soon as labels show harm."
)
"""The action for a change of population that another mix of the known classes explains."""
FAULTS: Final[dict[str, str]] = {
    "black": "Look for a lens cap, a lamp that is off, a cable or a sensor that fails.",
    "white": "Check light and exposure: sun in the lens, a lamp too near, an exposure that was set by hand.",
    "covered": "Look what lies on the lens or stands before it.",
    "frozen": "Restart the camera or its stream: the same picture comes again and again.",
    "out_of_focus": "Clean the lens, then look at focus and mount.",
    "wrong_picture": "Ask what was changed at the camera or its encoder, and set it back: pictures of another size or codec are not "
    "what the model was measured on.",
    "clock_skew": "Set the clock of the camera or its gateway (NTP).",
    "silent": "Check power, network and whatever sends its frames.",
    "differs": "Lay its newest frames beside the reference's: dirt, a tilt or a moved lamp stays at the same place in all of them. If it only sees other "
    "objects than its peers, say so with `keepsight false-alarm`.",
}
"""What to do about a fault of single cameras."""
ASIDE: Final = "Frames of a camera at fault are kept out of training."
SITE_FAULT: Final = "All cameras of the site show it at once: check light, power and network before the lenses."
RETRAINING: Final = "Retraining was requested: nothing to do but to watch its gates. Keep labelling the sampled frames."


def labels_wanted(wanted: int) -> str:
    """The action while a burst runs."""
    return (
        f"By the model's own estimate it answers worse, which may be wrong here. Label {wanted} uniformly sampled frames that these cameras took since it "
        "began: either they confirm it, and retraining is requested, or they do not."
    )


def unconfirmed(accuracy: Metric) -> str:
    """The action after a burst that confirmed nothing."""
    return (
        f"The estimate was not confirmed by {accuracy.n} labels: accuracy {accuracy.value:.2f} [{accuracy.low:.2f}, {accuracy.high:.2f}]. Retraining is "
        "not requested; go on labelling the sampled frames, the label channel keeps watching."
    )


def at_clock(at: float) -> str:
    """An event time as day and second, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def drift_headline(
    site: str,
    cause: Cause,
    version: str,
    since: float,
    cameras: Sequence[str],
    known: int,
    lead: Evidence,
    how: str = "",
    mixed: bool = False,
) -> str:
    """The first part of a drift incident's headline; `lead` is the strongest evidence, `how` what `course` says, `mixed` as in `drift_action`."""
    what = {
        "environment_change": "sends pictures of another light or quality than version {v}'s reference",
        "population_change": "sees another mix of the classes that version {v} knows"
        if mixed
        else "sees objects unlike version {v}'s reference",
        "new_class": "seems to see something that version {v} does not know",
        "pipeline_change": "sends pictures of another size or codec, and they lie off version {v}'s reference",
    }.get(cause, "sees frames unlike version {v}'s reference")
    where = f"{', '.join(cameras)} ({len(cameras)} of {known} cameras)"
    said = f"{_named(site)} {what.format(v=version)} since {at_clock(since)} on {where}{how}"
    return f"{said}; {lead.channel}{_led(lead)} at {lead.ratio:.1f} times its limit"


def drift_action(cause: Cause, mixed: bool) -> str:
    """What to do about drift; `mixed`: another mix of the known classes explains it."""
    return MIX if mixed and cause == "population_change" else ACTIONS[cause]


def fault_action(cause: Cause, fault: str, whole_site: bool) -> str:
    """What to do about a fault of cameras, or of all of a site's at once."""
    if cause != "camera_fault":
        return ACTIONS[cause]
    return f"{SITE_FAULT if whole_site else FAULTS.get(fault, ACTIONS[cause])} {ASIDE}"


def _led(lead: Evidence) -> str:
    """The feature that leads a channel, where its name says something, and which way it went."""
    if lead.feature.startswith(("embedding", "kernel")) or lead.feature == lead.channel:
        return ""
    return f" ({lead.feature} {'up' if lead.value > lead.reference else 'down'})"


def course(drift_type: DriftType | None, before: Regime | None) -> str:
    """How the drift came, for its headline, and the regime that it was seen as `before`."""
    if before is not None:
        return f", as before: version {before.served} served this regime until {at_minute(before.until)}"
    return _CAME[drift_type] if drift_type else ""


_CAME: Final[dict[DriftType, str]] = {
    "sudden": ", suddenly",
    "gradual": ", in more and more frames",
    "incremental": ", little by little",
    "recurring": ", not for the first time",
}


def again(before: Regime | None, version: str) -> tuple[str, ...]:
    """What to do about a regime that was seen before, as sentences, while `version` serves."""
    if before is None:
        return ()
    day = at_minute(before.until)
    if before.served == version:
        return (f"It was here before, until {day}, and went away by itself under the same version.",)
    return (
        f"Version {before.served} served this regime until {day}: `keepsight rollback`, if it is the previous one, or retrain.",
    )


def doubt(cause: Cause, other: Cause | None) -> tuple[str, ...]:
    """How to tell two causes apart that the evidence does not, as sentences."""
    if other is None:
        return ()
    return (
        f"Not sure between {_CALLED[cause]} and {_CALLED[other]}. Lay the example frames beside the reference's: {_TOLD_BY[cause]}; {_TOLD_BY[other]}.",
    )


_CALLED: Final[dict[Cause, str]] = {
    "environment_change": "a change of environment",
    "population_change": "a change of population",
    "new_class": "a new class",
    "camera_fault": "a camera fault",
}
_TOLD_BY: Final[dict[Cause, str]] = {
    "environment_change": "light or haze lies over whole pictures, whatever they show",
    "population_change": "other objects, or others more often, are pictured as well as ever",
    "new_class": "a new kind of object is in some of the frames and the others are as ever",
    "camera_fault": "dirt, blur or a tilt stays at the same place in all frames of the camera",
}


def at_minute(at: float) -> str:
    """An event time as day and minute, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def label_headline(cause: Cause, version: str, since: float, cameras: Sequence[str]) -> str:
    """The first part of a label incident's headline."""
    quiet = " though its inputs look as ever" if cause == "concept_drift" else ""
    return f"Version {version} answers worse than its benchmark{quiet}, since {at_clock(since)} on {', '.join(cameras)}"


def fault_headline(cameras: Sequence[str], fault: str, since: float, site: str) -> str:
    """A fault's headline."""
    who = cameras[0] if len(cameras) == 1 else f"Each of {', '.join(cameras)}"
    return f"{who} {WORDS[fault]} since {at_clock(since)} ({_named(site)})"


def demotion(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """Why cameras write tickets only, by camera, as sentences: once where all have the same reason."""
    cameras: dict[str, list[str]] = {}
    for camera, reason in reasons.items():
        cameras.setdefault(reason, []).append(camera)
    return tuple(f"{', '.join(names)}: {reason}." for reason, names in cameras.items())


def absent(cameras: Sequence[str], since: float) -> str:
    """Why an incident is closed whose cameras are gone."""
    return f"{', '.join(cameras)}: no frame since {at_minute(since)}, so nothing can be said of it any more; they are judged again when they send"


def effect(estimates: Sequence[Estimate]) -> str:
    """What it costs, as the last part of a headline: labels speak before estimates."""
    return f"; {_effect(estimates)}"


def with_effect(headline: str, estimates: Sequence[Estimate]) -> str:
    """A headline with its last part brought up to date."""
    return headline.rsplit("; ", 1)[0] + effect(estimates)


def resolution(how: str, cameras: Sequence[str], blocks: int, highest: float, accuracy: Metric | None) -> str:
    """Why an incident is over, with its numbers."""
    quiet = f"{', '.join(cameras)} had at least {blocks} quiet blocks in a row, the highest at {highest:.2f} of its limit"
    told = f"; accuracy {accuracy.value:.2f} [{accuracy.low:.2f}, {accuracy.high:.2f}] by {accuracy.n} labels" if accuracy else ""
    return f"{how}; {quiet}{told}"


def _effect(estimates: Sequence[Estimate]) -> str:
    accuracy = [e for e in estimates if e.metric.startswith(("accuracy", "frame_f1"))]
    by_labels = [e for e in accuracy if e.kind == "labels"]
    if by_labels:
        e = by_labels[0]
        return f"{e.metric} {e.before:.2f} -> {e.now:.2f} [{e.low:.2f}, {e.high:.2f}] by {e.n} labels"
    if not accuracy:
        return "no estimate of accuracy without labels"
    e = accuracy[0]
    doubt = "" if e.trusted else " (not to be trusted: inputs have left the reference or estimates disagree)"
    return f"estimated accuracy {e.before:.2f} -> {e.now:.2f}{doubt}"


def _named(site: str) -> str:
    return site[:1].upper() + site[1:] if site else "The site"
