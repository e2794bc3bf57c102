"""Rows of a Parquet file: one an event, columns named as the event's fields, nested ones as structs and lists; or one column `json` or `value`.

Times may be timestamps; a column `type` names the event, without one the rows are frames (`--events`) or labels (`--labels`). Read a batch at a time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final

from monitor.backtest.recorded import RecordingError

BATCH_ROWS: Final = 1024
WHOLE: Final = ("json", "value")
"""Columns that hold whole events as JSON."""


def rows(raw: IO[bytes], name: str) -> "Iterator[tuple[float, int, bytes | dict[str, object]]]":
    """The share of the file that was read, the row's number from 1, and the row. Raises RecordingError when the file or pyarrow is not there to read."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RecordingError(f"{name} is Parquet, which needs pyarrow: pip install 'keepsight[report]'") from None
    number = 0
    try:
        file = pyarrow.parquet.ParquetFile(raw)
        total = max(1, file.metadata.num_rows)
        columns = file.schema_arrow.names
        whole = next((column for column in WHOLE if column in columns and "event_id" not in columns), None)
        for batch in file.iter_batches(BATCH_ROWS, columns=[whole] if whole else None):
            for row in batch.to_pylist():
                number += 1
                yield number / total, number, _line(row[whole]) if whole else _plain(row)
    except (pyarrow.ArrowException, OSError) as error:
        raise RecordingError(f"{name} is no Parquet that can be read, after row {number}: {error}") from None


def _line(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _plain(row: dict[str, Any]) -> dict[str, object]:
    """Timestamps as Unix seconds; without a time zone they are UTC."""
    return {key: _seconds(value) if isinstance(value, datetime) else value for key, value in row.items()}


def _seconds(value: datetime) -> float:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
