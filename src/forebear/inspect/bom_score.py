"""A bill of materials from a file, held against a profile; with the model at hand what it says is verified first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from forebear.bom.score import Score, load_profile, score
from forebear.index import Index
from forebear.inspect.bom_read import MAX_BOM, read, read_bytes
from forebear.inspect.bom_verify import chosen, verify_bom


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
    reading = read(read_bytes(bom, MAX_BOM), str(bom))
    record = chosen(reading, model)
    verified = verify_bom(
        bom, target, index=index, effort=effort, signature=signature, key=key, on_step=on_step, model=model
    )
    return score(reading, wanted, verified.checks, record)
