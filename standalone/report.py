"""Writes what a run was: `report.json` for programs and `report.html`, one file without links, for people who never saw Keepsight.

Both come from the same facts. Everything that came over the log is escaped by the template.
"""

import base64
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.quality import Quality
from standalone import promises
from standalone.facts import MOMENTS, Facts, Moment
from standalone.photographs import NOTICE, Kind
from standalone.report_plot import accuracy_svg, marks

METRICS: Final = ("accuracy", "balanced_accuracy", "recall", "auc")
KINDS: Final[tuple[Kind, ...]] = ("mono", "poly")
TITLES: Final = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "recall": "recall of defects", "auc": "AUC"}


class Picture(msgspec.Struct, frozen=True):
    """A frame as sent, what the champion said, what was true."""

    content: bytes
    said: str
    true: str
    media_type: str = "image/jpeg"

    @property
    def source(self) -> str:
        """For an <img>."""
        return f"data:{self.media_type};base64," + base64.b64encode(self.content).decode()


class Pictures(msgspec.Struct, frozen=True):
    """Frames of the line before the switch, after it, and through the smeared lens."""

    reference: tuple[Picture, ...]
    drifted: tuple[Picture, ...]
    smeared: tuple[Picture, ...]


def as_json(facts: Facts) -> dict[str, Any]:
    """The content of report.json."""
    content: dict[str, Any] = {
        "ok": facts.ok,
        "failed": list(facts.failed),
        "seed": facts.seed,
        "date": facts.date,
        "log": facts.log,
    }
    for metric in METRICS:
        content[metric] = {
            kind: {moment: value(facts.proof.answering.get(kind, {}).get(moment), metric) for moment in MOMENTS} for kind in KINDS
        }
    content["shadow"] = {kind: {metric: value(facts.proof.shadowing.get(kind), metric) for metric in METRICS} for kind in KINDS}
    content["timeline"] = [{"at_s": one.at_s, "event": one.event, "detail": one.detail} for one in facts.timeline]
    content["frames"] = {"sent": facts.frames.out, "scored": facts.frames.arrived, "lost": facts.frames.lost}
    content["events"] = {"published": facts.events.out, "consumed": facts.events.arrived, "lost": facts.events.lost}
    for name in ("incidents", "gates", "versions", "promises", "moments", "bootstrap_s", "labels_posted", "trained_labels"):
        content[name] = msgspec.to_builtins(getattr(facts, name))
    return content


def value(quality: Quality | None, metric: str) -> float | None:
    """A metric of a quality, six digits; None where there is none."""
    found = getattr(quality, metric, None)
    return None if found is None else round(found.value, 6)


def write(folder: Path, facts: Facts, pictures: Pictures) -> Path:
    """Write both reports, and the facts themselves. Returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(as_json(facts)), indent=2))
    (folder / "facts.json").write_bytes(msgspec.json.encode(facts))
    page = folder / "report.html"
    page.write_text(as_html(facts, pictures), encoding="utf-8")
    return page


def as_html(facts: Facts, pictures: Pictures) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = lambda metric: "–" if metric is None else f"{100 * metric.value:.1f}\N{NO-BREAK SPACE}%"
    environment.filters["interval"] = lambda metric: "" if metric is None else f"{100 * metric.low:.0f} to {100 * metric.high:.0f}"
    environment.filters["seconds"] = lambda at_s: "–" if at_s is None else f"{at_s:.0f} s"
    return environment.get_template("report.html.j2").render(
        facts=facts,
        pictures=pictures,
        story=story(facts),
        curve=Markup(accuracy_svg(facts)),  # drawn by us from numbers
        marks=marks(facts),
        figures=figures(facts),
        metrics=TITLES,
        moments=MOMENTS,
        kinds=KINDS,
        notice=NOTICE,
        new=facts.versions[-1].version if facts.moments.swapped_s is not None else "",
    )


def story(facts: Facts) -> str:
    """What happened, in one paragraph."""
    poly, mono = facts.proof.answering.get("poly", {}), facts.proof.answering.get("mono", {})
    told = [
        "Three cameras of an inspection line photograph solar cells; a model answers for each whether the cell is defective. "
        f"It was trained on mono-crystalline cells and is right on {_percent(mono, 'before')} of such cells that it never saw."
    ]
    if facts.moments.switched_s is not None:
        told.append(
            "Then the line switched to poly-crystalline cells, without telling anyone: on those the model is right on only "
            f"{_percent(poly, 'during')}" + (", because it takes good cells for defective ones." if _flags_too_much(poly) else ".")
        )
    if found := promises.drifts(facts):
        told.append(
            f"Keepsight noticed {found[0].opened_at_s - (facts.moments.switched_s or 0):.0f} seconds later: “{found[0].first_headline}”."
        )
    if promises.faults(facts):
        told.append("Meanwhile one lens got dirty; that was told apart, as a camera to clean and not as a model to retrain.")
    if facts.moments.swapped_s is not None:
        told.append(
            f"When late labels proved the harm, Keepsight trained a new version from {facts.trained_labels} labelled frames and cells of the old kind, "
            f"tested it against {len(facts.gates)} gates, tried it on a part of the cameras and let it take over. "
            f"It is right on {_percent(poly, 'after')} of poly and {_percent(mono, 'after')} of mono cells that no version ever learnt from."
        )
    if facts.frames.out and not facts.frames.lost:
        told.append(f"All {facts.frames.out:,} frames were answered, the swap included.")
    return " ".join(told)


def _flags_too_much(moments: dict[Moment, Quality]) -> bool:
    """Whether the error is on one side: defects are found, good cells are not believed."""
    recall = moments["during"].recall if "during" in moments else None
    return recall is not None and recall.value > moments["during"].accuracy.value + 0.1


def _short(moments: dict[Moment, Quality], moment: Moment) -> str:
    return f"{100 * moments[moment].accuracy.value:.0f}\N{NO-BREAK SPACE}%" if moment in moments else "–"


def figures(facts: Facts) -> list[tuple[str, str, str]]:
    """The headline figures: value, what it is, a remark."""
    poly, mono = facts.proof.answering.get("poly", {}), facts.proof.answering.get("mono", {})
    found = promises.drifts(facts)
    delay = f"{found[0].opened_at_s - (facts.moments.switched_s or 0):.0f} s" if found else "–"
    return [
        (
            f"{_short(poly, 'during')} → {_short(poly, 'after')}",
            "accuracy on the new product",
            "sealed cells, before and after the swap",
        ),
        (f"{_short(mono, 'before')} → {_short(mono, 'after')}", "accuracy on the old product", "what was known is kept"),
        (delay, "from the switch to the incident", "without a single label"),
        (f"{facts.frames.lost} of {facts.frames.out:,}", "frames lost", f"{facts.events.lost} of {facts.events.out:,} events lost"),
    ]


def _percent(moments: dict[Moment, Quality], moment: Moment) -> str:
    return _short(moments, moment) if moment in moments else "an unknown share"
