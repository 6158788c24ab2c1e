"""Exchange files for tests: entries without the faults that random codes are given elsewhere, and files taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forebear.attest.exchange_file import MAGIC, pieces
from forebear.index import Addition, Entry, LocalIndex, Provenance
from forebear.signals import Fingerprint
from forebear.signals.towers import TowerMark
from index.fingerprints import SHAPE, make_code, make_fingerprint, make_sketches

HUB = "hf:org/model@c0ffee"
ME = Provenance("ACME lab", "0.1.0", "c0ffee", "2026-01-01T00:00:00Z", "whole")


def mark(name: str, seed: int, **changes: Any) -> Fingerprint:
    """A random model whose code has no fault that its bits do not show."""
    made = make_fingerprint(name, seed, **changes)
    return replace(made, code=replace(made.code, repeats=()))


def rich(name: str, seed: int) -> Fingerprint:
    """The same with sketches and a tower."""
    spectra, tokens = make_sketches(seed)
    tower = TowerMark("vision", dict(SHAPE), replace(make_code(seed + 500), repeats=()))
    return mark(name, seed, spectra=spectra, tokens=tokens, towers=(tower,), target=HUB)


def entry(name: str, seed: int) -> Entry:
    """An entry that has everything which an entry can have, but activations."""
    return Entry(rich(name, seed), HUB, "2026-01-01T00:00:00Z", ME)


def filled(folder: Path, names: Sequence[str] = ("a", "b", "c")) -> LocalIndex:
    """An index of a few such models."""
    index = LocalIndex(folder)
    index.add_many([Addition(rich(name, seed), HUB, ME) for seed, name in enumerate(names, 1)])
    return index


def flipped(code: Any, share: float, seed: int = 0) -> Any:
    """A code of which a share of the bits is another one: a descendant's."""
    other = np.packbits(np.random.default_rng(seed).random(code.bits.size * 8) < share)
    return replace(code, bits=(code.bits ^ other) & code.valid)


def write(path: Path, records: Sequence[bytes]) -> Path:
    """A file of any records."""
    path.write_bytes(b"".join(pieces(records)))
    return path


def parts(raw: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of every part of a file."""
    place = len(MAGIC)
    while place < len(raw):
        end = place + 5 + int.from_bytes(raw[place + 1 : place + 5], "big")
        yield place, end
        place = end
