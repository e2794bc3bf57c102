"""The OpenAPI document speaks of what is sent and of nothing else."""

import json

from serving import openapi
from serving.problems import KINDS


def test_references_stand() -> None:
    document = openapi.document()
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
    assert {"Answer", "LabelPost", "LabelsTaken", "Problem"} <= set(document["components"]["schemas"])


def test_every_problem_is_documented_where_it_can_occur() -> None:
    document = openapi.document()
    said = " ".join(
        response["description"]
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
    )
    undocumented = {kind for kind in KINDS if f"({kind})" not in said} - {"client-gone"}  # which nobody hears
    assert not undocumented
