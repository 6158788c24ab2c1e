"""GGUF files that the tests write themselves: a writer, encoders, and what llama.cpp's converter changes.

The changes are written here forwards, from what the converter does, and independently of the code that undoes them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import read_artifact
from forebear.sources import LocalSource
from models import bf16

F32 = NDArray[Any]
Stored = tuple[int, tuple[int, ...], bytes]
"""Number of the ggml type, shape with the slowest axis first, bytes."""


def text(value: str | bytes, word: str = "<Q") -> bytes:
    """A text with its length."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(word, len(raw)) + raw


def value(item: Any, word: str = "<Q") -> bytes:
    """A metadata value with its type: bool, int as uint32, float, text, arrays of texts or numbers, raw bytes."""
    match item:
        case bytes():
            return item
        case bool():
            return struct.pack("<IB", 7, item)
        case int():
            return struct.pack("<II", 4, item)
        case float():
            return struct.pack("<If", 6, item)
        case str():
            return struct.pack("<I", 8) + text(item, word)
    if item and isinstance(item[0], str):
        return struct.pack("<II", 9, 8) + struct.pack(word, len(item)) + b"".join(text(t, word) for t in item)
    kind, code = (6, "<f4") if isinstance(item[0], float) else (5, "<i4")
    return struct.pack("<II", 9, kind) + struct.pack(word, len(item)) + np.array(item, dtype=code).tobytes()


def gguf(metadata: Mapping[str, Any], tensors: Mapping[str, Stored], version: int = 3, alignment: int = 32) -> bytes:
    """A whole file."""
    word = "<I" if version == 1 else "<Q"
    head = b"GGUF" + struct.pack("<I", version) + struct.pack(word, len(tensors)) + struct.pack(word, len(metadata))
    head += b"".join(text(k, word) + value(v, word) for k, v in metadata.items())
    data = b""
    for name, (kind, shape, raw) in tensors.items():
        head += text(name, word) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack(word, s) for s in shape[::-1]) + struct.pack("<IQ", kind, len(data))
        data += raw + bytes(-len(raw) % alignment)
    return head + bytes(-len(head) % alignment) + data


# number formats


def f32(values: NDArray[Any]) -> Stored:
    return 0, values.shape, np.ascontiguousarray(values, dtype="<f4").tobytes()


def f16(values: NDArray[Any]) -> Stored:
    return 1, values.shape, values.astype("<f2").tobytes()


def bfloat16(values: NDArray[Any]) -> Stored:
    return 30, values.shape, bf16(values)


def q8_0(values: NDArray[Any]) -> Stored:
    blocks = values.astype(np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(1, keepdims=True) / 127
    numbers = np.round(blocks / np.where(scale == 0, 1, scale)).astype(np.int8)
    return 8, values.shape, np.hstack([scale.astype("<f2").view(np.uint8), numbers.view(np.uint8)]).tobytes()


def q4_0(values: NDArray[Any]) -> Stored:
    blocks = values.astype(np.float32).reshape(-1, 32)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(1)[:, None], 1)
    scale = furthest / -8
    numbers = np.clip(np.floor(blocks / np.where(scale == 0, 1, scale) + 8.5), 0, 15).astype(np.uint8)
    return (
        2,
        values.shape,
        np.hstack([scale.astype("<f2").view(np.uint8), numbers[:, :16] | numbers[:, 16:] << 4]).tobytes(),
    )


