"""A rollout in words: what the other services, the ledger, the log and a mirror learn of each of its steps."""

from typing import Literal

from contracts.events import RolloutAdvanced
from contracts.ids import new_id
from retrain.registry.mlflow import Finished
from retrain.rollout.states import Rollout
from retrain.state.journal import Journal


def finished(rollout: Rollout) -> Finished:
    """A rollout that became stable or was taken back, as the mirror takes it."""
    state: Literal["stable", "rolled_back"] = "stable" if rollout.state == "stable" else "rolled_back"
    return Finished(rollout.version, rollout.parent, state, rollout.reason, rollout.by, rollout.entered_at)


def advanced(journal: Journal, rollout: Rollout, now: float) -> None:
    """A rollout took a step."""
    why = rollout.reason + (f"; waits for {rollout.waits_for}" if rollout.waits_for else "")
    journal.note(
        "rollout_advanced",
        now,
        version=rollout.version,
        digest=rollout.digest,
        parent=rollout.parent,
        parent_digest=rollout.parent_digest,
        state=rollout.state,
        share=rollout.share,
        by=rollout.by,
        gates=rollout.gates,
        why=why,
    )
    journal.say(
        RolloutAdvanced(
            event_id=new_id(now),
            occurred_at=now,
            model=journal.model,
            version=rollout.version,
            parent=rollout.parent,
            state=rollout.state,
            share=rollout.share,
            reason=why,
            digest=rollout.digest,
            parent_digest=rollout.parent_digest,
            ledger=journal.ledger.head(),
        )
    )
