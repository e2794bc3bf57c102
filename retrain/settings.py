"""The settings of the retrain service: section `[retrain]` of the settings file. Each default says where it comes from where that is not plain."""

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from apscheduler.triggers.cron import CronTrigger
from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from contracts.errors import SettingsError
from retrain.augment.spec import parse
from retrain.launch.settings import LaunchSettings
from retrain.request import Device, GatePolicy, Technique
from retrain.rollout.guards import GuardLimits
from retrain.rollout.states import Approval, Plan
from retrain.trigger.cost import Costs
from retrain.trigger.policy import Limits

_DAY_S = 86_400.0
Share = Annotated[float, Field(ge=0, le=1)]


class RetrainSettings(LaunchSettings):
    """When a model is retrained, on what, and how a new version reaches the cameras."""

    section: ClassVar[str] = "retrain"

    host: str = Field("127.0.0.1", description="Address for /livez, /readyz and /metrics.")
    port: int = Field(8082, ge=0, le=65_535, description="Port for /livez, /readyz and /metrics; 0 takes a free one.")
    state_url: str = Field(
        "",
        repr=False,
        description="PostgreSQL for the state instead of the folder `state`, where retrain services of one model run on several hosts: "
        "postgresql://user@host:5432/database. See docs/replicas.md.",
    )
    state_password: str = Field("", repr=False, description="Password of its user. Better as a secret file: see docs/settings.md.")
    tick_s: float = Field(1.0, gt=0, description="Seconds between two looks at jobs and rollouts.")

    cooldown_s: float = Field(_DAY_S, ge=0, description="Seconds after a run before the next may start.")
    rejected_cooldown_s: float = Field(
        3 * _DAY_S,
        ge=0,
        description="Seconds after a run whose candidate was refused, failed or was rolled back; doubled each time in a row.",
    )
    rejected_cooldown_max_s: float = Field(14 * _DAY_S, ge=0, description="Seconds that the doubled cooldown reaches at most.")
    runs_per_week: int = Field(7, ge=1, description="Training runs started in seven days at most (a person's request passes).")
    device_minutes_per_month: float = Field(
        2000.0,
        ge=0,
        description="Minutes of devices that training may take in 30 days, processes times their devices (a person's request passes); 0: no limit. "
        "The default is a run of an hour every day and a tenth more.",
    )
    recurs_offer_s: float = Field(
        _DAY_S,
        ge=0,
        description="Seconds that a person has to bring back the archived version that was champion when the same was seen before; then a new one is trained.",
    )
    cost_error: float = Field(
        0.0,
        ge=0,
        description="Cost of a wrong answer, in any currency. Above 0 a retraining must pay, see docs/retraining.md; 0: nothing is weighed.",
    )
    cost_label: float = Field(0.0, ge=0, description="Cost of a label that is still to be made, in that currency.")
    cost_device_hour: float = Field(0.0, ge=0, description="Cost of a device's hour, in that currency.")
    cost_horizon_days: float = Field(30.0, gt=0, description="Days over which the wrong answers of today's harm are counted.")
    frames_per_day: float = Field(0.0, ge=0, description="Frames answered in a day by all cameras together, for the cost rule.")
    calendar: str = Field(
        "", description="Retrain regularly: a cron expression in UTC (`0 3 * * 1`: Mondays at three). Empty: never."
    )
    operator_window_s: float = Field(
        7 * _DAY_S,
        gt=0,
        description="A person's or the calendar's request takes labels of frames this recent; all labels where those are too few.",
    )

    labels_wanted: int = Field(
        200,
        ge=1,
        description="Uniformly sampled labels from the changed domain before a job starts; with 200 a linear probe recovered (docs).",
    )
    new_class_labels: int = Field(
        50,
        ge=1,
        description="Labels of a class in `new_classes` that confirm an open incident of a new class and start a retraining.",
    )
    new_class_recordings: int = Field(3, ge=1, description="Stretches of a minute of a camera that they must come from, at least.")
    labels_more: int = Field(50, ge=1, description="New labels before a job that the training process held is tried again.")
    min_train_per_class: int = Field(
        300, ge=1, description="Labelled frames of each class in the training set, replayed ones included."
    )
    min_gate: int = Field(50, ge=1, description="New labelled frames in the gate set; fewer leave the gain inconclusive.")
    gates: GatePolicy = Field(
        "small_sets",
        description="What the gates allow: `strict` passes what is shown and is inconclusive where frames are too few to show it, `small_sets` has "
        "allowances for some 200 labels. docs/gates.md has the limits and the error rates of both.",
    )
    techniques: Annotated[tuple[Technique, ...], NoDecode] = Field(
        (),
        description="What is tried beside a new head alone, as `lp_ft,full,scratch`; `head_only` tries nothing else. Empty: the rule of docs/training.md "
        "decides.",
    )
    recipe: str = Field(
        "",
        description="The network that the champion is, where its lineage does not say: an imported graph can be fine-tuned only with its network "
        "named (docs/training.md). Of a detector that was imported: the network that is trained in its place (docs/detection.md).",
    )
    recipe_weights: str = Field("", description="A safetensors file that the recipe begins from, where it needs one.")
    device: Device = Field("auto", description="Where networks train: `cuda`, `cpu`, or `auto`, a GPU where there is one.")
    training_budget_s: float = Field(
        3600.0,
        ge=0,
        description="Seconds that all techniques of a run may take together. What will not fit is given up after its first steps; 0: the head alone.",
    )
    augment: str = Field(
        "",
        description="A file with the augmentation of fine-tuning, as docs/augmentation.md describes; empty: the default pipeline.",
    )
    replay_share: Share = Field(0.25, description="Least share of replayed old frames in the training set, against forgetting.")
    threads: int = Field(1, ge=1, description="Threads of the training process.")
    devices: int = Field(
        1, ge=1, description="Devices that train together: as many processes of one host under torchrun. See docs/training.md."
    )
    seed: int = Field(0, ge=0, description="Seed of the training process.")

    attempts: int = Field(3, ge=1, description="Attempts of a job whose process dies, before an incident is opened.")
    retry_delay_s: float = Field(10.0, ge=0, description="Seconds before a dead training process is started again.")
    job_timeout_s: float = Field(
        21_600.0, gt=0, description="Seconds after which a training process is killed and counted as dead."
    )
    lease_s: float = Field(
        15.0,
        gt=0,
        description="Seconds that the job of a service that was killed, froze or was cut off is left alone before another goes on with it.",
    )
    stop_grace_s: float = Field(10.0, ge=0, description="Seconds that a training process gets to stop when the service stops.")

    approval: Approval = Field(
        "auto",
        description="Who lets a version begin its rollout. auto: nobody, where every gate passed; where one could not tell, the job waits for more labels. "
        "on_inconclusive: a person, where a gate could not tell. always: a person.",
    )
    shadow_frames: int = Field(500, ge=1, description="Frames that a version must score in the shadow.")
    shadow_s: float = Field(1800.0, ge=0, description="Least seconds in the shadow.")
    canary_shares: Annotated[tuple[float, ...], NoDecode] = Field(
        (0.01, 0.05, 0.25, 0.5),
        description="Rising shares of the cameras that the version answers, step by step, as `0.01,0.05,0.25,0.5`.",
    )
    canary_frames: int = Field(500, ge=1, description="Frames that it must answer in each canary step.")
    canary_s: float = Field(3600.0, ge=0, description="Least seconds in each canary step.")
    watch_frames: int = Field(500, ge=1, description="Frames that the new champion must answer before its rollout is over.")
    watch_s: float = Field(_DAY_S, ge=0, description="Seconds that the new champion is watched, its parent in the shadow.")
    camera_live_s: float = Field(300.0, gt=0, description="A camera whose last frame is older than this holds no canary step.")
    shadow_previous_after_stable: bool = Field(
        False, description="Keep the old champion in the shadow after the watch, for comparison."
    )
    rollback_deadline_s: float = Field(
        60.0,
        gt=0,
        description="Seconds in which every server should follow a step; those that do not are named then, and of a rollback, which should put the old "
        "version back everywhere, an alert is raised.",
    )
    server_silent_s: float = Field(
        60.0, gt=20, description="A server whose last report is older than this is silent: a rollback waits for it, and names it."
    )
    server_gone_s: float = Field(
        900.0, gt=20, description="A server that was silent this long without a farewell is taken for gone: nothing waits for it."
    )

    mlflow_url: str = Field(
        "",
        description="Tracking server that every ended rollout is mirrored to, such as http://mlflow:5000; nothing is read from it. Empty: none. See "
        "docs/model-versions.md.",
    )
    mlflow_token: str = Field("", repr=False, description="Bearer token for it. Better as a secret file: see docs/settings.md.")

    guard_alpha: float = Field(
        0.01, gt=0, lt=1, description="Share of good versions that the sequential guards may roll back, at most."
    )
    guard_error_share: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Share of frames on which a version may fail beyond its parent (no answer, or values that are not finite), for the sequential guard.",
    )
    guard_error_limit: Share = Field(0.05, description="Hard limit of that share: above it, back at once.")
    guard_error_frames: int = Field(20, ge=1, description="Frames before that limit acts.")
    guard_invalid_share: float = Field(
        0.01, gt=0, lt=1, description="Share of invalid answers that the sequential guard tolerates."
    )
    guard_invalid_limit: Share = Field(0.1, description="Hard limit of the share of invalid answers: above it, back at once.")
    guard_disagreement_limit: Share = Field(
        0.95,
        description="Hard limit of the share of frames on which version and parent differ. After a drift they should differ often.",
    )
    guard_limit_frames: int = Field(50, ge=1, description="Frames before a hard limit acts.")
    guard_low_confidence: Share = Field(0.2, description="An answer is unsure below 1/K + this x (1 - 1/K), for K classes.")
    guard_low_confidence_tolerance: Share = Field(
        0.05,
        description="Rise of the unsure share over what the same camera showed in the shadow (its upper 99 % bound) that is tolerated.",
    )

    @field_validator("techniques", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.strip().startswith("[") else [part.strip() for part in value.split(",") if part.strip()]

    @field_validator("canary_shares", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.strip().startswith("[") else [float(part) for part in value.split(",") if part.strip()]

    @field_validator("canary_shares")
    @classmethod
    def _rising(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)) or not 0 < value[0] <= value[-1] <= 1:
            raise ValueError("canary shares must rise, above 0 and up to 1")
        return value

    @field_validator("mlflow_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("give an address as http://host:5000")
        return value

    @field_validator("calendar")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value:
            CronTrigger.from_crontab(value, timezone="UTC")
        return value

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        if self.cost_error and not self.frames_per_day:
            raise ValueError(f"cost_error is {self.cost_error:g}, and frames_per_day is 0: the cost rule needs both")
        return self

    def augmentation(self) -> str:
        """The text of the file `augment`, checked. Raises SettingsError where it cannot be read, or declares no pipeline that can be used."""
        if not self.augment:
            return ""
        try:
            text = Path(self.augment).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"augment: {self.augment} cannot be read: {error}") from error
        parse(text)
        return text

    def limits(self) -> Limits:
        """What trigger/policy.py decides with."""
        return Limits(
            cooldown_s=self.cooldown_s,
            rejected_cooldown_s=self.rejected_cooldown_s,
            rejected_cooldown_max_s=self.rejected_cooldown_max_s,
            runs_per_week=self.runs_per_week,
            labels_wanted=self.labels_wanted,
            labels_more=self.labels_more,
            device_minutes_per_month=self.device_minutes_per_month,
            recurs_offer_s=self.recurs_offer_s,
            costs=self.costs(),
        )

    def costs(self) -> Costs | None:
        """What trigger/cost.py weighs; None while no error costs anything."""
        if not self.cost_error:
            return None
        return Costs(self.cost_error, self.cost_label, self.cost_device_hour, self.frames_per_day, self.cost_horizon_days)

    def plan(self) -> Plan:
        """What rollout/states.py decides with."""
        return Plan(
            shadow_frames=self.shadow_frames,
            shadow_s=self.shadow_s,
            shares=self.canary_shares,
            canary_frames=self.canary_frames,
            canary_s=self.canary_s,
            watch_frames=self.watch_frames,
            watch_s=self.watch_s,
            rollback_deadline_s=self.rollback_deadline_s,
            shadow_previous=self.shadow_previous_after_stable,
        )

    def guards(self) -> GuardLimits:
        """What rollout/guards.py decides with."""
        return GuardLimits(
            alpha=self.guard_alpha,
            error_share=self.guard_error_share,
            error_limit=self.guard_error_limit,
            error_frames=self.guard_error_frames,
            invalid_share=self.guard_invalid_share,
            invalid_limit=self.guard_invalid_limit,
            disagreement_limit=self.guard_disagreement_limit,
            limit_frames=self.guard_limit_frames,
            low_confidence=self.guard_low_confidence,
            low_confidence_tolerance=self.guard_low_confidence_tolerance,
        )
