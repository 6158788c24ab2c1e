"""Logs: one JSON object a line, of chosen fields."""

from __future__ import annotations

import json
import logging

from forebear.web.log import Lines


def test_a_line_is_json_and_of_an_exception_only_its_kind_is_told() -> None:
    try:
        raise ValueError("sk-secret")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("forebear.web", logging.ERROR, "", 1, "error", None, info)
    record.fields = {"path": "/a\n{}\x1b[2J", "ms": 5}
    line = Lines().format(record)
    said = json.loads(line)
    assert "\n" not in line and "sk-secret" not in line and "\x1b" not in line
    assert (said["level"], said["event"], said["path"], said["ms"]) == ("error", "error", "/a {} [2J", 5)
    assert said["error"] == "ValueError" and said["at"].startswith("test_log.py:")
