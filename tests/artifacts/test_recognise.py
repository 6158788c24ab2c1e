"""Families are recognised by tensor names and shapes; a config that lies changes nothing that shapes say."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edits import rebuilt
from forebear.artifacts import Tensor, read_artifact
from forebear.artifacts.architecture import Geometry, families
from forebear.artifacts.recognise import Named, Templates, _ending, _pattern, recognise
from forebear.artifacts.roles import RoleTensor, template
from forebear.signals.sign_code import encode
from forebear.sources import LocalSource
from models import Memory, tiny, tiny_llama

FAMILIES = ["gpt2", "gpt_neox", "llama", "mixtral", "qwen2", "qwen3"]
Shapes = dict[str, tuple[int, ...]]
Model = tuple[dict[str, Any], Shapes]

DENSE = Geometry(64, 4, 256, 128, heads=4, kv_heads=2, head_dim=16, rotary=16, value_dim=16)
WHOLE = replace(DENSE, intermediate=256, kv_heads=4)
GEOMETRIES = {
    "llama": DENSE,
    "qwen2": DENSE,
    "qwen3": DENSE,
    "mixtral": replace(DENSE, experts=4, expert_intermediate=128),
    "gpt_neox": replace(WHOLE, rotary=4),
    "gpt2": replace(WHOLE, rotary=None, tied=True),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Model]:
    """Config and shapes of a small model of each family, fresh at every call."""
    folder = tmp_path_factory.mktemp("families")
    for family in FAMILIES:
        tiny(family, folder / family)

    def get(family: str) -> Model:
        artifact = read_artifact(LocalSource(folder / family))
        return dict(artifact.config), {n: t.shape for n, t in artifact.weights.tensors.items()}

    return get


def named(config: dict[str, Any], shapes: Shapes) -> Named:
    found = recognise(config, shapes)
    assert isinstance(found, Named), found
    return found


# which family


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_recognised_with_all_its_tensors_and_sizes(family: str, model: Callable[[str], Model]) -> None:
    config, shapes = model(family)
    found = named(config, shapes)
    assert (found.architecture.name, found.geometry, found.notes) == (family, GEOMETRIES[family], ())
    assert set(found.names.values()) == shapes.keys()
    assert found.names["layers.3.attn.o"].endswith(("o_proj.weight", "c_proj.weight", "dense.weight"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("said", [None, "something-else", "", 5, ["llama"], {"a": 1}])
def test_without_a_known_type_the_names_decide_and_a_note_says_so(
    family: str, said: Any, model: Callable[[str], Model]
) -> None:
    config, shapes = model(family)
    found = named({**config, "model_type": said}, shapes)
    assert found.geometry == GEOMETRIES[family]
    # qwen2 is Llama with biases that Llama may have: the two cannot be told apart by names
    assert found.architecture.name == ("llama" if family == "qwen2" else family)
    assert len(found.notes) == 1 and "the tensor names are those of" in found.notes[0]
    assert ("something-else" if said == "something-else" else "no model_type is given") in found.notes[0]


def test_a_type_that_the_names_contradict_is_noted(model: Callable[[str], Model]) -> None:
    _, shapes = model("llama")
    found = named({"model_type": "gpt2"}, shapes)
    assert found.architecture.name == "llama"
    assert found.notes[0].startswith("tensor names are not those of gpt2")


def test_unknown_models_get_a_reason_instead() -> None:
    assert recognise({}, {}) == "model_type not given and its tensor names belong to no known family"
    odd: Shapes = {"conv.weight": (3, 3)}
    assert recognise({"model_type": "resnet"}, odd) == (
        "model_type resnet and its tensor names belong to no known family"
    )
    assert str(recognise({"model_type": "llama"}, odd)).startswith("tensors are not named or shaped as Llama")


@pytest.mark.parametrize("prefix", ["", "language_model.", "language_model.model.", "base.text.model."])
def test_the_family_is_found_below_any_prefix(prefix: str, model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    moved = {n.replace("model.", prefix) if n.startswith("model.") else n: s for n, s in shapes.items()}
    found = named(config, {"vision.embed_tokens.other": (4, 4), **moved})
    assert found.geometry == DENSE
    assert found.names["embed"] == prefix + "embed_tokens.weight"
    assert found.names["lm_head"] == "lm_head.weight"


def test_of_two_language_models_in_one_file_the_outer_one_is_read(model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    both = {f"draft.{n}": s for n, s in shapes.items()} | shapes
    assert named(config, both).names["embed"] == "model.embed_tokens.weight"


def test_text_of_strangers_does_no_harm_in_notes(model: Callable[[str], Model]) -> None:
    _, shapes = model("llama")
    for text in ("\x1b[31m\n", "x" * 10_000, "\u202e"):
        note = named({"model_type": text}, shapes).notes[0]
        assert note.isprintable() and len(note) < 300
        reason = recognise({"model_type": text}, {})
        assert isinstance(reason, str) and reason.isprintable() and len(reason) < 300


def test_tied_embeddings_are_those_without_a_head(model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    assert not named(config, shapes).geometry.tied
    del shapes["lm_head.weight"]
    assert named(config, shapes).geometry.tied


# layer norms


def test_norms_with_biases_are_no_rms_norms(model: Callable[[str], Model]) -> None:
    """StableLM has Llama's names and LayerNorm: a residual dimension's sign is no coin there."""
    config, shapes = model("llama")
    for layer in range(4):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"model.layers.{layer}.{norm}.bias"] = (64,)
    stable = named({**config, "model_type": "stablelm", "partial_rotary_factor": 0.5}, shapes)
    assert stable.architecture.name == "stablelm" and not stable.by_names
    assert stable.geometry == replace(DENSE, rotary=8)
    called_llama = named(config, shapes)
    assert called_llama.by_names
    for found in (stable, called_llama):
        assert "residual" not in found.architecture.coins


# parts of models


@pytest.mark.parametrize("there", [range(2), range(2, 4), (0, 3), (1,)])
def test_of_half_a_model_the_layers_that_are_there_are_read(there: Any, model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    half = {n: s for n, s in shapes.items() if "layers." not in n or int(n.split(".")[2]) in there}
    found = named(config, half)
    assert found.geometry == replace(DENSE, layers=len(there))
    assert [found.names[f"layers.{k}.mlp.up"] for k in range(len(there))] == [
        f"model.layers.{n}.mlp.up_proj.weight" for n in there
    ]
    assert not found.by_names
    assert any("layers are missing" in n for n in found.notes) == (list(there) != list(range(len(there))))


def test_a_shard_without_embedding_is_read_and_noted(model: Callable[[str], Model]) -> None:
    for family in FAMILIES:
        config, shapes = model(family)
        shard = {n: s for n, s in shapes.items() if re.search(r"\b(layers|h)\.[23]\.", n)}
        found = named(config, shard)
        assert (found.architecture.name, found.by_names) == (family, False)
        assert (found.geometry.width, found.geometry.layers, found.geometry.vocabulary) == (64, 2, 0)
        assert found.notes[-1] == "the embedding is missing: a part of a model"


# sizes


@pytest.mark.parametrize(
    "lie",
    [
        {},
        {"num_attention_heads": 8},
        {"num_attention_heads": 3},
        {"num_attention_heads": 0},
        {"num_attention_heads": -4},
        {"num_attention_heads": 2**40},
        {"num_attention_heads": True},
        {"num_attention_heads": 4.0},
        {"num_attention_heads": "4"},
        {"num_attention_heads": float("nan")},
        {"num_attention_heads": None},
        {"num_key_value_heads": 1},
        {"num_key_value_heads": 4},
        {"head_dim": 8},
        {"head_dim": 2**30},
    ],
)
def test_heads_that_contradict_the_shapes_are_not_believed(lie: dict[str, Any], model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    geometry = named({**config, **lie}, shapes).geometry
    heads = (geometry.heads, geometry.kv_heads, geometry.head_dim, geometry.rotary)
    assert heads == ((None, None, None, None) if lie else (4, 2, 16, 16))
    assert (geometry.width, geometry.layers, geometry.vocabulary, geometry.intermediate) == (64, 4, 256, 128)


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size"])
@pytest.mark.parametrize("value", [None, 0, 1, 10**9, -1, "x", float("inf"), []])
def test_sizes_come_from_shapes_whatever_the_config_says(key: str, value: Any, model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    assert named({**config, key: value}, shapes).geometry == DENSE


def test_heads_without_groups_are_their_own_key_heads(tmp_path: Path) -> None:
    tiny_llama(tmp_path, kv_heads=4)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["num_key_value_heads"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    geometry = read_artifact(LocalSource(tmp_path)).geometry
    assert geometry is not None and (geometry.heads, geometry.kv_heads) == (4, 4)


def test_a_head_size_of_its_own_is_believed_where_shapes_agree(tmp_path: Path) -> None:
    geometry = read_artifact(LocalSource(tiny_llama(tmp_path, head_dim=24))).geometry
    assert geometry is not None and (geometry.heads, geometry.kv_heads, geometry.head_dim) == (4, 2, 24)


@pytest.mark.parametrize(
    ("config", "rotary"),
    [
        ({}, 4),
        ({"rotary_pct": 0.5}, 8),
        ({"rotary_pct": 0.2}, 2),
        ({"rotary_pct": 1}, 16),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, 8),
        ({"rope_parameters": ["partial_rotary_factor"]}, 4),
        ({"rotary_pct": 0}, 4),
        ({"rotary_pct": 1.5}, 4),
        ({"rotary_pct": -1}, 4),
        ({"rotary_pct": float("nan")}, 4),
        ({"rotary_pct": True}, 4),
        ({"rotary_pct": "half"}, 4),
    ],
)
def test_as_many_dimensions_rotate_as_the_config_says(
    config: dict[str, Any], rotary: int, model: Callable[[str], Model]
) -> None:
    base, shapes = model("gpt_neox")
    found = named({**base, "rotary_pct": None, **config}, shapes)
    assert found.geometry.rotary == rotary and "query_key" in found.architecture.coins


@pytest.mark.parametrize(
    "config",
    [
        {"partial_rotary_factor": 0.5},
        {"rope_parameters": {"partial_rotary_factor": 0.25}},
        {"rotary_pct": 0.5},
        {"rotary_dim": 8},
    ],
)
def test_a_share_that_the_family_does_not_take_costs_the_planes(
    config: dict[str, Any], model: Callable[[str], Model]
) -> None:
    base, shapes = model("llama")
    found = named({**base, **config}, shapes)
    assert found.geometry == DENSE and "query_key" not in found.architecture.coins
    assert "no query/key coins" in found.notes[0]


def test_experts_and_layers_are_counted_not_believed(model: Callable[[str], Model]) -> None:
    config, shapes = model("mixtral")
    fewer = {n: s for n, s in shapes.items() if ".experts.3." not in n and ".layers.3." not in n}
    geometry = named({**config, "num_local_experts": 64, "num_hidden_layers": 90}, fewer).geometry
    assert (geometry.experts, geometry.layers) == (3, 3)


# shapes that do not fit


@pytest.mark.parametrize(
    ("tensor", "shape"),
    [
        ("model.layers.2.mlp.up_proj.weight", (128 * 64,)),
        ("model.layers.2.mlp.up_proj.weight", (128, 64, 1)),
        ("model.layers.2.mlp.up_proj.weight", (128 * 64 // 2, 1)),
        ("model.layers.2.mlp.up_proj.weight", (128, 32)),
        ("model.layers.2.mlp.up_proj.weight", (0, 64)),
        ("model.layers.2.self_attn.v_proj.weight", (16, 64)),
        ("model.layers.2.self_attn.k_proj.weight", (64, 32)),
        ("model.layers.2.input_layernorm.weight", (32,)),
        ("model.layers.2.input_layernorm.weight", ()),
        ("model.norm.weight", (0,)),
    ],
)
def test_a_tensor_with_an_impossible_shape_is_left_out_and_noted(
    tensor: str, shape: tuple[int, ...], model: Callable[[str], Model]
) -> None:
    """Quantisers pack values under the old name; some models have fewer heads in some layers."""
    config, shapes = model("llama")
    found = recognise(config, {**shapes, tensor: shape})
    assert isinstance(found, Named)
    assert tensor not in found.names.values() and len(found.names) == len(shapes) - 1
    assert found.geometry == DENSE
    assert found.notes == (f"1 tensors have unexpected shapes and are left out, the first is {tensor}",)


def test_layers_may_have_mlps_of_their_own_size(model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    for name in ("gate", "up"):
        shapes[f"model.layers.2.mlp.{name}_proj.weight"] = (96, 64)
    shapes["model.layers.2.mlp.down_proj.weight"] = (64, 96)
    found = named(config, shapes)
    assert len(found.names) == len(shapes) and found.notes == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_tensors_are_left_out_and_nothing_else(family: str, model: Callable[[str], Model]) -> None:
    config, shapes = model(family)

    def packed(where: str) -> Shapes:
        return {n: (s[0] * s[1] // 2, 1) if len(s) == 2 and where in n else s for n, s in shapes.items()}

    reason = recognise(config, packed(".weight"))
    assert isinstance(reason, str) and "tensors are not named or shaped as" in reason
    first = named(config, packed(".0."))
    assert first.geometry == GEOMETRIES[family] and "layers.0.attn.o" not in first.names
    assert "have unexpected shapes" in first.notes[0]


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox"])
def test_a_fused_tensor_that_does_not_divide_is_left_out(family: str, model: Callable[[str], Model]) -> None:
    config, shapes = model(family)
    odd = {n: tuple(193 if k == 192 else k for k in s) if ".2." in n else s for n, s in shapes.items()}
    found = named(config, odd)
    assert "layers.1.attn.v" in found.names and "layers.2.attn.v" not in found.names


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_any_shapes_are_a_model_that_can_be_measured_or_not_a_family(
    model: Callable[[str], Model], data: st.DataObject
) -> None:
    """Whatever is named after a role has the role's rank and the sizes that readers rely on."""
    family = data.draw(st.sampled_from(FAMILIES))
    config, shapes = model(family)
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(shapes)))
        if data.draw(st.booleans()):
            shapes[name] = tuple(data.draw(st.lists(st.sampled_from([0, 1, 16, 32, 64, 192, 2**40]), max_size=3)))
        else:
            del shapes[name]
    found = recognise(config, shapes)
    if isinstance(found, str):
        return
    family_found, geometry = found.architecture, found.geometry
    present = {template(role) for role in found.names}
    for role in family_found.roles.values():
        if role.required and "{layer}" in role.role:
            assert role.role in present
    for name in found.names.values():
        assert 0 not in shapes[name]
    tensors = {n: Tensor(n, "F32", s, "", 0, Memory({})) for n, s in shapes.items()}
    for filled, name in found.names.items():
        role = family_found.roles[template(filled)]
        seen = RoleTensor(role, tensors[name], geometry)
        for axis in role.axes:
            if axis in ("residual", "gain"):
                assert shapes[name][role.axes.index(axis)] == geometry.width
            if geometry.head_dim and axis in ("query", "key", "value", "mixed"):
                heads = geometry.heads if axis in ("query", "mixed") else geometry.kv_heads
                assert heads and seen.length(axis) == heads * geometry.head_dim


