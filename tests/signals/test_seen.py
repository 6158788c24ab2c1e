"""Rows as the residual stream sees them: every family's layout, gains folded, centring taken out, bad values too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.network import read as taken_apart
from edits import edit, move_gains
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.seen import SCATTERED, embedded, seen
from forebear.sources import open_source
from models import tiny, tiny_llama

PARTS = {
    "attn.q": "attn_norm",
    "attn.k": "attn_norm",
    "attn.v": "attn_norm",
    "mlp.gate": "mlp_norm",
    "mlp.up": "mlp_norm",
}


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


@pytest.mark.parametrize("family", ["llama", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_rows_are_those_of_a_reading_of_its_own_in_every_layout(family: str, tmp_path: Path) -> None:
    """Fused, turned and grouped tensors, against the tests' own way of taking models apart."""
    artifact, network = opened(tiny(family, tmp_path / "m", 1)), taken_apart(tmp_path / "m")
    compared = 0
    for role, values in network.weights.items():
        if not role.startswith("layers.2.") or values.ndim != 2 or "router" in role:
            continue
        rows = seen(artifact, 2, role.removeprefix("layers.2."))
        assert rows is not None, role
        expected = values.T if role.endswith((".o", ".down")) else values
        if network.layernorm:
            expected = expected - expected.mean(axis=1, keepdims=True)
        assert np.allclose(rows, expected, atol=1e-6), role
        compared += 1
    assert compared >= 6


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt_neox"])
def test_moving_gains_into_matrices_changes_nothing_that_is_seen(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    edit(base, lambda n, v: v + np.linspace(0, 1, v.size) if v.ndim == 1 and "norm" in n and "bias" not in n else v)
    a, b = opened(base), opened(disguise(base, tmp_path / "folded", ["fold-norms"], dtype="F32"))
    unfolded = opened(tiny(family, tmp_path / "plain", 1))
    for part in (p for p in PARTS if f"layers.1.{p}" in a.names):
        one, two, plain = seen(a, 1, part), seen(b, 1, part), seen(unfolded, 1, part)
        assert one is not None and two is not None and plain is not None
        assert np.allclose(one, two, atol=1e-5)
        assert not np.allclose(one, plain, atol=1e-2)


def test_gains_are_those_of_the_norm_before_a_reader_and_never_of_a_writer(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "m", 1)
    move_gains(tmp_path / "m", 3)
    artifact, weights = opened(tmp_path / "m"), taken_apart(tmp_path / "m").weights
    for part, norm in PARTS.items():
        rows = seen(artifact, 0, part)
        assert rows is not None
        assert np.allclose(rows, weights[f"layers.0.{part}"] * weights[f"layers.0.{norm}"], atol=1e-6)
    out = seen(artifact, 0, "attn.o")
    assert out is not None and np.allclose(out, weights["layers.0.attn.o"].T)


def test_what_layernorm_takes_out_is_not_seen_and_a_constant_row_is_zero(tmp_path: Path) -> None:
    base = tiny("gpt_neox", tmp_path / "m", 1)
    before = opened(base)
    rows = seen(before, 0, "attn.v"), embedded(before, np.arange(20))
    edit(base, lambda n, v: v + 3.0 if "query_key_value.weight" in n or "embed_in" in n else v)
    shifted = seen(opened(base), 0, "attn.v"), embedded(opened(base), np.arange(20))
    for one, two in zip(rows, shifted, strict=True):
        assert one is not None and two is not None
        assert np.allclose(one, two, atol=0.05)  # bfloat16 keeps less of a larger value
    edit(base, lambda n, v: np.full_like(v, 0.3) if "query_key_value.weight" in n else v)
    constant = seen(opened(base), 0, "attn.v")
    assert constant is not None and not constant.any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_bad_values_cost_themselves_and_no_warning(bad: float, tmp_path: Path) -> None:
    clean = opened(tiny_llama(tmp_path / "m", 1))
    before = seen(clean, 0, "mlp.up")
    edit(tmp_path / "m", lambda n, v: np.where(np.arange(v.size).reshape(v.shape) == 5, bad, v))
    after, tokens = seen(opened(tmp_path / "m"), 0, "mlp.up"), embedded(opened(tmp_path / "m"), np.arange(4))
    assert before is not None and after is not None and tokens is not None
    assert np.isfinite(after).all() and np.isfinite(tokens).all()
    changed = np.argwhere(after != before)
    assert {5} == {int(column) for _, column in changed}  # the gain at 5 is bad as well


def test_chosen_rows_are_the_same_read_together_or_one_by_one(tmp_path: Path) -> None:
    artifact = opened(tiny_llama(tmp_path / "m", 1))
    whole = seen(artifact, 3, "mlp.gate")
    assert whole is not None
    for chosen in ([0], [3, 4, 9], [0, 127], list(range(0, 128, SCATTERED + 1)), []):
        at = np.array(chosen, dtype=np.int64)
        rows = seen(artifact, 3, "mlp.gate", at)
        assert rows is not None and rows.shape == (len(chosen), 64)
        assert np.array_equal(rows, whole[at])


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    artifact = opened(tiny_llama(tmp_path / "m", 1))
    for part in ("router", "shared.gate", "experts.0.up", "attn.kv_latent"):
        assert seen(artifact, 0, part) is None
    assert seen(artifact, 99, "mlp.up") is None
    assert seen(artifact, 0, "mlp.up", np.array([3, 128])) is None
