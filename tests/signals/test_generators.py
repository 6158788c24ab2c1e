"""What is read of a model depends on shapes and token strings only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts import Artifact, read_artifact
from forebear.signals.generators import (
    COLUMN_FIRST_WIDTH,
    comparable_groups,
    head_indices,
    layer_blocks,
    plane_dims,
    residual_block,
    usable_rows,
)
from forebear.signals.layout import BUDGET_VALUES, ROWS_PER_LAYER, SLOTS, plan, slot_layers
from forebear.sources import open_source
from models import tiny, tiny_llama


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
