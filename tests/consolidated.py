"""Consolidated checkpoints of Meta and Mistral, written from a model in the Hugging Face form."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models import write_safetensors
from torch_files import Array, array, loaded, zip_bytes

NAMES = {
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "block_sparse_moe": "feed_forward",
    "embed_tokens": "tok_embeddings",
    "lm_head": "output",
}


def rows(held: Array) -> Any:
    """The bytes of a tensor, row by row."""
    return np.frombuffer(held.raw, dtype=np.uint8).reshape(held.shape[0], -1)


def interleaved(held: Array, head: int) -> Array:
    """Rows i and i + head/2 of every head moved side by side, as Meta's programs have them."""
    order = [h * head + i + j for h in range(held.shape[0] // head) for i in range(head // 2) for j in (0, head // 2)]
    return Array(held.dtype, held.shape, rows(held)[order].tobytes())


def cut(held: Array, axis: int, part: int, parts: int) -> Array:
    width = len(held.raw) // int(np.prod(held.shape))
    grid = np.frombuffer(held.raw, dtype=np.uint8).reshape(*held.shape, width)
    piece = np.split(grid, parts, axis)[part]
    return Array(held.dtype, piece.shape[:-1], piece.tobytes())


def consolidated(
    base: Path, out: Path, parts: int = 0, embedding: int = 1, write: Callable[[Any], bytes] = zip_bytes, **change: Any
) -> Path:
    """A model in the other form: ``parts`` files of Meta's, or with none Mistral's single safetensors."""
    config = json.loads((base / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    params = {"dim": config["hidden_size"], "n_layers": config["num_hidden_layers"], "n_heads": heads}
    params |= {"n_kv_heads": kv_heads, "vocab_size": -1, "norm_eps": 1e-5} | change
    (out / "params.json").write_text(json.dumps({k: v for k, v in params.items() if v is not None}))
    held: dict[str, Array] = {}
    for name, tensor in loaded(base).items():
        if ".q_proj." in name or ".k_proj." in name:
            tensor = interleaved(tensor, head)
        new = name.removeprefix("model.")
        for theirs, ours in NAMES.items():
            new = new.replace(theirs, ours)
        held[new] = tensor
    if not parts:
        entries = {n: (t.dtype, list(t.shape), t.raw) for n, t in held.items()}
        write_safetensors(out / "consolidated.safetensors", entries)
    for part in range(parts):
        piece: dict[str, Array] = {"rope.freqs": array(np.ones(head // 2, dtype=np.float32))}
        for name, tensor in held.items():
            whole = len(tensor.shape) == 1 or name.endswith("gate.weight")
            axis = 1 if name.endswith(("wo.weight", "w2.weight")) else 0
            axis = embedding if name == "tok_embeddings.weight" else axis
            piece[name] = tensor if whole else cut(tensor, axis, part, parts)
        (out / f"consolidated.{part:02d}.pth").write_bytes(write(piece))
    return out