def test_the_number_of_layers_is_bounded(model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    many = {n.replace("layers.0.", f"layers.{k}."): s for n, s in shapes.items() if ".0." in n for k in range(1_100)}
    assert named(config, {**shapes, **many}).geometry.layers == 1_000


def test_a_model_is_recognised_without_any_config(tmp_path: Path) -> None:
    (tiny_llama(tmp_path) / "config.json").unlink()
    artifact = read_artifact(LocalSource(tmp_path))
    assert artifact.architecture is not None and artifact.architecture.name == "llama"
    assert artifact.geometry is not None and artifact.geometry.heads is None
    assert artifact.notes[0].startswith("no model_type is given")


def test_experts_in_one_tensor_are_the_same_model(tmp_path: Path) -> None:
    """Transformers 5 keeps gate and up of all experts in one tensor, and the router under another name."""

    def stacked(tensors: dict[str, Any]) -> dict[str, Any]:
        made = {n: v for n, v in tensors.items() if "block_sparse_moe" not in n}
        for layer in range(4):
            old, new = f"model.layers.{layer}.block_sparse_moe.", f"model.layers.{layer}.mlp."
            w1, w2, w3 = ([tensors[f"{old}experts.{e}.w{k}.weight"] for e in range(4)] for k in (1, 2, 3))
            made[f"{new}gate.weight"] = tensors[f"{old}gate.weight"]
            made[f"{new}experts.gate_up_proj"] = np.stack([np.concatenate(pair) for pair in zip(w1, w3, strict=True)])
            made[f"{new}experts.down_proj"] = np.stack(w2)
        return made

    base = tiny_llama(tmp_path / "single", seed=4, family="mixtral")
    one, two = (read_artifact(LocalSource(f)) for f in (base, rebuilt(base, "stacked", stacked)))
    assert one.names.keys() == two.names.keys() and not two.by_names and not two.notes
    assert one.geometry == two.geometry
    assert (encode(one)[0].bits == encode(two)[0].bits).all() and encode(one)[0].n == encode(two)[0].n > 100


# strangers


ENDINGS = ("embed_tokens.weight", "layers.0.self_attn.q_proj.weight", "wte.weight", "h.3.attn.c_attn.weight", "x", "")


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["", "a.", "a.b.", "a", "0.", "a..", "."]), st.sampled_from(ENDINGS))))
def test_templates_are_found_by_their_ending_as_by_reading_all_of_them(parts: list[tuple[str, str]]) -> None:
    templates = Templates(dict.fromkeys((a + b for a, b in parts), (4, 4)))
    for pattern in ("embed_tokens.weight", "layers.{}.self_attn.q_proj.weight", "h.{}.attn.c_attn.weight", "x"):
        wanted = [t for t in templates.by_template if t == pattern or t.endswith("." + pattern)]
        near = templates.by_ending.get(_ending(pattern, 2), [])
        assert [t for t in near if t == pattern or t.endswith("." + pattern)] == wanted


