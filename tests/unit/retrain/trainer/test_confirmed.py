"""Labels that a person has looked at again and called right are no evidence against the new labels."""

import msgspec

from retrain.data.dataset import Dataset
from retrain.gates.labels import trusted
from retrain.request import CandidateRequest
from retrain.trainer import trial
from tests.unit.retrain.trainer.test_review import made

REQUEST = CandidateRequest(
    job_id="j", request_key="k", model="m", parent="1", repository="", frame_store="", since=0.0, labels=(), seed=0
)


def test_the_gate_of_labels_looks_at_those_that_nobody_confirmed() -> None:
    sure, wrong = [0.98, 0.01, 0.01], [0.01, 0.98, 0.01]
    labels = "a" * 200
    material, rework = made(labels, [wrong if n < 30 else sure for n in range(200)], list(range(200)), new=100)
    assert isinstance(material.dataset, Dataset)
    doubted = tuple(item.frame_id for item in material.dataset.items[:30])

    def gate(request: CandidateRequest) -> str:
        sides = [trial._labelled(request, material, rework, new=new) for new in (True, False)]
        return trusted(*sides).verdict

    assert gate(REQUEST) == "inconclusive"
    assert gate(msgspec.structs.replace(REQUEST, confirmed=doubted)) == "pass"
