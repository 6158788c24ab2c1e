"""A model that was never trained is told by its norms, and one whose gains were folded away is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bodies import opened
from edits import edit, move_gains
from forebear.signals import fingerprint
from forebear.signals.untrained import untrained
from models import tiny, tiny_llama

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
