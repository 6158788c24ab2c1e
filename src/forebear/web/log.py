"""Logs as one JSON object a line, of chosen fields only: no header, no body, no query, so no secret."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from forebear.errors import one_line


class Lines(logging.Formatter):
    """A record as a line of JSON; its fields are those of ``extra={"fields": …}``."""

    def format(self, record: logging.LogRecord) -> str:
        """See :class:`logging.Formatter`. Of an exception only the kind and the place: its text may be a stranger's."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": one_line(record.getMessage(), 200),
        }
        for key, value in getattr(record, "fields", {}).items():
            said[key] = one_line(value, 200) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
            at = record.exc_info[2]
            while at is not None and at.tb_next is not None:
                at = at.tb_next
            if at is not None:
                said["at"] = f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}"
        return json.dumps(said, ensure_ascii=False)


def set_up(level: int = logging.INFO) -> None:
    """Send the service's own records, and warnings of what listens for it, to stderr as :class:`Lines`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, least in (("forebear.web", level), ("uvicorn.error", max(level, logging.WARNING))):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(least)
        logger.propagate = False
