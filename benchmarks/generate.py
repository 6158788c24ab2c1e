"""A Llama-shaped model of any size, written sparsely: only what Forebear reads costs disk or time.

The parts that are read (header, embedding rows of printable characters, the planned rows of the planned layers,
norm gains) hold seeded random values; the rest is a hole in the file, which reads as zeros.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from forebear.signals.generators import TOKENS


def bfloat16(values: np.ndarray) -> bytes:
    """Float32 values as bfloat16 bytes, truncated."""
    return (np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()


def shapes(
    width: int, layers: int, heads: int, kv_heads: int, intermediate: int, vocabulary: int
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Llama checkpoint."""
    head = width // heads
    out: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, width)}
    for layer in range(layers):
        stem = f"model.layers.{layer}."
        out[stem + "input_layernorm.weight"] = (width,)
        out[stem + "post_attention_layernorm.weight"] = (width,)
        out[stem + "self_attn.q_proj.weight"] = (width, width)
        out[stem + "self_attn.k_proj.weight"] = (kv_heads * head, width)
        out[stem + "self_attn.v_proj.weight"] = (kv_heads * head, width)
        out[stem + "self_attn.o_proj.weight"] = (width, width)
        out[stem + "mlp.gate_proj.weight"] = (intermediate, width)
        out[stem + "mlp.up_proj.weight"] = (intermediate, width)
        out[stem + "mlp.down_proj.weight"] = (width, intermediate)
    out["model.norm.weight"] = (width,)
    out["lm_head.weight"] = (vocabulary, width)
    return out


def write(
    folder: Path,
    seed: int,
    parent: int | None = None,
    drift: float = 0.1,
    *,
    width: int = 2048,
    layers: int = 16,
    heads: int = 32,
    kv_heads: int = 8,
    intermediate: int = 8192,
    vocabulary: int = 32_000,
) -> int:
    """Write a model; returns its number of parameters.

    Args:
        folder: made if absent.
        seed: of the values.
        parent: seed of the model that this one drifts from, None for an independent one.
        drift: relative size of the change from the parent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = shapes(width, layers, heads, kv_heads, intermediate, vocabulary)
    header: dict[str, object] = {}
    position = 0
    for name, shape in table.items():
        size = int(np.prod(shape)) * 2
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    ids = {t: k + 3 for k, t in enumerate(TOKENS)} | {f"token{k}": k for k in range(len(TOKENS) + 3, vocabulary)}
    with open(folder / "model.safetensors", "wb") as stream:
        stream.write(len(raw).to_bytes(8, "little") + raw)
        base = stream.tell()
        os.ftruncate(stream.fileno(), base + position)
        for name, shape in table.items():
            start = header[name]["data_offsets"][0]  # type: ignore[index]
            rows = (
                shape[0] if len(shape) == 1 else min(shape[0], 1_100 if "k_proj" in name or "v_proj" in name else 128)
            )
            count = rows if len(shape) == 1 else rows * shape[1]
            values = _values(name, count, seed, parent, drift)
            if len(shape) == 1:
                values = 1 + 0.1 * values
            stream.seek(base + start)
            stream.write(bfloat16(values))
    config = {
        "model_type": "llama",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
    }
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"added_tokens": [], "model": {"type": "BPE", "vocab": ids, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return sum(int(np.prod(s)) for s in table.values())


def _values(name: str, count: int, seed: int, parent: int | None, drift: float) -> np.ndarray:
    def draw(number: int) -> np.ndarray:
        key = [number, *name.encode()]
        return np.random.default_rng(key).standard_normal(count, dtype=np.float32)

    own = draw(seed)
    return own if parent is None else draw(parent) + np.float32(drift) * own
