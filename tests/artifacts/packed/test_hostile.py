"""Packed weights that contradict themselves: refused in one line, or rows that are no numbers. Never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebear.artifacts import Tensor, read_artifact
from forebear.artifacts.dtypes import DTYPES
from forebear.errors import ForebearError
from forebear.sources import open_source
from models import Entry, Memory, framed, refused, write_safetensors
from quantise import SCHEMES, bnb_4bit, entry, gptq, pack_quantized

Entries = dict[str, Entry]
W = (0.08 * np.random.default_rng(3).standard_normal((64, 96))).astype(np.float32)


def read(folder: Path, entries: Entries, stated: dict[str, Any] | None = None) -> dict[str, Tensor]:
    write_safetensors(folder / "model.safetensors", {f"m.{k}": v for k, v in entries.items()})
    (folder / "config.json").write_text(json.dumps({"quantization_config": stated or {}}))
    return dict(read_artifact(open_source(str(folder))).weights.tensors)


def without(key: str) -> Callable[[Entries], Entries]:
    return lambda e: {k: v for k, v in e.items() if k != key}


def with_(key: str, dtype: str, values: Any) -> Callable[[Entries], Entries]:
    return lambda e: {**e, key: entry(dtype, values)}


def state(**changes: Any) -> Callable[[Entries], Entries]:
    """The state of an NF4 weight with some keys changed; None takes one away."""

    def change(e: Entries) -> Entries:
        key = "weight.quant_state.bitsandbytes__nf4"
        data = json.loads(e[key][2]) | changes
        text = json.dumps({k: v for k, v in data.items() if v is not None}).encode()
        return {**e, key: ("U8", [len(text)], text)}

    return change


def text(raw: bytes) -> Callable[[Entries], Entries]:
    return lambda e: {**e, "weight.quant_state.bitsandbytes__nf4": ("U8", [len(raw)], raw)}


REFUSED: list[tuple[str, Callable[[Entries], Entries], str]] = [
    ("fp8-blocks", with_("weight_scale_inv", "F32", np.ones((3, 3))), "divides no weight of shape [64, 96]"),
    ("fp8-blocks", with_("weight_scale_inv", "F32", np.ones((1, 1, 1))), "divides no weight"),
    ("fp8-blocks", with_("weight_scale_inv", "F32", np.ones((0, 1))), "divides no weight"),
    ("fp8-blocks", with_("weight_scale_inv", "U8", np.ones((1, 1))), "m.weight_scale_inv: has dtype U8"),
    ("fp8-blocks", with_("weight_scale", "F32", np.ones(())), "has two scales"),
    ("int8", with_("weight_zero_point", "I8", np.ones(64)), "m.weight_zero_point: has shape [64]"),
    ("bnb-int8", with_("SCB", "F32", np.ones(63)), "not one for each row"),
    ("bnb-int8", without("weight"), "m.weight, which belongs to it, is missing"),
    ("bnb-nf4", without("weight.absmax"), "m.weight.absmax, which belongs to it, is missing"),
    ("bnb-nf4", without("weight.quant_map"), "is missing"),
    ("bnb-nf4", with_("weight.quant_map", "F32", np.ones(15)), "has shape [15], 64 × 96 in blocks of 64 needs [16]"),
    ("bnb-nf4", with_("weight.absmax", "F32", np.ones(7)), "has shape [7]"),
    ("bnb-nf4", state(blocksize=0), "states no block size"),
    ("bnb-nf4", state(nested_offset=10**400), "nested_offset that is no number"),
    ("bnb-nf4", state(blocksize=-64), "states no block size"),
    ("bnb-nf4", state(blocksize=2**60), "states no block size"),
    ("bnb-nf4", state(shape=[2**40, 2**40]), "in blocks of 64 needs"),
    ("bnb-nf4", state(shape=[64, 97]), "in blocks of 64 needs"),
    ("bnb-nf4", state(shape=[64, "96"]), "states no shape"),
    ("bnb-nf4", state(shape=[]), "states no shape"),
    ("bnb-nf4", state(shape=None), "states no shape"),
    ("bnb-nf4", state(shape=[True, 6144]), "states no shape"),
    ("bnb-nf4", state(nested_blocksize=256), "which its state contradicts"),
    ("bnb-fp4-nested", without("weight.nested_absmax"), "is missing"),
    ("bnb-nf4", text(b"[" * 10_000), "nested too deeply"),
    ("bnb-nf4", text(b'{"a": ' * 2_000 + b"1"), "nested too deeply"),
    ("bnb-nf4", text(b" " * 20_000), "more than the 16,384"),
    ("bnb-nf4", text(b"[1, 2]"), "is not a JSON object"),
    ("bnb-nf4", text(b"\xff\xfe"), "is not UTF-8"),
    ("bnb-nf4", text(b'{"shape": [1], "shape": [2]}'), "twice"),
    ("gptq-4", without("scales"), "m.scales, which belongs to it, is missing"),
    ("gptq-4", without("qzeros"), "m.qzeros, which belongs to it, is missing"),
    ("gptq-4", with_("qzeros", "I32", np.ones((3, 9))), "no integers of 2, 3, 4 or 8 bits"),
    ("gptq-4", with_("qzeros", "I32", np.ones((2, 8))), "no integers of 2, 3, 4 or 8 bits"),
    ("gptq-4", with_("scales", "F16", np.ones((0, 64))), "no integers of 2, 3, 4 or 8 bits"),
    ("gptq-4", with_("scales", "F16", np.ones((3, 60))), "neither GPTQ nor AWQ"),
    ("gptq-4", with_("g_idx", "I32", np.ones(95)), "expected one group for each of 96"),
    ("gptq-4", with_("g_idx", "F32", np.ones(96)), "has dtype F32"),
    ("gptq-8-no-index", with_("scales", "F16", np.ones((5, 64))), "no integers of"),
    ("awq", with_("qzeros", "I32", np.ones((3, 7))), "no groups of inputs"),
    ("awq", with_("scales", "F16", np.ones((5, 64))), "no groups of inputs"),
    ("awq", with_("qweight", "F32", np.ones((96, 8))), "has dtype F32"),
    ("ct-int4", without("weight_scale"), "is missing"),
    ("ct-int4", without("weight_shape"), "is missing"),
    ("ct-int4", with_("weight_shape", "I64", [64, 10**12]), "says 64 × 1000000000000"),
    ("ct-int4", with_("weight_shape", "I64", [-64, 96]), "says -64 × 96"),
    ("ct-int4", with_("weight_shape", "I64", [64, 96, 1]), "has 3 values"),
    ("ct-int4", with_("weight_shape", "I64", [64, 0]), "says 64 × 0"),
    ("ct-int4", with_("weight_scale", "F32", np.ones((64, 5))), "divides no weight"),
    ("ct-int4-zeros", with_("weight_zero_point", "I32", np.ones((9, 3))), "fits no scales"),
    ("ct-int8-ordered", with_("weight_g_idx", "I32", np.ones(3)), "expected one group for each of 96"),
    ("nvfp4-ct", without("weight_global_scale"), "is missing"),
    ("nvfp4-ct", with_("weight_global_scale", "F32", np.ones(2)), "expected one value"),
    ("nvfp4-ct", with_("weight_scale", "F8_E4M3", np.ones((64, 5))), "no blocks of 16"),
    ("nvfp4-modelopt", without("weight_scale"), "is missing"),
    ("mxfp4", with_("weight_scale", "U8", np.ones((64, 6))), "no blocks of 32"),
]


@pytest.mark.parametrize(("scheme", "change", "words"), REFUSED)
def test_contradictions_are_refused_in_one_line(
    scheme: str, change: Callable[[Entries], Entries], words: str, tmp_path: Path
) -> None:
    quantise, stated = SCHEMES[scheme]
    with refused("model.safetensors: ", words):
        read(tmp_path, change(quantise(W)[0]), stated)


@pytest.mark.parametrize("scheme", ["gptq-4-ordered", "ct-int8-ordered"])
@pytest.mark.parametrize("number", [-2, 3, 2**31 - 1])
def test_groups_that_are_not_there_are_refused_when_rows_are_read(scheme: str, number: int, tmp_path: Path) -> None:
    quantise, stated = SCHEMES[scheme]
    key = "g_idx" if scheme.startswith("gptq") else "weight_g_idx"
    groups = np.zeros(96, dtype=np.int64)
    groups[50] = number
    (tensor,) = read(tmp_path, with_(key, "I32", groups)(quantise(W)[0]), stated).values()
    with refused(f"m.{key}: names groups outside the 3 that there are"):
        tensor.rows(0, 1)


def test_unsorted_columns_have_the_groups_of_their_place(tmp_path: Path) -> None:
    entries, values = pack_quantized()(W)
    (tensor,) = read(tmp_path, with_("weight_g_idx", "I32", np.full(96, -1))(entries)).values()
    np.testing.assert_allclose(tensor.values(), values, rtol=3e-7)


def test_weights_of_one_size_and_a_like_name_may_have_two_shapes(tmp_path: Path) -> None:
    """BERT calls three matrices ``dense``; two of them have as many values."""
    one, two = bnb_4bit()(W), bnb_4bit()(W.reshape(96, 64))
    names = {"layer.0.intermediate.dense": one, "layer.0.output.dense": two, "layer.1.output.dense": two}
    tensors = read(tmp_path, {f"{n}.{k}": v for n, (entries, _) in names.items() for k, v in entries.items()})
    for name, (_, values) in names.items():
        np.testing.assert_allclose(tensors[f"m.{name}.weight"].values(), values, rtol=3e-7)


def test_a_later_state_that_says_another_shape_is_refused_when_its_rows_are_read(tmp_path: Path) -> None:
    """Weights of one name and size are taken to have one shape, and each is asked when it is read."""
    first, _ = bnb_4bit()(W)
    second = state(shape=[96, 64])(first)
    stored = {f"{n}.up.{k}": v for n, e in ((0, first), (1, second)) for k, v in e.items()}
    tensors = read(tmp_path, stored)
    assert [t.shape for t in tensors.values()] == [(64, 96), (64, 96)]
    tensors["m.0.up.weight"].rows(0, 1)
    with refused("says shape [96, 64], others of its size [64, 96]"):
        tensors["m.1.up.weight"].rows(0, 1)


@pytest.mark.parametrize(
    ("scheme", "key", "dtype", "shape"),
    [
        ("fp8-rows", "weight_scale", "F32", (64, 1)),
        ("bnb-int8", "SCB", "F32", (64,)),
        ("gptq-4", "scales", "F16", (3, 64)),
        ("awq", "scales", "F16", (3, 64)),
        ("ct-int4", "weight_scale", "F32", (64, 3)),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scales_that_are_no_numbers_make_rows_that_are_none(
    scheme: str, key: str, dtype: str, shape: tuple[int, ...], value: float, tmp_path: Path
) -> None:
    quantise, stated = SCHEMES[scheme]
    scales = np.full(shape, 0.5)
    scales[(1, 2) if shape == (3, 64) else 2] = value
    (tensor,) = read(tmp_path, with_(key, dtype, scales)(quantise(W)[0]), stated).values()
    values = tensor.values()
    assert not np.isfinite(values[2]).all() and np.isfinite(np.delete(values, 2, axis=0)).all()


@pytest.mark.parametrize(
    ("scheme", "stated", "words"),
    [
        ("gptq-4", {"quant_method": "gptq", "is_marlin_format": True}, "Marlin"),
        ("gptq-4", {"quant_method": "gptq", "checkpoint_format": "marlin"}, "Marlin"),
        ("awq", {"quant_method": "awq", "version": "gemv"}, "order gemv, which is not read"),
        ("awq", {"quant_method": "awq", "version": "GEMV_FAST"}, "order gemv_fast, which is not read"),
        ("ct-int4", {"quant_method": "compressed-tensors", "format": "marlin-24"}, "Marlin"),
    ],
)
def test_orders_that_are_not_read_are_refused_in_words(
    scheme: str, stated: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with refused(words, "scan"):
        read(tmp_path, SCHEMES[scheme][0](W)[0], stated)


def test_marlin_is_known_by_its_names(tmp_path: Path) -> None:
    with refused("Marlin", "scan the GPTQ release"):
        read(tmp_path, {"q.B": entry("I32", np.ones((4, 64))), "q.s": entry("F16", np.ones((1, 32)))})


def test_rows_of_awq_by_output_are_no_columns(tmp_path: Path) -> None:
    """The gemv order keeps (out, in / 8) with a row of scales for each output."""
    entries = {
        "qweight": entry("I32", np.ones((64, 12))),
        "qzeros": entry("I32", np.ones((64, 1))),
        "scales": entry("F16", np.ones((64, 8))),
    }
    with refused("the order of neither GPTQ nor AWQ"):
        read(tmp_path, entries)


@pytest.mark.parametrize("stated", [{"bits": "four", "group_size": -1}, {"group_size": True}, {"group_size": 7}, {}])
def test_a_config_that_lies_about_sizes_is_not_believed(stated: dict[str, Any], tmp_path: Path) -> None:
    entries, values = gptq(index=False)(W)
    (tensor,) = read(tmp_path, entries, {"quant_method": "gptq", **stated}).values()
    assert tensor.dtype == "GPTQ 4-bit"
    np.testing.assert_allclose(tensor.values(), values, rtol=3e-7)


@pytest.mark.parametrize(
    ("scheme", "words", "kept"),
    [
        ("gptq-4", "the first, by zeros", True),
        ("gptq-4-v2", "the second, by zeros", True),
        ("gptq-8-no-index", "taken for the first", False),
    ],
)
def test_the_version_of_gptq_is_told_by_zeros_where_no_config_is(
    scheme: str, words: str, kept: bool, tmp_path: Path
) -> None:
    entries, values = SCHEMES[scheme][0](W)
    stored, middle = entries["qzeros"], 8 if scheme.endswith("v2") else 7
    if kept:  # symmetric: every zero in the middle of the codes
        entries["qzeros"] = entry("I32", np.full(stored[1], int(f"{middle:x}" * 8, 16), dtype=np.uint32).view(np.int32))
        values = np.repeat(np.frombuffer(entries["scales"][2], "<f2").reshape(3, 64).T, 32, axis=1).astype(np.float32)
        codes = np.frombuffer(entries["qweight"][2], "<u4").reshape(12, 64)
        codes = np.stack([codes >> np.uint32(4 * k) & np.uint32(15) for k in range(8)], axis=1).reshape(96, 64).T
        values = values * (codes.astype(np.float32) - 8)
    write_safetensors(tmp_path / "model.safetensors", {f"m.{k}": v for k, v in entries.items()})
    artifact = read_artifact(open_source(str(tmp_path)))
    (note,) = [n for n in artifact.notes if "GPTQ" in n]
    assert words in note
    np.testing.assert_allclose(artifact.weights.tensors["m.weight"].values(), values, rtol=3e-7)


def test_a_config_that_names_a_method_without_its_tensors_is_noted(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"m.weight": W})
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "aqlm\n" * 40}}))
    (note,) = [n for n in read_artifact(open_source(str(tmp_path))).notes if "quantised" in n]
    assert note.startswith("its config says the weights are quantised (aqlm aqlm") and note.isprintable()


def test_plain_one_byte_weights_stay_what_they_are(tmp_path: Path) -> None:
    tensors = read(tmp_path, {"weight": entry("F8_E4M3", np.ones((4, 4))), "q.weight": entry("I8", np.ones((4, 4)))})
    assert {n: t.dtype for n, t in tensors.items()} == {"m.weight": "F8_E4M3", "m.q.weight": "I8"}


def test_a_weight_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    entries, _ = gptq()(W)
    with refused("m.weight: the same weight is also stored as GPTQ 4-bit"):
        read(tmp_path, {**entries, "weight": entry("F32", W)})


DTYPE = st.sampled_from([d for d in DTYPES if DTYPES[d].bits >= 8 and DTYPES[d].decode])
ENTRIES = {scheme: quantise(W)[0] for scheme, (quantise, _) in SCHEMES.items()}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, Entries]:
    """A quantised weight of which some tensors have lost their dtype, shape, bytes or place."""
    scheme = draw(st.sampled_from(list(ENTRIES)))
    entries = dict(ENTRIES[scheme])
    for key in draw(st.lists(st.sampled_from(list(entries)), min_size=1, max_size=2, unique=True)):
        dtype, shape, raw = entries[key]
        match draw(st.sampled_from(["drop", "shape", "dtype", "bytes", "cut"])):
            case "drop":
                del entries[key]
                continue
            case "shape":
                count = int(np.prod(shape))
                edge = draw(st.sampled_from([k for k in range(1, count + 1) if count % k == 0] or [1]))
                shape = draw(st.sampled_from([[edge, count // edge], [count], [1, edge, count // edge]]))
            case "dtype":
                dtype = draw(DTYPE)
                shape = [len(raw) // (DTYPES[dtype].bits // 8)]
            case "bytes":
                raw = bytes(draw(st.binary(min_size=min(8, len(raw)), max_size=min(8, len(raw))))) + raw[8:]
            case "cut":
                size = DTYPES[dtype].bits // 8
                shape = [draw(st.integers(0, len(raw) // size))]
        size = int(np.prod(shape)) * DTYPES[dtype].bits // 8
        entries[key] = dtype, shape, raw[:size].ljust(size, b"\0")
    return scheme, entries


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_damage_is_refused_or_read_within_the_file(case: tuple[str, Entries]) -> None:
    scheme, entries = case
    header: dict[str, Any] = {}
    position = 0
    for key, (dtype, shape, raw) in entries.items():
        header[f"m.{key}"] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(raw)]}
        position += len(raw)
    data = framed(header, b"".join(raw for _, _, raw in entries.values()))
    config = json.dumps({"quantization_config": SCHEMES[scheme][1]}).encode()
    try:
        for tensor in read_artifact(
            Memory({"model.safetensors": data, "config.json": config})
        ).weights.tensors.values():
            assert tensor.size <= 8 * len(data) + 8
            if tensor.signed and tensor.shape:
                assert tensor.rows(0, min(3, tensor.shape[0])).dtype == np.float32
                for _ in tensor.chunks(1_000):
                    pass
    except ForebearError as error:
        assert str(error).isprintable()
