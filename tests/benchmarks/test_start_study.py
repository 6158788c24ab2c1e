"""The start study scans who it says, and its table counts what was said. Models are written by the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import start_study
from relation.kin import kin
from start_study import Seen, looks, table

from edits import copy, edit, move_gains
from models import F32, tiny

LLAMA = next(k for k in kin() if k.base.name == "llama-b")


def moved(parent: Path, out: Path, seed: int, size: float) -> Path:
    rng = np.random.default_rng(seed)

    def change(name: str, values: F32) -> F32:
        return np.asarray(values + size * values.std() * rng.standard_normal(values.shape))

    edit(copy(parent, out.name), change)
    move_gains(out, seed)
    return out


def test_descendants_and_twins_are_scanned_and_told_apart(tmp_path: Path) -> None:
    start = tiny("llama", tmp_path / LLAMA.start.digest, 1)
    base = moved(start, tmp_path / LLAMA.base.digest, 2, 0.6)
    for k, twin in enumerate(LLAMA.twins):
        moved(start, tmp_path / twin.digest, 3 + k, 0.6)
    for k, name in enumerate(start_study.CHILDREN):
        moved(base, tmp_path / LLAMA.children[name].digest, 10 + k, 0.1)
    seen = {s.model: s for s in looks(LLAMA, tmp_path)}
    assert set(seen) == {"twin, same data", "twin, other data", *start_study.CHILDREN}
    assert all(s.apart and not s.shared for n, s in seen.items() if n.startswith("twin"))
    assert all(s.shared and not s.apart for n, s in seen.items() if not n.startswith("twin"))
    assert not any(s.derived for s in seen.values())


def test_the_table_counts_by_model() -> None:
    seen = [Seen("light", 0.9, True, False, False), Seen("light", None, False, False, False)]
    seen += [Seen("twin", 0.1, False, True, False)]
    assert table(seen).splitlines()[2:] == [
        "| light | 2 | 0.90 to 0.90 | 1 | 0 | 0 |",
        "| twin | 1 | 0.10 to 0.10 | 0 | 1 | 0 |",
    ]
