"""The process in which ScanCode reads licence files: alone, for it is large, has state of its own, and may crash.

Reads ``{"folder": …, "files": […], "seconds": …}`` from standard input: files of a folder by their names in it. Writes
``{"version": …, "files": {name: [match, …]}, "licences": {key: …}}``; files that there was no time for are missing.
It is run as a script and imports nothing of Forebear.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from importlib import metadata
from typing import Any

MEMORY = 6 << 30
"""Bytes of address space; ScanCode 32.5 takes 1.4 GB."""
MATCHES = 200
TEXT = 300_000
"""Characters of the text of a licence."""


def main() -> None:
    """Answer the one request on standard input."""
    asked = json.load(sys.stdin)
    answer_to, sys.stdout = sys.stdout, sys.stderr  # whatever it prints is no answer
    end = time.time() + asked["seconds"]
    _bound()
    json.dump(read(asked["folder"], asked["files"], end), answer_to)


def read(folder: str, names: list[str], end: float) -> dict[str, Any]:
    """What ScanCode says of files, as many as it can read until ``end`` (seconds since the epoch)."""
    from license_expression import Licensing
    from licensedcode.cache import get_licenses_db
    from scancode.api import get_licenses

    known = get_licenses_db()
    parse = Licensing()
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        if time.time() > end:
            break
        said = get_licenses(os.path.join(folder, name), deadline=end)
        matches = [match for one in said["license_detections"] for match in one["matches"]]
        found[name] = [row for match in matches[:MATCHES] for row in _rows(match, parse)][:MATCHES]
    keys = {row["key"] for rows in found.values() for row in rows}
    licences = {key: _licence(known[key]) for key in sorted(keys) if key in known}
    return {"version": _version(), "files": found, "licences": licences}


def _rows(match: dict[str, Any], parse: Any) -> list[dict[str, Any]]:
    """A match, once for each licence of its expression."""
    shared = {
        "score": float(match["score"]),
        "lines": [int(match["start_line"]), int(match["end_line"])],
        "words": int(match["matched_length"]),
    }
    return [{"key": str(key), **shared} for key in parse.license_keys(match["license_expression"])]


def _licence(known: Any) -> dict[str, Any]:
    return {
        "name": str(known.name or ""),
        "spdx": str(known.spdx_license_key or ""),
        "generic": bool(known.is_generic or known.is_unknown),
        "text": str(known.text or "")[:TEXT],
    }


def _version() -> str:
    for name in ("scancode-toolkit-mini", "scancode-toolkit"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return ""


def _bound() -> None:
    """Keeps the process from taking all memory, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