def test_a_hundred_thousand_names_are_looked_at_once_and_not_once_a_family() -> None:
    rng = random.Random(1)
    names = {"".join(rng.choices("abcd.0123_", k=40)) + f"x{k}": (8, 8) for k in range(100_000)}
    templates = Templates(names)
    asked = {_ending(_pattern(role), 2) for family in families() for role in family.roles.values()}
    assert sum(len(templates.by_ending.get(ending, ())) for ending in asked) == 0
    assert isinstance(recognise({}, names), str)


@pytest.mark.parametrize("key", ["rope", "qk_ln", "qk_gn", "alibi"])
def test_what_the_config_of_mpt_adds_to_queries_and_keys_costs_their_coins(key: str) -> None:
    """With rotation a plane is one coin and not two, and which two dimensions it has depends on the library."""
    rest = {"attn.Wqkv": (192, 64), "attn.out_proj": (64, 64), "ffn.up_proj": (256, 64), "ffn.down_proj": (64, 256)}
    shapes: Shapes = {f"transformer.blocks.{k}.{n}.weight": s for k in range(2) for n, s in rest.items()}
    shapes |= {f"transformer.blocks.{k}.norm_{n}.weight": (64,) for k in range(2) for n in (1, 2)}
    shapes |= {"transformer.wte.weight": (256, 64), "transformer.norm_f.weight": (64,)}
    config = {"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 2}
    usual = {"value_output", "query_key"}
    for value, attn_config in ((False, {key: False}), (False, {}), (False, "x"), (True, {key: True})):
        found = named({**config, "attn_config": attn_config}, shapes)
        assert set(found.architecture.coins) == usual - ({"query_key"} if value and key != "alibi" else set())


@pytest.mark.parametrize("family", FAMILIES)
def test_what_frameworks_wrap_modules_in_is_no_part_of_a_name(family: str, model: Callable[[str], Model]) -> None:
    config, shapes = model(family)
    truth = named(config, shapes)
    for wrapper, at in (("_orig_mod", 0), ("_checkpoint_wrapped_module", 3), ("_fsdp_wrapped_module", 1)):
        parts = {n: n.split(".") for n in shapes}
        places = {n: min(at, len(p) - 1) for n, p in parts.items()}
        wrapped = {".".join([*p[: places[n]], wrapper, *p[places[n] :]]): shapes[n] for n, p in parts.items()}
        found = named(config, wrapped)
        assert (found.geometry, found.by_names, found.names.keys()) == (truth.geometry, False, truth.names.keys())
        assert set(found.names.values()) <= wrapped.keys()


def test_an_adapter_beside_its_layer_leaves_the_layer_its_role(model: Callable[[str], Model]) -> None:
    config, shapes = model("llama")
    peft = {f"base_model.model.{n.replace('_proj.', '_proj.base_layer.')}": s for n, s in shapes.items()}
    peft |= {f"base_model.model.model.layers.{k}.self_attn.q_proj.lora_A.default.weight": (4, 64) for k in range(4)}
    found = named(config, peft)
    assert not found.by_names and found.names["layers.3.attn.q"].endswith("layers.3.self_attn.q_proj.base_layer.weight")


def test_two_tensors_of_one_bare_name_are_not_mixed_up(model: Callable[[str], Model]) -> None:
    """Else the one that a network uses could hide behind the other."""
    config, shapes = model("llama")
    both = shapes | {n.replace(".mlp.", ".mlp._orig_mod."): s for n, s in shapes.items()}
    found = named(config, both)
    assert found.by_names and not any("_orig_mod" in name for name in found.names.values())
    strange = shapes | {f"model._orig_mod.layers.{k}.self_attn.extra.weight": (64, 64) for k in range(4)}
    assert named(config, strange).by_names
