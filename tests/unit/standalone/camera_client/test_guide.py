"""docs/cameras.md holds what serving and the client do, both ways."""

import argparse
import re
from pathlib import Path

from serving import openapi
from serving.problems import KINDS
from standalone.camera_client.command_line import parser
from standalone.camera_client.retry import BASE_S, CAP_S, TRIES_OF_A_FAILING_FRAME, Verdict, verdict

GUIDE = (Path(__file__).parents[4] / "docs" / "cameras.md").read_text()
REFUSALS = GUIDE[GUIDE.index("## What a refusal means") :]


def told() -> dict[str, tuple[int, str]]:
    """Status and advice of each problem in the guide's table."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", REFUSALS, re.MULTILINE)
    return {kind: (int(status), advice) for status, kinds, advice in rows for kind in re.findall(r"`([a-z-]+)`", kinds)}


def test_every_refusal_of_a_frame_is_explained_with_its_status() -> None:
    responses = openapi.document()["paths"]["/v1/frames"]["post"]["responses"]
    refused = {kind for one in responses.values() for kind in re.findall(r"\(([a-z-]+)\)", one["description"])}
    assert refused - told().keys() == set()
    assert {kind: KINDS[kind].status for kind in told()} == {kind: status for kind, (status, _) in told().items()}


def test_the_client_does_what_the_guide_says_a_camera_does() -> None:
    for kind, (status, advice) in told().items():
        found = verdict(status, kind)
        if advice.startswith("stops") or "stops if" in advice:
            assert found is Verdict.TURNED_AWAY, kind
        else:
            assert found is (Verdict.REFUSED if advice.startswith("leaves the frame out") else Verdict.AGAIN), kind


def test_every_option_in_the_guide_exists_and_its_figures_are_the_codes() -> None:
    client = GUIDE[GUIDE.index("## With keepsight-camera") : GUIDE.index("## What a refusal means")]
    known = {option for action in parser()._actions for option in action.option_strings if isinstance(action, argparse.Action)}
    assert set(re.findall(r"--[a-z][a-z-]*[a-z]", client)) - known - {"--now"} == set()
    assert f"between 0 and {BASE_S} s, {2 * BASE_S} s, … at most {CAP_S:g} s" in client
    assert {3: "at most three times"}[TRIES_OF_A_FAILING_FRAME] in REFUSALS
