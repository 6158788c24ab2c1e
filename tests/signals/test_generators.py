"""What is read of a model depends on shapes and token strings only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.architecture import Geometry
from forebear.artifacts.roles import role_tensor
from forebear.signals.generators import (
    COLUMN_FIRST_WIDTH,
    TOKENS,
    chosen_experts,
    comparable_groups,
    comparable_shapes,
    head_indices,
    keyed_by_string,
    layer_blocks,
    plane_dims,
    read_scattered,
    residual_block,
    shape_of,
    summed_mlp,
    token_rows,
    usable_rows,
    used_heads,
)
from forebear.signals.layout import BUDGET_VALUES, ROWS_PER_LAYER, SLOTS, Plan, plan, slot_layers
from forebear.sources import open_source
from models import tiny, tiny_llama
from signals.held import held


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


@given(st.integers(1, 400))
def test_every_slot_describes_another_layer(layers: int) -> None:
    slots = slot_layers(layers)
    assert len(set(slots.values())) == len(slots) == min(layers, SLOTS)
    assert slots[0] == 0
    if layers > 1:
        assert slots[SLOTS - 1] == layers - 1


def test_first_and_last_layers_keep_their_slots_when_middle_layers_are_lost() -> None:
    before, after = slot_layers(32), slot_layers(24)
    assert [before[s] for s in range(4)] == [after[s] for s in range(4)]
    assert [32 - before[s] for s in range(12, 16)] == [24 - after[s] for s in range(12, 16)]


@given(st.integers(1, 200), st.integers(8, 20_000))
def test_the_plan_keeps_to_its_budget_and_reads_three_layers_at_least(layers: int, width: int) -> None:
    how = plan(layers, width)
    rows = how.glu + how.values + 2 * how.planes
    assert 0 < rows <= ROWS_PER_LAYER
    assert len(how.slots) >= min(3, layers)
    if width <= 8192:
        assert rows * len(how.slots) * width <= BUDGET_VALUES * 1.05


def test_a_tiny_model_is_read_at_full_depth() -> None:
    how = plan(6, 128)
    assert len(how.slots) == 6
    assert (how.glu, how.values, how.planes) == (64, 32, 32)


@given(st.integers(1, 64), st.sampled_from([8, 16, 24, 64, 128]), st.integers(2, 32))
def test_value_dimensions_have_places_of_their_own(heads: int, head_dim: int, count: int) -> None:
    indices, positions = head_indices(heads, head_dim, count, 32)
    assert len(set(indices.tolist())) == len(indices) == len(set(positions.tolist()))
    assert indices.max() < heads * head_dim
    assert positions.max() < 32


@pytest.mark.parametrize("layout", ["half", "interleaved", "none"])
def test_every_dimension_of_a_head_is_in_one_plane(layout: str) -> None:
    rotary = 0 if layout == "none" else 16
    first, second = plane_dims(24, rotary, layout, 99)
    both = np.concatenate([first, second[second != first]])
    assert sorted(both.tolist()) == list(range(24))


def test_rows_without_a_coin_are_not_valid() -> None:
    rows = np.array([[1, 2], [0, 0], [np.nan, 1], [np.inf, 1], [-1, -2], [2, 4]], dtype=np.float32)
    assert usable_rows(rows).tolist() == [False, False, False, False, False, True]
    single = np.array([[3, 0], [0, -3], [0, 3], [0, 5]], dtype=np.float32)
    assert usable_rows(single).tolist() == [True, False, False, True]


def test_keys_are_read_as_deep_as_their_storage_allows(tmp_path: Path) -> None:
    """Rows of keys at full width; where they are stored by columns, every column crosses all of them."""
    for family, width in (("llama", 64), ("gpt2", COLUMN_FIRST_WIDTH)):
        artifact = read(tiny(family, tmp_path / family, seed=3))
        assert artifact.geometry is not None and artifact.geometry.width > COLUMN_FIRST_WIDTH
        blocks = layer_blocks(artifact, 0, plan(artifact.geometry.layers, artifact.geometry.width))
        keys = next(b for b in blocks if b.group == "query_key")
        assert keys.raw.shape[1] == width and keys.rows.shape[1] == 2 * width


def test_embedding_rows_are_found_by_string_wherever_they_stand(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=1, tokenizer=None)
    with_strings, by_number = residual_block(read(tmp_path / "a")), residual_block(read(tmp_path / "b"))
    assert with_strings is not None and by_number is not None
    assert len(with_strings.labels) == 94
    assert with_strings.rows.shape == (64, 94)
    assert by_number.raw.shape[0] <= 94


@pytest.mark.parametrize(
    ("family", "groups"),
    [
        ("llama", {"glu", "value_output", "query_key"}),
        ("qwen2", {"glu", "value_output", "query_key"}),
        ("qwen3", {"glu", "value_output", "query_key"}),
        ("mixtral", {"experts", "value_output", "query_key"}),
        ("gpt2", {"value_output", "query_key"}),
        ("gpt_neox", {"value_output", "query_key"}),
    ],
)
def test_every_family_yields_its_groups(family: str, groups: set[str], tmp_path: Path) -> None:
    tiny(family, tmp_path / family, seed=3)
    artifact = read(tmp_path / family)
    assert artifact.geometry is not None
    blocks = list(layer_blocks(artifact, 0, plan(artifact.geometry.layers, artifact.geometry.width)))
    assert {b.group for b in blocks} == groups
    assert all(b.valid.all() for b in blocks)
    assert (residual_block(artifact) is not None) == (family not in ("gpt2", "gpt_neox"))


def test_groups_are_compared_only_where_shapes_line_up(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=2, intermediate=96)
    usable, reasons = comparable_groups(read(tmp_path / "a"), read(tmp_path / "b"))
    assert usable == {"residual", "value_output", "query_key"}
    assert "intermediate" in reasons["glu"]


def test_layernorm_models_share_no_residual_coins_with_rmsnorm_models(tmp_path: Path) -> None:
    tiny("gpt_neox", tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=1)
    usable, reasons = comparable_groups(read(tmp_path / "a"), read(tmp_path / "b"))
    assert "residual" not in usable
    assert "residual" in reasons


def grid(*shape: int, start: int = 1) -> np.ndarray:
    """Numbers one after the other: each tells where it stands."""
    return (start + np.arange(int(np.prod(shape)))).reshape(shape).astype(np.float32)


def test_the_first_and_the_middle_head_are_read() -> None:
    assert used_heads(1, False) == ((0,), 1) and used_heads(2, False) == ((0, 1), 2)
    assert used_heads(5, False) == ((0, 2), 2) and used_heads(5, True) == ((0,), 2) and used_heads(1, True) == ((0,), 1)


@pytest.mark.parametrize(
    ("heads", "count", "bits", "light", "indices", "positions"),
    [
        (4, 6, 32, False, [0, 1, 2, 16, 17, 18], [0, 1, 2, 16, 17, 18]),
        (5, 5, 32, False, [0, 1, 16, 17], [0, 1, 16, 17]),
        (4, 1, 32, False, [0, 16], [0, 16]),
        (4, 6, 32, True, [0, 1, 2], [0, 1, 2]),
        (4, 32, 4, False, [0, 1, 16, 17], [0, 1, 2, 3]),
        (1, 3, 32, False, [0, 1, 2], [0, 1, 2]),
        (2, 99, 32, False, list(range(16)), [*range(8), *range(16, 24)]),
    ],
)
def test_value_dimensions_by_hand(
    heads: int, count: int, bits: int, light: bool, indices: list[int], positions: list[int]
) -> None:
    """Heads of eight dimensions; the second one that is read begins at half of the bits."""
    found = head_indices(heads, 8, count, bits, light)
    assert (found[0].tolist(), found[1].tolist()) == (indices, positions)


def test_planes_by_hand() -> None:
    """Four of six dimensions rotate, in two planes; what does not is a plane of its own."""
    pairs = {layout: [x.tolist() for x in plane_dims(6, 4, layout, 99)] for layout in ("half", "interleaved", "none")}
    assert pairs["half"] == pairs["none"] == [[0, 1, 4, 5], [2, 3, 4, 5]]
    assert pairs["interleaved"] == [[0, 2, 4, 5], [1, 3, 4, 5]]
    assert [x.tolist() for x in plane_dims(6, 4, "half", 3)] == [[0, 1, 4], [2, 3, 4]]


def test_up_to_four_experts_are_read_evenly_spaced() -> None:
    chosen = {n: chosen_experts(Geometry(8, 1, 8, experts=n)) for n in (1, 3, 4, 6, 8)}
    assert chosen == {1: (0,), 3: (0, 1, 2), 4: (0, 1, 2, 3), 6: (0, 1, 3, 4), 8: (0, 2, 4, 6)}


@pytest.mark.parametrize(("ids", "reads"), [([0, 17], 1), ([0, 18], 2), ([0, 1, 3, 20, 60], 2), ([5], 1)])
def test_rows_near_each_other_are_one_read(ids: list[int], reads: int) -> None:
    artifact = held({"embed": grid(64, 2)})
    embed = role_tensor(artifact, "embed")
    assert embed is not None
    assert read_scattered(embed, np.array(ids)).tolist() == grid(64, 2)[ids].tolist()
    assert artifact.source.requests == reads


def test_tokens_are_found_by_string_where_there_are_enough_of_them() -> None:
    """Thirty-two printable characters; by number otherwise. An id beyond the embedding has no row."""
    strings = ["<s>", *TOKENS[:32][::-1], "word"]
    enough, few = (held({"embed": grid(40, 2)}, tokens=strings[:n]) for n in (33, 32))
    ids, labels = token_rows(enough)
    assert ids.tolist() == list(range(1, 33)) and labels == TOKENS[:32][::-1] and keyed_by_string(enough)
    ids, labels = token_rows(few)
    assert ids.tolist() == list(range(40)) and labels == TOKENS[:40] and not keyed_by_string(few)
    short = held({"embed": grid(32, 2)}, tokens=strings)
    assert token_rows(short)[0].tolist() == list(range(32)) and not keyed_by_string(short)
    bare = held({"embed": grid(3, 2)})
    assert token_rows(bare)[1] == TOKENS[:3] and not keyed_by_string(bare)
    assert not keyed_by_string(replace(enough, geometry=None))


def test_a_residual_row_is_a_dimension_s_share_of_every_token() -> None:
    """Tokens of length 5 and 13, one of zeros and one that is no number; only the third dimension is never used."""
    block = residual_block(held({"embed": [[3, 4, 0], [0, 0, 0], [5, -12, 0], [1, np.inf, 1]]}))
    assert block is not None and block.group == "residual" and block.layer is None
    expected = [[0.6, 0, 5 / 13, 0], [0.8, 0, -12 / 13, 0], [0, 0, 0, 0]]
    assert block.rows == pytest.approx(np.array(expected), rel=1e-6)
    assert block.valid.tolist() == [True, True, False] and block.positions.tolist() == [0, 1, 2]
    assert block.labels == TOKENS[:4] and block.raw.shape == (4, 3)
    wide = residual_block(held({"embed": grid(2, 2050)}))
    assert wide is not None and wide.rows.shape == (2048, 2) and wide.raw.shape == (2, 2048)
    assert residual_block(held({"embed": grid(4, 3)}, family="gpt2")) is None
    assert residual_block(held({"norm": grid(3)}, width=3, vocabulary=4)) is None


def test_what_is_read_of_a_layer_by_hand() -> None:
    """Three neurons, and of two heads of four dimensions one value and one plane each, its second half beside it."""
    weights = {
        "layers.0.mlp.up": grid(5, 3, start=100),
        "layers.0.attn.v": grid(8, 3, start=200),
        "layers.0.attn.k": grid(8, 3, start=300),
    }
    sizes: dict[str, Any] = {"width": 3, "heads": 2, "kv_heads": 2, "head_dim": 4, "value_dim": 4, "rotary": 4}
    blocks = {b.group: b for b in layer_blocks(held(weights, **sizes), 0, Plan({0: 0}, 3, 2, 2))}
    assert set(blocks) == {"glu", "value_output", "query_key"} and all(b.layer == 0 for b in blocks.values())
    assert blocks["glu"].rows.tolist() == grid(5, 3, start=100)[:3].tolist()
    assert blocks["glu"].positions.tolist() == [0, 1, 2]
    assert blocks["value_output"].rows.tolist() == grid(8, 3, start=200)[[0, 4]].tolist()
    assert blocks["value_output"].positions.tolist() == [0, 16]
    k = grid(8, 3, start=300)
    assert blocks["query_key"].rows.tolist() == np.hstack([k[[0, 4]], k[[2, 6]]]).tolist()
    assert blocks["query_key"].positions.tolist() == [0, 16]
    assert blocks["query_key"].raw.tolist() == k[[0, 2, 4, 6]].tolist()
    still = held(weights, **{**sizes, "rotary": None})
    (planes,) = (b for b in layer_blocks(still, 0, Plan({0: 0}, 3, 2, 2)) if b.group == "query_key")
    assert planes.rows.tolist() == np.hstack([k[[0, 4]], 0 * k[[0, 4]]]).tolist()
    light = {b.group: b for b in layer_blocks(held(weights, **sizes), 0, Plan({0: 0}, 9, 2, 2, light=True))}
    assert light["glu"].positions.tolist() == list(range(5)) and light["value_output"].positions.tolist() == [0]
    assert [b.group for b in layer_blocks(held(weights, **{**sizes, "head_dim": None}), 0, Plan({0: 0}, 3, 2, 2))] == [
        "glu"
    ]


def test_every_expert_shows_another_stretch_of_neurons() -> None:
    """Two of sixteen places each; an expert with fewer neurons than the stretch begins at shows none."""
    rows = {e: grid(40, 3, start=1000 * e) for e in range(4)}
    weights = {f"layers.0.experts.{e}.up": r for e, r in rows.items()}
    model = held(weights, family="mixtral", width=3, experts=4)
    (block,) = layer_blocks(model, 0, Plan({0: 0}, 8, 2, 2))
    assert block.group == "experts" and block.positions.tolist() == [0, 1, 16, 17, 32, 33]
    assert block.rows.tolist() == np.concatenate([rows[e][16 * e : 16 * e + 2] for e in range(3)]).tolist()
    (chosen,) = layer_blocks(model, 0, Plan({0: 0}, 1, 2, 2), experts=(2, 7, 0))
    assert chosen.positions.tolist() == [0, 32] and chosen.rows.tolist() == [rows[2][0].tolist(), rows[0][32].tolist()]
    (most,) = layer_blocks(model, 0, Plan({0: 0}, 99, 2, 2))
    assert most.positions.tolist() == [*range(16), *range(16, 32), *range(32, 40)]


def test_experts_that_were_made_of_one_mlp_are_summed() -> None:
    weights = {f"layers.0.experts.{e}.up": grid(5 + e, 3, start=10**e) for e in range(3)}
    summed = summed_mlp(held(weights, family="mixtral", width=3, experts=3), 0, Plan({0: 0}, 4, 2, 2))
    assert summed is not None and summed.group == "upcycled" and summed.positions.tolist() == [0, 1, 2, 3]
    assert summed.rows.tolist() == (3 * grid(4, 3, start=0) + 111).tolist()
    dense = summed_mlp(held({"layers.0.mlp.up": grid(3, 3)}, width=3), 0, Plan({0: 0}, 4, 2, 2))
    assert dense is not None and dense.rows.tolist() == grid(3, 3).tolist()
    assert summed_mlp(held({"norm": grid(3)}, width=3), 0, Plan({0: 0}, 4, 2, 2)) is None


SHAPE: dict[str, object] = {
    "family": "x",
    "coins": ["residual", "glu", "value_output", "query_key", "latent", "cell"],
    "width": 64,
    "intermediate": 128,
    "head_dim": 16,
    "kv_heads": 2,
}


@pytest.mark.parametrize(
    ("key", "lost"),
    [
        ("width", set(SHAPE["coins"])),  # type: ignore[call-overload]
        ("intermediate", {"glu", "cell"}),
        ("shared_intermediate", {"glu"}),
        ("family", {"cell"}),
        ("kv_heads", {"value_output", "query_key"}),
        ("value_dim", {"value_output"}),
        ("head_dim", {"query_key"}),
        ("heads", {"value_output"}),
        ("rope", {"query_key"}),
        ("rotary", {"query_key"}),
        ("rows", {"value_output", "query_key"}),
        ("kv_rank", {"value_output", "query_key", "latent"}),
        ("q_rank", {"latent"}),
        ("vocabulary", set()),
    ],
)
def test_a_size_that_differs_takes_its_groups_with_it(key: str, lost: set[str]) -> None:
    usable, reasons = comparable_shapes(SHAPE, {**SHAPE, key: 7})
    assert usable == set(SHAPE["coins"]) - lost and set(reasons) == lost  # type: ignore[call-overload]
    assert all(why == f"different {key} ({SHAPE.get(key)} and 7)" for why in reasons.values())


def test_why_groups_are_not_compared() -> None:
    unknown = {**SHAPE, "family": None}
    for one, two in ((unknown, SHAPE), (SHAPE, unknown)):
        assert comparable_shapes(one, two) == (frozenset(), {"weights": "unknown architecture"})
    usable, reasons = comparable_shapes({**SHAPE, "coins": ["glu"]}, {**SHAPE, "coins": ["glu", "latent"]})
    assert usable == {"glu"} and reasons == {"latent": "only one of the two architectures has this symmetry"}
    headless = {**SHAPE, "head_dim": None}
    usable, reasons = comparable_shapes(headless, headless)
    assert usable == {"residual", "glu", "latent", "cell"} and set(reasons) == {"value_output", "query_key"}
    assert "number of heads is not known" in reasons["query_key"]
    assert comparable_shapes({**SHAPE, "coins": "glu"}, SHAPE)[0] == frozenset()


def test_experts_are_held_against_the_mlp_that_they_were_made_of() -> None:
    """One model has neurons, the other one experts of as many; their own groups say nothing then."""
    dense: dict[str, object] = {"family": "x", "coins": ["glu"], "width": 64, "intermediate": 128}
    sparse: dict[str, object] = {**dense, "coins": ["experts"]}
    assert comparable_shapes(dense, sparse) == comparable_shapes(sparse, dense) == (frozenset({"upcycled"}), {})
    assert comparable_shapes(dense, {**sparse, "intermediate": 9, "expert_intermediate": 128})[0] == {"upcycled"}
    for other in ({"intermediate": 127}, {"width": 63}, {"expert_intermediate": 9}, {"coins": ["experts", "glu"]}):
        usable, reasons = comparable_shapes(dense, {**sparse, **other})
        assert "upcycled" not in usable and "experts" in reasons
    nothing = {**dense, "intermediate": None}, {**sparse, "intermediate": None}
    assert "upcycled" not in comparable_shapes(*nothing)[0]
    assert "upcycled" not in comparable_shapes(dense, dense)[0]


def test_a_shape_holds_what_decides() -> None:
    """The number of heads decides only where values are read from what comes behind them."""
    sizes: dict[str, Any] = {
        "width": 8,
        "heads": 2,
        "kv_heads": 1,
        "head_dim": 4,
        "value_dim": 4,
        "intermediate": 5,
        "rotary": 4,
    }
    for family, heads, rows in (("llama", None, "value"), ("gpt2", 2, "residual")):
        model = held({"norm": grid(8)}, family=family, **sizes)
        assert model.architecture is not None and model.geometry is not None
        shape = shape_of(model.architecture, model.geometry)
        assert (shape["family"], shape["heads"], shape["rows"]) == (family, heads, rows)
        assert {k: shape[k] for k in sizes if k != "heads"} == {k: v for k, v in sizes.items() if k != "heads"}
    assert comparable_groups(model, model)[0] == {"value_output", "query_key"}
    blind = replace(model, architecture=None, unknown="a riddle")
    assert comparable_groups(blind, model) == comparable_groups(model, blind) == (frozenset(), {"weights": "a riddle"})
    assert comparable_groups(replace(model, geometry=None), model)[1] == {"weights": "unknown architecture"}


def test_rows_are_alike_up_to_sign_and_zeros_have_none() -> None:
    rows = np.array([[0.0, 1, 0], [0, -1, -0.0], [-0.0, 0, 1], [0, 0, 2]], dtype=np.float32)
    assert usable_rows(rows).tolist() == [False, False, True, True]
    assert usable_rows(np.zeros((0, 3), np.float32)).tolist() == []
    assert usable_rows(np.zeros((2, 0), np.float32)).tolist() == [False, False]


def test_latents_share_their_bits() -> None:
    """Sixteen bits: keys' and values' latents have the first half of them, queries' the second one."""
    weights = {"layers.0.attn.kv_latent": grid(12, 3), "layers.0.attn.q_latent": grid(2, 3, start=100)}
    sizes: dict[str, Any] = {"width": 3, "heads": 1, "kv_heads": 1, "head_dim": 4, "value_dim": 4, "rotary": 2}
    sizes |= {"kv_rank": 10, "q_rank": 2}

    def latents(values: int, light: bool = False) -> tuple[list[int], list[list[float]]]:
        blocks = layer_blocks(held(weights, family="deepseek_v2", **sizes), 0, Plan({0: 0}, 2, values, 2, light))
        found = [b for b in blocks if b.group == "latent"]
        return (found[0].positions.tolist(), found[0].rows.tolist()) if found else ([], [])

    assert latents(13) == ([0, 1, 2, 8, 9], [*grid(12, 3)[:3].tolist(), *grid(2, 3, start=100).tolist()])
    assert latents(2)[0] == [0, 8] and latents(99)[0] == [*range(8), 8, 9] and latents(99, light=True)[0] == []
