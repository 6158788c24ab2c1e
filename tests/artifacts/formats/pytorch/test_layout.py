"""Tensors over storages against numpy's own strides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts.base import Tensor
from forebear.artifacts.formats.pytorch.layout import Pickled, View, placed
from forebear.artifacts.formats.pytorch.values import Storage, Strided
from models import Memory, refused

VALUES = np.random.default_rng(1).standard_normal(720).astype("<f4")
RAW = b"#" * 24 + VALUES.tobytes() + b"#" * 8
SPAN = (24, 24 + VALUES.nbytes)


def laid(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, dtype: str = "F32", **how: Any) -> Tensor:
    storage = Storage("0", how.get("stored", dtype), how.get("size", 720), how.get("root", 0))
    return placed(
        "t", 0, Strided(storage, dtype, offset, shape, strides), how.get("span", SPAN), Memory({"f": RAW}), "f"
    )


def expected(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Any:
    return np.lib.stride_tricks.as_strided(VALUES[offset:], shape, [s * 4 for s in strides])


@st.composite
def layouts(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    strides = tuple(draw(st.lists(st.integers(0, 30), min_size=len(shape), max_size=len(shape))))
    last = sum((s - 1) * k for s, k in zip(shape, strides, strict=True))
    return shape, strides, draw(st.integers(0, 719 - last))


@given(layouts(), st.data())
def test_any_strides_read_as_numpy_reads_them(layout: tuple[Any, Any, int], data: Any) -> None:
    shape, strides, offset = layout
    tensor, values = laid(shape, strides, offset), expected(*layout)
    start = data.draw(st.integers(0, shape[0]))
    stop = data.draw(st.integers(start, shape[0]))
    assert np.array_equal(tensor.rows(start, stop), values[start:stop])
    assert np.array_equal(tensor.values(), values)
    assert np.array_equal(np.concatenate(list(tensor.chunks(7))), values.ravel())
    assert tensor.stored(0, tensor.nbytes) == values.tobytes()
    if len(shape) > 1:
        index = data.draw(st.integers(0, shape[0] - 1))
        assert np.array_equal(tensor.item(index).values(), values[index])


def test_transposed_sliced_expanded_and_scalar_views() -> None:
    square = VALUES[:600].reshape(20, 30)
    assert np.array_equal(laid((30, 20), (1, 30)).values(), square.T)
    assert np.array_equal(laid((20, 5), (30, 1), 7).values(), square[:, 7:12])
    assert np.array_equal(laid((4, 30), (0, 1)).values(), np.broadcast_to(square[0], (4, 30)))
    assert np.array_equal(laid((), (), 3).values(), square[0, 3:4].reshape(1))
    assert type(laid((20, 30), (30, 1))) is Pickled and type(laid((1, 30), (999, 1))) is Pickled
    assert type(laid((0, 5), (7, 9))) is Pickled and laid((0, 5), (7, 9)).values().shape == (0, 5)
    assert type(laid((30, 20), (1, 30))) is View


def test_a_view_asks_for_little_where_little_is_wanted() -> None:
    class Counting(Memory):
        asked: int = 0

        def read(self, path: str, start: int, stop: int) -> bytes:
            self.asked += stop - start
            return super().read(path, start, stop)

    values = np.arange(1_000 * 5_000, dtype="<f4")
    source = Counting({"f": values.tobytes()})
    strided = Strided(Storage("0", "F32", values.size), "F32", 0, (5_000, 1_000), (1, 5_000))
    tensor = placed("t", 0, strided, (0, values.nbytes), source, "f")
    assert np.array_equal(tensor.rows(70, 72), values.reshape(1_000, 5_000).T[70:72])
    assert source.asked <= 2 * 1_000 * 4


def test_views_of_every_width() -> None:
    for dtype, width in (("F8_E4M3", 1), ("F16", 2), ("F64", 8)):
        raw = bytes(range(240))
        strided = Strided(Storage("0", "U8", 240), dtype, 0, (10, 240 // width // 10), (1, 10))
        tensor = placed("t", 0, strided, (0, 240), Memory({"f": raw}), "f")
        grid = np.frombuffer(raw, np.uint8).reshape(-1, 10, width).swapaxes(0, 1)
        assert tensor.stored(0, tensor.nbytes) == grid.tobytes()


def test_a_legacy_view_of_a_storage_begins_behind_its_root() -> None:
    assert np.array_equal(laid((10,), (1,), 5, size=100, root=50).values(), VALUES[55:65])


@pytest.mark.parametrize(
    ("shape", "strides", "how", "words"),
    [
        ((721,), (1,), {}, "ends at byte 2,884 of a storage of 2,880"),
        ((2, 2), (719, 1), {}, "ends at byte 2,884 of a storage of 2,880"),
        ((10,), (1,), {"offset": 711}, "ends at byte 2,884"),
        ((2,), (2**62,), {}, "ends at byte"),
        ((10,), (1,), {"size": 721}, "its storage has 2,880 bytes, the pickle says 2,884"),
        ((10,), (1,), {"root": 1}, "its storage has 2,880 bytes, the pickle says 2,884"),
        ((2**40, 2**40), (0, 0), {}, "is too large for any file"),
        ((0, 2**62), (1, 1), {}, "is too large for any file"),
        ((1,), (1,), {"span": (24, 26)}, "its storage has 2 bytes"),
    ],
)
def test_tensors_that_do_not_fit_their_storage_are_refused(
    shape: tuple[int, ...], strides: tuple[int, ...], how: dict[str, Any], words: str
) -> None:
    with refused("f: tensor t: ", words):
        laid(shape, strides, **how)
