"""The release: evidence from events, channels by compare-and-set, killed between any two of its writes, and a person's hand that goes first."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.events import (
    Approve,
    FrameLabelled,
    FrameScored,
    Promote,
    Reject,
    Rollback,
)
from contracts.incidents import Incident
from contracts.predictions import Box, BoxesTruth, Classification, ClassTruth, Detections, Scored
from contracts.repository import changed
from retrain.rollout.evidence import Rollouts
from retrain.rollout.orders import Order
from retrain.state.ledger import CHANNELS
from tests.release_bench import CAMERAS, JOB, OUTCOME, Bench, walk
from tests.scored_frames import frame_scored
from tests.small_model import publish_small_version


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def test_the_channels_follow_each_state(bench: Bench) -> None:
    walk(bench, "stable")
    assert bench.told() == ["shadow", "canary", "canary", "champion", "watch", "stable"]
    history = [(one.champion, one.candidate, one.share, one.shadow, one.previous) for one in bench.repository.history("small")]
    assert history == [
        ("1", None, 0.0, None, None),
        ("1", None, 0.0, "2", None),
        ("1", "2", 0.5, "2", None),
        ("1", "2", 1.0, "2", None),
        ("2", None, 0.0, "1", "1"),
        ("2", None, 0.0, None, "1"),
    ]
    entered = [row.body["after"]["sequence"] for row in bench.journal.ledger.rows() if row.kind == CHANNELS]
    assert entered == [1, 2, 3, 4, 5, 6]
    assert bench.journal.ledger.broken_at() is None


@pytest.mark.parametrize("reached", ["shadow", "canary", "champion", "watch"])
def test_killed_between_a_step_and_its_channels_it_applies_them_once(
    bench: Bench, reached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_to = {"shadow": None, "canary": "shadow", "champion": "canary", "watch": "champion"}[reached]
    now = walk(bench, walk_to) if walk_to else 1.0

    def killed(*_: object) -> None:
        raise StoreError("killed here")

    def on(at: float) -> None:
        bench.release.reconcile(at)
        for i in range(5):
            bench.turn(at + 10 * i, *bench.frames(at + 10 * i), bench.report(at + 10 * i))

    # First before the channels are written, then after, before it is noted that they stand.
    for where, what in ((bench.repository, "set_channels"), (Rollouts, "save")):
        with monkeypatch.context() as broken:
            broken.setattr(where, what, killed)
            with pytest.raises(StoreError):
                on(now)
        bench.again()
        now += 50
    told = bench.told()
    bench.release.reconcile(now)
    assert bench.told() == told
    walk_on = [bench.turn(now + 10 * i, *bench.frames(now + 10 * i), bench.report(now + 10 * i)) for i in range(1, 20)]
    assert walk_on[-1] == "stable"
    assert bench.told() == ["shadow", "canary", "canary", "champion", "watch", "stable"]
    assert [one.share for one in bench.repository.history("small") if one.candidate] == [0.5, 1.0]


@pytest.mark.parametrize("reached", ["shadow", "canary", "champion", "watch", "stable"])
def test_a_repository_that_disappears_is_said_and_the_rollout_goes_on_when_it_is_back(
    bench: Bench, reached: str, tmp_path: Path
) -> None:
    now = walk(bench, reached)
    (tmp_path / "repository").rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(StoreError, match="is the repository mounted"):
            bench.turn(now)
    (tmp_path / "away").rename(tmp_path / "repository")
    bench.again()
    walk(bench, "stable")
    assert bench.told() == ["shadow", "canary", "canary", "champion", "watch", "stable"]
    assert [one.sequence for one in bench.repository.history("small")] == [1, 2, 3, 4, 5, 6]


def test_repeated_and_audit_frames_are_no_evidence(bench: Bench) -> None:
    bench.turn(1.0)
    frames = bench.frames(1.0, rounds=1)[:8]
    audits = [msgspec.structs.replace(one, audit=True) for one in bench.frames(1.0, rounds=5)]
    for now in (10.0, 20.0, 30.0):
        assert bench.turn(now, *frames, *audits) == "shadow"
    rollout = Rollouts(bench.database).newest()
    assert rollout is not None
    assert rollout.frames == 4


def fault(cameras: tuple[str, ...]) -> Incident:
    return Incident(
        incident_id="i",
        cause="camera_fault",
        severity="ticket",
        headline="",
        action="",
        site="hall",
        cameras=cameras,
        version="1",
        since=0.0,
        opened_at=0.0,
    )


def test_a_faulty_camera_is_not_judged(bench: Bench) -> None:
    bench.turn(1.0)
    bench.labels.fault(fault(CAMERAS), None)
    assert bench.turn(10.0, *bench.frames(10.0, label="flower")) == "shadow"  # neither an alarm nor a live camera for the canary
    bench.labels.no_fault("i")
    assert bench.turn(20.0, *bench.frames(20.0, label="flower")) == "rolling_back"


def test_frames_of_a_faulty_camera_are_no_evidence(bench: Bench) -> None:
    """Else a version could pass on frames that no guard has seen."""
    bench.turn(1.0)
    bench.labels.fault(fault(cameras=CAMERAS[1:]), None)
    bench.turn(10.0, *bench.frames(10.0, rounds=5))
    assert bench.rollout().frames == bench.rollout().guards.frames == 5


def test_a_frame_is_compared_once_whichever_answer_comes_first_and_however_far_apart(bench: Bench) -> None:
    bench.turn(1.0)
    frames = bench.frames(2.0, rounds=3)
    champion, shadow = ([one for one in frames if one.variant == variant] for variant in ("champion", "shadow"))
    bench.turn(2.0, *champion[:8], *shadow[8:])
    assert bench.rollout().guards.pairs == 0
    bench.again()
    bench.turn(3.0, *shadow[:12], *champion[:4])
    assert bench.rollout().guards.pairs == 8
    bench.turn(4.0, *frames, *frames)
    assert (bench.rollout().guards.pairs, bench.rollout().frames) == (24, 24)
    assert bench.rollout().guards.disagreements == 0


def test_a_frame_whose_names_no_database_holds_is_refused_alone(bench: Bench) -> None:
    bench.turn(1.0)
    bad = bench.frame(2.0, "line\0", "2", "shadow")
    with bench.database.transaction():
        bench.release.load()
        with pytest.raises(ValueError, match="NUL"):
            bench.release.frame(bad, 2.0)
        bench.release.frame(bench.frame(2.0, "line-1", "2", "shadow"), 2.0)
        bench.release.save()
    assert bench.rollout().frames == 1


def test_boxes_are_compared_with_the_parents_and_with_the_truth(bench: Bench) -> None:
    bench.turn(1.0)

    def boxes(*lefts: int) -> Detections:
        return Detections(tuple(Box("china", left, 0, left + 20, 20, 0.9) for left in lefts))

    def scored(number: int, at: float) -> list[FrameScored]:
        bench.number += 1
        said = (("1", "champion", boxes(0, 50)), ("2", "shadow", boxes(0, 50) if number % 2 else boxes(200)))
        return [frame_scored(str(bench.number), "line-1", version, variant, found, at) for version, variant, found in said]  # type: ignore[arg-type]

    assert bench.turn(2.0, *(one for i in range(8) for one in scored(i, 2.0))) == "shadow"
    assert (bench.rollout().guards.pairs, bench.rollout().guards.disagreements) == (8, 4)
    said = tuple(Scored(one.version, one.variant, one.prediction) for one in scored(0, 2.0))
    truth = BoxesTruth((Box("china", 0, 0, 20, 20),))
    labels = [
        FrameLabelled(
            event_id=str(i),
            occurred_at=2.0,
            model="small",
            frame_id=str(i),
            camera="line-1",
            site="hall",
            captured_at=2.0,
            truth=truth,
            predictions=said,
            stored="x",
            sample="uniform",
        )
        for i in range(40)
    ]
    assert bench.turn(3.0, *labels) == "rolling_back"
    assert bench.rollout().guards.worse == 40


def test_a_candidate_that_contradicts_its_parent_is_taken_back_and_its_job_knows(bench: Bench) -> None:
    bench.turn(1.0)
    assert bench.turn(10.0, *bench.frames(10.0, rounds=4, label="flower")) == "rolling_back"
    assert bench.turn(20.0, *bench.frames(20.0)) == "rolling_back"  # frames of the old version are no proof of all servers
    assert bench.turn(21.0, bench.report(21.0)) == "rolled_back"
    assert bench.jobs.recent()[0].rolled_back
    assert bench.repository.channels("small").shadow is None
    assert bench.release.active is None


def test_worse_on_labelled_frames_is_taken_back(bench: Bench) -> None:
    bench.turn(1.0)

    def labelled(number: int) -> FrameLabelled:
        said = (
            Scored("1", "champion", Classification(("china", "flower"), (0.9, 0.1))),
            Scored("2", "shadow", Classification(("flower", "china"), (0.9, 0.1))),
        )
        return FrameLabelled(
            event_id=str(number),
            occurred_at=2.0,
            model="small",
            frame_id=str(number),
            camera="line-1",
            site="hall",
            captured_at=2.0,
            truth=ClassTruth("china"),
            predictions=said,
            stored="x",
            sample="uniform",
        )

    unsure = [msgspec.structs.replace(labelled(i), sample="uncertain") for i in range(40)]
    assert bench.turn(2.0, *unsure) == "shadow"
    assert bench.turn(3.0, *(labelled(i) for i in range(40))) == "rolling_back"
    assert "labelled_error" in bench.repository.channels("small").reason


def test_channels_moved_by_a_person_end_the_rollout_and_stay(bench: Bench) -> None:
    now = walk(bench, "canary")
    by_hand = changed(bench.repository.channels("small"), now, "ada", "stop this", candidate=None, share=0.0, shadow=None)
    bench.repository.set_channels("small", by_hand)
    assert bench.turn(now + 1) == "rolled_back"
    assert bench.repository.channels("small") == by_hand
    assert bench.told()[-1] == "rolled_back"


def test_another_writer_in_between_is_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stale, reading = bench.repository.channels("small"), bench.repository.channels
    bench.repository.set_channels("small", changed(stale, 0.5, "ada", "a note"))
    answers = [stale]
    monkeypatch.setattr(bench.repository, "channels", lambda model: answers.pop() if answers else reading(model))
    bench.release.reconcile(1.0)
    assert reading("small").shadow is None
    bench.release.reconcile(2.0)
    assert reading("small").shadow == "2"
    assert reading("small").sequence == stale.sequence + 2


def test_a_rollback_command_in_the_watch(bench: Bench) -> None:
    now = walk(bench, "watch")
    command = Rollback(event_id="r", occurred_at=now, model="small", by="ada", reason="it hums")
    assert bench.turn(now + 1, command) == "rolling_back"
    assert bench.repository.channels("small").champion == "1"
    assert bench.turn(now + 2, bench.report(now + 2)) == "rolled_back"
    assert bench.repository.channels("small").by == "ada"


def test_a_rollback_of_a_champion_that_another_made_goes_to_the_channels_previous(bench: Bench) -> None:
    """The rollout of that version ended when someone moved the channels: it is nobody's any more, the order still holds."""
    now = walk(bench, "canary")
    by_hand = changed(bench.repository.channels("small"), now, "ada", "now", champion="2", previous="1", candidate=None, share=0.0)
    bench.repository.set_channels("small", by_hand)
    assert bench.turn(now + 1) == "rolled_back"
    assert bench.turn(now + 2, Rollback(event_id="r", occurred_at=now, model="small", by="ada")) == "rolling_back"
    assert bench.repository.channels("small").champion == "1"
    assert bench.turn(now + 3, bench.report(now + 3)) == "rolled_back"


