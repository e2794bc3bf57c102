"""What a person orders of a rollout: approve, reject, roll back, promote. The pure steps, and their way to the newest rollout.

An order that nothing waits for changes nothing; it is kept in the ledger with the reason why not.
"""

from collections.abc import Callable

import msgspec

from contracts.channels import Channels
from contracts.errors import VersionError
from contracts.events import Approve, Promote, Reject, Rollback
from contracts.repository import ModelRepository
from retrain.rollout.states import BESIDE, GUARDED, Rollout, because, entered, fresh, roll_back
from retrain.state.journal import Journal

Order = Approve | Reject | Rollback | Promote


class Orders:
    """`newest` gives the rollout that orders are about, `of` the last that a version had.

    `clear` forgets the evidence of a version that begins anew, `move` enters what was decided.
    """

    def __init__(
        self,
        model: str,
        repository: ModelRepository,
        journal: Journal,
        newest: Callable[[], Rollout | None],
        of: Callable[[str], Rollout | None],
        clear: Callable[[str], None],
        move: Callable[[Rollout, float], None],
    ) -> None:
        self._model, self._repository, self._journal = model, repository, journal
        self._newest, self._of, self._clear, self._move = newest, of, clear, move

    def carry_out(self, order: Order, now: float) -> None:
        """Do what is asked, or keep why not."""
        try:
            after = self._after(order, now)
        except VersionError as error:
            after = str(error)
        if isinstance(after, Rollout) and after is self._newest():
            after = f"version {after.version} is in state {after.state}"
        if isinstance(after, Rollout):
            self._move(after, now)
        else:
            self._journal.note(
                "command_refused", now, command=type(order).__name__.lower(), order=order.event_id, by=order.by, why=after
            )

    def _after(self, order: Order, now: float) -> Rollout | str:
        """The rollout as the order leaves it, or why it leaves nothing."""
        rollout = self._newest()
        match order:
            case Rollback():
                return self._rolled_back(order, rollout, now)
            case Promote():
                return self._promoted(order, rollout, now)
        if rollout is None or rollout.version != order.version:
            return f"no rollout of version {order.version}"
        step = approve if isinstance(order, Approve) else reject
        return step(rollout, now, order.by, order.reason)

    def _rolled_back(self, order: Rollback, rollout: Rollout | None, now: float) -> Rollout | str:
        """To the newest rollout's parent, else to what the channels call previous: a champion without a rollout of ours."""
        channels = self._repository.channels(self._model)
        if rollout is None or (rollout.ended and (rollout.state, rollout.version) != ("stable", channels.champion)):
            if channels.previous is None:
                return "there is no previous version"
            champion, _ = (self._repository.manifest(self._model, one) for one in (channels.champion, channels.previous))
            self._clear(channels.champion)
            before = msgspec.structs.replace(channels, previous=None)
            rollout = fresh(channels.champion, before, channels.previous, champion.labels, now)
            rollout = msgspec.structs.replace(rollout, state="stable")
        return roll_back(rollout, now, f"{order.by} asked{because(order.reason)}", order.by)

    def _promoted(self, order: Promote, rollout: Rollout | None, now: float) -> Rollout | str:
        if not (order.by and order.reason):
            return "a promotion needs a name and a reason"
        if rollout is not None and not rollout.ended:
            if rollout.version != order.version:
                return f"the rollout of version {rollout.version} is under way ({rollout.state})"
            return forced(rollout, now, order.by, order.reason) if order.force else rollout
        channels = self._repository.channels(self._model)
        if channels.champion == order.version:
            return f"version {order.version} is the champion"
        labels = self._repository.manifest(self._model, order.version).labels
        if not order.force and not self._known(order.version):
            return f"version {order.version} passed no gates here and was never champion: only force makes it one"
        before = self._of(order.version)
        self._clear(order.version)
        rollout = promoted(order.version, channels, labels, now, order.by, order.reason, order.force)
        return msgspec.structs.replace(rollout, gates=before.gates) if before is not None else rollout

    def _known(self, version: str) -> bool:
        """Whether a version had a rollout, which its gates led to, or was champion once."""
        return self._of(version) is not None or self._journal.ledger.was_champion(version)


def promoted(version: str, channels: Channels, labels: tuple[str, ...], now: float, by: str, reason: str, force: bool) -> Rollout:
    """The first state of a version that a person wants as champion: the steps are the same; with `force` it answers every camera at once."""
    rollout = fresh(version, channels, channels.champion, labels, now)
    if force:
        return forced(entered(rollout, "awaiting_approval", now, ""), now, by, reason)
    return entered(rollout, "shadow", now, f"{by} asked{because(reason)}; {BESIDE}", by=by)


def approve(rollout: Rollout, now: float, by: str, reason: str) -> Rollout:
    """A person lets a waiting version begin; anything else stays as it is."""
    if rollout.state != "awaiting_approval":
        return rollout
    return entered(rollout, "shadow", now, f"approved by {by}{because(reason)}", by=by)


def forced(rollout: Rollout, now: float, by: str, reason: str) -> Rollout:
    """A person makes a version champion without its steps; it is watched like any other. What has come that far stays as it is."""
    if rollout.state not in ("awaiting_approval", "shadow", "canary"):
        return rollout
    return entered(rollout, "champion", now, f"forced by {by}{because(reason)}", by=by)


def reject(rollout: Rollout, now: float, by: str, reason: str) -> Rollout:
    """A person refuses a version: before its rollout for good, during it by rolling back."""
    if rollout.state == "awaiting_approval":
        return entered(rollout, "rejected", now, f"rejected by {by}{because(reason)}", by=by)
    return roll_back(rollout, now, f"rejected by {by}{because(reason)}", by) if rollout.state in GUARDED else rollout
