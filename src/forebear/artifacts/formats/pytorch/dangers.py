"""What the pickles of a folder would do to whoever loads them, whether they hold the weights or not."""

from __future__ import annotations

from collections.abc import Collection

from forebear.artifacts.formats.pytorch import legacy
from forebear.artifacts.formats.pytorch.archive import read_archive
from forebear.artifacts.formats.pytorch.checkpoint import HEAD, file_window, kind
from forebear.artifacts.formats.pytorch.machine import unpickled
from forebear.artifacts.formats.pytorch.values import Log
from forebear.errors import FormatError
from forebear.sources import File, Source

SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MAX_FILES = 256
MAX_TOTAL = 128_000_000
"""Bytes of pickles that are examined beside the weights."""
MAX_LISTED = 16
_TEXT_PICKLES = b"(c]}lid"
"""Protocols 0 and 1 have no magic number; a file of that suffix that begins with one of these may be one."""


def clauses(path: str, log: Log) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Dangers and notes of one file, as sentences without a full stop."""
    listed = list(log.dangers.values())
    dangers = [
        f"{path} {clause} when pickle.load, or torch.load with weights_only=False, reads it"
        for clause in listed[:MAX_LISTED]
    ]
    if len(listed) > MAX_LISTED:
        dangers.append(f"{path} has {len(listed) - MAX_LISTED:,} more such calls")
    classes = [str(c) for c in log.unknown]
    notes = [
        f"{path} makes objects of {', '.join(classes[:3])}{' and others' if len(classes) > 3 else ''}, "
        "classes that are not known here; they were passed over"
    ]
    return tuple(dangers), tuple(notes) if classes else ()


def pickle_dangers(source: Source, read: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Dangers and notes of every pickle of a folder but the weights that were ``read`` already.

    Bounded in files and bytes; what was not examined whole is noted. A target that is one file has none.
    """
    if source.only:
        return (), ()
    files = [f for f in source.files() if f.path.lower().endswith(SUFFIXES) and f.path not in read]
    dangers: list[str] = []
    notes: list[str] = []
    left = MAX_TOTAL
    for file in files[:MAX_FILES]:
        log = Log()
        try:
            left -= _examine(source, file, log, left)
        except FormatError as error:
            notes.append(f"{error.path}: not examined whole as a pickle ({error.problem})")
        found, remarks = clauses(file.path, log)
        dangers += found
        notes += remarks
    if len(files) > MAX_FILES:
        notes.append(f"{len(files) - MAX_FILES:,} more pickles were not examined")
    return tuple(dangers), tuple(notes)


def _examine(source: Source, file: File, log: Log, left: int) -> int:
    """Interpret every pickle of a file; the number of bytes that were looked at."""
    head = source.read(file.path, 0, min(HEAD, file.size))
    what = kind(head)
    if what == "zip":
        found = read_archive(source, file)
        pickles = [e for e in found.entries.values() if e.name.endswith(".pkl")]
        for entry in pickles:
            unpickled(found.window(entry), log)
        return sum(e.size for e in pickles)
    if what in ("legacy", "pickle") or (file.path.lower().endswith((".pkl", ".pickle")) and head[:1] in _TEXT_PICKLES):
        window = file_window(source, file)
        unpickled(window, log)
        if what == "legacy":
            for _ in range(legacy.PICKLES - 1):
                unpickled(window, log)
        return window.position
    return 0