def test_a_rollback_to_a_version_that_is_gone_is_refused_with_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, begun=False)
    publish_small_version(bench.repository.url, "small", "3", seed=2, champion=False)
    channels = bench.repository.channels("small")
    bench.repository.set_channels("small", changed(channels, 0.5, "ada", "", champion="2", previous="3"))
    shutil.rmtree(tmp_path / "repository" / "models" / "small" / "3")
    order = Rollback(event_id="r", occurred_at=1.0, model="small", by="ada")
    with bench.database.transaction():
        bench.release.load()
        bench.release.orders.carry_out(order, 1.0)
        bench.release.save()
    assert "has no version '3'" in bench.refused()[0]
    assert bench.repository.channels("small").champion == "2"
    bench.database.close()


def test_a_report_of_a_server_that_would_be_gone_by_now_is_none(bench: Bench) -> None:
    """The log is read from its beginning after a state was lost, and a server's clock may be wrong: neither fills the ledger."""
    now = 2000.0
    assert bench.turn(now, bench.report(now - 901, "old"), bench.report(now, "new")) == "shadow"
    assert list(Rollouts(bench.database).reports()) == ["new"]
    assert not [row for row in bench.journal.ledger.rows() if row.kind == "server_gone"]


@pytest.mark.parametrize("until", ["shadow", "canary", "watch"])
def test_a_version_that_fails_on_every_frame_goes_back_with_the_report_of_its_twentieth(bench: Bench, until: str) -> None:
    """It leaves no event of its own: without the servers' reports it would wait in its state for ever."""
    now = walk(bench, until) + 1
    bench.turn(now, bench.report(now))
    state = bench.turn(now + 1, bench.report(now + 1, v1=(100, 0, 0), v2=(0, 19, 0)))
    assert state == until
    assert bench.turn(now + 2, bench.report(now + 2, v1=(105, 0, 0), v2=(0, 20, 0))) == "rolling_back"
    assert "failed on 20 of the newest 20 frames" in bench.repository.channels("small").reason
    assert bench.repository.channels("small").champion == "1"


