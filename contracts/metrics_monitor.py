"""The metrics that the monitor exports, by name. No camera label but for the bounded top list: a fleet's cameras would swamp Prometheus."""

from contracts.metrics import Spec

EVENTS = Spec(
    "keepsight_monitor_events_total",
    "counter",
    "Records taken from the log since the process started, by topic and fate (judged, dead).",
    ("topic", "fate"),
)
FRAMES = Spec(
    "keepsight_monitor_frames",
    "gauge",
    "Frames of all cameras by what became of them (judged, repeats, late, audit, shadow, candidate, incomplete, faulted, and frames: all but repeats), "
    "over the life of the state.",
    ("fate",),
)
ACTIVE = Spec(
    "keepsight_monitor_active",
    "gauge",
    "1 while this replica is the one that judges the model's cameras, 0 while it stands by.",
    ("model",),
)
LAG_RECORDS = Spec("keepsight_monitor_lag_records", "gauge", "Records written to the log and not yet judged.")
LAG_SECONDS = Spec(
    "keepsight_monitor_lag_seconds",
    "gauge",
    "How far the judged event time lies behind the clock, in seconds; 0 with nothing to judge.",
)
WATERMARK = Spec("keepsight_monitor_watermark_seconds", "gauge", "Event time of the newest event judged, in Unix seconds.")
CAMERAS = Spec(
    "keepsight_monitor_cameras",
    "gauge",
    "Cameras by state: warming, quiet, suspect, drifted, fault, no_verdict, away, audit.",
    ("model", "state"),
)
DRIFT = Spec(
    "keepsight_monitor_drift_ratio",
    "gauge",
    "Drift score of a channel over its own limit (1 is the crossing), the highest among the active cameras of a version.",
    ("model", "version", "family", "channel"),
)
DRIFT_CAMERA = Spec(
    "keepsight_monitor_drift_ratio_top",
    "gauge",
    "The highest drift score over its own limit of the 20 worst cameras.",
    ("model", "camera"),
)
SITE_CAMERAS = Spec(
    "keepsight_monitor_site_cameras_top",
    "gauge",
    "Cameras in trouble by state (suspect, drifted, fault, away), of the 20 sites that have most of them.",
    ("model", "site", "state"),
)
QUALITY = Spec(
    "keepsight_monitor_quality",
    "gauge",
    "Realised quality by uniformly sampled labels, with its anytime-valid 95 % interval (bound: value, low, high).",
    ("model", "version", "metric", "bound"),
)
BENCHMARK = Spec(
    "keepsight_monitor_benchmark",
    "gauge",
    "The version's benchmark, what its realised quality is judged against.",
    ("model", "version", "metric", "bound"),
)
ESTIMATED = Spec(
    "keepsight_monitor_estimated_accuracy",
    "gauge",
    "The accuracy that a version expects of itself now, without labels, over the cameras that it answers (bound: value, low, high).",
    ("model", "version", "bound"),
)
BEYOND = Spec(
    "keepsight_monitor_cameras_beyond_reference",
    "gauge",
    "Cameras whose frames have left the reference of their version: its estimate of accuracy is not to be believed there.",
    ("model", "version"),
)
LABELS = Spec("keepsight_monitor_labels", "gauge", "Labels of a version that judge its quality.", ("model", "version"))
LABELS_UNUSED = Spec(
    "keepsight_monitor_labels_unused", "gauge", "Labels of a version that judge nothing, by reason.", ("model", "version", "reason")
)
LABELS_UNJOINED = Spec(
    "keepsight_monitor_labels_unjoined",
    "gauge",
    "Labels of frames that no version we know had answered: they judge nothing.",
    ("model",),
)
LABEL_AGE = Spec(
    "keepsight_monitor_label_age_seconds",
    "gauge",
    "Time from capture to label of the newest 64 labels of a version, median and ninth decile (quantile: 0.5, 0.9).",
    ("model", "version", "quantile"),
)
CLASS_QUALITY = Spec(
    "keepsight_monitor_class_quality",
    "gauge",
    "Recall and precision of each class by uniformly sampled labels, with anytime-valid 95 % intervals (bound: value, low, high).",
    ("model", "version", "class", "metric", "bound"),
)
CAMERA_QUALITY = Spec(
    "keepsight_monitor_camera_quality_top",
    "gauge",
    "Realised quality of the champion on the 20 cameras with the lowest accuracy and at least 20 labels, with anytime-valid 95 % intervals.",
    ("model", "camera", "metric", "bound"),
)
CONCEPT_ALARMS = Spec(
    "keepsight_monitor_concept_detector_alarms",
    "gauge",
    "How often ADWIN, Page-Hinkley, DDM and KSWIN would have alarmed on a version's labels. A cross-check: they page nobody.",
    ("model", "version", "detector"),
)
LABEL_EVIDENCE = Spec(
    "keepsight_monitor_label_evidence_ratio",
    "gauge",
    "The label channel's e-detector over its alarm line (1 is the alarm).",
    ("model", "version"),
)
REPLAY = Spec(
    "keepsight_monitor_calibrated_replay",
    "gauge",
    "False alarms per camera-month that held-out recordings of a version's reference would raise at these settings, with the exact 95 % interval (bound: "
    "value, low, high); above pages_per_camera_month its cameras write tickets.",
    ("model", "version", "bound"),
)
VIDEO_REPLAY = Spec(
    "keepsight_monitor_calibrated_replay_video",
    "gauge",
    "The same for video cameras, all together: alarms that their references raised while they grew, each judged by what was known before it. A camera "
    "above pages_per_camera_month by itself writes tickets.",
    ("model", "bound"),
)
DEMOTED = Spec(
    "keepsight_monitor_cameras_demoted",
    "gauge",
    "Cameras whose drift is told as tickets only: their calibration exceeds the budget.",
    ("model",),
)
DOUBTFUL = Spec(
    "keepsight_monitor_cameras_doubtful",
    "gauge",
    "Cameras sent as items whose frames repeat each other as a video's do.",
    ("model",),
)
MARKS = Spec("keepsight_monitor_false_alarm_marks", "gauge", "False alarms that people marked and that raise limits.", ("model",))
LABELS_WANTED = Spec(
    "keepsight_monitor_labels_wanted",
    "gauge",
    "Labels that open incidents still ask for, to settle whether they do harm.",
    ("model",),
)
INCIDENTS = Spec(
    "keepsight_monitor_open_incidents", "gauge", "Open incidents by cause and severity.", ("model", "cause", "severity")
)
INCIDENT_SINCE = Spec(
    "keepsight_monitor_incident_since_timestamp_seconds",
    "gauge",
    "When an open incident began (whole Unix seconds): of the 50 open ones that page or are newest.",
    ("model", "incident", "cause", "severity"),
)
INCIDENT_INFO = Spec(
    "keepsight_monitor_incident_info",
    "gauge",
    "1 for each of these incidents, with what people should read of it, each cut to 400 or 600 characters, and the path of its page on the console.",
    ("model", "incident", "headline", "site", "cameras", "effect", "action", "acknowledged_by", "path"),
)
INCIDENTS_LEFT_OUT = Spec(
    "keepsight_monitor_incidents_left_out", "gauge", "Open incidents beyond those 50: the console has them all.", ("model",)
)
OUTBOX = Spec("keepsight_monitor_said_total", "counter", "Events published since the process started, by type.", ("type",))

