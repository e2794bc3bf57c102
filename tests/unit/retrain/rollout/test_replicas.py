"""What servers' reports say together: who stands where, who is missing, and how a version fared, over restarts and reloads."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import Role, ServingReported, VersionServed
from retrain.rollout.replicas import Fared, Standing, fared, standing

SILENT_S = 60.0


def served(version: str, role: Role = "champion", counts: Sequence[int] = (0, 0, 0)) -> VersionServed:
    return VersionServed(version, f"digest {version}", role, "CPUExecutionProvider", *counts)


def report(replica: str, *versions: VersionServed, at: float = 0.0, **fields: object) -> ServingReported:
    given = {"sequence": 5, "started_at": -100.0, **fields}
    return ServingReported(  # type: ignore[call-arg]
        event_id="e",
        occurred_at=at,
        model="small",
        replica=replica,
        versions=versions,
        **given,  # type: ignore[arg-type]
    )


def of(*reports: ServingReported, now: float = 0.0) -> Standing:
    return standing({one.replica: one for one in reports}, now, SILENT_S)


def test_all_stand_on_a_digest_when_each_says_so_by_channels_new_enough() -> None:
    there = report("a", served("1"), served("2", "previous"))
    assert of(there, report("b", served("1"))).all_on("digest 1", "champion", 5)
    assert not of(there, report("b", served("2"), served("1", "previous"))).all_on("digest 1", "champion", 5)
    assert not of(there, report("b", served("1"), sequence=4)).all_on("digest 1", "champion", 5)
    assert not of(there).all_on("digest 2", "champion", 5)
    assert of(there).all_on("digest 2", "previous", 5)


def test_nobody_reporting_is_no_proof() -> None:
    assert not of().all_on("digest 1", "champion", 5)
    assert of().lacking("digest 1", "champion", 5) == ()


def test_a_silent_server_is_missing_by_name_and_one_that_left_is_not() -> None:
    there = report("a", served("1"), at=100)
    silent, left = report("b", served("1"), at=39), report("c", served("2"), at=90, leaving=True)
    found = of(there, silent, left, now=100)
    assert found.missing == (("b", 61),)
    assert not found.all_on("digest 1", "champion", 5)
    assert found.lacking("digest 1", "champion", 5) == ("b (silent)",)
    assert of(there, report("b", served("1"), at=40), left, now=100).all_on("digest 1", "champion", 5)


def test_a_server_without_a_version_is_not_waited_for() -> None:
    empty = report("b", sequence=0)
    assert of(report("a", served("1")), empty).all_on("digest 1", "champion", 5)
    assert not of(empty).all_on("digest 1", "champion", 5)


def test_who_lacks_is_named_with_what_it_does_in_order() -> None:
    lacking = of(
        report("c", served("2"), sequence=4), report("a", served("1")), report("b", served("1"), sequence=4), report("d", at=-99)
    ).lacking("digest 1", "champion", 5)
    assert lacking == ("b (version 1 as champion, channels 4)", "c (version 2 as champion, channels 4)", "d (silent)")


def test_how_a_version_fared_is_what_came_since_the_last_report() -> None:
    first, second = report("a", served("2", counts=(10, 1, 2))), report("a", served("2", counts=(15, 1, 5)))
    assert fared(first, second, "2", 0.0) == Fared(5, 0, 3)
    assert (fared(first, second, "2", 0.0).frames, fared(first, second, "2", 0.0).errors) == (8, 3)
    assert fared(report("a"), second, "2", 0.0) == Fared(15, 1, 5)  # it was not there before
    assert fared(first, report("a"), "2", 0.0) == Fared()
    assert fared(first, second, "9", 0.0) == Fared()


def test_a_restart_and_a_reload_begin_at_nothing() -> None:
    first = report("a", served("2", counts=(10, 1, 2)))
    assert fared(first, report("a", served("2", counts=(20, 3, 3)), started_at=50.0), "2", 0.0) == Fared(20, 3, 3)
    assert fared(first, report("a", served("2", counts=(3, 1, 2))), "2", 0.0) == Fared(3, 1, 2)


def test_of_an_unknown_server_only_what_can_be_of_this_rollout_counts() -> None:
    old = report("a", served("2", counts=(10, 1, 2)), started_at=10.0)
    assert fared(None, old, "2", since=20.0) == Fared()
    assert fared(None, old, "2", since=5.0) == Fared(10, 1, 2)


@given(st.lists(st.tuples(st.tuples(*[st.integers(0, 9)] * 3), st.sampled_from(("on", "restart", "reload"))), max_size=30))
def test_no_frame_counts_twice_and_none_is_lost(steps: list[tuple[tuple[int, int, int], str]]) -> None:
    """Whatever is restarted or loaded anew after a report: the sum over the reports is what happened, or less by what no report told."""
    total, happened, counts, started = Fared(), Fared(), Fared(), 0.0
    before = report("a", started_at=started)
    for frames, then in steps:
        counts = Fared(*map(sum, zip(counts, frames, strict=True)))
        happened = Fared(*map(sum, zip(happened, frames, strict=True)))
        after = report("a", served("2", counts=counts), started_at=started)
        total = Fared(*map(sum, zip(total, fared(before, after, "2", 0.0), strict=True)))
        before = after
        if then == "restart":
            started, counts = started + 1, Fared()
        if then == "reload":  # a change of the lineup is reported: the version was away
            before, counts = report("a", started_at=started), Fared()
    assert total == happened