def test_values_that_are_not_finite_on_a_third_of_the_frames_take_it_back(bench: Bench) -> None:
    now = walk(bench, "canary") + 1
    bench.turn(now, bench.report(now))
    assert bench.turn(now + 1, bench.report(now + 1, v2=(14, 0, 6))) == "rolling_back"
    assert "failed on 6 of the newest 20 frames" in bench.rollout().reason


def test_errors_are_counted_per_server_since_its_last_report_and_once(bench: Bench) -> None:
    bench.turn(1.0)
    first = bench.report(2.0, "a", v2=(10, 1, 0))
    bench.turn(2.0, first, first, bench.report(2.0, "b", v2=(50, 1, 0)))
    bench.turn(3.0, first, bench.report(3.0, "a", v2=(30, 1, 0)), bench.report(3.0, "b", v2=(50, 1, 0)))
    guards = bench.rollout().guards
    assert (guards.given, guards.errors) == (20, 0)  # of servers that were there before, only what came since
    bench.again()
    bench.turn(4.0, bench.report(4.0, "a", v2=(45, 1, 0)))
    assert bench.rollout().guards.given == 35


def test_a_silent_server_holds_the_rollback_open_and_is_named_until_it_is_gone(bench: Bench) -> None:
    now = walk(bench, "canary")
    bench.turn(now, bench.report(now, "a"), bench.report(now, "b"), bench.report(now, "c"))
    frozen = bench.report(now + 1, "b")
    order = Rollback(event_id="r", occurred_at=now, model="small", by="ada", reason="it hums")
    assert bench.turn(now + 1, frozen, bench.report(now + 1, "c", leaving=True), order) == "rolling_back"
    assert bench.turn(now + 2, bench.report(now + 2, "a")) == "rolling_back"
    assert bench.turn(now + 35, bench.report(now + 35, "a")) == "rolling_back"
    assert bench.rollout().waits_for == f"b (version 1 as champion, channels {frozen.sequence})"
    assert bench.turn(now + 80, bench.report(now + 80, "a")) == "rolling_back"
    assert bench.rollout().waits_for == "b (silent)"
    assert "waits for b (silent)" in bench.reasons()[-1]
    assert bench.told().count("rolling_back") == 3
    assert bench.instruments.rollbacks.labels("person")._value.get() == 1
    assert bench.instruments.rollback_overdue._value.get() == 1
    assert bench.turn(now + 903, bench.report(now + 903, "a")) == "rolled_back"
    assert bench.instruments.rollback_overdue._value.get() == 0
    assert [row.body["server"] for row in bench.journal.ledger.rows() if row.kind == "server_gone"] == ["b"]


