"""Number formats: every one decodes as the reference implementations decode it, or is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forebear.artifacts import Tensor
from forebear.artifacts.dtypes import DTYPES, SAFETENSORS
from models import Memory, framed, refused, write_safetensors

BY_TORCH = [name for name in DTYPES if name in SAFETENSORS and DTYPES[name].decode and name != "F4"]
EIGHT_BITS = [name for name in BY_TORCH if DTYPES[name].bits == 8 and name != "BOOL"]


def decode(name: str, raw: bytes) -> NDArray[np.float32]:
    how = DTYPES[name].decode
    assert how is not None
    return how(np.frombuffer(raw, dtype=np.uint8))


def patterns(name: str) -> bytes:
    """Every bit pattern of formats up to 16 bits; otherwise zeros, extremes, NaNs of both kinds and noise."""
    bits = DTYPES[name].bits
    if name == "BOOL":
        return bytes([0, 1])
    if bits <= 16:
        return np.arange(2**bits, dtype=np.uint64).astype(f"<u{bits // 8}").tobytes()
    size = bits // 8
    edges = [
        0,
        1,
        2 ** (bits - 1),
        2 ** (bits - 1) - 1,
        2**bits - 1,
        *({32: (0x7F800000, 0xFF800000, 0x7F800001), 64: (0x7FF << 52, 0xFFF << 52, (0x7FF << 52) + 1)}[bits]),
        *((0x3FF << 52, 0x47F << 52, 0x380 << 52) if bits == 64 else (0x3F800000, 0x00000001, 0x7F7FFFFF)),
    ]
    noise = np.random.default_rng(1).integers(0, 256, 512 * size, dtype=np.uint8).tobytes()
    return b"".join(e.to_bytes(size, "little") for e in edges) + noise


def assert_same(ours: NDArray[np.float32], theirs: NDArray[Any]) -> None:
    """Equal values, zeros with equal signs, NaN where there is NaN."""
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)
    usable = ~np.isnan(theirs)
    np.testing.assert_array_equal(np.signbit(ours)[usable], np.signbit(theirs)[usable])


@pytest.mark.torch
@pytest.mark.parametrize("name", BY_TORCH)
def test_values_are_those_of_the_reference_library(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    raw = patterns(name)
    write_safetensors(tmp_path / "f", {"t": (name, [len(raw) * 8 // DTYPES[name].bits], raw)})
    assert_same(decode(name, raw), library.load_file(tmp_path / "f")["t"].to(torch.float32).numpy())


@pytest.mark.torch
@pytest.mark.parametrize("name", EIGHT_BITS)
def test_all_256_patterns_of_the_small_formats_are_checked(name: str) -> None:
    assert patterns(name) == bytes(range(256))


def test_every_dtype_of_the_reference_library_is_known() -> None:
    library = pytest.importorskip("safetensors", reason="safetensors is not installed")
    with pytest.raises(library.SafetensorError) as caught:
        library.deserialize(framed({"t": {"dtype": "?", "shape": [1], "data_offsets": [0, 1]}}, b"1"))
    known = set(re.findall(r"`(\w+)`", str(caught.value)))
    assert "BF16" in known
    assert known <= DTYPES.keys()


def test_every_format_has_its_own_name() -> None:
    assert [d.name for d in DTYPES.values()] == list(DTYPES)
    assert {d.name for d in DTYPES.values() if not d.floating} == {
        n for n in DTYPES if n[0] in "IUB" and not n.startswith(("BF", "IQ"))
    }


def test_four_bit_floats_are_unpacked_low_half_first() -> None:
    """The sixteen values of OCP microscaling formats, table 5: e2m1."""
    magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    every = bytes(low | (low + 1) << 4 for low in range(0, 16, 2))
    np.testing.assert_array_equal(decode("F4", every), np.array(magnitudes + [-m for m in magnitudes]))
    np.testing.assert_array_equal(decode("F4", bytes([0x21])), [0.5, 1])


def test_scales_are_powers_of_two_down_to_the_smallest() -> None:
    values = decode("F8_E8M0", bytes(range(256)))
    assert values[127] == 1 and values[0] == 2.0**-127 and values[254] == 2.0**127
    assert np.isnan(values[255]) and np.isfinite(values[:255]).all()


def test_doubles_beyond_single_precision_become_infinite_without_a_warning() -> None:
    raw = np.array([1e300, -1e300, 1e-300, 0.5], dtype="<f8").tobytes()
    np.testing.assert_array_equal(decode("F64", raw), [np.inf, -np.inf, 0, 0.5])


def test_signalling_nans_decode_without_a_warning() -> None:
    assert np.isnan(decode("F64", (0x7FF0000000000001).to_bytes(8, "little"))).all()
    assert np.isnan(decode("F32", (0x7F800001).to_bytes(4, "little"))).all()
    assert np.isnan(decode("F16", (0x7C01).to_bytes(2, "little"))).all()


@pytest.mark.parametrize("name", ["F6_E2M3", "F6_E3M2", "C64"])
def test_formats_whose_values_are_not_weights_are_refused_when_read(name: str) -> None:
    source = Memory({"f": bytes(64)})
    with refused(f"tensor t has dtype {name}"):
        Tensor("t", name, (8,), "f", 0, source).values()


def test_four_bit_rows_that_begin_within_a_byte_are_refused() -> None:
    source = Memory({"f": bytes([0x21, 0x43, 0x65])})
    with refused("tensor t has dtype F4"):
        Tensor("t", "F4", (2, 3), "f", 0, source).rows(1, 2)
    np.testing.assert_array_equal(Tensor("t", "F4", (3, 2), "f", 0, source).rows(1, 2), [[1.5, 2]])


@pytest.mark.parametrize("name", [d.name for d in DTYPES.values() if d.decode])
def test_nothing_decodes_to_nothing(name: str) -> None:
    assert decode(name, b"").shape == (0,)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(n for n in SAFETENSORS if DTYPES[n].decode)), raw=st.binary(max_size=64))
def test_any_bytes_decode_value_by_value(name: str, raw: bytes) -> None:
    dtype = DTYPES[name]
    step = max(1, dtype.bits // 8)
    raw = raw[: len(raw) // step * step]
    whole = decode(name, raw)
    assert whole.shape == (len(raw) * 8 // dtype.bits,)
    parts = [decode(name, raw[i : i + step]) for i in range(0, len(raw), step)]
    np.testing.assert_array_equal(whole, np.concatenate([*parts, whole[:0]]))
