"""Quantisers of the tests, written from what each format says and not from how it is read.

Every one takes a matrix (out, in) and gives the stored entries, by what stands behind the module's name, and the matrix
that they stand for. Integers are packed with Python's own long integers, one row at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edits import copy, edit
from models import Entry, bf16, write_safetensors

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Quantised = tuple[dict[str, Entry], F32]
Quantiser = Callable[[F32], Quantised]

GROUP = 32


def entry(dtype: str, values: Any) -> Entry:
    kinds = {"U8": "u1", "I8": "i1", "I32": "<i4", "I64": "<i8", "F16": "<f2", "F32": "<f4"}
    kinds |= dict.fromkeys(("F8_E4M3", "F8_E8M0"), "u1")
    array = np.asarray(values)
    return dtype, list(array.shape), bf16(array) if dtype == "BF16" else array.astype(kinds[dtype]).tobytes()


def words(rows: I64, bits: int) -> I64:
    """Each row as one long integer of its codes, the first lowest, cut into signed 32-bit words."""
    length = -(-rows.shape[1] * bits // 32)
    numbers = [sum(int(v) << (bits * k) for k, v in enumerate(row)) for row in rows]
    packed = b"".join(n.to_bytes(4 * length, "little") for n in numbers)
    return np.frombuffer(packed, "<i4").reshape(len(rows), length).astype(np.int64)


def small_floats(exponent: int, mantissa: int) -> F32:
    """The non-negative finite numbers of a format, by pattern; E4M3 without its last, which is no number."""
    bias, out = 2 ** (exponent - 1) - 1, []
    for pattern in range(2 ** (exponent + mantissa)):
        e, m = divmod(pattern, 2**mantissa)
        out.append((m / 2**mantissa) * 2.0 ** (1 - bias) if e == 0 else (1 + m / 2**mantissa) * 2.0 ** (e - bias))
    return np.array(out[:-1] if exponent == 4 else out, dtype=np.float32)


def to_small_float(values: F32, exponent: int, mantissa: int) -> tuple[I64, F32]:
    """The nearest numbers of a format: patterns and values."""
    table = small_floats(exponent, mantissa)
    magnitude = np.abs(values - 0.0)
    at = np.abs(magnitude[..., None] - table).argmin(axis=-1)
    negative = (values < 0).astype(np.int64)
    return at + (negative << (exponent + mantissa)), np.where(negative, -table[at], table[at]).astype(np.float32)


def grown(grid: F32, down: int, across: int, shape: tuple[int, ...]) -> F32:
    """One number for each value from one for each block."""
    return np.kron(grid, np.ones((down, across), dtype=np.float32))[: shape[0], : shape[1]]


def fp8(down: int = 128, across: int = 128, name: str = "weight_scale_inv", dtype: str = "F32") -> Quantiser:
    """FP8 with one scale for a block; 0 stands for the whole of an axis."""

    def quantise(w: F32) -> Quantised:
        rows, width = down or w.shape[0], across or w.shape[1]
        starts = [np.arange(0, n, size) for n, size in zip(w.shape, (rows, width), strict=True)]
        peaks = np.array([[np.abs(w[a : a + rows, b : b + width]).max() for b in starts[1]] for a in starts[0]])
        scale = (peaks / 448).astype(np.float32)
        if dtype == "BF16":
            bits = scale.view(np.uint32)
            scale = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)
        full = grown(scale, rows, width, w.shape)
        patterns, values = to_small_float(w / full, 4, 3)
        stored = scale.reshape(()) if not down and not across else scale
        entries = {"weight": entry("F8_E4M3", patterns), name: entry(dtype, stored)}
        return entries | {"input_scale": entry("F32", np.float32(1.5))}, values * full

    return quantise


def int8_rows(w: F32) -> Quantised:
    """compressed-tensors "int-quantized" with a zero for each row."""
    low, high = w.min(axis=1, keepdims=True), w.max(axis=1, keepdims=True)
    scale = ((high - low) / 255).astype(np.float32)
    zero = np.round(-128 - low / scale)
    codes = np.clip(np.round(w / scale) + zero, -128, 127)
    entries = {
        "weight": entry("I8", codes),
        "weight_scale": entry("F32", scale),
        "weight_zero_point": entry("I8", zero),
    }
    return entries, ((codes - zero) * scale).astype(np.float32)


def bnb_int8(w: F32) -> Quantised:
    """LLM.int8()."""
    peak = np.abs(w).max(axis=1)
    codes = np.round(w / peak[:, None] * 127)
    entries = {"weight": entry("I8", codes), "SCB": entry("F32", peak), "weight_format": entry("U8", np.uint8(0))}
    return entries, (codes * peak[:, None] / 127).astype(np.float32)


def normal_floats() -> F32:
    """NF4: evenly spaced quantiles of the normal distribution, 8 above zero and 7 below (arXiv 2305.14314)."""
    outermost = 1 - (1 / 32 + 1 / 30) / 2
    above, below = (
        np.array([NormalDist().inv_cdf(p) for p in np.linspace(outermost, 0.5, count + 1)[:-1]]) for count in (8, 7)
    )
    return np.concatenate([-below, [0.0], above[::-1]]).astype(np.float32) / np.float32(above[0])


def bnb_4bit(kind: str = "nf4", nested: bool = False, block: int = 64) -> Quantiser:
    """QLoRA's 4-bit blocks of the flattened matrix, the high half of a byte first."""
    table = normal_floats() if kind == "nf4" else np.linspace(-1, 1, 16, dtype=np.float32)[::-1]

    def quantise(w: F32) -> Quantised:
        flat = np.pad(w.ravel(), (0, -w.size % block)).reshape(-1, block)
        scale = np.abs(flat).max(axis=1)
        state: dict[str, Any] = {"quant_type": kind, "blocksize": block, "dtype": "bfloat16", "shape": list(w.shape)}
        stem = "weight"
        entries: dict[str, Entry] = {f"{stem}.quant_map": entry("F32", table)}
        if nested:
            offset = float(scale.mean())
            inner = np.pad(scale - offset, (0, -scale.size % 256)).reshape(-1, 256)
            peaks = np.abs(inner).max(axis=1).astype(np.float32)
            code = np.linspace(-1, 1, 256, dtype=np.float32)
            at = np.abs((inner / peaks[:, None])[..., None] - code).argmin(axis=-1)
            scale = ((code[at] * peaks[:, None]).ravel()[: scale.size] + np.float32(offset)).astype(np.float32)
            state |= {"nested_blocksize": 256, "nested_offset": offset, "nested_dtype": "float32"}
            entries |= {
                f"{stem}.absmax": entry("U8", at.ravel()[: scale.size]),
                f"{stem}.nested_absmax": entry("F32", peaks),
                f"{stem}.nested_quant_map": entry("F32", code),
            }
        else:
            entries[f"{stem}.absmax"] = entry("F32", scale)
        codes = np.abs((flat / scale[:, None])[..., None] - table).argmin(axis=-1).ravel()[: w.size]
        padded = np.pad(codes, (0, codes.size % 2))
        entries[stem] = entry("U8", (padded[0::2] * 16 + padded[1::2])[:, None])
        text = np.frombuffer(json.dumps(state).encode(), np.uint8)
        entries[f"{stem}.quant_state.bitsandbytes__{kind}"] = entry("U8", text)
        return entries, (table[codes] * np.repeat(scale, block)[: w.size]).reshape(w.shape).astype(np.float32)

    return quantise