def test_a_server_that_comes_back_ends_the_wait(bench: Bench) -> None:
    now = walk(bench, "watch")
    bench.turn(now, bench.report(now, "a"), bench.report(now, "b"))
    order = Rollback(event_id="r", occurred_at=now, model="small", by="ada")
    assert bench.turn(now + 1, order) == "rolling_back"
    assert bench.turn(now + 2, bench.report(now + 2, "a")) == "rolling_back"
    assert bench.turn(now + 3, bench.report(now + 3, "b")) == "rolled_back"
    assert "2 servers answer with version 1 again" in bench.rollout().reason


def test_each_step_names_the_digests_and_the_ledgers_head(bench: Bench) -> None:
    walk(bench, "watch")
    for event in bench.events():
        assert (event.digest, event.parent_digest) == (bench.digest("2"), bench.digest("1"))
    heads = {row.hash: row for row in bench.journal.ledger.rows()}
    assert [heads[event.ledger].body["state"] for event in bench.events()] == bench.told()


def test_reports_are_kept_one_a_server_and_let_go_with_it_whether_or_not_a_version_is_under_way(tmp_path: Path) -> None:
    bench = Bench(tmp_path, begun=False)

    def kept() -> list[int]:
        return [bench.database.sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("replicas", "seen")]  # type: ignore[index]

    for now in range(0, 150, 15):
        with bench.database.transaction():
            bench.release.load()
            for server in range(5):
                bench.release.reported(bench.report(float(now), f"pod-{server}"), float(now))
            bench.release.advance(float(now))
    assert kept() == [5, 50]
    with bench.database.transaction():
        bench.release.advance(2000.0)
    assert kept() == [0, 0]
    bench.database.close()


