"""A bill of materials from a file, held against a profile; with the model at hand what it says is verified first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from forebear.bom.formats import read_bom
from forebear.bom.record import Record
from forebear.bom.score import Score, load_profile, score
from forebear.errors import UsageError, one_line
from forebear.index import Index
from forebear.inspect.bom_verify import verify_bom
from forebear.inspect.licence import read_document


def score_bom(
    bom: str | Path,
    profile: str,
    target: str | None = None,
    model: str = "",
    index: Index | None = None,
    effort: str = "standard",
    signature: str | Path | None = None,
    key: str | Path | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Score:
    """How much of what a profile asks for a bill of materials says.

    Args:
        bom: the file.
        profile: identifier of one of ours, or the path of a file.
        target: the model that it is about; without it nothing about the model can be verified.
        model: which of several models that the bill describes; default the one that it is about.
        index, effort: of the scan of the target.
        signature, key: a signature over the bill, and whose it should be.
        on_step: told what is being done.

    Raises:
        UsageError: there is no such profile, file, or model in the bill.
        InputError: the bill or the profile cannot be read.
    """
    wanted = load_profile(profile)
    if not Path(bom).exists():
        raise UsageError(f"{bom}: no such file")
    reading = read_bom(read_document(str(bom)))
    record = _chosen(reading.records, model) if model else None
    found = verify_bom(
        bom, target, index=index, effort=effort, signature=signature, key=key, on_step=on_step, model=model
    )
    return score(reading, wanted, found.checks, record)


def _chosen(records: tuple[Record, ...], name: str) -> Record:
    for record in records:
        if record.model.name == name:
            return record
    there = ", ".join(one_line(r.model.name, 80) for r in records[:10]) or "none"
    raise UsageError(f"the bill describes no model called {one_line(name, 80)}", f"it describes {there}")
