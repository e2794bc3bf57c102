"""Which episodes go on after their job ended, and what the next job takes over."""

import msgspec
import pytest

from retrain.job import Job
from retrain.trigger.episodes import successor, unsettled

REFUSED = Job(
    job_id="a",
    request_key="k",
    trigger="monitor",
    version="1",
    reason="decay",
    since=5.0,
    created_at=7.0,
    cameras=("c",),
    excluded=("d",),
    incident_id="i",
    state="rejected",
    detail="gain: no better",
    labels_seen=230,
    labels_tried=210,
    started_at=8.0,
    finished_at=9.0,
    recurs="0",
    harm=0.1,
    candidate="2",
    override="ada: go",
    round=3,
)


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({}, True),
        ({"state": "succeeded", "rolled_back": True}, True),
        ({"state": "succeeded"}, False),
        ({"state": "failed"}, False),
        ({"cancelled": True}, False),
        ({"settled": True}, False),
        ({"incident_id": ""}, False),
        ({"state": "held"}, False),
    ],
)
def test_an_episode_goes_on_while_its_incident_is_open_and_nothing_mended_it(changes: dict[str, object], goes_on: bool) -> None:
    job = msgspec.structs.replace(REFUSED, **changes)
    assert unsettled([job]) == ([job] if goes_on else [])


def test_the_last_job_of_an_episode_speaks_for_it() -> None:
    another = msgspec.structs.replace(REFUSED, job_id="b", request_key="j")
    waiting = msgspec.structs.replace(REFUSED, job_id="c", state="held")
    assert unsettled([REFUSED, another, waiting]) == [another]


def test_the_next_job_wants_labels_beside_those_that_were_tried() -> None:
    after = successor(REFUSED, "z", 20.0)
    assert (after.request_key, after.since, after.cameras, after.excluded, after.harm) == ("k", 5.0, ("c",), ("d",), 0.1)
    assert (after.state, after.round, after.started_at, after.finished_at, after.candidate) == ("queued", 1, None, None, "")
    assert (after.labels_tried, after.recurs, after.override) == (230, "", "")
    assert after.lacks == "job a mended nothing (gain: no better)"
    taken_back = msgspec.structs.replace(REFUSED, state="succeeded", rolled_back=True)
    assert successor(taken_back, "z", 20.0).lacks == "job a mended nothing (taken back)"
