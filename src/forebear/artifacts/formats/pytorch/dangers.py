"""What the pickles of a folder would do to whoever loads them, whether they hold the weights or not."""

from __future__ import annotations

from collections.abc import Collection

from forebear.artifacts.formats.names import PICKLES
from forebear.artifacts.formats.pytorch.checkpoint import examine
from forebear.artifacts.formats.pytorch.values import Log
from forebear.errors import FormatError
from forebear.sources import Source

MAX_FILES = 256
MAX_TOTAL = 128_000_000
"""Bytes of pickles that are examined beside the weights."""
MAX_LISTED = 16


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
    files = [f for f in source.files() if f.path.lower().endswith(PICKLES) and f.path not in read]
    dangers: list[str] = []
    notes: list[str] = []
    left, examined, steps = MAX_TOTAL, 0, 0
    for file in files[:MAX_FILES]:
        if left <= 0:
            break
        log, examined = Log(steps=steps), examined + 1
        try:
            left -= examine(source, file, log)
        except FormatError as error:
            notes.append(f"{error.path}: not examined whole as a pickle ({error.problem})")
        steps = log.steps
        found, remarks = clauses(file.path, log)
        dangers += found
        notes += remarks
    if examined < len(files):
        notes.append(f"{len(files) - examined:,} more files that may be pickles were not examined")
    return tuple(dangers), tuple(notes)
