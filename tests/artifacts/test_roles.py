"""A role's rows are what numpy would slice, whatever tensor they are stored in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forebear.artifacts import Artifact, Tensor, read_artifact
from forebear.artifacts.architecture import Geometry, Part, Role
from forebear.artifacts.roles import RoleTensor, role_tensor, runs, template
from forebear.sources import LocalSource
from models import Memory, tiny, tiny_llama

F32 = NDArray[np.float32]
HIDDEN, HEADS, HEAD = 64, 4, 16


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("roles")
    families = ("gpt2", "gpt_neox", "llama", "mixtral", "qwen2", "qwen3")
    return {f: read_artifact(LocalSource(tiny(f, folder / f, seed=3))) for f in families}


def stored(artifact: Artifact, name: str) -> F32:
    return artifact.weights.tensors[name].values()


def role(artifact: Artifact, name: str) -> RoleTensor:
    found = role_tensor(artifact, name)
    assert found is not None
    return found


# fused tensors


@pytest.mark.parametrize(("part", "axis", "place"), [("q", "query", 0), ("k", "key", 1), ("v", "value", 2)])
def test_gpt2_keeps_q_k_and_v_in_blocks_of_columns(
    part: str, axis: str, place: int, artifacts: dict[str, Artifact]
) -> None:
    artifact = artifacts["gpt2"]
    for layer in (0, 3):
        whole = stored(artifact, f"transformer.h.{layer}.attn.c_attn.weight")
        own = whole[:, place * HIDDEN : (place + 1) * HIDDEN]
        seen = role(artifact, f"layers.{layer}.attn.{part}")
        assert (seen.length(axis), seen.length("residual")) == (HIDDEN, HIDDEN)
        for indices in (np.arange(HIDDEN), np.array([0, 1, 5, 6, 7, 63]), np.array([17])):
            for width in (1, 32, HIDDEN):
                np.testing.assert_array_equal(seen.rows(axis, indices, width), own[:width, indices].T)
        rows = np.array([2, 3, 60])
        if part == "q":  # the first block also starts where the tensor starts
            np.testing.assert_array_equal(seen.rows("residual", rows, HIDDEN), own[rows])


@pytest.mark.parametrize(("part", "axis", "place"), [("q", "query", 0), ("k", "key", 1), ("v", "value", 2)])
def test_neox_keeps_q_k_and_v_head_by_head(part: str, axis: str, place: int, artifacts: dict[str, Artifact]) -> None:
    artifact = artifacts["gpt_neox"]
    for layer in (0, 3):
        whole = stored(artifact, f"gpt_neox.layers.{layer}.attention.query_key_value.weight")
        own = whole.reshape(HEADS, 3, HEAD, HIDDEN)[:, place].reshape(HIDDEN, HIDDEN)
        seen = role(artifact, f"layers.{layer}.attn.{part}")
        assert (seen.length(axis), seen.length("residual")) == (HIDDEN, HIDDEN)
        for indices in (np.arange(HIDDEN), np.array([0, 1, 15, 16, 17, 63]), np.array([40])):
            for width in (1, 32, HIDDEN):
                np.testing.assert_array_equal(seen.rows(axis, indices, width), own[indices, :width])


def test_the_parts_of_a_fused_tensor_make_the_whole(artifacts: dict[str, Artifact]) -> None:
    every = np.arange(HIDDEN)
    for family, name in (
        ("gpt2", "transformer.h.1.attn.c_attn.weight"),
        ("gpt_neox", "gpt_neox.layers.1.attention.query_key_value.weight"),
    ):
        parts = [
            role(artifacts[family], f"layers.1.attn.{p}").rows(a, every, HIDDEN)
            for p, a in (("q", "query"), ("k", "key"), ("v", "value"))
        ]
        joined = np.concatenate(parts).ravel()
        np.testing.assert_array_equal(np.sort(joined), np.sort(stored(artifacts[family], name).ravel()))


def test_vectors_are_the_own_part_of_what_they_are_fused_in(artifacts: dict[str, Artifact]) -> None:
    gpt2, neox, llama = (artifacts[family] for family in ("gpt2", "gpt_neox", "llama"))
    blocks = stored(gpt2, "transformer.h.1.attn.c_attn.bias").reshape(3, HIDDEN)
    groups = stored(neox, "gpt_neox.layers.1.attention.query_key_value.bias").reshape(HEADS, 3, HEAD)
    for place, part in enumerate("qkv"):
        np.testing.assert_array_equal(role(gpt2, f"layers.1.attn.{part}.bias").vector(), blocks[place])
        np.testing.assert_array_equal(role(neox, f"layers.1.attn.{part}.bias").vector(), groups[:, place].ravel())
    gain = stored(llama, "model.layers.1.input_layernorm.weight")
    np.testing.assert_array_equal(role(llama, "layers.1.attn_norm").vector(), gain)


def test_fused_heads_of_unknown_size_are_a_bug_of_the_caller() -> None:
    fused = Role("r", "n", ("key", "residual"), Part("groups", ("query", "key", "value"), 1))
    tensor = Tensor("n", "F32", (12, 4), "f", 0, Memory({"f": bytes(192)}))
    with pytest.raises(ValueError, match="the head structure is unknown"):
        RoleTensor(fused, tensor, Geometry(4, 1, 0)).rows("key", np.arange(2), 4)


# plain tensors


@pytest.mark.parametrize(
    ("family", "name", "axis", "tensor"),
    [
        ("llama", "embed", "token", "model.embed_tokens.weight"),
        ("llama", "layers.2.attn.k", "key", "model.layers.2.self_attn.k_proj.weight"),
        ("llama", "layers.2.mlp.up", "neuron", "model.layers.2.mlp.up_proj.weight"),
        ("qwen2", "layers.0.attn.v", "value", "model.layers.0.self_attn.v_proj.weight"),
        ("qwen3", "layers.0.mlp.down", "residual", "model.layers.0.mlp.down_proj.weight"),
        ("mixtral", "layers.3.experts.2.up", "neuron", "model.layers.3.block_sparse_moe.experts.2.w3.weight"),
        ("mixtral", "layers.3.router", "expert", "model.layers.3.block_sparse_moe.gate.weight"),
        ("gpt2", "layers.1.mlp.down", "neuron", "transformer.h.1.mlp.c_proj.weight"),
        ("gpt2", "layers.1.mlp.up", "neuron", "transformer.h.1.mlp.c_fc.weight"),
    ],
)
def test_rows_of_a_role_are_numpy_slices(
    family: str, name: str, axis: str, tensor: str, artifacts: dict[str, Artifact]
) -> None:
    seen = role(artifacts[family], name)
    whole = stored(artifacts[family], tensor)
    if seen.role.axes.index(axis) == 1:
        whole = whole.T
    assert seen.length(axis) == len(whole)
    indices = np.unique(np.random.default_rng(1).integers(0, len(whole), 12))
    for width in (1, 7, whole.shape[1]):
        np.testing.assert_array_equal(seen.rows(axis, indices, width), whole[indices, :width])


def test_no_rows_are_an_empty_answer(artifacts: dict[str, Artifact]) -> None:
    none = np.arange(0)
    assert role(artifacts["llama"], "embed").rows("token", none, 5).shape == (0, 5)
    assert role(artifacts["gpt2"], "layers.0.attn.v").rows("value", none, 5).shape == (0, 5)


def test_only_the_rows_of_a_role_are_read(tmp_path: Path) -> None:
    artifact = read_artifact(LocalSource(tiny_llama(tmp_path)))
    before = artifact.source.bytes_read, artifact.source.requests
    role(artifact, "layers.0.mlp.up").rows("neuron", np.array([0, 1, 2, 50, 51]), 8)
    assert (artifact.source.bytes_read - before[0], artifact.source.requests - before[1]) == (5 * HIDDEN * 2, 2)


def test_roles_that_a_model_lacks_are_none(artifacts: dict[str, Artifact], tmp_path: Path) -> None:
    assert role_tensor(artifacts["llama"], "layers.9.attn.q") is None
    assert role_tensor(artifacts["llama"], "layers.0.experts.0.up") is None
    assert role_tensor(artifacts["gpt2"], "lm_head") is None
    assert role_tensor(artifacts["llama"], "nonsense") is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    layout=st.sampled_from(["plain", "blocks", "groups", "alternating"]),
    columns_first=st.booleans(),
    kv_heads=st.integers(1, 3),
    repeat=st.integers(1, 3),
    head=st.integers(1, 4),
    value=st.integers(1, 4),
    width=st.integers(1, 5),
    place=st.integers(0, 2),
    data=st.data(),
)
def test_any_part_of_any_layout_is_what_numpy_takes(
    layout: str,
    columns_first: bool,
    kv_heads: int,
    repeat: int,
    head: int,
    value: int,
    width: int,
    place: int,
    data: st.DataObject,
) -> None:
    """Grouped queries beside keys and values, of their own sizes, laid out by an oracle that only concatenates."""
    labels = ("query", "key", "value")
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((kv_heads, rows, width)) for rows in (repeat * head, head, value)]
    if layout == "alternating":
        labels = ("gate", "neuron", "neuron")
        parts = [rng.standard_normal((kv_heads, 1, width)) for _ in range(3)]
    if layout == "blocks":
        whole = np.concatenate([p.reshape(-1, width) for p in parts])
    elif layout == "plain":
        whole = parts[place].reshape(-1, width)
    else:
        whole = np.concatenate(parts, axis=1).reshape(-1, width)
    whole, expected = whole.astype("<f4"), parts[place].reshape(-1, width).astype("<f4")
    own = "neuron" if layout == "alternating" else labels[place]
    on_disk = np.ascontiguousarray(whole.T) if columns_first else whole
    axes = ("residual", own) if columns_first else (own, "residual")
    part = None if layout == "plain" else Part(layout, labels, place)
    tensor = Tensor("n", "F32", on_disk.shape, "f", 0, Memory({"f": on_disk.tobytes()}))
    geometry = Geometry(width, 1, 0, heads=kv_heads * repeat, kv_heads=kv_heads, head_dim=head, value_dim=value)
    seen = RoleTensor(Role("r", "n", axes, part), tensor, geometry)
    indices = np.array(sorted(data.draw(st.sets(st.integers(0, len(expected) - 1)))), dtype=np.int64)
    deep = data.draw(st.integers(1, width))
    np.testing.assert_array_equal(seen.rows(own, indices, deep), expected[indices, :deep])
    assert (seen.length(own), seen.length("residual")) == (len(expected), width)


def test_an_expert_of_a_stack_is_a_tensor_of_its_own() -> None:
    whole = np.arange(3 * 4 * 5, dtype="<f4").reshape(3, 4, 5)
    stack = Tensor("n", "F32", whole.shape, "f", 8, Memory({"f": bytes(8) + whole.tobytes()}))
    for expert in range(3):
        np.testing.assert_array_equal(stack.item(expert).values(), whole[expert])


# runs, templates


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ([], []),
        ([5], [(5, 6)]),
        ([0, 1, 2], [(0, 3)]),
        ([0, 2, 4], [(0, 1), (2, 3), (4, 5)]),
        ([3, 4, 7, 8, 9, 11], [(3, 5), (7, 10), (11, 12)]),
    ],
)
def test_neighbours_are_one_run(indices: list[int], expected: list[tuple[int, int]]) -> None:
    assert runs(np.array(indices, dtype=np.int64)) == expected


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sets(st.integers(0, 60)).map(sorted))
def test_runs_cover_ascending_positions_once_and_never_touch(positions: list[int]) -> None:
    found = runs(np.array(positions, dtype=np.int64))
    assert [k for a, b in found for k in range(a, b)] == positions
    assert all(a < b for a, b in found)
    assert all(found[k][1] < found[k + 1][0] for k in range(len(found) - 1))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 30), max_size=20))
def test_runs_keep_the_order_and_the_repeats_of_any_positions(positions: list[int]) -> None:
    assert [k for a, b in runs(np.array(positions, dtype=np.int64)) for k in range(a, b)] == positions


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ("embed", "embed"),
        ("norm.bias", "norm.bias"),
        ("layers.3.attn.q", "layers.{layer}.attn.q"),
        ("layers.12.attn.q.bias", "layers.{layer}.attn.q.bias"),
        ("layers.3.experts.70.up", "layers.{layer}.experts.{expert}.up"),
        ("layers.x.attn.q", "layers.x.attn.q"),
        ("", ""),
    ],
)
def test_a_filled_role_leads_back_to_its_template(filled: str, expected: str) -> None:
    assert template(filled) == expected


def test_every_role_of_every_family_leads_back_to_its_template(artifacts: dict[str, Artifact]) -> None:
    for artifact in artifacts.values():
        assert artifact.architecture is not None
        for name in artifact.names:
            seen = role(artifact, name)
            assert seen.role is artifact.architecture.roles[template(name)]
            assert len(seen.tensor.shape) == len(seen.role.axes)
