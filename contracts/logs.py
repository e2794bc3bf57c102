"""Logs as JSON lines on standard error: a constant event name and fields, one line a decision, none a frame."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

_OWN: Final = "keepsight"


class Logger:
    """Names an event and its fields: `log.info("model_swapped", version="3", digest="ab12…")`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{_OWN}.{name}")

    def info(self, event: str, **fields: Any) -> None:
        """Something was decided or changed."""
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Something failed that mends itself, or that a person may want to mend."""
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, *, trace: bool = False, **fields: Any) -> None:
        """Something failed that a person must mend. `trace` adds the current exception's traceback."""
        self._logger.error(event, extra={"fields": fields}, exc_info=trace)


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if not record.name.startswith(_OWN):
            line["logger"] = record.name
        if record.exc_info and record.exc_info[0]:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return msgspec.json.encode(line, enc_hook=_plain).decode()


def _plain(value: object) -> object:
    """numpy's scalars as numbers, anything else as its text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def log_to_stderr(service: str, level: str = "INFO") -> None:
    """Send every log line of this process to standard error as JSON. Called once, in `__main__`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)