def grouped(w: F32, bits: int, groups: I64, kind: type[np.floating[Any]] = np.float16) -> tuple[I64, F32, I64, F32]:
    """Codes (out, in), scales and zeros (out, groups), and the values, for groups of columns."""
    count = int(groups.max()) + 1
    scale, zero = np.zeros((len(w), count), dtype=np.float32), np.zeros((len(w), count), dtype=np.int64)
    for g in range(count):
        part = w[:, groups == g]
        low, high = np.minimum(part.min(axis=1), 0), np.maximum(part.max(axis=1), 1e-6)
        scale[:, g] = ((high - low) / (2**bits - 1)).astype(kind)
        zero[:, g] = np.clip(np.round(-low / scale[:, g]), 0, 2**bits - 1)
    codes = np.clip(np.round(w / scale[:, groups]) + zero[:, groups], 0, 2**bits - 1).astype(np.int64)
    return codes, scale, zero, (scale[:, groups] * (codes - zero[:, groups])).astype(np.float32)


def gptq(bits: int = 4, ordered: bool = True, first: bool = True, index: bool = True) -> Quantiser:
    """GPTQ, in its first format (zero - 1 is stored) or its second, with groups in order or not."""

    def quantise(w: F32) -> Quantised:
        groups = np.arange(w.shape[1]) // GROUP
        if not ordered:
            groups = np.random.default_rng(w.shape[1]).permutation(groups)
        codes, scale, zero, values = grouped(w, bits, groups)
        entries = {
            "qweight": entry("I32", words(codes, bits).T),
            "qzeros": entry("I32", words((zero.T - first) % 2**bits, bits)),
            "scales": entry("F16", scale.T),
        }
        return entries | ({"g_idx": entry("I32", groups)} if index else {}), values

    return quantise


