"""Views: any rows, columns, items and chunks are those of the whole array changed in one go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.formats.gguf.views import alternating, flat, joined, reordered, shifted, some, turned
from models import Memory

F32 = NDArray[np.float32]


def stored(*shape: int, seed: int = 0) -> tuple[Tensor, F32]:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return Tensor(f"t{seed}", "F32", shape, "f", 0, Memory({"f": values.tobytes()})), values


def backwards(rows: int) -> NDArray[np.int64]:
    return np.arange(rows)[::-1]


def shuffled(rows: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).permutation(rows)


def cases() -> dict[str, tuple[Tensor, F32]]:
    a, x = stored(12, 5)
    b, y = stored(12, 5, seed=1)
    s, z = stored(3, 4, 6, seed=2)
    r, w = stored(3, 4, 6, seed=3)
    v, u = stored(3, 4, seed=4)
    o, p = stored(3, 4, seed=5)
    h, g = stored(3, 2, 4, seed=6)
    return {
        "reordered": (reordered(a, backwards), x[::-1]),
        "shuffled": (reordered(a, shuffled), x[shuffled(12)]),
        "turned": (turned(a), x.T),
        "turned stack": (turned(s), z.swapaxes(1, 2)),
        "shifted": (shifted(a, 1.0), x - 1),
        "some": (some(a, 3, 9), x[3:9]),
        "some of a stack": (some(s, 1, 3), z[:, 1:3]),
        "joined": (joined(a, b), np.concatenate([x, y])),
        "joined stacks": (joined(s, r), np.concatenate([z, w], axis=1)),
        "alternating stacks": (alternating(s, r), np.stack([z, w], axis=2).reshape(3, 8, 6)),
        "alternating vectors": (alternating(v, o), np.stack([u, p], axis=2).reshape(3, 8)),
        "flat": (flat(s), z.reshape(12, 6)),
        "gate and up of gpt-oss": (turned(alternating(s, r)), np.stack([z, w], axis=2).reshape(3, 8, 6).swapaxes(1, 2)),
        "kv_b": (flat(joined(turned(s), h)), np.concatenate([z.swapaxes(1, 2), g], axis=1).reshape(24, 4)),
    }  # fmt: skip


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", list(cases()))
@given(data=st.data())
def test_any_part_is_that_of_the_whole(name: str, data: st.DataObject) -> None:
    view, whole = cases()[name]
    assert view.shape == whole.shape and view.size == whole.size and view.readable and view.signed
    start = data.draw(st.integers(0, whole.shape[0]))
    stop = data.draw(st.integers(start, whole.shape[0]))
    np.testing.assert_array_equal(view.rows(start, stop), whole[start:stop])
    np.testing.assert_array_equal(view.values(), whole)
    np.testing.assert_array_equal(np.concatenate(list(view.chunks(data.draw(st.integers(1, 40))))), whole.ravel())
    if whole.ndim == 3:
        k = data.draw(st.integers(0, len(whole) - 1))
        np.testing.assert_array_equal(view.item(k).values(), whole[k])
        view, whole = view.item(k), whole[k]
    depth = data.draw(st.integers(1, whole.shape[0]))
    columns = np.array(sorted(data.draw(st.sets(st.integers(0, whole.shape[1] - 1), min_size=1))))
    np.testing.assert_array_equal(view.columns(columns, depth), whole[:depth, columns].T)
    with pytest.raises(ValueError, match="rows"):
        view.rows(0, whole.shape[0] + 1)


def test_vectors_are_put_in_order_as_rows_are() -> None:
    vector, values = stored(12)
    np.testing.assert_array_equal(reordered(vector, backwards).rows(2, 5), values[::-1][2:5])
    np.testing.assert_array_equal(shifted(vector, 1.0).values(), values - 1)


class Metered(Memory):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, path: str, start: int, stop: int) -> bytes:
        self.taken += stop - start
        return super().read(path, start, stop)


@pytest.mark.parametrize(
    ("make", "take", "most"),
    [
        (lambda t: reordered(t, backwards), lambda v: v.rows(0, 8), 8 * 1_000),
        (turned, lambda v: v.columns(np.arange(8), 10), 8 * 1_000),
        (lambda t: joined(t, t), lambda v: v.rows(4_000, 4_002), 2 * 1_000),
        (lambda t: some(t, 5, 50), lambda v: v.rows(0, 3), 3 * 1_000),
        (lambda t: shifted(t, 1), lambda v: v.rows(0, 3), 3 * 1_000),
    ],
)
def test_no_more_is_read_than_rows_need(
    make: Callable[[Tensor], Tensor], take: Callable[[Tensor], F32], most: int
) -> None:
    source = Metered({"f": bytes(4 * 4_096 * 1_000)})
    take(make(Tensor("t", "F32", (4_096, 1_000), "f", 0, source)))
    assert 0 < source.taken <= 4 * most