def q4_k(values: NDArray[Any]) -> Stored:
    """Superblocks of eight groups with one scale and one offset each, fitted to the range of the group."""
    groups = values.astype(np.float32).reshape(-1, 8, 32)
    low = np.minimum(groups.min(2), 0)
    step = (groups.max(2) - low) / 15
    d, least = step.max(1, keepdims=True) / 63, -low.min(1, keepdims=True) / 63
    scales, offsets = (np.round(a / np.where(b == 0, 1, b)).astype(np.uint8) for a, b in ((step, d), (-low, least)))
    fine = (d * scales)[:, :, None]
    numbers = np.clip(np.round((groups + (least * offsets)[:, :, None]) / np.where(fine == 0, 1, fine)), 0, 15)
    pairs = numbers.astype(np.uint8).reshape(-1, 4, 2, 32)
    packed = np.hstack(
        [
            scales[:, :4] | scales[:, 4:] >> 4 << 6,
            offsets[:, :4] | offsets[:, 4:] >> 4 << 6,
            scales[:, 4:] & 15 | (offsets[:, 4:] & 15) << 4,
        ]
    )
    halves = [x.astype("<f2").view(np.uint8) for x in (d, least)]
    raw = np.hstack([*halves, packed, (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(len(d), -1)])
    return 12, values.shape, raw.tobytes()


def q2_k(values: NDArray[Any]) -> Stored:
    """Superblocks of sixteen groups with two bits a value."""
    groups = values.astype(np.float32).reshape(-1, 16, 16)
    low = np.minimum(groups.min(2), 0)
    step = (groups.max(2) - low) / 3
    d, least = step.max(1, keepdims=True) / 15, -low.min(1, keepdims=True) / 15
    scales, offsets = (np.round(a / np.where(b == 0, 1, b)).astype(np.uint8) for a, b in ((step, d), (-low, least)))
    fine = (d * scales)[:, :, None]
    numbers = np.clip(np.round((groups + (least * offsets)[:, :, None]) / np.where(fine == 0, 1, fine)), 0, 3)
    four = numbers.astype(np.uint8).reshape(-1, 2, 4, 32)
    packed = (four << np.array([0, 2, 4, 6], dtype=np.uint8)[:, None]).sum(2, dtype=np.uint8)
    halves = [x.astype("<f2").view(np.uint8) for x in (d, least)]
    return 10, values.shape, np.hstack([scales | offsets << 4, packed.reshape(len(d), -1), *halves]).tobytes()


# what the converter changes


def paired(weights: F32, heads: int) -> F32:
    """Rows of q or k as llama.cpp's rotation wants them."""
    shape = weights.shape
    return weights.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def all_q_k_v(weights: F32, heads: int, kv_heads: int) -> F32:
    """Fused groups as all q, all k, all v."""
    groups = weights.reshape(kv_heads, heads // kv_heads + 2, -1, *weights.shape[1:])
    parts = (groups[:, :-2], groups[:, -2], groups[:, -1])
    return np.concatenate([p.reshape(-1, *weights.shape[1:]) for p in parts])


LAYER_NAMES = {
    "attn_norm": ("input_layernorm", "ln_1"),
    "attn_q": ("self_attn.q_proj",),
    "attn_k": ("self_attn.k_proj",),
    "attn_v": ("self_attn.v_proj",),
    "attn_qkv": ("attn.c_attn", "attention.query_key_value", "self_attention.query_key_value"),
    "attn_output": ("self_attn.o_proj", "attn.c_proj", "attention.dense", "self_attention.dense"),
    "attn_q_norm": ("self_attn.q_norm",),
    "attn_k_norm": ("self_attn.k_norm",),
    "ffn_norm": ("post_attention_layernorm", "ln_2"),
    "ffn_gate": ("mlp.gate_proj",),
    "ffn_up": ("mlp.up_proj", "mlp.c_fc", "mlp.dense_h_to_4h"),
    "ffn_down": ("mlp.down_proj", "mlp.c_proj", "mlp.dense_4h_to_h"),
    "ffn_gate_inp": ("block_sparse_moe.gate",),
}
GLOBAL_NAMES = {
    "token_embd": ("model.embed_tokens", "transformer.wte", "gpt_neox.embed_in", "transformer.word_embeddings"),
    "position_embd": ("transformer.wpe",),
    "output_norm": ("model.norm", "transformer.ln_f", "gpt_neox.final_layer_norm"),
    "output": ("lm_head", "embed_out"),
}


def converted(tensors: Mapping[str, F32], config: Mapping[str, Any]) -> dict[str, F32]:
    """A model's tensors under llama.cpp's names and in its order."""
    kind = config["model_type"]
    heads = config.get("num_attention_heads", config.get("n_head"))
    kv_heads = config.get("num_key_value_heads", heads)
    found: dict[str, F32] = {}
    experts: dict[str, dict[int, F32]] = {}
    names = {hf: ours for table in (LAYER_NAMES, GLOBAL_NAMES) for ours, all_hf in table.items() for hf in all_hf}
    for name, weights in tensors.items():
        stem, _, ending = name.rpartition(".")
        for root in ("model.layers.", "transformer.h.", "gpt_neox.layers."):
            if stem.startswith(root):
                layer, _, rest = stem.removeprefix(root).partition(".")
                if rest.startswith("block_sparse_moe.experts."):
                    expert, which = rest.removeprefix("block_sparse_moe.experts.").split(".")
                    part = {"w1": "gate", "w2": "down", "w3": "up"}[which]
                    experts.setdefault(f"blk.{layer}.ffn_{part}_exps.weight", {})[int(expert)] = weights
                    break
                ours = names[rest]
                if kind in ("llama", "mixtral") and ours in ("attn_q", "attn_k"):
                    weights = paired(weights, heads if ours == "attn_q" else kv_heads)
                if kind in ("gpt_neox", "falcon") and ours == "attn_qkv":
                    weights = all_q_k_v(weights, heads, kv_heads)
                if kind == "gpt2" and ending == "weight" and weights.ndim == 2:
                    weights = weights.T
                if kind.startswith("gemma") and ours.endswith("norm"):
                    weights = weights + 1
                found[f"blk.{layer}.{ours}.{ending}"] = weights
                break
        else:
            if kind.startswith("gemma") and stem == "model.norm":
                weights = weights + 1
            found[f"{names[stem]}.{ending}"] = weights
    return found | {name: np.stack([e[k] for k in sorted(e)]) for name, e in experts.items()}


def metadata_of(config: Mapping[str, Any], tokens: list[str] | None) -> dict[str, Any]:
    """A model's metadata as the converter writes them."""
    kind = config["model_type"]
    arch = {"mixtral": "llama", "gpt_neox": "gptneox"}.get(kind, kind)
    heads = config.get("num_attention_heads", config.get("n_head"))
    width = config.get("hidden_size", config.get("n_embd"))
    found: dict[str, Any] = {
        "general.architecture": arch,
        "general.name": "A model",
        f"{arch}.embedding_length": width,
        f"{arch}.block_count": config.get("num_hidden_layers", config.get("n_layer")),
        f"{arch}.attention.head_count": heads,
        f"{arch}.context_length": 512,
    }
    if "num_key_value_heads" in config:
        found[f"{arch}.attention.head_count_kv"] = config["num_key_value_heads"]
    if "num_local_experts" in config:
        found[f"{arch}.expert_count"] = config["num_local_experts"]
    if kind == "gpt_neox":
        found[f"{arch}.rope.dimension_count"] = width // heads // 4
    if tokens is not None:
        found |= {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": tokens}
    return found


def convert(folder: Path, path: Path, encode: Callable[[NDArray[Any]], Stored] = f32, **more: Any) -> Path:
    """A model's folder as one GGUF file; matrices with ``encode`` where their rows are long enough for it."""
    artifact = read_artifact(LocalSource(folder))
    config = json.loads((folder / "config.json").read_text())
    tensors = converted({n: t.values() for n, t in artifact.weights.tensors.items()}, config)
    tokens: list[str] | None = None
    if artifact.tokenizer is not None:
        tokens = [t for t, _ in sorted(artifact.tokenizer.ids.items(), key=lambda pair: pair[1])]
    stored = {}
    for name, values in tensors.items():
        block = {"q8_0": 32, "q4_0": 32, "q4_k": 256, "q2_k": 256}.get(encode.__name__, 1)
        if values.ndim > 1 and values.shape[-1] % block == 0:
            stored[name] = encode(values)
        else:
            stored[name] = (
                q8_0(values) if values.ndim > 1 and block > 32 and values.shape[-1] % 32 == 0 else f32(values)
            )
    path.write_bytes(gguf({**metadata_of(config, tokens), **more}, stored))
    return path
