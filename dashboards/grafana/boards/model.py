"""What moved, since when, and does it cost anything?"""

from typing import Final

from dashboards.grafana.board import METRIC, MODEL, VERSION, Board
from dashboards.grafana.boards.overview import VERDICT
from dashboards.grafana.links import board, console
from dashboards.grafana.queries import monitor
from dashboards.grafana.tiles import PLAIN, About, Column, bad_from, figure, lines, rows

_NO_LABELS: Final = "No labels judge this version yet: quality has no verdict"

BOARD: Final = Board(
    "keepsight-model",
    "Model health",
    "What moved, since when, and does it cost anything? Drift says that frames look different; only labels say that the model is wrong.",
    (
        figure(
            About(
                "Quality against the benchmark",
                "Of the versions that answer. Worse: the intervals of realised quality and of the benchmark do not meet. Green: a loss of ten points "
                "is excluded. Grey: neither is shown yet.",
                "Worse: open the incident, label what it asks for, let retraining run. Grey for long: more labels are needed.",
                _NO_LABELS,
                "none",
                (console("Incidents", "incidents"),),
            ),
            monitor.QUALITY,
            words=VERDICT,
            width=6,
        ),
        figure(
            About(
                "Labels that judge",
                "Uniformly sampled labels of each version: what its quality rests on.",
                "Few: nobody labels, or labels are of frames that cannot be used; the panel of unused labels says which.",
                _NO_LABELS,
                "short",
                (console("Label frames", "labels"),),
            ),
            monitor.LABELS,
            width=6,
        ),
        figure(
            About(
                "Evidence of harm",
                "The label channel's e-detector over its alarm line; 1 opens an incident.",
                "Near 1: label the frames that the console hands out, they decide it.",
                _NO_LABELS,
                "none",
                (console("Incidents", "incidents"),),
            ),
            monitor.LABEL_EVIDENCE,
            steps=bad_from(1, 0.5),
            width=6,
        ),
        figure(
            About(
                "False alarms to expect",
                "False alarms a camera and month, as held-out recordings of the reference raised them at these settings. Above pages_per_camera_month "
                "drift is told as tickets.",
                "High: the reference is too small or too uniform. Import the version again with more reference frames.",
                "No version has a replayed reference",
                "none",
            ),
            monitor.REPLAY,
            monitor.VIDEO_REPLAY,
            steps=bad_from(3, 1),
            width=6,
        ),
        lines(
            About(
                "Quality: realised, expected, promised",
                "Quality on uniformly sampled labels with its anytime-valid 95 % interval, the lower bound of the benchmark, and the accuracy that the "
                "model expects of itself without labels.",
                "Below the benchmark's line with the whole interval: confirmed harm. The expected one falls first, and is blind to sure mistakes.",
                _NO_LABELS,
                "percentunit",
            ),
            *monitor.REALISED,
            monitor.BENCHMARK,
            monitor.ESTIMATED,
            most=1,
            width=12,
        ),
        lines(
            About(
                "Drift by family",
                "The highest score over its limit in each family of channels: image, embedding, softmax, performance. 1 is the crossing.",
                "Image alone: light, lens, focus. Embedding with softmax: new objects. Performance: what the model says is wrong.",
                "No camera has filled its first block yet",
                "none",
                (board("Cameras", "keepsight-camera", model="${model}"),),
            ),
            monitor.DRIFT_BY_FAMILY,
            steps=bad_from(1),
            width=12,
        ),
        rows(
            About(
                "Channels that moved most",
                "The 20 highest channels now: score over limit.",
                "The channel's name says what changed in the frames: compare photographs on the incident's page.",
                "No camera has filled its first block yet",
                "none",
            ),
            Column(monitor.DRIFT_BY_CHANNEL, unit="none", steps=bad_from(1, 0.7)),
            width=8,
        ),
        lines(
            About(
                "Classes recalled least",
                "Recall of the ten classes that are missed most, by uniformly sampled labels.",
                "One class falls: new variants of it, or labels that are doubted. All fall: the model, or the camera.",
                _NO_LABELS,
                "percentunit",
            ),
            monitor.WORST_CLASSES,
            most=1,
        ),
        rows(
            About(
                "Cross-check of the label channel",
                "How often ADWIN, Page-Hinkley, DDM and KSWIN would have alarmed. They page nobody.",
                "Many alarms and no incident of ours: read the labels of that time; many of ours and none here: the same.",
                _NO_LABELS,
                "short",
            ),
            Column(monitor.CROSS_CHECK),
            width=8,
        ),
        lines(
            About(
                "Age of labels",
                "Time from a frame's capture to its label, of the newest 64 labels.",
                "Growing: decay is seen that much later. Label newer frames first (the console hands them out).",
                _NO_LABELS,
                "s",
                (console("Label frames", "labels"),),
            ),
            monitor.LABEL_AGE,
        ),
        lines(
            About(
                "Labels that judge nothing, and labels asked for",
                "Labels that cannot be used, by reason, and how many more open incidents ask for.",
                "Unjoined ones: their frames were answered by a version that is gone, or the id is wrong. Asked for: label them.",
                "No monitor judges",
                "short",
                (console("Label frames", "labels"),),
            ),
            monitor.UNUSED_LABELS,
            monitor.UNJOINED_LABELS,
            monitor.WANTED_LABELS,
        ),
        lines(
            About(
                "Cameras that are judged with care",
                "Cameras beyond their reference, where no estimate is to be believed, those whose calibration exceeds the "
                "budget, those whose frames repeat like a video's; and false alarms that people marked.",
                'Items that look like video: set stream = "video" for them. Many marks: the limits of that place are raised; is the reference still right?',
                "No monitor judges",
                "short",
                (board("Cameras", "keepsight-camera", model="${model}"),),
            ),
            monitor.BEYOND,
            monitor.DEMOTED,
            monitor.DOUBTFUL,
            monitor.MARKS,
            steps=PLAIN,
        ),
    ),
    (MODEL, VERSION, METRIC),
    since="now-7d",
)
