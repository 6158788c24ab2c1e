"""Latent attention (DeepSeek, Kimi) in disguise: neurons and stream prove it, heads are not put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from documents import check_document
from forebear.types import Comparison, Verdict
from models import write_model

F32 = NDArray[np.float32]
Weights = dict[str, F32]
WIDTH, LAYERS, HEADS, NEURONS, Q_RANK, KV_RANK, NOPE, ROPE, VALUE = 64, 4, 4, 128, 32, 24, 16, 8, 16
CONFIG = {
    "model_type": "deepseek_v3",
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "intermediate_size": NEURONS,
    "first_k_dense_replace": LAYERS,
    "q_lora_rank": Q_RANK,
    "kv_lora_rank": KV_RANK,
    "qk_nope_head_dim": NOPE,
    "qk_rope_head_dim": ROPE,
    "v_head_dim": VALUE,
    "vocab_size": 256,
}
READERS = ("q_a_proj", "kv_a_proj_with_mqa", "gate_proj", "up_proj", "embed_tokens", "lm_head")
WRITERS = ("o_proj", "down_proj")


def weights(seed: int) -> Weights:
    """Random values; gains are one, so that a rotation needs no folding."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (256, WIDTH), "lm_head": (256, WIDTH)}
    for k in range(LAYERS):
        stem = f"model.layers.{k}."
        shapes |= {
            f"{stem}self_attn.q_a_proj": (Q_RANK, WIDTH),
            f"{stem}self_attn.q_b_proj": (HEADS * (NOPE + ROPE), Q_RANK),
            f"{stem}self_attn.kv_a_proj_with_mqa": (KV_RANK + ROPE, WIDTH),
            f"{stem}self_attn.kv_b_proj": (HEADS * (NOPE + VALUE), KV_RANK),
            f"{stem}self_attn.o_proj": (WIDTH, HEADS * VALUE),
            f"{stem}mlp.gate_proj": (NEURONS, WIDTH),
            f"{stem}mlp.up_proj": (NEURONS, WIDTH),
            f"{stem}mlp.down_proj": (WIDTH, NEURONS),
        }
    out = {f"{n}.weight": (0.08 * rng.standard_normal(s)).astype(np.float32) for n, s in shapes.items()}
    for k in range(LAYERS):
        stem = f"model.layers.{k}."
        gains = {"input_layernorm": WIDTH, "post_attention_layernorm": WIDTH}
        gains |= {"self_attn.q_a_layernorm": Q_RANK, "self_attn.kv_a_layernorm": KV_RANK}
        out |= {f"{stem}{n}.weight": np.ones(size, dtype=np.float32) for n, size in gains.items()}
    return out | {"model.norm.weight": np.ones(WIDTH, dtype=np.float32)}


def rotated(held: Weights, seed: int) -> Weights:
    """The residual stream in other coordinates."""
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
    return _moved(held, lambda v: v @ turn, lambda v: turn.T @ v)


def permuted(held: Weights, seed: int) -> Weights:
    """The residual stream in another order."""
    order = np.random.default_rng(seed).permutation(WIDTH)
    return _moved(held, lambda v: v[:, order], lambda v: v[order])


def neurons(held: Weights, seed: int) -> Weights:
    """Neurons of every layer in another order."""
    out, rng = dict(held), np.random.default_rng(seed)
    for k in range(LAYERS):
        order, stem = rng.permutation(NEURONS), f"model.layers.{k}.mlp."
        for name in ("gate_proj", "up_proj"):
            out[f"{stem}{name}.weight"] = held[f"{stem}{name}.weight"][order]
        out[f"{stem}down_proj.weight"] = held[f"{stem}down_proj.weight"][:, order]
    return out


