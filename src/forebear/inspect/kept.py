"""Answers that outlive the process that gave them: JSON lines, one file per scanned set, in the user's cache.

A line is written in one piece as soon as its answer is there, so a process that is killed loses what it was at and
nothing else; a line that was cut off is left out when the file is read. Documents stay on disk: memory holds a key and
a position for each.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from forebear.sources import cache_home
from forebear.types import Json
from forebear.version import __version__

MAX_LINE = 50_000_000
"""Bytes of one answer; no answer comes near it."""


def key_of(*parts: Any) -> str:
    """The key of an answer: the same only for the same version of Forebear and equal parts (plain JSON values)."""
    return sha256(json.dumps([__version__, *parts]).encode()).hexdigest()


class Kept:
    """The answers about one set of models.

    Args:
        place: the real path of the scanned folder, or the address of the list that was scanned.
        wanted: keys that may be asked for; everything else in the file is out of date and removed.
        fresh: forget all earlier answers.

    Attributes:
        problem: why answers will not outlive this process; empty where they do.
    """

    def __init__(self, place: str, wanted: Collection[str], fresh: bool = False) -> None:
        self.problem = ""
        self._where: dict[str, tuple[int, int]] = {}
        self._unwritten: dict[str, Json] = {}
        self._stream: IO[bytes]
        path = cache_home() / "scans" / f"{sha256(os.fsencode(place)).hexdigest()[:32]}.jsonl"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._where = _renewed(path, set() if fresh else wanted)
            self._stream = open(path, "a+b", buffering=0)  # noqa: SIM115 (it lives as long as this object)
        except OSError as error:
            self.problem = f"answers are not kept for a later run: {path.parent}: {error.strerror}"
            self._where = {}
            self._stream = tempfile.TemporaryFile(prefix="forebear-", buffering=0)  # noqa: SIM115

    def get(self, key: str) -> Json | None:
        """The answer under a key, or None."""
        if key in self._unwritten:
            return self._unwritten[key]
        if key not in self._where:
            return None
        start, length = self._where[key]
        document: Json = json.loads(os.pread(self._stream.fileno(), length, start))["document"]
        return document

    def put(self, key: str, document: Json) -> None:
        """Keep an answer, in memory where the disk is full."""
        line = json.dumps({"key": key, "document": document}).encode() + b"\n"
        try:
            written = os.write(self._stream.fileno(), line)
            end = os.lseek(self._stream.fileno(), 0, os.SEEK_CUR)
        except OSError as error:
            written, self.problem = 0, f"answers are not kept for a later run: {error.strerror}"
        if written == len(line):
            self._where[key] = (end - len(line), len(line))
        else:
            self._unwritten[key] = document

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()


def _renewed(path: Path, wanted: Collection[str]) -> dict[str, tuple[int, int]]:
    """Write the file anew with only the wanted lines, and say where each of them is.

    The new file takes the place of the old one, so another process that is at the same folder goes on with the old
    file and loses at most what it would have kept.
    """
    where: dict[str, tuple[int, int]] = {}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as new:
            if path.exists():
                with open(path, "rb") as old:
                    for key, line in _lines(old):
                        if key in wanted and key not in where:
                            where[key] = (new.tell(), len(line))
                            new.write(line)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return where


def _lines(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Key and bytes of every whole line."""
    while line := stream.readline(MAX_LINE):
        try:
            entry = json.loads(line)
            if line.endswith(b"\n") and isinstance(entry["document"], dict):
                yield str(entry["key"]), line
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # cut off by a kill, or not ours
