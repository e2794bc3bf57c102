"""The pipeline as it is declared, in TOML or in code: which operations, how likely, how strong, in which order; and the pipeline that is used by default.

    seed = 0
    order = "fixed"                # or "random": shuffled for each frame
    device = "auto"                # or "cpu", "gpu"
    min_visibility = 0.3           # boxes of which less is left are dropped

    [[operations]]
    name = "rotate"
    p = 0.5                        # 1 if left out
    magnitude = [-10, 10]          # the operation's usual range if left out

    [[operations]]
    some_of = 1                    # so many of these, drawn for each frame
    operations = [{ name = "gamma" }, { name = "blur", magnitude = [0, 2] }]

    [[operations]]
    name = "matched"               # here come the operations that match the measured drift, each with this p
    p = 0.3

A service checks the text at its start, so nothing here needs OpenCV or torch.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from contracts.errors import SettingsError
from retrain.augment.operations import OPERATIONS, Range

MATCHED: Final = "matched"
Device = Literal["auto", "cpu", "gpu"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_MOST: Final = 64
"""Operations that a pipeline may have, those within `some_of` counted."""


class OperationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation, applied with probability `p` and a magnitude drawn from a range, both ends included."""

    name: str
    p: Share = 1.0
    magnitude: Range | None = None


class SomeOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With probability `p`, `some_of` different ones of these operations, each as likely; applied in the pipeline's order, each with its own `p`."""

    some_of: Annotated[int, msgspec.Meta(ge=1)]
    operations: tuple[OperationSpec, ...]
    p: Share = 1.0


class Manner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a pipeline goes about it."""

    order: Literal["fixed", "random"] = "fixed"
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    min_visibility: Share = 0.3
    device: Device = "auto"


class PipelineSpec(Manner, frozen=True):
    """A whole pipeline. `parse` checks what it reads; one made in code is checked by `checked`."""

    operations: tuple[OperationSpec | SomeOf, ...] = ()


def parse(text: str) -> PipelineSpec:
    """The pipeline that a TOML text declares; the empty text declares the default. Raises SettingsError naming the operation, the value and what is allowed."""
    if not text.strip():
        return standard()
    try:
        table = msgspec.toml.decode(text.encode(), type=dict[str, Any])
        operations = _operations(table.pop("operations", []))
        manner = msgspec.convert(table, Manner)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise SettingsError(f"augmentation: {error}. See docs/augmentation.md") from error
    return checked(PipelineSpec(operations, **msgspec.structs.asdict(manner)))


def checked(spec: PipelineSpec) -> PipelineSpec:
    """The same. Raises SettingsError where a name is unknown, a magnitude out of range or a choice empty."""
    every: list[OperationSpec] = []
    for entry in spec.operations:
        every += entry.operations if isinstance(entry, SomeOf) else (entry,)
    if len(every) > _MOST:
        raise SettingsError(f"augmentation: {len(every)} operations; at most {_MOST} are allowed")
    for entry in spec.operations:
        if isinstance(entry, SomeOf) and entry.some_of > len(entry.operations):
            raise SettingsError(
                f"augmentation: some_of = {entry.some_of}, but only {len(entry.operations)} operations are given to choose from"
            )
        for one in entry.operations if isinstance(entry, SomeOf) else ():
            if one.name == MATCHED:
                raise SettingsError(f"augmentation: {MATCHED!r} stands for itself, not within some_of")
    for one in every:
        _check(one)
    return spec


def filled(spec: PipelineSpec, found: Sequence[OperationSpec]) -> PipelineSpec:
    """The pipeline with the operations that match a drift in the place of `matched`, each with that place's `p`; without the place where none were found."""
    operations: list[OperationSpec | SomeOf] = []
    for entry in spec.operations:
        if isinstance(entry, OperationSpec) and entry.name == MATCHED:
            operations += [msgspec.structs.replace(one, p=entry.p) for one in found]
        else:
            operations.append(entry)
    return checked(msgspec.structs.replace(spec, operations=tuple(operations)))


def ready(spec: PipelineSpec) -> PipelineSpec:
    """The same, checked. Raises SettingsError too where the place of the matching operations was not filled."""
    if any(isinstance(entry, OperationSpec) and entry.name == MATCHED for entry in spec.operations):
        raise SettingsError(f"augmentation: {MATCHED!r} is a place, not an operation: fill it first, with nothing if need be")
    return checked(spec)


def encode(spec: PipelineSpec) -> bytes:
    """Canonical bytes: part of the inputs that decide a training step."""
    return msgspec.json.encode(spec, order="sorted")


TRIVIAL: Final = (
    "rotate",
    "shear",
    "translate",
    "zoom",
    "perspective",
    "gamma",
    "brightness",
    "contrast",
    "saturation",
    "warmth",
    "fog",
    "blur",
    "motion_blur",
    "sharpen",
    "noise",
    "jpeg",
)
"""What TrivialAugment draws one of. The paper's posterize, solarize and equalize are left out: no camera does that."""


def standard(seed: int = 0) -> PipelineSpec:
    """The default: crop and flip, one operation of any strength (Müller and Hutter, TrivialAugment, 2021), what matches the drift, erasing."""
    return PipelineSpec(
        (
            OperationSpec("crop"),
            OperationSpec("flip", p=0.5),
            SomeOf(1, tuple(OperationSpec(name) for name in TRIVIAL)),
            OperationSpec(MATCHED, p=0.3),
            OperationSpec("erase", p=0.25),
        ),
        seed=seed,
    )


def _operations(tables: Any) -> tuple[OperationSpec | SomeOf, ...]:
    entries = msgspec.convert(tables, list[dict[str, Any]])
    return tuple(msgspec.convert(one, SomeOf) if "some_of" in one else msgspec.convert(one, OperationSpec) for one in entries)


def _check(one: OperationSpec) -> None:
    if one.name == MATCHED:
        if one.magnitude is not None:
            raise SettingsError(f"augmentation: {MATCHED!r} takes its magnitudes from the drift; leave magnitude out")
        return
    if one.name not in OPERATIONS:
        raise SettingsError(f"augmentation: no operation {one.name!r}; there are {', '.join((*OPERATIONS, MATCHED))}")
    widest = OPERATIONS[one.name].widest
    if one.magnitude is not None and not widest.low <= one.magnitude.low <= one.magnitude.high <= widest.high:
        given, allowed = list(one.magnitude), f"[{widest.low:g}, {widest.high:g}]"
        raise SettingsError(
            f"augmentation: {one.name}: magnitude {given} must rise and lie within {allowed} ({OPERATIONS[one.name].unit or 'no strength'})"
        )
