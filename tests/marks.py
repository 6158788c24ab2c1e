"""Fingerprints of models that never were, some of them each other's kin, and indexes of them; no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forebear.index import Addition, LocalIndex
from forebear.signals import Fingerprint
from forebear.signals.declared import Declared
from forebear.signals.layout import SLOTS
from index.fingerprints import SHAPE, make_code, make_fingerprint


def mark(
    name: str, seed: int, parent: int | None = None, flipped: float = 0.05, gains: bool = True, **declared: Any
) -> Fingerprint:
    """A model with coins of its own, or those of the model with another seed, a share of them flipped.

    Its gains are those of the other one, which excludes a merely shared start, or are not known.
    """
    own = parent if parent is not None else seed
    code = replace(make_code(own), repeats=(), layers=tuple(range(SLOTS)))
    if not gains:
        code = replace(code, signature=np.full_like(code.signature, np.nan))
    if parent is not None:
        rng = np.random.default_rng([seed, 7])
        flips = np.packbits(rng.random(8 * len(code.bits)) < flipped) & code.valid
        code = replace(code, bits=code.bits ^ flips)
    said = {"base_models": (), **declared}
    shape = {**SHAPE, "layers": SLOTS}
    return make_fingerprint(name, seed, code=code, shape=shape, declared=Declared(**said))


def index_of(folder: Path, marks: Sequence[Fingerprint], locations: Sequence[str] = ()) -> LocalIndex:
    """An index of them."""
    index = LocalIndex(folder)
    places = locations or [f"/models/{m.name}" for m in marks]
    index.add_many(Addition(m, place) for m, place in zip(marks, places, strict=True))
    return index
