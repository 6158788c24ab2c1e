"""Which index a command works on: the one on this machine, or the one that ``FOREBEAR_INDEX`` names."""

from __future__ import annotations

import os
from pathlib import Path

from forebear.errors import UsageError, one_line
from forebear.index.base import Index
from forebear.index.local import LocalIndex

POSTGRES = ("postgresql://", "postgres://")


def open_index(where: str | None = None) -> Index:
    """The index at a place.

    Args:
        where: a folder, or the address of a PostgreSQL database (``postgresql://…``, the extra ``[postgres]``); default
            ``FOREBEAR_INDEX``, else the index of this machine.

    Raises:
        UsageError: it is neither.
        IndexError_: a database cannot be reached, or is not an index.
    """
    chosen = where if where is not None else os.environ.get("FOREBEAR_INDEX", "")
    if not chosen:
        return LocalIndex()
    if chosen.startswith(POSTGRES):
        raise UsageError("an index in PostgreSQL is not supported by this version")
    if "://" in chosen:
        scheme = one_line(chosen.split("://", 1)[0])[:40]
        raise UsageError(f"no index can be opened by {scheme}://", "give a folder or postgresql://…")
    return LocalIndex(Path(chosen).expanduser())
