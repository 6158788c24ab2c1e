"""Small models that the tests write themselves: random weights, real layouts, numpy only. And broken ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.errors import ForebearError
from forebear.sources import File, Range, Traffic

F32 = NDArray[np.float32]
Entry = tuple[str, list[int], bytes]

ASCII = [chr(c) for c in range(33, 127)]
CARD = "---\nlicense: apache-2.0\n---\n# A small model\n\nMade for a test.\n"


def bf16(values: NDArray[Any]) -> bytes:
    """Values as bfloat16, cut off."""
    return (np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()


def write_safetensors(
    path: Path, tensors: Mapping[str, Entry | NDArray[Any]], metadata: dict[str, str] | None = None
) -> None:
    """A safetensors file, by hand. Arrays are written as F32, entries as (dtype, shape, bytes)."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    blobs: list[bytes] = []
    position = 0
    for name, tensor in tensors.items():
        entry: Entry
        if isinstance(tensor, np.ndarray):
            entry = ("F32", list(tensor.shape), np.ascontiguousarray(tensor, dtype="<f4").tobytes())
        else:
            entry = tensor
        dtype, shape, raw = entry
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(raw)]}
        blobs.append(raw)
        position += len(raw)
    path.write_bytes(framed(header, b"".join(blobs)))


def framed(header: object, data: bytes = b"") -> bytes:
    """A safetensors file around any header: bytes as they are, anything else as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tokenizer(vocabulary: int) -> dict[str, Any]:
    """A byte-level-like vocabulary: two special tokens, printable ASCII, then words."""
    ids = {"<s>": 0, "</s>": 1} | {t: k + 2 for k, t in enumerate(ASCII)}
    ids |= {f"word{k}": k for k in range(len(ids), vocabulary)}
    added = [{"id": k, "content": t, "special": True} for k, t in enumerate(("<s>", "</s>"))]
    return {"added_tokens": added, "model": {"type": "BPE", "vocab": ids, "merges": []}}


def tiny_llama(
    folder: Path,
    seed: int = 0,
    *,
    family: str = "llama",
    hidden: int = 64,
    layers: int = 4,
    heads: int = 4,
    kv_heads: int = 2,
    head_dim: int | None = None,
    intermediate: int = 128,
    vocabulary: int = 256,
    experts: int = 4,
    sharded: bool = False,
    dtype: str = "BF16",
    card: str | None = CARD,
    tokenizer: dict[str, Any] | str | None = "default",
) -> Path:
    """A random Llama, Qwen2, Qwen3 or Mixtral directory in Hugging Face layout."""
    rng = np.random.default_rng(seed)
    head = head_dim or hidden // heads

    def draw(*shape: int) -> F32:
        return (0.08 * rng.standard_normal(shape)).astype(np.float32)

    t: dict[str, F32] = {"model.embed_tokens.weight": draw(vocabulary, hidden)}
    for layer in range(layers):
        p = f"model.layers.{layer}."
        t[p + "input_layernorm.weight"] = np.ones(hidden, dtype=np.float32)
        for name, rows in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            t[p + f"self_attn.{name}_proj.weight"] = draw(rows * head, hidden)
            if family == "qwen2":
                t[p + f"self_attn.{name}_proj.bias"] = draw(rows * head)
        if family == "qwen3":
            t[p + "self_attn.q_norm.weight"] = np.ones(head, dtype=np.float32)
            t[p + "self_attn.k_norm.weight"] = np.ones(head, dtype=np.float32)
        t[p + "self_attn.o_proj.weight"] = draw(hidden, heads * head)
        t[p + "post_attention_layernorm.weight"] = np.ones(hidden, dtype=np.float32)
        if family == "mixtral":
            t[p + "block_sparse_moe.gate.weight"] = draw(experts, hidden)
            for e in range(experts):
                for w, shape in (
                    ("w1", (intermediate, hidden)),
                    ("w2", (hidden, intermediate)),
                    ("w3", (intermediate, hidden)),
                ):
                    t[p + f"block_sparse_moe.experts.{e}.{w}.weight"] = draw(*shape)
        else:
            t[p + "mlp.gate_proj.weight"] = draw(intermediate, hidden)
            t[p + "mlp.up_proj.weight"] = draw(intermediate, hidden)
            t[p + "mlp.down_proj.weight"] = draw(hidden, intermediate)
    t["model.norm.weight"] = np.ones(hidden, dtype=np.float32)
    t["lm_head.weight"] = draw(vocabulary, hidden)
    config = {
        "model_type": family,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
    }
    if head_dim is not None:
        config["head_dim"] = head_dim
    if family == "mixtral":
        config["num_local_experts"] = experts
    write_model(folder, t, config, sharded, dtype, card, tokenizer)
    return folder


def tiny(family: str, folder: Path, seed: int = 0) -> Path:
    """A random model of one of the six families."""
    if family not in ("gpt2", "gpt_neox"):
        return tiny_llama(folder, seed, family=family)
    rng = np.random.default_rng(seed)
    hidden, layers, heads, vocabulary = 64, 4, 4, 256

    def draw(*shape: int) -> F32:
        return (0.08 * rng.standard_normal(shape)).astype(np.float32)

    t: dict[str, F32] = {}
    neox = family == "gpt_neox"
    t["gpt_neox.embed_in.weight" if neox else "transformer.wte.weight"] = draw(vocabulary, hidden)
    if not neox:
        t["transformer.wpe.weight"] = draw(128, hidden)
    names = (
        (
            "input_layernorm",
            "attention.query_key_value",
            "attention.dense",
            "post_attention_layernorm",
            "mlp.dense_h_to_4h",
            "mlp.dense_4h_to_h",
        )
        if neox
        else ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
    )
    sizes = (None, (3 * hidden, hidden), (hidden, hidden), None, (4 * hidden, hidden), (hidden, 4 * hidden))
    for layer in range(layers):
        p = f"gpt_neox.layers.{layer}." if neox else f"transformer.h.{layer}."
        for name, size in zip(names, sizes, strict=True):
            if size is None:
                t[p + name + ".weight"], t[p + name + ".bias"] = (
                    np.ones(hidden, dtype=np.float32),
                    draw(hidden),
                )
            else:
                t[p + name + ".weight"], t[p + name + ".bias"] = (
                    draw(*(size if neox else size[::-1])),
                    draw(size[0]),
                )
    final = "gpt_neox.final_layer_norm" if neox else "transformer.ln_f"
    t[final + ".weight"], t[final + ".bias"] = np.ones(hidden, dtype=np.float32), draw(hidden)
    config: dict[str, Any]
    if neox:
        t["embed_out.weight"] = draw(vocabulary, hidden)
        config = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": 4 * hidden,
            "rotary_pct": 0.25,
        }
    else:
        config = {"n_embd": hidden, "n_layer": layers, "n_head": heads, "n_inner": None}
    write_model(folder, t, {"model_type": family, "vocab_size": vocabulary, **config}, False, "BF16", CARD, "default")
    return folder


def write_model(
    folder: Path,
    tensors: Mapping[str, F32],
    config: dict[str, Any],
    sharded: bool,
    dtype: str,
    card: str | None,
    tokens: dict[str, Any] | str | None,
) -> None:
    """Write a directory with weights, config, tokenizer, card and licence."""
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, Entry | NDArray[Any]] = {
        n: ("BF16", list(v.shape), bf16(v)) if dtype == "BF16" else v for n, v in tensors.items()
    }
    if sharded:
        names = list(entries)
        parts = {f"model-0000{k + 1}-of-00003.safetensors": names[k::3] for k in range(3)}
        for file, held in parts.items():
            write_safetensors(folder / file, {n: entries[n] for n in held}, {"format": "pt"})
        weight_map = {n: file for file, held in parts.items() for n in held}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    else:
        write_safetensors(folder / "model.safetensors", entries, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    if tokens == "default":
        tokens = tokenizer(config["vocab_size"])
    if tokens is not None:
        (folder / "tokenizer.json").write_text(json.dumps(tokens))
    if card is not None:
        (folder / "README.md").write_text(card)
        (folder / "LICENSE").write_text("Apache License\nVersion 2.0, January 2004\n")


class Memory:
    """A source held in memory. Whoever reads beyond the end of a file fails the test."""

    traffic: Traffic | None = None

    def __init__(self, files: Mapping[str, bytes], only: str | None = None) -> None:
        self.target, self.name, self.only = "memory", "memory", only
        self.hints: list[Range] = []
        self._files = dict(files)

    @property
    def location(self) -> str:
        return "memory"

    def files(self) -> tuple[File, ...]:
        return tuple(File(name, len(data)) for name, data in sorted(self._files.items()))

    def read(self, path: str, start: int, stop: int) -> bytes:
        data = self._files[path]
        assert 0 <= start <= stop <= len(data), f"read {path}[{start}:{stop}] of {len(data)} bytes"
        return data[start:stop]

    def prefetch(self, ranges: Iterable[Range]) -> None:
        self.hints += ranges


@contextmanager
def refused(*words: str, code: int = 4) -> Iterator[None]:
    """The block ends in a Forebear error: one printable line that says these words, and this exit code."""
    try:
        yield
    except ForebearError as error:
        text = str(error)
        assert text.isprintable() and 0 < len(text) <= 1_300, text
        assert [word for word in words if word not in text] == [], text
        assert error.exit_code == code, text
    else:
        raise AssertionError("was not refused")