REPORTS = Spec(
    "keepsight_monitor_reports_total",
    "counter",
    "Reports of incidents since the process started, by result (made, failed).",
    ("result",),
)
REFUSALS = Spec(
    "keepsight_monitor_refusals_total",
    "counter",
    "Requests to the monitor's port that were refused, by problem: missing-key, unknown-key, wrong-scope, wrong-host, cross-site.",
    ("problem",),
)
RENEWALS = Spec(
    "keepsight_monitor_renewals_total",
    "counter",
    "Times that a changed file was read again, by what (keys) and outcome: taken, or refused (the earlier ones stay in service).",
    ("what", "outcome"),
)

ALL: tuple[Spec, ...] = (
    EVENTS,
    FRAMES,
    ACTIVE,
    LAG_RECORDS,
    LAG_SECONDS,
    WATERMARK,
    CAMERAS,
    DRIFT,
    DRIFT_CAMERA,
    SITE_CAMERAS,
    QUALITY,
    BENCHMARK,
    ESTIMATED,
    BEYOND,
    LABELS,
    LABELS_UNUSED,
    LABELS_UNJOINED,
    LABEL_AGE,
    CLASS_QUALITY,
    CAMERA_QUALITY,
    CONCEPT_ALARMS,
    LABEL_EVIDENCE,
    REPLAY,
    VIDEO_REPLAY,
    DEMOTED,
    DOUBTFUL,
    MARKS,
    LABELS_WANTED,
    INCIDENTS,
    INCIDENT_SINCE,
    INCIDENT_INFO,
    INCIDENTS_LEFT_OUT,
    OUTBOX,
    REPORTS,
    REFUSALS,
    RENEWALS,
)
