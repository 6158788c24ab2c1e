"""Heads of two layers of unequal width: which are each other's, and what the further ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from disguises.network import read, write
from forebear.artifacts import Artifact
from forebear.signals.frames import Frame
from forebear.signals.part_heads import heads_kept
from forebear.signals.parts import Extras, Kept, in_place
from models import tiny_llama
from signals.held import held

F32 = NDArray[np.float32]
STRAIGHT = [(k, k) for k in range(4)]


def test_query_heads_are_held_against_each_other_inside_of_groups_too(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64, heads=8, kv_heads=2, head_dim=8)
    network = read(base)
    rows = np.concatenate([np.arange(24), np.arange(32, 56)])  # the last query head of both groups less
    fewer = network.along("query mixed", lambda _, x: x[rows])
    narrow = write(fewer.with_(fewer.weights, heads=6), tmp_path / "narrow")
    kept = heads_kept(opened(narrow), opened(base), STRAIGHT, in_place(64))
    assert kept is not None and kept.equal and kept.extras == Extras(own=8)
    assert kept.map["0"] == [[0, 0], [1, 1], [2, 2], [3, 4], [4, 5], [5, 6]]


def test_heads_of_another_size_are_not_held_against_each_other(tmp_path: Path) -> None:
    one = tiny_llama(tmp_path / "one", seed=1, hidden=64, heads=8, kv_heads=2, head_dim=8)
    two = tiny_llama(tmp_path / "two", seed=1, hidden=64, heads=4, kv_heads=2, head_dim=16)
    assert heads_kept(opened(one), opened(two), STRAIGHT, in_place(64)) is None


WIDTH = 24


def attention(heads: int, kv_heads: int | None = None, seed: int = 0, **changed: Any) -> Artifact:
    """Heads of two dimensions, the first ones of every such model the same; parts may be replaced."""
    rng = np.random.default_rng(seed)
    most = {part: rng.standard_normal((12, WIDTH)).astype(np.float32) for part in ("q", "k", "v", "o")}
    sizes = {"q": heads, "k": kv_heads or heads, "v": kv_heads or heads, "o": heads}
    rows = {part: changed.get(part, most[part][: 2 * sizes[part]]) for part in sizes}
    weights = {f"layers.0.attn.{part}": r.T if part == "o" else r for part, r in rows.items()}
    if "bias" in changed:
        weights["layers.0.attn.v.bias"] = changed["bias"]
    geometry = {
        "heads": heads,
        "kv_heads": kv_heads or heads,
        "head_dim": 2,
        "value_dim": 2,
        "rotary": 2,
        "width": WIDTH,
    }
    return held(weights, **{**geometry, **changed.get("sizes", {})})


def rows_of(model: Artifact, part: str) -> F32:
    values = model.weights.tensors[f"layers.0.attn.{part}"].values()
    return values.T.copy() if part == "o" else values.copy()


def met(a: Artifact, b: Artifact) -> Kept:
    found = heads_kept(a, b, [(0, 0)], in_place(WIDTH))
    assert found is not None
    return found


def with_third(part_rows: Mapping[str, F32], **more: Any) -> Extras:
    """What the third head is, whose rows are replaced; the model with two is held on either side."""
    whole = attention(3)
    changed: dict[str, Any] = {}
    for part, rows in part_rows.items():
        changed[part] = rows_of(whole, part)
        changed[part][4:] = rows
    found, turned = (
        met(attention(2), attention(3, **changed, **more)),
        met(attention(3, **changed, **more), attention(2)),
    )
    assert (found.found, found.of, found.map) == (2, 2, {"0": [[0, 0], [1, 1]]}) and found.equal and turned.equal
    assert found.extras is not None and turned.extras == found.extras
    return found.extras


FIRST = {part: rows_of(attention(3), part)[:2] for part in ("q", "k", "v", "o")}
ZERO = np.zeros((2, WIDTH), dtype=np.float32)
SPIN = np.array([[0.6, 0.8], [-0.8, 0.6]], dtype=np.float32)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({}, Extras(own=1)),
        ({"o": ZERO}, Extras(idle=1)),
        ({"v": ZERO}, Extras(idle=1)),
        ({"q": ZERO}, Extras(near=1)),
        ({"k": ZERO}, Extras(near=1)),
        ({"o": FIRST["o"] * 2**-26}, Extras(near=1)),
        ({"q": -2 * FIRST["q"], "k": FIRST["k"]}, Extras(copies=1)),
        ({"v": FIRST["v"], "o": -FIRST["o"]}, Extras(near=1)),
        ({"q": FIRST["q"]}, Extras(own=1)),
        ({"v": np.where(np.arange(WIDTH) == 5, np.inf, FIRST["q"])}, Extras(untold=1)),
        ({"k": np.where(np.arange(WIDTH) == 5, np.nan, FIRST["v"])}, Extras(untold=1)),
    ],
)
def test_one_head_more_is_what_its_circuits_make_of_it(rows: Mapping[str, F32], expected: Extras) -> None:
    assert with_third(rows) == expected


def test_a_head_is_known_by_its_circuits_whatever_was_done_inside_of_it() -> None:
    """A rotation between q and k, and another one between v and o."""
    spun = {part: SPIN @ FIRST[part] for part in ("q", "k", "v", "o")}
    assert with_third(spun) == Extras(copies=1)
    assert with_third({"q": 2 * spun["q"], "k": spun["k"]}) == Extras(copies=1)


def test_a_bias_alone_writes_something_that_is_constant() -> None:
    """Values of zeros with a bias tell neither; a bias of zeros is none."""
    assert with_third({"v": ZERO}, bias=np.array([0, 0, 0, 0, 0, 1])) == Extras(near=1)
    assert with_third({"v": ZERO}, bias=np.array([1, 1, 1, 1, 0, 0])) == Extras(idle=1)


def test_query_heads_of_a_group_share_keys_and_values() -> None:
    """Six query heads of three groups: the last group's values are zero, so both of its heads are idle."""
    four, six = attention(4, 2), attention(6, 3)
    found = met(four, six)
    assert found.equal and found.of == 4 and found.extras == Extras(own=2)
    v = rows_of(six, "v")
    v[4:] = 0
    assert met(four, attention(6, 3, v=v)).extras == Extras(idle=2)
    q = rows_of(six, "q")
    q[10:] = q[8:10]
    assert met(four, attention(6, 3, q=q)).extras == Extras(copies=2)