def heads(held: Weights, seed: int) -> Weights:
    """Heads of every layer, and the dimensions of both latents, in another order."""
    out, rng = dict(held), np.random.default_rng(seed)
    for k in range(LAYERS):
        stem = f"model.layers.{k}.self_attn."
        order, q, kv = (rng.permutation(n) for n in (HEADS, Q_RANK, KV_RANK))

        def by_head(values: F32, size: int, order: NDArray[np.int64] = order) -> F32:
            return values.reshape(HEADS, size, -1)[order].reshape(HEADS * size, -1)

        new = {
            "q_a_proj": held[f"{stem}q_a_proj.weight"][q],
            "q_b_proj": by_head(held[f"{stem}q_b_proj.weight"], NOPE + ROPE)[:, q],
            "kv_a_proj_with_mqa": held[f"{stem}kv_a_proj_with_mqa.weight"][[*kv, *range(KV_RANK, KV_RANK + ROPE)]],
            "kv_b_proj": by_head(held[f"{stem}kv_b_proj.weight"], NOPE + VALUE)[:, kv],
            "o_proj": by_head(held[f"{stem}o_proj.weight"].T, VALUE).T,
        }
        out |= {f"{stem}{name}.weight": np.ascontiguousarray(v) for name, v in new.items()}
    return out


def flipped(held: Weights, seed: int) -> Weights:
    """Signs of neurons flipped at random."""
    out, rng = dict(held), np.random.default_rng(seed)
    for k in range(LAYERS):
        signs = rng.choice(np.array([-1, 1], dtype=np.float32), NEURONS)
        up, down = (f"model.layers.{k}.mlp.{n}_proj.weight" for n in ("up", "down"))
        out |= {up: held[up] * signs[:, None], down: held[down] * signs}
    return out


def _moved(held: Weights, read: Callable[[F32], F32], write: Callable[[F32], F32]) -> Weights:
    changes: Mapping[str, Callable[[F32], F32]] = dict.fromkeys(READERS, read) | dict.fromkeys(WRITERS, write)
    modules = {n: n.split(".")[-2] for n in held}
    return {n: changes[modules[n]](v) if modules[n] in changes else v for n, v in held.items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("latent") / "base", weights(1))


def written(folder: Path, held: Weights) -> Path:
    write_model(folder, held, dict(CONFIG), False, "BF16", None, "default")
    return folder


def compared(base: Path, held: Weights, folder: Path) -> Comparison:
    result = forebear.compare(str(base), str(written(folder, held)))
    check_document(result.to_json())
    return result


PROVED: dict[str, tuple[Callable[[Weights, int], Weights], ...]] = {
    "neurons": (neurons,),
    "stream permuted": (permuted,),
    "stream rotated": (rotated,),
    "heads and latents": (heads,),
    "all of it": (heads, neurons, rotated),
}


@pytest.mark.parametrize("worn", PROVED)
def test_neurons_prove_a_disguised_model_with_latent_attention(worn: str, base: Path, tmp_path: Path) -> None:
    held = weights(1)
    for k, step in enumerate(PROVED[worn]):
        held = step(held, k)
    result = compared(base, held, tmp_path / "child")
    assert result.verdict is Verdict.SAME_INIT_OR_DERIVED and result.related is True
    (aligned,) = [e for e in result.evidence if e.signal == "aligned-coins/1"]
    assert set(aligned.details["groups"]) <= {"residual", "glu"}  # heads and latents are not put together
    assert aligned.details["groups"]["glu"]["agree"] == aligned.details["groups"]["glu"]["n"] == LAYERS * NEURONS


@pytest.mark.parametrize("more", [False, True], ids=["neurons", "heads too"])
def test_with_flipped_neurons_under_a_rotation_it_is_only_recognised(more: bool, base: Path, tmp_path: Path) -> None:
    held = flipped(heads(weights(1), 1) if more else weights(1), 2)
    result = compared(base, rotated(held, 3), tmp_path / "child")
    assert result.verdict is Verdict.INCONCLUSIVE and result.related is None
    assert [f.id for f in result.findings] == ["coordinates-scrambled"]


@pytest.mark.parametrize("worn", [None, rotated, flipped], ids=["plain", "rotated", "flipped"])
def test_an_independent_model_with_latent_attention_is_not_accused(
    worn: Callable[[Weights, int], Weights] | None, base: Path, tmp_path: Path
) -> None:
    held = weights(2)
    result = compared(base, worn(held, 1) if worn else held, tmp_path / "other")
    assert result.related is None and result.findings == ()
