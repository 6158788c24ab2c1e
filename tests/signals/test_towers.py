"""What is measured of a tower, and what of it can never be a coin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from disguises.network import F32
from forebear.artifacts import read_artifact
from forebear.signals import fingerprint
from forebear.signals.sign_code import INFERRED
from forebear.signals.towers import TowerMark, comparable_towers, tower_marks
from forebear.sources import LocalSource
from models import tiny_llama
from towers import LAYERS, WIDTH, alone, around, prefixed, tower

Tensors = dict[str, F32]


def mark(folder: Path) -> TowerMark:
    (found,) = tower_marks(read_artifact(LocalSource(folder)))
    return found


def test_a_tower_has_two_groups_of_coins_whatever_stands_around_it(tmp_path: Path) -> None:
    drawn = tower("clip", 1)
    first = mark(alone(tmp_path / "alone", prefixed(drawn, "model.")))
    assert first.code.groups == ("value_output", "query_key") and not first.code.repeats
    assert first.code.n == LAYERS * (32 + 16)
    for k, prefix in enumerate(("vision_tower.vision_model.", "visual.")):
        other = mark(around(tmp_path / f"{k}", k, prefixed(drawn, prefix)))
        assert np.array_equal(other.code.bits, first.code.bits) and np.array_equal(other.code.valid, first.code.valid)
        assert comparable_towers(first, other) == {"value_output", "query_key"}


def test_fused_and_separate_matrices_have_one_code(tmp_path: Path) -> None:
    apart = tower("qwen2_5_omni", 3)
    fused: Tensors = {n: v for n, v in apart.items() if not any(f"attn.{p}." in n for p in "qkv")}
    for k in range(LAYERS):
        for kind in ("weight", "bias"):
            fused[f"blocks.{k}.attn.qkv.{kind}"] = np.concatenate([apart[f"blocks.{k}.attn.{p}.{kind}"] for p in "qkv"])
    one, two = (mark(around(tmp_path / f"{k}", 1, prefixed(t, "visual."))) for k, t in enumerate((apart, fused)))
    assert one.code.groups == ("glu", "value_output", "query_key") and one.code.n == LAYERS * (64 + 48)
    assert np.array_equal(one.code.bits, two.code.bits)


@pytest.mark.parametrize(
    "change",
    [
        lambda n, v: np.full_like(v, 7.0) if v.ndim == 1 and "norm" not in n else v,
        lambda n, v: v * 3 if "fc" in n else v,
        lambda n, v: -v if "attn.proj" in n or "norm" in n else v,
    ],
    ids=["biases", "neurons of a GELU", "outputs and gains"],
)
def test_what_is_the_same_in_all_towers_is_never_a_coin(change: Callable[[str, F32], F32], tmp_path: Path) -> None:
    drawn = prefixed(tower("vit", 1), "visual.")
    tables = {
        "visual.pos_embed": np.sin(np.arange(16 * WIDTH)).reshape(16, WIDTH).astype(np.float32),
        "visual.rotary_pos_emb.inv_freq": np.ones(8, dtype=np.float32),
        "visual.patch_embed.proj.weight": np.ones((WIDTH, 3, 4, 4), dtype=np.float32),
    }
    first = mark(around(tmp_path / "a", 1, drawn))
    second = mark(around(tmp_path / "b", 1, {n: change(n, v) for n, v in drawn.items()} | tables))
    assert np.array_equal(first.code.bits, second.code.bits) and np.array_equal(first.code.valid, second.code.valid)


def test_rows_that_start_at_zero_or_alike_carry_no_coin(tmp_path: Path) -> None:
    drawn = prefixed(tower("clip", 1), "vision_tower.")
    for k in range(LAYERS):
        drawn[f"vision_tower.encoder.layers.{k}.self_attn.v_proj.weight"][:] = 0
        drawn[f"vision_tower.encoder.layers.{k}.self_attn.k_proj.weight"][:] = 1
    assert mark(around(tmp_path / "a", 1, drawn)).code.n == 0


def test_a_tower_of_copied_layers_is_one_layer(tmp_path: Path) -> None:
    drawn = tower("clip", 1)
    copied = {n: drawn["encoder.layers.0." + n.split(".", 3)[3]] for n in drawn}
    one = mark(around(tmp_path / "a", 1, prefixed(copied, "vision_tower.")))
    from forebear.signals.sign_code import compare_codes

    assert sum(c.n for c in compare_codes(one.code, one.code, comparable_towers(one, one))) == 48


def test_unknown_names_are_not_trusted(tmp_path: Path) -> None:
    odd = {n.replace("self_attn", "mixer"): v for n, v in tower("clip", 1).items()}
    assert INFERRED in mark(around(tmp_path / "a", 1, prefixed(odd, "eyes."))).code.repeats


def test_the_language_models_own_digest_and_code_do_not_change(tmp_path: Path) -> None:
    own = fingerprint(read_artifact(LocalSource(tiny_llama(tmp_path / "core", 1))))
    beside = fingerprint(read_artifact(LocalSource(around(tmp_path / "a", 1, prefixed(tower("vit", 1), "visual.")))))
    assert own.towers == () and len(beside.towers) == 1
    assert own.digest == beside.digest and np.array_equal(own.code.bits, beside.code.bits)


def test_only_slices_of_a_large_tower_are_read(tmp_path: Path) -> None:
    large = prefixed(tower("clip", 1, layers=24, width=256), "vision_tower.")
    folder = around(tmp_path / "a", 1, large)
    artifact = read_artifact(LocalSource(folder))
    before = artifact.source.bytes_read
    tower_marks(artifact)
    assert artifact.source.bytes_read - before < sum(v.nbytes for v in large.values()) / 6
