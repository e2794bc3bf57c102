"""What the embedded log lets go: records past their topic's age, the oldest ones past the byte limit, and in compacted topics all but each key's last.

A sweep works in bounded transactions, so that no publisher waits long behind it, and says whether it finished.
"""

import sqlite3
from typing import Final

from contracts.log_embedded_store import OFFSET_BITS, OFFSETS, writing

_CHUNK: Final = 5_000
"""Records dropped in one transaction: some 50 ms on a slow disk, and more than publishers add between two sweeps that did not finish."""
_ROUNDS: Final = 16
_DIRTY: Final = 200
"""Records since the last compaction that make the next one worth a walk over the topic."""
_SIZE: Final = "length(CAST(key AS BLOB)) + length(CAST(headers AS BLOB)) + length(value)"


def sweep(connection: sqlite3.Connection, now: float, max_bytes: int) -> bool:
    """Drop what is due at `now` (Unix seconds), one bounded share of each kind. False when more is left for the next call."""
    aged = _drop_aged(connection, now)
    fits = _drop_over(connection, max_bytes)
    _compact(connection)
    return aged and fits


def _drop_aged(connection: sqlite3.Connection, now: float) -> bool:
    places = connection.execute(
        "SELECT places.id, retention_s FROM places JOIN topics ON topics.name = topic WHERE retention_s IS NOT NULL"
    ).fetchall()
    finished = True
    for place, retention_s in places:
        oldest = _oldest(connection, place)
        before_ms = int((now - retention_s) * 1000)
        if oldest is not None and oldest[1] < before_ms:
            finished &= _drop(connection, place, before_ms) < _CHUNK
    return finished


def _drop_over(connection: sqlite3.Connection, max_bytes: int) -> bool:
    """Shares go from the place whose oldest record is the oldest of all, until the rest fits: so all places keep about the same past."""
    for _ in range(_ROUNDS):
        places = connection.execute(
            "SELECT places.id, bytes FROM places JOIN topics ON topics.name = topic WHERE retention_s IS NOT NULL AND NOT compacted"
        ).fetchall()
        over = sum(int(size) for _, size in places) - max_bytes
        ages = [(oldest[1], place) for place, _ in places if (oldest := _oldest(connection, place)) is not None]
        if over <= 0 or not ages:
            return True
        _drop_bytes(connection, min(ages)[1], max(over // (2 * len(ages)), max_bytes // 256))
    return False


def _drop_bytes(connection: sqlite3.Connection, place: int, size_bytes: int) -> None:
    """Drop the leading records of `place` until `size_bytes` are free, at least one of them and at most a share."""
    with writing(connection):
        walk = connection.execute(
            f"SELECT id, {_SIZE} FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (*_span(place), _CHUNK)
        )
        last, freed = _span(place)[0] - 1, 0
        for record, size in walk:
            last, freed = record, freed + int(size)
            if freed >= size_bytes:
                break
        walk.close()
        _delete_to(connection, place, last, freed)


def _drop(connection: sqlite3.Connection, place: int, before_ms: int) -> int:
    """Drop the leading records of `place` that are older than `before_ms`, at most a share of them; how many went."""
    with writing(connection):
        walk = connection.execute(
            f"SELECT id, time_ms, {_SIZE} FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (*_span(place), _CHUNK)
        )
        last, freed, count = _span(place)[0] - 1, 0, 0
        for record, time_ms, size in walk.fetchall():
            if time_ms >= before_ms:
                break
            last, freed, count = record, freed + size, count + 1
        _delete_to(connection, place, last, freed)
    return count


def _delete_to(connection: sqlite3.Connection, place: int, last: int, freed: int) -> None:
    connection.execute("DELETE FROM records WHERE id BETWEEN ? AND ?", (_span(place)[0], last))
    connection.execute("UPDATE places SET bytes = bytes - ? WHERE id = ?", (freed, place))


def _compact(connection: sqlite3.Connection) -> None:
    dirty = connection.execute(
        "SELECT places.id FROM places JOIN topics ON topics.name = topic WHERE compacted AND next_offset - clean_to >= ?", (_DIRTY,)
    ).fetchall()
    for (place,) in dirty:
        span = _span(place)
        with writing(connection):
            connection.execute(
                "DELETE FROM records WHERE id BETWEEN ? AND ? AND id NOT IN"
                " (SELECT max(id) FROM records WHERE id BETWEEN ? AND ? GROUP BY key)",
                (*span, *span),
            )
            (left,) = connection.execute(f"SELECT coalesce(sum({_SIZE}), 0) FROM records WHERE id BETWEEN ? AND ?", span).fetchone()
            connection.execute("UPDATE places SET clean_to = next_offset, bytes = ? WHERE id = ?", (left, place))


def _oldest(connection: sqlite3.Connection, place: int) -> tuple[int, int] | None:
    row: tuple[int, int] | None = connection.execute(
        "SELECT id, time_ms FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1", _span(place)
    ).fetchone()
    return row


def _span(place: int) -> tuple[int, int]:
    """The first and the last row id that a place's records may have."""
    return place << OFFSET_BITS, (place << OFFSET_BITS) + OFFSETS - 1