def promote(version: str, force: bool = False, reason: str = "it was better in May") -> Promote:
    return Promote(
        event_id=f"promote {version}", occurred_at=0.0, model="small", version=version, by="ada", reason=reason, force=force
    )


def test_an_archived_version_is_promoted_by_the_same_steps(bench: Bench) -> None:
    now = walk(bench, "stable")
    assert bench.turn(now + 1, promote("1")) == "shadow"
    rollout = bench.rollout()
    assert (rollout.version, rollout.parent, rollout.by) == ("1", "2", "ada")
    assert rollout.reason.startswith("ada asked: it was better in May")
    assert bench.repository.channels("small").shadow == "1"
    assert rollout.guards.frames == 0


def test_force_skips_to_champion_and_is_still_watched(bench: Bench) -> None:
    publish_small_version(bench.repository.url, "small", "3", seed=2, champion=False)
    now = walk(bench, "stable")
    assert bench.turn(now + 1, promote("3")) == "stable"
    assert bench.refused() == ["version 3 passed no gates here and was never champion: only force makes it one"]
    assert bench.turn(now + 2, promote("3", force=True)) == "champion"
    channels = bench.repository.channels("small")
    assert (channels.champion, channels.previous, channels.shadow, channels.by) == ("3", "2", "2", "ada")
    assert "forced by ada: it was better in May" in channels.reason
    assert bench.turn(now + 3, *bench.frames(now + 3, rounds=1)) == "champion"
    assert bench.turn(now + 4, bench.report(now + 4)) == "watch"
    assert bench.turn(now + 5, bench.report(now + 5, v3=(0, 40, 0))) == "rolling_back"
    assert bench.repository.channels("small").champion == "2"


def publish(bench: Bench, version: str, parent: str, now: float) -> None:
    """A training process that had begun before a person's order ends."""
    with bench.database.transaction():
        bench.release.load()
        outcome = msgspec.structs.replace(OUTCOME, version=version)
        bench.release.begin(msgspec.structs.replace(JOB, job_id=f"job {version}", version=parent), outcome, now)
        bench.release.save()
    bench.release.reconcile(now)


