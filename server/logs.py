"""Logs: one JSON object a line, with the request id where there is one, personal data scrubbed."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from kernel.masking import scrub, scrub_value

# What every LogRecord has; whatever else it carries came in by ``extra`` and is written out.
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """{"at", "level", "logger", "message", …extra, "error"}."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        scrubbed = scrub_value(extra)
        if isinstance(scrubbed, dict):
            line |= scrubbed
        if record.exc_info:
            line["error"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up(level: str, process: str) -> None:
    """Standard output carries the logs; ``process`` (api, worker, …) is named in each line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_named(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Tornado's own access log would write every address; handlers write what matters.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    # PyMongo logs commands, with their values, at DEBUG.
    logging.getLogger("pymongo").setLevel(logging.WARNING)


def _named(process: str) -> Any:
    def add(record: logging.LogRecord) -> bool:
        record.process_name = process
        return True

    return add
