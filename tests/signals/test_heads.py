"""Heads are told by their circuits: whatever their order, and whatever is done inside of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from disguises import disguise
from disguises.heads import take_heads
from disguises.network import read as taken_apart
from disguises.network import write
from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.architecture import Geometry
from forebear.signals.frames import token_frame
from forebear.signals.heads import HeadMap, _inside, _scaled, circuit_norms, circuits, head_map, head_rows
from forebear.sources import open_source
from models import tiny, tiny_llama

INSIDE = ["flip-values", "flip-planes", "rotate-values", "mix-values", "rotate-planes", "rescale-values"]


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def found(a: Path, b: Path, layer: int = 1) -> HeadMap | None:
    one, two = opened(a), opened(b)
    frame = token_frame(one, two)
    assert frame is not None
    return head_map(one, layer, two, layer, frame)


def permuted(base: Path, out: Path, order: list[int]) -> Path:
    """The model with its groups of heads in this order in every layer, and in every group the query heads turned."""
    n = taken_apart(base)
    per = n.heads // n.kv_heads
    chosen = {k: np.array(order) for k in range(n.layers)}
    return write(take_heads(n, chosen, {k: np.tile(np.arange(per)[::-1], (len(order), 1)) for k in chosen}), out)


@pytest.mark.parametrize("step", INSIDE)
@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox", "qwen2"])
def test_heads_are_found_whatever_is_done_inside_of_them(family: str, step: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    count = taken_apart(base).kv_heads
    order = [1, 0] if count == 2 else [2, 0, 3, 1]
    moved = permuted(base, tmp_path / "moved", order)
    child = disguise(moved, tmp_path / "child", [step, "rotate", "noise:0.1"], 3)
    heads = found(base, child)
    assert heads is not None
    assert sorted(map(tuple, heads.heads.tolist())) == sorted((old, new) for new, old in enumerate(order))
    assert heads.fit > 1.5


def test_dimensions_of_a_head_stay_as_numbered_unless_another_order_is_clear(tmp_path: Path) -> None:
    base = tiny("gpt2", tmp_path / "base", 1)  # nothing rotates: dimensions of queries and keys are free too
    stranger = found(base, tiny("gpt2", tmp_path / "stranger", 2))
    assert stranger is not None and stranger.keys is not None
    for pairs in (*stranger.values, *stranger.keys):
        assert np.array_equal(pairs[:, 0], pairs[:, 1]) and len(pairs) == 16
    network, turn = taken_apart(base), np.arange(16)[::-1]

    def turned(role: str, x: np.ndarray) -> np.ndarray:
        return np.asarray(x.reshape(4, 16, -1)[:, turn].reshape(x.shape))

    child = found(base, write(network.along("query key value mixed", turned), tmp_path / "turned"))
    assert child is not None and child.keys is not None
    for pairs in (*child.values, *child.keys):
        assert np.array_equal(pairs[:, 1], 15 - pairs[:, 0]) and len(pairs) == 16


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox"])
def test_no_flip_of_the_reference_changes_a_map(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    others = [
        tiny(family, tmp_path / "stranger", 2),
        disguise(base, tmp_path / "child", ["permute-heads", "rotate", "rotate-values"], 1),
    ]
    for k, flip in enumerate(["flip-values", "flip-planes", "flip-residual?"]):
        flipped = disguise(base, tmp_path / f"flipped{k}", [flip], k)
        for other in others:
            before, after = found(base, other), found(flipped, other)
            assert before is not None and after is not None
            assert np.array_equal(before.heads, after.heads) and before.fit == pytest.approx(after.fit, abs=1e-5)
            for one, two in zip(before.values + (before.keys or []), after.values + (after.keys or []), strict=True):
                assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [((4, 4), (4, 2), 2), ((4, 1), (4, 4), 1), ((8, 2), (4, 4), 2), ((4, 1), (8, 1), 1)],
    ids=["MHA to GQA", "MQA to MHA", "more query heads", "MQA"],
)
def test_other_numbers_of_heads_meet_one_to_one(
    ours: tuple[int, int], theirs: tuple[int, int], pairs: int, tmp_path: Path
) -> None:
    a, b = (
        tiny_llama(tmp_path / f"{k}", k, heads=h, kv_heads=kv, head_dim=16) for k, (h, kv) in enumerate((ours, theirs))
    )
    heads = found(a, b)
    assert heads is not None and 1 <= len(heads.heads) <= pairs
    assert len(set(heads.heads[:, 0])) == len(set(heads.heads[:, 1])) == len(heads.heads)


def test_a_pruned_head_leaves_the_others_where_they_belong(tmp_path: Path) -> None:
    base = tiny("gpt_neox", tmp_path / "base", 1)
    child = disguise(base, tmp_path / "child", ["prune-heads", "rotate"], 1)
    heads = found(base, child)
    assert heads is not None and len(heads.heads) == 3 and heads.fit > 1.9
    ours, theirs = taken_apart(base).weights["layers.1.attn.v"], taken_apart(child).weights["layers.1.attn.v"]
    lengths = [np.linalg.norm(v, axis=1).reshape(-1, 16) for v in (ours, theirs)]
    for x, y in heads.heads:
        assert np.allclose(lengths[0][x], lengths[1][y], rtol=0.02)


def test_heads_of_other_sizes_are_not_compared(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1, head_dim=16)
    assert found(base, tiny_llama(tmp_path / "other", 2, head_dim=8)) is None
    assert found(base, tiny("gpt2", tmp_path / "gpt2", 2)) is None  # nothing rotates there
    network = taken_apart(base)
    short = {r: v[:16] if r == "layers.1.attn.k" else v for r, v in network.weights.items()}
    odd = write(network.with_(short), tmp_path / "odd")
    assert found(base, odd, 1) is None and found(base, odd, 2) is not None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30, np.nan])
def test_any_values_give_a_map_and_no_warning(scale: float, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    child = disguise(base, tmp_path / "child", ["permute-heads"], 1)
    expected = found(base, child)
    edit(child, lambda n, v: v * scale if "self_attn" in n else v)
    heads = found(base, child)
    assert heads is not None and expected is not None and np.isfinite(heads.fit)
    if 0 < scale < np.inf:
        assert np.array_equal(heads.heads, expected.heads) and heads.fit == pytest.approx(expected.fit, abs=0.05)


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_circuits_are_compared_as_the_products_that_the_stream_sees() -> None:
    """Each query head with the key/value head of its group; the products of five by five by numpy."""
    rng = np.random.default_rng(0)
    sizes = (4, 2), (3, 1)
    outer = rng.standard_normal((8, 5)), rng.standard_normal((6, 5))
    inner = rng.standard_normal((4, 5)), rng.standard_normal((2, 5))

    def product(side: int, head: int) -> NDArray[np.float64]:
        heads, groups = sizes[side]
        at = head // (heads // groups)
        return np.asarray(outer[side][2 * head : 2 * head + 2].T @ inner[side][2 * at : 2 * at + 2])

    ours, theirs = ([product(side, h) for h in range(sizes[side][0])] for side in (0, 1))
    norm = np.linalg.norm
    expected = np.array([[(x * y).sum() / norm(x) / norm(y) for y in theirs] for x in ours])
    assert circuits(outer, inner, sizes, 2) == pytest.approx(expected)
    assert circuit_norms(outer[0], inner[0], sizes[0], 2) == pytest.approx([norm(x) for x in ours])
    assert circuits((0 * outer[0], outer[1]), inner, sizes, 2).tolist() == [[0.0] * 3] * 4


def test_rows_of_a_part_are_heads_times_their_size() -> None:
    geometry = Geometry(width=8, layers=1, vocabulary=2, heads=6, kv_heads=2, head_dim=4, value_dim=3)
    assert [head_rows(geometry, f"attn.{p}") for p in "qkvo"] == [24, 8, 6, 18]
    assert head_rows(replace(geometry, kv_heads=None), "attn.k") is None
    assert head_rows(replace(geometry, value_dim=None), "attn.o") is None
    assert head_rows(replace(geometry, kv_heads=None), "attn.q") == 24


def test_rows_are_scaled_by_their_largest_value_and_without_those_that_are_no_numbers() -> None:
    rows = np.array([[1, -4], [np.nan, 9], [2, np.inf]], np.float32)
    assert _scaled(rows).tolist() == [[0.25, -1], [0, 0], [0, 0]] and _scaled(0 * rows[:1]).tolist() == [[0, 0]]


@pytest.mark.parametrize(("cosine", "order"), [(0.44, [[0, 1], [1, 0]]), (0.46, [[0, 0], [1, 1]])])
def test_another_order_has_to_fit_twice_as_well(cosine: float, order: list[list[int]]) -> None:
    """Two dimensions have this cosine with those of their own number, and are reordered or not; 0.447 is the bound."""
    rest = (1 - cosine**2) ** 0.5
    ours = np.array([[9, 9], [9, 9], [1, 0], [0, 1]], np.float32)
    theirs = np.array([[cosine, rest], [-rest, cosine]], np.float32)
    assert _inside((ours, theirs), 1, 0, 2).tolist() == order
    assert _inside((theirs, ours), 0, 1, 2).tolist() == order
