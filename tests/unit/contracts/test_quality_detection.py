"""Boxes against true boxes: the same average precision as COCO's own evaluation, intervals over recordings, a loss in [0, 1]."""

import msgspec
import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster

from contracts.predictions import Box
from contracts.quality_detection import STRICTER, Found, Matches, bootstrapped, match, mean_average_precision, overlap, quality

LABELS = ("bolt", "nut", "washer")


def frames(n: int, seed: int) -> list[tuple[list[Box], list[Box]]]:
    """Frames with true boxes and boxes said: moved ones, missed ones, invented ones, of other classes, with scores that tie."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        truth, said = [], []
        for _ in range(int(rng.integers(0, 6))):
            x, y, w, h = rng.uniform((0, 0, 8, 8), (80, 80, 40, 40)).tolist()
            label = LABELS[int(rng.integers(3))]
            truth.append(Box(label, x, y, x + w, y + h))
            for _ in range(int(rng.integers(0, 3))):
                dx, dy = rng.normal(0, 4, 2).tolist()
                other = LABELS[int(rng.integers(3))] if rng.random() < 0.2 else label
                said.append(Box(other, x + dx, y + dy, x + dx + w, y + dy + h, round(float(rng.uniform(0.05, 1)), 1)))
        for _ in range(int(rng.integers(0, 2))):
            x, y = rng.uniform(0, 80, 2).tolist()
            said.append(Box(LABELS[int(rng.integers(3))], x, y, x + 20, y + 20, round(float(rng.uniform(0.05, 1)), 1)))
        made.append((truth, said))
    return made


def coco(made: list[tuple[list[Box], list[Box]]]) -> tuple[float, float]:
    """mAP at IoU 0.5 and over 0.5 to 0.95 by faster-coco-eval."""

    def row(number: int, frame: int, box: Box) -> dict[str, object]:
        corner = [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1]
        return {
            "id": number, "image_id": frame, "category_id": LABELS.index(box.label) + 1, "bbox": corner, "area": corner[2] * corner[3],
            "iscrowd": 0, "score": box.score,
        }  # fmt: skip

    truth = [row(0, i, box) for i, (boxes, _) in enumerate(made) for box in boxes]
    said = [row(0, i, box) for i, (_, boxes) in enumerate(made) for box in boxes]
    for rows in (truth, said):
        for number, one in enumerate(rows, 1):
            one["id"] = number
    whole = {
        "info": {}, "images": [{"id": i, "width": 200, "height": 200} for i in range(len(made))], "annotations": truth,
        "categories": [{"id": k + 1, "name": label} for k, label in enumerate(LABELS)],
    }  # fmt: skip
    known = COCO(whole)
    evaluation = COCOeval_faster(known, known.loadRes(said), "bbox", print_function=lambda *_: None)
    evaluation.run()
    return float(evaluation.stats[1]), float(evaluation.stats[0])


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_coco_s(seed: int) -> None:
    made = frames(40, seed)
    ours = [mean_average_precision([match(truth, said, iou) for truth, said in made]) for iou in STRICTER]
    map50, mean = coco(made)
    assert ours[0] == pytest.approx(map50, abs=1e-9)
    assert np.mean(np.array(ours, float)) == pytest.approx(mean, abs=1e-9)
    found = quality(*zip(*made, strict=True), group=range(len(made)))
    assert (found.map50.value, found.map.value) == pytest.approx((map50, mean), abs=1e-9)
    assert found.map50.low <= found.map50.value <= found.map50.high
    assert np.mean([one.value for one in found.per_class.values()]) == pytest.approx(map50, abs=1e-9)


def test_a_perfect_answer_loses_nothing_and_a_wrong_one_everything() -> None:
    box, far = Box("bolt", 0, 0, 10, 10), Box("bolt", 50, 50, 60, 60, 0.9)
    assert match([box], [box]).loss() == 0
    assert match([], []).loss() == 0
    assert match([box], []).loss() == 1
    assert match([], [far]).loss() == 1
    assert match([box], [far]).loss() == 1
    assert match([box], [box, far]).loss() == pytest.approx(1 / 3)
    assert match([box], [box, msgspec.structs.replace(far, score=0.4)]).loss() == 0  # not sure enough to be acted on
    assert match([box], [box, msgspec.structs.replace(far, score=0.4)]).loss(0.4) == pytest.approx(1 / 3)
    assert match([box], [msgspec.structs.replace(box, label="nut")]).loss() == 1


def test_one_true_box_is_met_once_by_the_best_score() -> None:
    box = Box("bolt", 0, 0, 10, 10)
    worse, better = (msgspec.structs.replace(box, score=score) for score in (0.6, 0.8))
    assert match([box], [worse, better]) == Matches({"bolt": 1}, (Found("bolt", 0.8, True), Found("bolt", 0.6, False)))


def test_overlap_of_nothing_is_nothing() -> None:
    point = Box("bolt", 5, 5, 5, 5)
    assert overlap(point, point) == 0
    assert overlap(Box("bolt", 0, 0, 2, 2), Box("bolt", 1, 0, 3, 2)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("box", [Box("bolt", 3, 0, 1, 1), Box("bolt", 0, 0, float("nan"), 1), Box("bolt", 0, 0, 1, 1, 1.5)])
def test_what_is_no_box_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="expected x1 <= x2"):
        match([], [box])


def test_the_interval_over_frames_drawn_again_is_that_of_drawing_them() -> None:
    scores = iter(np.random.default_rng(0).permutation(1000) / 1000)  # no ties: which of two comes first is nobody's to say
    made = [(truth, [msgspec.structs.replace(box, score=next(scores)) for box in said]) for truth, said in frames(30, 4)]
    matches = [match(truth, said) for truth, said in made]
    drawn = np.random.default_rng(30).integers(0, 30, (200, 30))
    again = [mean_average_precision([matches[i] for i in rows]) for rows in drawn]
    found = bootstrapped(matches)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(np.quantile(np.array(again, float), (0.025, 0.975)).tolist(), abs=1e-9)


def test_frames_of_one_recording_are_drawn_together() -> None:
    made = frames(40, 5) * 4
    apart = quality(*zip(*made, strict=True), group=range(160))
    together = quality(*zip(*made, strict=True), group=list(range(40)) * 4)
    assert together.map50.value == apart.map50.value
    assert together.map50.high - together.map50.low > 1.4 * (apart.map50.high - apart.map50.low)  # sqrt(4) = 2 were expected


def test_quality_needs_true_boxes_and_one_answer_a_frame() -> None:
    with pytest.raises(ValueError, match="at least one true box"):
        quality([[]], [[Box("bolt", 0, 0, 1, 1)]], [0])
    with pytest.raises(ValueError, match="1 truths, 2 answers and 1 groups"):
        quality([[]], [[], []], [0])


def test_frames_without_true_boxes_have_no_average_precision() -> None:
    assert mean_average_precision([match([], [Box("bolt", 0, 0, 1, 1)])]) is None
    assert mean_average_precision([]) is None
