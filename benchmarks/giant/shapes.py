"""Tensor names and shapes of published models, as their checkpoints have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

FP8_BLOCK = 128


@dataclass(frozen=True)
class Shape:
    """Sizes of a model with latent attention and experts (DeepSeek-AI 2024, arXiv 2412.19437), or of a dense one.

    ``experts`` 0 makes a Llama: ordinary attention with ``kv_heads``, a dense MLP, everything in BF16.
    """

    width: int
    layers: int
    vocabulary: int
    heads: int
    intermediate: int
    kv_heads: int = 0
    experts: int = 0
    expert_intermediate: int = 0
    dense_layers: int = 1
    q_rank: int = 1536
    kv_rank: int = 512
    nope: int = 128
    rope: int = 64
    value: int = 128
    shards: int = 1

    def config(self) -> dict[str, Any]:
        """The ``config.json`` of such a model."""
        common = {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "vocab_size": self.vocabulary,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": False,
        }
        if not self.experts:
            return {**common, "model_type": "llama", "num_key_value_heads": self.kv_heads}
        return {
            **common,
            "model_type": "kimi_k2",
            "num_key_value_heads": self.heads,
            "n_routed_experts": self.experts,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": self.expert_intermediate,
            "first_k_dense_replace": self.dense_layers,
            "q_lora_rank": self.q_rank,
            "kv_lora_rank": self.kv_rank,
            "qk_nope_head_dim": self.nope,
            "qk_rope_head_dim": self.rope,
            "v_head_dim": self.value,
            "quantization_config": {
                "quant_method": "fp8",
                "fmt": "e4m3",
                "activation_scheme": "dynamic",
                "weight_block_size": [FP8_BLOCK, FP8_BLOCK],
            },
        }


KIMI_K2 = Shape(
    width=7168,
    layers=61,
    vocabulary=163_840,
    heads=64,
    intermediate=18_432,
    experts=384,
    expert_intermediate=2048,
    shards=62,
)
"""About a trillion parameters and a terabyte (Kimi Team 2025, arXiv 2507.20534)."""

LLAMA_8B = Shape(4096, 32, 128_256, 32, 14_336, kv_heads=8, shards=4)
LLAMA_70B = Shape(8192, 80, 128_256, 64, 28_672, kv_heads=8, shards=30)
MILLION = Shape(128, 4, 1_000, 4, 384, kv_heads=2)
BILLION = Shape(2048, 16, 32_000, 32, 8192, kv_heads=8)
LADDER = {
    "1 M": MILLION,
    "1 B": BILLION,
    "8 B": LLAMA_8B,
    "70 B": LLAMA_70B,
    "1 T": KIMI_K2,
}


def tensors(shape: Shape) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Name, dtype and shape of every tensor in the order of the network."""
    d = shape.width
    fp8 = bool(shape.experts)

    def linear(name: str, out: int, into: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        if not fp8:
            yield f"{name}.weight", "BF16", (out, into)
            return
        yield f"{name}.weight", "F8_E4M3", (out, into)
        yield f"{name}.weight_scale_inv", "F32", (-(-out // FP8_BLOCK), -(-into // FP8_BLOCK))

    def mlp(stem: str, inner: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        yield from linear(f"{stem}.gate_proj", inner, d)
        yield from linear(f"{stem}.up_proj", inner, d)
        yield from linear(f"{stem}.down_proj", d, inner)

    yield "model.embed_tokens.weight", "BF16", (shape.vocabulary, d)
    for layer in range(shape.layers):
        stem = f"model.layers.{layer}"
        yield f"{stem}.input_layernorm.weight", "BF16", (d,)
        yield f"{stem}.post_attention_layernorm.weight", "BF16", (d,)
        if not shape.experts:
            head = d // shape.heads
            for name, rows in (("q", d), ("k", shape.kv_heads * head), ("v", shape.kv_heads * head), ("o", d)):
                yield from linear(f"{stem}.self_attn.{name}_proj", rows, d)
            yield from mlp(f"{stem}.mlp", shape.intermediate)
            continue
        attention = f"{stem}.self_attn"
        yield from linear(f"{attention}.q_a_proj", shape.q_rank, d)
        yield f"{attention}.q_a_layernorm.weight", "BF16", (shape.q_rank,)
        yield from linear(f"{attention}.q_b_proj", shape.heads * (shape.nope + shape.rope), shape.q_rank)
        yield from linear(f"{attention}.kv_a_proj_with_mqa", shape.kv_rank + shape.rope, d)
        yield f"{attention}.kv_a_layernorm.weight", "BF16", (shape.kv_rank,)
        yield from linear(f"{attention}.kv_b_proj", shape.heads * (shape.nope + shape.value), shape.kv_rank)
        yield from linear(f"{attention}.o_proj", d, shape.heads * shape.value)
        if layer < shape.dense_layers:
            yield from mlp(f"{stem}.mlp", shape.intermediate)
            continue
        yield f"{stem}.mlp.gate.weight", "BF16", (shape.experts, d)
        yield f"{stem}.mlp.gate.e_score_correction_bias", "F32", (shape.experts,)
        yield from mlp(f"{stem}.mlp.shared_experts", shape.expert_intermediate)
        for expert in range(shape.experts):
            yield from mlp(f"{stem}.mlp.experts.{expert}", shape.expert_intermediate)
    yield "model.norm.weight", "BF16", (d,)
    yield "lm_head.weight", "BF16", (shape.vocabulary, d)


def smaller(shape: Shape, layers: int) -> Shape:
    """The same model with fewer layers and one shard for each."""
    return replace(shape, layers=layers, shards=min(shape.shards, layers + 1))
