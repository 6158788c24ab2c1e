"""Heads are told by their circuits: whatever their order, and whatever is done inside of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.heads import take_heads
from disguises.network import read as taken_apart
from disguises.network import write
from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.frames import token_frame
from forebear.signals.heads import HeadMap, head_map
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
