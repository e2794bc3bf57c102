"""The gate "artefact": what is wrong is named."""

from retrain.gates.artefact import artefact


def test_names_what_is_wrong() -> None:
    assert artefact([]).verdict == "pass"
    assert artefact(["outputs are x"]).detail == "outputs are x"
