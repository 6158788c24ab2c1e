"""A model that was never trained is told by its norms, and one whose gains were folded away is not taken for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from edits import edit, move_gains
from forebear.artifacts import Artifact
from forebear.signals import fingerprint
from forebear.signals import untrained as module
from forebear.signals.untrained import _unevenness, untrained
from models import tiny, tiny_llama
from signals.held import held

F32 = NDArray[np.float32]


def never_trained(folder: Path) -> bool:
    artifact = opened(folder)
    return untrained(artifact, fingerprint(artifact).code.signature)


def test_random_starts_are(tmp_path: Path) -> None:
    for seed in range(6):
        assert never_trained(tiny_llama(tmp_path / f"llama{seed}", seed))
    assert never_trained(tiny("gpt2", tmp_path / "gpt2", 1))


def test_one_step_moves_the_gains(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", 1)
    move_gains(folder, 1)
    assert not never_trained(folder)


def test_gains_that_were_folded_into_the_matrices_show_in_their_columns(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", 1)
    gains = np.exp(np.random.default_rng(2).normal(0, 0.5, 64)).astype(np.float32)

    def fold(name: str, values: F32) -> F32:
        reads = any(part in name for part in ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"))
        return values * gains if reads else values

    edit(folder, fold)
    assert not never_trained(folder)


def test_without_known_gains_nothing_is_said(tmp_path: Path) -> None:
    artifact = opened(tiny_llama(tmp_path / "model", 1))
    assert not untrained(artifact, np.full((16, 2, 64), np.nan, dtype=np.float16))


# -- by hand -----------------------------------------------------------------------------------------------------------

FLAT = np.zeros((1, 2, 4), dtype=np.float16)


def up(*layers: Any, dtype: str = "F32", **first: Any) -> Artifact:
    """A model of width 2 with these up rows by layer, and further parts of its first layer."""
    rows = {f"layers.{k}.mlp.up": v for k, v in enumerate(layers) if v is not None}
    rows |= {f"layers.0.{part.replace('_', '.')}": v for part, v in first.items()}
    return held(rows, dtype=dtype, layers=len(layers), width=2)


def test_unevenness_is_the_variance_of_the_columns_energies_in_what_chance_would_have() -> None:
    """Squares 1, 9 and 4, 16: columns of 5/2 and 25/2 differ by 50; of all four the variance is 133/4, of two 133/8."""
    rows = [[1.0, -3], [-2, 4]]
    assert _unevenness(up(rows), "mlp.up") == pytest.approx(50 / (np.var([1, 9, 4, 16]) / 2))
    assert _unevenness(up(rows), "attn.q") is None


def test_layers_that_cannot_be_told_are_left_out_and_the_others_asked() -> None:
    """The median of three; what is missing, no matrix, of one value throughout or no numbers is none of them."""
    layers = [[[1.0, 2], [2, 1]], [[1.0, 2], [1, 2]], [[1.0, 2], [1, 2.1]]]
    single = [_unevenness(up(v), "mlp.up") for v in layers]
    assert single[0] == 0 and None not in single
    bad = (None, [1.0, 2.0], [[1.0, 1.0]], [[np.nan, 1.0]], [[np.inf, 1.0]])
    middle = sorted(x for x in single if x is not None)[1]
    assert _unevenness(up(*bad, layers[1], layers[0], *bad, layers[2]), "mlp.up") == pytest.approx(middle)
    assert _unevenness(up(*bad), "mlp.up") is None
    assert _unevenness(up([[1, 2], [3, 4]], dtype="U8"), "mlp.up") is None


def test_only_the_first_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    rows = [[1.0, -3], [-2, 4], [100, 0]]
    assert _unevenness(up(rows), "mlp.up") == _unevenness(up(rows[:2]), "mlp.up")


def test_gains_have_to_be_alike_and_columns_even() -> None:
    even, uneven = [[1.0, 2], [2, 1]], [[1.0, 5], [1.1, 5]]
    assert untrained(up(even), FLAT) and untrained(up(even), FLAT + np.float16(0.5))
    assert not untrained(up(uneven), FLAT)
    assert not untrained(up(even, attn_q=uneven), FLAT) and untrained(up(even, attn_q=even), FLAT)
    assert not untrained(up(None), FLAT) and not untrained(replace(up(even), geometry=None), FLAT)
    moved, unknown = FLAT.copy(), FLAT.copy()
    moved[0, 1, 2] = 2.0**-10
    unknown[0, 1, 2] = np.nan
    assert not untrained(up(even), moved) and untrained(up(even), unknown)  # a norm that is not known says nothing
