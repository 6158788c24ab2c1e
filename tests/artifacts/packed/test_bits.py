"""Integers across words, and columns of a matrix by either way of reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts.base import Tensor
from forebear.artifacts.packed import bits as packed_bits
from forebear.artifacts.packed.base import block_edge
from forebear.artifacts.packed.bits import columns, decoded, nibbles, unpack_bits, word_rows
from models import Memory


@given(st.integers(1, 8).flatmap(lambda b: st.tuples(st.just(b), st.lists(st.integers(0, 2**b - 1), min_size=1))))
def test_integers_are_those_of_one_long_number(case: tuple[int, list[int]]) -> None:
    bits, values = case
    number = sum(v << (bits * k) for k, v in enumerate(values))
    length = -(-len(values) * bits // 32)
    words = np.frombuffer(number.to_bytes(4 * length, "little"), "<u4")
    assert unpack_bits(words, bits, len(values)).tolist() == values
    assert unpack_bits(np.stack([words, words]), bits, len(values)).tolist() == [values, values]


def test_the_low_half_of_a_byte_comes_first() -> None:
    assert nibbles(np.array([[0x21, 0x43]], dtype=np.uint8)).tolist() == [[1, 2, 3, 4]]
    assert decoded("F4", np.array([[0x2A, 0x70]], dtype=np.uint8)).tolist() == [[-1.0, 1.0, 0.0, 6.0]]
    assert decoded("F8_E8M0", np.array([[127, 130]], dtype=np.uint8)).tolist() == [[1.0, 8.0]]
    assert decoded("F4", np.zeros((0, 3), dtype=np.uint8)).shape == (0, 6)


class Counting(Memory):
    """Memory that counts its reads."""

    reads = 0

    def read(self, path: str, start: int, stop: int) -> bytes:
        self.reads += 1
        return super().read(path, start, stop)


@pytest.mark.parametrize("gap", [0, 10**6], ids=["by row", "at once"])
@pytest.mark.parametrize("shape", [(5, 12), (5, 3, 4), (1, 12)])
def test_columns_are_the_same_however_they_are_read(
    gap: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tensor ends where the file ends: nothing is read beyond it."""
    monkeypatch.setattr(packed_bits, "GAP", gap)
    values = np.arange(np.prod(shape), dtype="<u4").reshape(shape)
    source = Counting({"f": b"\xff" * 6 + values.tobytes()})
    tensor = Tensor("t", "U32", shape, "f", 6, source)
    flat = values.reshape(shape[0], -1)
    for start, stop in ((0, 12), (3, 7), (11, 12), (0, 1), (4, 4)):
        source.reads = 0
        found = columns(tensor, start, stop)
        assert found.view("<u4").tolist() == flat[:, start:stop].tolist()
        whole = stop - start == 12
        assert source.reads == (0 if start == stop else 1 if gap or whole else shape[0])
    assert word_rows(tensor, 0, 1).tolist() == flat[:1].tolist()


def test_a_wide_matrix_is_read_row_by_row(tmp_path: Path) -> None:
    source = Counting({"f": bytes(4 * 10_000 * 3)})
    tensor = Tensor("t", "I32", (3, 10_000), "f", 0, source)
    columns(tensor, 0, 100)
    assert source.reads == 3
    columns(tensor, 0, 9_000)
    assert source.reads == 4


@pytest.mark.parametrize(
    ("length", "count", "stated", "edge"),
    [
        (256, 2, (128,), 128),
        (200, 2, (128,), 128),
        (200, 2, (), 100),
        (200, 2, (64,), 100),  # four blocks, not two: not believed
        (201, 2, (64,), 0),
        (200, 0, (128,), 0),
        (200, 2, (0, -128, None, "128", 128.0), 100),
        (200, 1, (200,), 200),
    ],
)
def test_blocks_have_the_stated_size_only_where_it_fits(
    length: int, count: int, stated: tuple[object, ...], edge: int
) -> None:
    assert block_edge(length, count, *stated) == edge
