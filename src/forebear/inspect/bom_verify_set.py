"""Every bill of materials below a folder, each held against the model beside it where there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forebear.bom.files import role_of
from forebear.bom.verification import Outcome, Verification
from forebear.errors import InputError, UsageError, one_line
from forebear.index import Index, LocalIndex
from forebear.inspect.bom_read import MAX_BOM
from forebear.inspect.bom_verify import verify_bom
from forebear.types import Json, head

Step = Callable[[str], None]
SCHEMA = "forebear.bom-verify-set/1"
MARKS = (b'"bomFormat"', b"spdx.org/rdf/3")
"""What every bill in a format that is read has in it."""
MOST = 100_000
"""Files that are looked at."""


@dataclass(frozen=True)
class Row:
    """One bill.

    Attributes:
        path: relative to the folder, ``/`` between parts.
        result: None where it could not be read, with ``problem`` saying why.
    """

    path: str
    result: Verification | None = None
    problem: str = ""


@dataclass(frozen=True)
class VerificationSet:
    """The bills below a folder, in the order of their paths."""

    folder: str
    rows: tuple[Row, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, one line each."""
        found = [row.problem for row in self.rows if row.problem]
        found += [f"{row.path}: {line}" for row in self.rows if row.result for line in row.result.problems]
        return tuple(dict.fromkeys(found))

    @property
    def exit_codes(self) -> tuple[int, ...]:
        """Of each bill."""
        return tuple(row.result.verdict.exit_code if row.result else 4 for row in self.rows)

    def count(self, outcome: Outcome) -> int:
        """How many came out so."""
        return sum(1 for row in self.rows if row.result is not None and row.result.verdict is outcome)

    def to_json(self) -> Json:
        """The ``forebear.bom-verify-set/1`` document."""
        rows = [
            {"path": row.path, "result": row.result.to_json() if row.result else None, "problem": row.problem or None}
            for row in self.rows
        ]
        counts = {outcome.value: self.count(outcome) for outcome in Outcome}
        return {**head(SCHEMA), "folder": self.folder, "counts": counts, "bills": rows}


def verify_boms(
    folder: str | Path,
    index: Index | None = None,
    effort: str = "standard",
    profiles: Sequence[str] = (),
    on_step: Step = lambda _: None,
) -> VerificationSet:
    """Verify every bill of materials below a folder.

    A bill that lies beside weights is held against that folder, any other one alone: then nothing is verified, and
    what is wrong with the document is told.

    Args:
        folder: symbolic links in it are not followed.
        index, effort, profiles, on_step: see :func:`forebear.inspect.bom_verify.verify_bom`.

    Raises:
        UsageError: there is no such folder, or a profile is unknown.
        InputError: no bill is below it, or there are more files than are looked at.
    """
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{folder}: no folder", "without --recursive, one bill is verified")
    references = index if index is not None else LocalIndex()
    rows = []
    for path in sorted(bills_below(root), key=lambda p: p.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        try:
            beside = _model_beside(path.parent)
            step = _prefixed(on_step, name)
            rows.append(Row(name, verify_bom(path, beside, references, effort, profiles, step)))
        except InputError as error:
            rows.append(Row(name, problem=one_line(str(error), 600)))
    if not rows:
        raise InputError(f"{folder}: no bill of materials below it", "CycloneDX and SPDX 3 as JSON are looked for")
    return VerificationSet(str(folder), tuple(rows))


def bills_below(root: Path) -> Iterator[Path]:
    """JSON files that say they are bills; ``InputError`` where there are too many files to look at."""
    seen = 0
    for here, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MOST:
                raise InputError(f"{root}: more than the {MOST:,} files that are looked at")
            path = Path(here) / name
            if name.lower().endswith((".json", ".jsonld")) and not path.is_symlink() and _is_bill(path):
                yield path


def _is_bill(path: Path) -> bool:
    try:
        if path.stat().st_size > MAX_BOM:
            return False
        raw = path.read_bytes()
    except OSError:
        return False
    return any(mark in raw for mark in MARKS)


def _model_beside(folder: Path) -> str | None:
    """The folder, if weights lie in it."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_file()]
    return str(folder) if any(role_of(name) == "weights" for name in names) else None


def _prefixed(step: Step, name: str) -> Step:
    return lambda text: step(f"{name}: {text}")