def awq(w: F32) -> Quantised:
    """AWQ: nibble i of a word holds output 0, 2, 4, 6, 1, 3, 5, 7."""
    codes, scale, zero, values = grouped(w, 4, np.arange(w.shape[1]) // GROUP)

    def mixed(rows: I64) -> I64:
        return words(rows.reshape(len(rows), -1, 8)[:, :, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(len(rows), -1), 4)

    entries = {
        "qweight": entry("I32", mixed(codes.T)),
        "qzeros": entry("I32", mixed(zero.T)),
        "scales": entry("F16", scale.T),
    }
    return entries, values


def pack_quantized(bits: int = 4, zeros: bool = False, ordered: bool = True) -> Quantiser:
    """compressed-tensors "pack-quantized": codes and zeros with half their range added."""

    def quantise(w: F32) -> Quantised:
        groups = np.arange(w.shape[1]) // GROUP
        if not ordered:
            groups = np.random.default_rng(w.shape[1]).permutation(groups)
        codes, scale, zero, values = grouped(w, bits, groups, np.float32)
        if not zeros:  # all zeros in the middle, where none are stored
            scale = np.stack([np.abs(w[:, groups == g]).max(axis=1) for g in range(groups.max() + 1)], axis=1)
            scale = (scale / (2 ** (bits - 1) - 0.5)).astype(np.float32)
            codes = np.clip(np.round(w / scale[:, groups]), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)
            values, codes = (codes * scale[:, groups]).astype(np.float32), codes + 2 ** (bits - 1)
        entries = {
            "weight_packed": entry("I32", words(codes, bits)),
            "weight_scale": entry("F32", scale),
            "weight_shape": entry("I64", w.shape),
        }
        if zeros:
            entries["weight_zero_point"] = entry("I32", words(zero.T, bits).T)
        return entries | ({} if ordered else {"weight_g_idx": entry("I32", groups)}), values

    return quantise


def fp4(block: int, maker: str) -> Quantiser:
    """NVFP4 of compressed-tensors (the global scale divides) or ModelOpt (it multiplies), or MXFP4."""

    def quantise(w: F32) -> Quantised:
        peaks = np.abs(w.reshape(len(w), -1, block)).max(axis=2)
        if maker == "mx":
            exponent = np.ceil(np.log2(peaks / 6)).astype(np.int64)
            scale, stored = np.exp2(exponent).astype(np.float32), entry("U8", exponent + 127)
            rest = {}
        else:
            whole = np.float32(peaks.max() / (448 * 6))
            patterns, eighth = to_small_float((peaks / 6 / whole).astype(np.float32), 4, 3)
            inverse = np.float32(1) / whole
            scale = eighth / inverse if maker == "ct" else eighth * whole
            stored = entry("F8_E4M3", patterns)
            rest = {"weight_global_scale": entry("F32", [inverse])} if maker == "ct" else {}
            rest |= {"weight_scale_2": entry("F32", whole)} if maker == "modelopt" else {}
        full = np.repeat(scale, block, axis=1)
        codes, values = to_small_float((w / full).astype(np.float32), 2, 1)
        name = "weight" if maker == "modelopt" else "weight_packed"
        return {name: entry("U8", codes[:, 0::2] + 16 * codes[:, 1::2]), "weight_scale": stored} | rest, values * full

    return quantise


SCHEMES: dict[str, tuple[Quantiser, dict[str, Any]]] = {
    "fp8-blocks": (fp8(), {"quant_method": "fp8", "weight_block_size": [128, 128]}),
    "fp8-rows": (
        fp8(1, 0, "weight_scale", "BF16"),
        {"quant_method": "compressed-tensors", "format": "float-quantized"},
    ),
    "fp8-tensor": (fp8(0, 0, "weight_scale"), {"quant_method": "modelopt", "quant_algo": "FP8"}),
    "int8": (int8_rows, {"quant_method": "compressed-tensors", "format": "int-quantized"}),
    "bnb-int8": (bnb_int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "bnb-nf4": (bnb_4bit(), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "bnb-fp4-nested": (bnb_4bit("fp4", nested=True), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
    "gptq-2": (gptq(2), {"quant_method": "gptq", "bits": 2, "group_size": GROUP}),
    "gptq-3": (gptq(3), {"quant_method": "gptq", "bits": 3, "group_size": GROUP}),
    "gptq-4": (gptq(), {"quant_method": "gptq", "bits": 4, "group_size": GROUP}),
    "gptq-4-ordered": (gptq(ordered=False), {"quant_method": "gptq", "bits": 4, "desc_act": True}),
    "gptq-4-v2": (gptq(first=False), {"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"}),
    "gptq-8-no-index": (gptq(8, index=False), {"quant_method": "gptq", "bits": 8, "group_size": GROUP}),
    "awq": (awq, {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"}),
    "ct-int4": (pack_quantized(), {"quant_method": "compressed-tensors", "format": "pack-quantized"}),
    "ct-int4-zeros": (pack_quantized(zeros=True), {"quant_method": "compressed-tensors", "format": "pack-quantized"}),
    "ct-int3-zeros": (pack_quantized(3, zeros=True), {"quant_method": "compressed-tensors"}),
    "ct-int8-ordered": (pack_quantized(8, ordered=False), {"quant_method": "compressed-tensors"}),
    "nvfp4-ct": (fp4(16, "ct"), {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}),
    "nvfp4-modelopt": (fp4(16, "modelopt"), {"quant_method": "modelopt", "quant_algo": "NVFP4"}),
    "mxfp4": (fp4(32, "mx"), {"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized"}),
}
"""Every scheme for matrices, and what a config says of it."""


def is_conv1d(name: str) -> bool:
    """GPT-2's layers, which are (in, out) and turned before they are quantised."""
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def is_linear(name: str) -> bool:
    """What quantisers take: matrices of attention and MLPs, no embedding, head, router or norm."""
    names = ("_proj.weight", ".w1.weight", ".w2.weight", ".w3.weight")
    fused = ("query_key_value.weight", ".dense.weight", ".dense_h_to_4h.weight", ".dense_4h_to_h.weight")
    return is_conv1d(name) or name.endswith((*names, *fused))


def quantised(base: Path, name: str, scheme: str, config: bool = True) -> Path:
    """Two copies of a BF16 model: quantised (returned), and ``name``-plain with the values that this stands for."""
    quantise, stated = SCHEMES[scheme]
    out, plain = copy(base, name), copy(base, f"{name}-plain")
    tensors: dict[str, F32] = {}
    edit(out, lambda n, v: tensors.setdefault(n, v))
    stored: dict[str, Entry | F32] = {}
    values: dict[str, F32] = {}
    for key, matrix in tensors.items():
        if is_linear(key):
            entries, made = quantise(np.ascontiguousarray(matrix.T) if is_conv1d(key) else matrix)
            values[key] = made.T if is_conv1d(key) else made
            stored |= {key.removesuffix("weight") + ending: e for ending, e in entries.items()}
        else:
            stored[key] = values[key] = matrix
    write_safetensors(out / "model.safetensors", stored)
    write_safetensors(plain / "model.safetensors", values)
    if config:
        path = out / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": stated}))
    return out
