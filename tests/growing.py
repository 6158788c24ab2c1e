"""Work counted instead of timed: what grows too fast shows at small sizes, and on a machine that is busy, too."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls(do: Callable[[], object]) -> int:
    """Calls of functions, Python's and C's, and resumed generators, while something is done."""
    count, before = 0, sys.getprofile()

    def note(frame: FrameType, event: str, value: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(before)
    return count


def steps(db: sqlite3.Connection, do: Callable[[], object]) -> int:
    """Tens of instructions of SQLite's virtual machine while something is done."""
    count = 0

    def note() -> int:
        nonlocal count
        count += 1
        return 0

    db.set_progress_handler(note, 10)
    try:
        do()
    finally:
        db.set_progress_handler(None, 0)
    return count


def growth(work: Callable[[int], int], n: int) -> float:
    """How much more work four times as much is: 4 where it grows with the size, 16 where with its square."""
    work(n)  # what is made once and kept counts for neither
    return work(4 * n) / max(1, work(n))
