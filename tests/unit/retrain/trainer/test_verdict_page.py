"""What a verdict's page is made of: the rows of the dataset that the judged frames are, both domains in one list, and no time."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.events import GateResult
from contracts.predictions import ClassTruth
from retrain.data.counts import counts_of
from retrain.data.dataset import Dataset, Item
from retrain.data.frames import Excluded
from retrain.gates.evidence import Judged
from retrain.request import CandidateRequest, Suspect
from retrain.trainer.trial import Evidence
from retrain.trainer.verdict_page import verdict_page
from retrain.training.curve import Point

REQUEST = CandidateRequest(
    job_id="job-7", request_key="k", model="cells", parent="4", repository="r", frame_store="f", since=0.0, labels=(), seed=3, override="ana: few defects",
)  # fmt: skip
PARENT: Any = SimpleNamespace(manifest=SimpleNamespace(files={"model.onnx": SimpleNamespace(sha256="ab" * 32)}))


class Pictures:
    """Stands where the material's frames stand, and keeps which rows were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, row: int) -> bytes:
        self.read.append(row)
        if row == 5:
            raise StoreError("frame 5 is gone")
        return cv2.imencode(".png", np.full((16, 16, 3), 40 * row % 255, np.uint8))[1].tobytes()


def material() -> tuple[Any, Pictures]:
    """Six items: rows 0 to 2 are old, 3 to 5 new; 1, 2, 4 and 5 are sealed."""
    items = tuple(
        Item(
            sha256=str(n), truth=ClassTruth("ab"[n % 2]), recording=f"r{n}", set="gate" if n % 3 else "train", camera=f"cam-{n}", captured_at=0.0,
            added="1", frame_id=f"f{n}",
        )
        for n in range(6)
    )  # fmt: skip
    dataset, new, pictures = Dataset(model="cells", labels=("a", "b"), items=items), np.arange(6) >= 3, Pictures()
    sealed = {True: np.array([4, 5]), False: np.array([1, 2])}
    made = SimpleNamespace(
        dataset=dataset, new=new, frames=pictures, excluded=Excluded(), counts=lambda: counts_of(dataset, new), sealed=lambda new: sealed[new]
    )  # fmt: skip
    return made, pictures


def judged(truth: list[int], champion: list[float], candidate: list[float], first: int) -> Judged:
    both = (np.array([[1 - p, p] for p in one]) for one in (champion, candidate))
    names = [f"cam-{first + i}" for i in range(len(truth))]
    return Judged(np.array(truth), *both, tuple(names), tuple(names))


EVIDENCE = Evidence(
    (GateResult("gain", "pass", 0.01, 0.05, "more right"),),
    judged([0, 1], [0.9, 0.2], [0.2, 0.6], 4),
    judged([1, 0], [0.9, 0.1], [0.3, 0.2], 1),
    None,
)


def page() -> tuple[str, Pictures]:
    made, read = material()
    suspects = (Suspect("f3", "b", "a", 0.02), Suspect("elsewhere", "b", "a", 0.03))
    curve = (Point(0, None, 0.5, 0.0, 0.0), Point(1, 0.9, 0.8, 1e-3, 1.0))
    return verdict_page(REQUEST, PARENT, made, EVIDENCE, "packaged", suspects, "head only", (), curve).decode(), read


def test_frames_of_both_domains_are_shown_by_their_rows_in_the_dataset() -> None:
    text, pictures = page()
    worse, better, suspects = (text[text.index(f'id="{name}"') :] for name in ("worse", "better", "suspects"))
    assert "old, cam-1" in worse[: worse.index("</section>")]
    assert better.index("new, cam-4") < better.index("new, cam-5"), "the surest first"
    assert "f3" in suspects[: suspects.index("</section>")]
    assert pictures.read == [1, 4, 5, 3]
    assert "Pictures that could not be read: 1." in text


def test_what_was_allowed_and_judged_is_said_and_nothing_of_the_time() -> None:
    text, _ = page()
    assert all(
        part in text
        for part in ("ana: few defects", "policy small_sets", "2 new frames of 2 recordings", "abababababab", "epoch 1: 0.800")
    )
    assert page()[0] == text


@pytest.mark.parametrize(("gates", "recordings"), [(("gain",), ("cam-4", "cam-5")), (("data",), ())])
def test_recordings_wear_by_the_gain_alone(gates: tuple[str, ...], recordings: tuple[str, ...]) -> None:
    results = tuple(GateResult(gate, "pass", 0.0, 0.0, "") for gate in gates)
    assert Evidence(results, EVIDENCE.new, EVIDENCE.old, None).judged_on == recordings