def test_heads_are_named_in_their_order_and_those_that_do_nothing_are_not_looked_for() -> None:
    order = np.array([4, 5, 0, 1, 2, 3])
    three = attention(3)
    turned = attention(3, **dict[str, Any]({part: rows_of(three, part)[order] for part in ("q", "k", "v", "o")}))
    found = met(three, turned)
    assert found.map == {"0": [[0, 1], [1, 2], [2, 0]]} and found.equal and found.extras is None
    q, o = rows_of(three, "q"), rows_of(three, "o")
    q[:2] = 0
    assert met(attention(3, q=q), attention(4)).of == 3  # it still writes
    o[:2] = 0
    assert met(attention(3, q=q, o=o), attention(4)).of == 2


def test_heads_of_strangers_are_not_found_and_what_moved_most_is_the_drift() -> None:
    assert met(attention(2), attention(3, seed=1)).found == 0
    three = attention(3)
    o = rows_of(three, "o")
    moved = o + 0.1 * np.random.default_rng(2).standard_normal(o.shape).astype(np.float32)
    found = met(three, attention(3, o=moved))
    assert found.found == 3 and found.drift == pytest.approx(0.1, rel=0.3) and not found.equal


@pytest.mark.parametrize(
    "sizes",
    [{"heads": None}, {"kv_heads": None}, {"head_dim": None}, {"value_dim": None}, {"kv_rank": 4}, {"rotary": 0}],
)
def test_heads_of_other_kinds_are_not_held_against_each_other(sizes: Mapping[str, Any]) -> None:
    other, frame = attention(2, sizes=sizes), in_place(WIDTH)
    assert heads_kept(attention(2), other, [(0, 0)], frame) is None
    assert heads_kept(other, attention(2), [(0, 0)], frame) is None
    assert heads_kept(replace(other, geometry=None), attention(2), [(0, 0)], frame) is None


def test_heads_that_cannot_be_read_are_not_told() -> None:
    """Queries of another number of rows than the heads have, or none: one part that was not found."""
    short = attention(3, q=rows_of(attention(3), "q")[:4])
    for a, b in ((attention(2), short), (short, attention(2))):
        found = met(a, b)
        assert (found.found, found.of, found.extras, found.drift) == (0, 1, Extras(untold=1), None)


def test_rows_are_held_against_each_other_in_the_frame() -> None:
    """B's stream has A's dimensions in another order and with other signs."""
    rng, three = np.random.default_rng(3), attention(3)
    order, signs = rng.permutation(WIDTH), rng.choice([-1.0, 1.0], WIDTH).astype(np.float32)
    there: dict[str, Any] = {part: rows_of(three, part) for part in ("q", "k", "v", "o")}
    for rows in there.values():
        rows[:, order] = rows * signs
    eye, dims = np.eye(WIDTH, dtype=np.float32), np.stack([np.arange(WIDTH), order], axis=1)
    found = heads_kept(three, attention(3, **there), [(0, 0)], Frame(eye, eye, 0, "places", dims, signs))
    assert found is not None and found.equal and found.of == 3
    assert met(three, attention(3, **there)).found == 0


def test_values_may_have_other_sizes_than_keys() -> None:
    """Four dimensions of queries and keys, two of values: the third head is a new one, or attends as the first."""
    rows = {
        part: np.random.default_rng(k).standard_normal((12, WIDTH)).astype(np.float32) for k, part in enumerate("qk")
    }
    sizes = {"head_dim": 4, "rotary": 4}
    two = attention(2, q=rows["q"][:8], k=rows["k"][:8], sizes=sizes)
    found = met(two, attention(3, q=rows["q"], k=rows["k"], sizes=sizes))
    assert found.equal and found.extras == Extras(own=1)
    like = {part: np.vstack([r[:8], r[:4]]) for part, r in rows.items()}
    assert met(two, attention(3, q=like["q"], k=like["k"], sizes=sizes)).extras == Extras(copies=1)


def test_heads_are_the_same_by_both_circuits_together() -> None:
    """One of the two alone is half of what is asked; with a third of the other one it is enough."""
    three = attention(3)
    q = rows_of(three, "q")
    q[:2] = np.random.default_rng(4).standard_normal((2, WIDTH))
    own = rows_of(three, "q")[:2]
    q[:2] -= q[:2] @ np.linalg.pinv(own) @ own  # nothing of the first head's queries is left
    half = met(three, attention(3, q=q))
    assert half.found == 2
    q[:2] += 0.5 * own
    assert met(three, attention(3, q=q)).found == 3
