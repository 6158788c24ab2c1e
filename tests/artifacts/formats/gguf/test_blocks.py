"""Block formats: float for float what the gguf package makes of the same bytes."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts.base import CHUNK_UNIT, Tensor
from forebear.artifacts.dtypes import DTYPES, SAFETENSORS
from forebear.artifacts.formats.gguf.blocks import BLOCKS, KINDS, UNREAD, Block
from forebear.artifacts.formats.safetensors import Safetensors
from ggufs import q2_k, q4_0, q4_k, q8_0
from models import Memory, framed, refused

WITH_GRIDS = {"IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ3_S", "IQ2_S", "IQ1_M"}
NAMES = [b.name for b in BLOCKS]


def decoded(name: str, raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    decode = DTYPES[name].decode
    assert decode is not None
    return decode(np.ascontiguousarray(raw).ravel())


def noise(block: Block, count: int, finite: bool) -> NDArray[np.uint8]:
    raw = np.random.default_rng(block.kind).integers(0, 256, (count, block.nbytes), dtype=np.uint8)
    return raw & np.uint8(0xBF) if finite else raw  # no half with the second bit of its exponent set overflows


@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_random_bytes_decode_as_in_the_gguf_package(block: Block) -> None:
    gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")
    kind = gguf.GGMLQuantizationType(block.kind)
    assert kind.name == block.name and gguf.GGML_QUANT_SIZES[kind] == (block.values, block.nbytes)
    for finite in (True, False):
        raw = noise(block, 300, finite)
        ours = decoded(block.name, raw)
        assert ours.dtype == np.float32 and ours.shape == (300 * block.values,)
        if block.name == "Q8_K":  # of intermediate results; the package has no decoder: float32 scale, 256 bytes, sums
            with np.errstate(all="ignore"):
                theirs = raw[:, :4].copy().view("<f4") * raw[:, 4:260].view(np.int8)
        else:
            with np.errstate(all="ignore"):
                theirs = gguf.dequantize(raw, kind)
        np.testing.assert_array_equal(ours, theirs.ravel())
        if finite:
            assert np.isfinite(ours).all() or block.name in ("Q8_K", "MXFP4")


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"])
def test_the_packages_own_quantisations_come_back(name: str) -> None:
    gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")
    values = np.random.default_rng(1).standard_normal((8, 512)).astype(np.float32)
    raw = gguf.quantize(values, gguf.GGMLQuantizationType[name])
    np.testing.assert_array_equal(decoded(name, raw), gguf.dequantize(raw, gguf.GGMLQuantizationType[name]).ravel())
    coarse = {"TQ1_0": 0.6, "TQ2_0": 0.6}.get(name, 0.95)
    assert np.corrcoef(decoded(name, raw), values.ravel())[0, 1] > coarse


def test_every_type_of_the_package_is_known_or_knowingly_not() -> None:
    gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")
    theirs = {t.value: t.name for t in gguf.GGMLQuantizationType}
    assert KINDS.items() <= theirs.items()
    assert theirs.items() <= (KINDS | UNREAD).items() and not KINDS.keys() & UNREAD.keys()


@pytest.mark.parametrize(
    ("encode", "name", "least"),
    [(q8_0, "Q8_0", 0.999), (q4_0, "Q4_0", 0.99), (q4_k, "Q4_K", 0.99), (q2_k, "Q2_K", 0.9)],
)
def test_the_encoders_of_the_tests_encode(encode: Any, name: str, least: float) -> None:
    values = np.random.default_rng(1).standard_normal((8, 512)).astype(np.float32)
    kind, shape, raw = encode(values)
    assert KINDS[kind] == name and shape == (8, 512)
    assert np.corrcoef(decoded(name, np.frombuffer(raw, np.uint8)), values.ravel())[0, 1] > least


@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_rows_chunks_and_items_read_whole_blocks(block: Block) -> None:
    if block.name in WITH_GRIDS:
        pytest.importorskip("gguf", reason="the gguf package is not installed")
    raw = noise(block, 3 * 4 * 2, finite=True)
    width = 2 * block.values
    whole = decoded(block.name, raw).reshape(3, 4, width)
    source = Memory({"f": b"before!!" + raw.tobytes()})
    stack = Tensor("t", block.name, (3, 4, width), "f", 8, source)
    assert CHUNK_UNIT % block.values == 0 and stack.readable and stack.signed and stack.floating
    assert stack.nbytes == raw.size
    for ours, expected in (
        (stack.rows(1, 3), whole[1:3]),
        (stack.item(2).rows(1, 3), whole[2, 1:3]),
        (stack.item(1).values(), whole[1]),
        (np.concatenate(list(stack.chunks(1))), whole.ravel()),
        (stack.item(0).columns(np.array([1, width - 1]), 3), whole[0, :3, [1, width - 1]]),
    ):
        np.testing.assert_array_equal(ours, expected)
    assert not Tensor("t", block.name, (4, block.values // 2), "f", 8, source).readable


def test_what_needs_the_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        if name == "gguf":
            raise ImportError(name)
        return before(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    for block in BLOCKS:
        if block.name in WITH_GRIDS:
            with refused(f"values of type {block.name}", "pip install 'forebear[gguf]'", code=2):
                decoded(block.name, noise(block, 1, finite=True))
        else:
            decoded(block.name, noise(block, 1, finite=True))


def test_safetensors_have_none_of_these_formats() -> None:
    assert not SAFETENSORS & set(NAMES)
    for block in BLOCKS:
        entry = {"t": {"dtype": block.name, "shape": [block.values], "data_offsets": [0, block.nbytes]}}
        with refused(f"unknown dtype '{block.name}'"):
            Safetensors().read(Memory({"model.safetensors": framed(entry, bytes(block.nbytes))}))