def test_a_version_that_is_published_while_another_is_on_its_way_waits_for_its_end(bench: Bench) -> None:
    publish_small_version(bench.repository.url, "small", "3", seed=2, champion=False)
    now = walk(bench, "canary")
    publish(bench, "3", "1", now)
    assert bench.rollout().version == "2"
    assert [row.body["why"] for row in bench.journal.ledger.rows() if row.kind == "rollout_waits"] == ["version 2 is on its way"]
    bench.again()
    order = Rollback(event_id="r", occurred_at=now, model="small", by="ada")
    assert bench.turn(now + 1, order) == "rolling_back"
    assert bench.turn(now + 2, bench.report(now + 2)) == "rolled_back"
    assert (bench.release.active, bench.release.occupied) == (None, "3"), "else a job would start that is in vain a moment later"
    assert bench.turn(now + 3) == "shadow"
    assert (bench.rollout().version, bench.rollout().parent, bench.rollout().job_id) == ("3", "1", "job 3")
    assert bench.repository.channels("small").shadow == "3"
    walk(bench, "stable")
    assert bench.rollout().version == "3"


def test_a_version_that_waited_and_was_compared_with_another_champion_is_rejected(bench: Bench) -> None:
    publish_small_version(bench.repository.url, "small", "3", seed=2, champion=False)
    now = walk(bench, "watch")
    publish(bench, "3", "1", now)
    while bench.rollout().version == "2":
        now += 10
        bench.turn(now, *bench.frames(now), bench.report(now))
    assert bench.told()[-2:] == ["stable", "rejected"]
    assert bench.repository.channels("small").champion == "2"
    assert "the champion is 2 by now" in bench.reasons()[-1]


@pytest.mark.parametrize(("reached", "moved_s"), [("shadow", 3600.0), ("canary", 3600.0), ("canary", -3600.0), ("watch", 86_400.0)])
def test_a_clock_that_is_set_neither_promotes_nor_takes_back(bench: Bench, reached: str, moved_s: float) -> None:
    """Time alone is no evidence, and servers that were heard of a moment ago are heard of again."""
    now = walk(bench, reached)
    stood = (bench.rollout().state, bench.rollout().share, bench.repository.channels("small"))
    for clock in (now + moved_s, now + moved_s + 1, now, now + 1):
        bench.turn(clock, bench.report(clock))
        assert (bench.rollout().state, bench.rollout().share, bench.repository.channels("small")) == stood
    while bench.rollout().state != "stable":
        bench.turn(now, *bench.frames(now), bench.report(now))
        now += 10
        assert now < 1000, "never reached"
    assert "rolling_back" not in bench.told()


def test_force_lifts_the_version_under_way(bench: Bench) -> None:
    walk(bench, "shadow")
    assert bench.turn(5.0, promote("2")) == "shadow"
    assert bench.turn(6.0, promote("2", force=True)) == "champion"
    assert bench.repository.channels("small").champion == "2"


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (promote("2"), "version 2 is in state shadow"),
        (promote("1"), "the rollout of version 2 is under way (shadow)"),
        (promote("2", force=True, reason=""), "a promotion needs a name and a reason"),
        (Approve(event_id="a", occurred_at=0.0, model="small", version="2", by="ada"), "version 2 is in state shadow"),
        (Reject(event_id="a", occurred_at=0.0, model="small", version="9", by="ada"), "no rollout of version 9"),
    ],
)
def test_an_order_that_nothing_waits_for_is_kept_with_its_reason(bench: Bench, order: Order, why: str) -> None:
    assert bench.turn(1.0, order) == "shadow"
    assert bench.refused() == [why]


@pytest.mark.parametrize(
    ("order", "why"), [(promote("2"), "version 2 is the champion"), (promote("7", force=True), "has no version '7'")]
)
def test_a_promotion_that_cannot_be_is_refused(bench: Bench, order: Promote, why: str) -> None:
    now = walk(bench, "stable")
    assert bench.turn(now + 1, order) == "stable"
    assert why in bench.refused()[0]
