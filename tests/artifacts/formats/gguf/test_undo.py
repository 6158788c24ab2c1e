"""Every architecture: a small model is converted as llama.cpp does it, and comes back tensor by tensor.

The names in the file are those of the gguf package's own table, the changes are written out here by architecture: what
the reader takes from the families' data is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import read_artifact
from forebear.artifacts.architecture import Architecture, Role, families
from forebear.artifacts.base import Weights
from forebear.artifacts.formats.gguf import Gguf
from forebear.artifacts.formats.gguf.names import CONVERSIONS, DEEPSEEK_V3, LAYER, MIXTRAL, Conversion
from forebear.errors import FormatError
from ggufs import all_q_k_v, f32, gguf, paired
from models import Memory, refused

F32 = NDArray[Any]
FAMILIES = {f.name: f for f in families()}
ALL = {**CONVERSIONS, "llama with experts": MIXTRAL, "deepseek2 with biased routers": DEEPSEEK_V3}
HEADS, HEAD, WIDTH, EXPERTS, LAYERS = 4, 8, 24, 3, 2
UNGROUPED = {"gpt2", "gpt_neox", "bloom", "mpt", "bert", "modernbert", "deepseek_v2", "deepseek_v3"}
SIZES = {
    "token": 40, "residual": WIDTH, "gain": WIDTH, "neuron": 64, "query": HEADS * HEAD, "mixed": HEADS * HEAD,
    "expert": EXPERTS, "position": 16, "head_dim": HEAD, "q_latent": 12, "kv_latent": 10, "shared_rope": 4,
}  # fmt: skip
PAIRED = {"llama", "llama with experts", "mistral3", "minicpm", "smollm3", "arcee", "granite", "granitemoe", "olmo"}
ONE_ADDED = {"gemma", "gemma2", "gemma3", "nemotron"}
NOT_IN_FILES = ("lm_head", "embed_norm", "attn.q_norm", "attn.k_norm", "mlp_norm", "mlp_norm.bias")
"""Roles that some families have and llama.cpp has no name for: tied heads, norms of a few sizes of a family."""


def kv_heads(family: Architecture) -> int:
    return HEADS if family.name in UNGROUPED else 2


def shape(role: Role, family: Architecture) -> tuple[int, ...]:
    """A role's shape in the family's own layout."""
    latent = family.name.startswith("deepseek")
    kv, value = kv_heads(family), 6 if latent else HEAD
    sizes = {**SIZES, "key": kv * HEAD, "value": kv * value, "nope": HEADS * 8, "rope": HEADS * 4}
    sizes["mixed"] = HEADS * value
    short = role.role.rpartition("}.")[2]
    free = {"shared.scale": 1, "attn.sinks": HEADS, "attn.q_latent_norm": 12, "attn.kv_norm": 10}
    free |= {
        "attn.q_norm": HEADS * (1 if len(role.axes) > 1 else HEAD),
        "attn.k_norm": kv * (1 if len(role.axes) > 1 else HEAD),
    }
    found = [free.get(short, 64) if axis == "free" else sizes[axis] for axis in role.axes]
    if role.part is not None:
        own = {"gate": "neuron"}.get(role.part.of[role.part.index], role.part.of[role.part.index])
        found[role.axes.index(own)] = sum(sizes["neuron" if axis == "gate" else axis] for axis in role.part.of)
    return tuple(found)


def model(arch: str, conversion: Conversion) -> dict[str, F32]:
    """Every tensor of the family, by its own names."""
    family = FAMILIES[conversion.family]
    found: dict[str, F32] = {}
    for role in family.roles.values():
        if arch.startswith("deepseek2") and role.role.rpartition("}.")[2].startswith(("attn.q.", "attn.q_latent.bias")):
            continue  # a model has either q or its two halves
        if arch == "deepseek2" and role.role.endswith("router.bias"):
            continue  # from V3 on
        for layer in range(LAYERS if "{layer}" in role.role else 1):
            for number in range(EXPERTS if "{expert}" in role.name else HEADS if "{head}" in role.name else 1):
                if "k_norm" in role.role and number >= kv_heads(family):
                    continue
                name = (
                    role.name.replace("{layer}", str(layer))
                    .replace("{expert}", str(number))
                    .replace("{head}", str(number))
                )
                name = ("" if role.role.startswith("lm_head") else conversion.prefix) + name
                if arch == "falcon" and ("ln_attn" in name or "ln_mlp" in name or "post_attention" in name):
                    continue
                rng = np.random.default_rng([len(found), *name.encode()])
                found.setdefault(name, rng.standard_normal(shape(role, family)).astype(np.float32))
    return found


def in_file(arch: str, conversion: Conversion, tensors: dict[str, F32], table: Any) -> Iterator[tuple[str, F32]]:
    """The tensors as llama.cpp's converter writes them."""
    family = FAMILIES[conversion.family]
    roles = {r.name: r for r in family.roles.values()}
    kv = kv_heads(family)
    stacks: dict[str, list[F32]] = {}
    for name, values in tensors.items():
        parts = name.removeprefix(conversion.prefix).split(".")
        numbers = [p for p in parts if p.isdigit()]
        templates = [".".join(hole or part for part, hole in with_holes(parts, last)) for last in LAST_HOLES]
        role = next(roles[t] for t in templates if t in roles)
        short = role.role.rpartition("}.")[2] if "}" in role.role else role.role
        if arch in PAIRED and short in ("attn.q", "attn.q.bias", "attn.k", "attn.k.bias"):
            values = paired(values, HEADS if short.startswith("attn.q") else kv)
        if arch in ("falcon", "gptneox", "bloom") and "query_key_value" in name:
            values = all_q_k_v(values, HEADS, kv)
        if arch == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            values = values.T
        if arch in ONE_ADDED and name.endswith("norm.weight"):
            values = values + np.float32(1)
        layer = f"blk.{numbers[0]}." if numbers else ""
        if "{expert}" in role.role:
            if arch == "gpt-oss":
                ending = ".bias" if name.endswith("_bias") else ".weight"
                if ending == ".weight":
                    values = values.swapaxes(1, 2)
                if "gate_up" in name:
                    yield f"{layer}ffn_gate_exps{ending}", values[:, ::2]
                    yield f"{layer}ffn_up_exps{ending}", values[:, 1::2]
                else:
                    yield f"{layer}ffn_down_exps{ending}", values
            elif "input_linear" in name:
                yield f"{layer}ffn_gate_exps.weight", values[:, :64]
                yield f"{layer}ffn_up_exps.weight", values[:, 64:]
            elif "output_linear" in name:
                yield f"{layer}ffn_down_exps.weight", values
            else:
                stacks.setdefault(f"{layer}ffn_{short.rpartition('.')[2]}_exps.weight", []).append(values)
        elif ".norms." in name:
            stacks.setdefault(f"{layer}attn_{short[-6:]}.weight", []).append(values)
        elif name.endswith("kv_b_proj.weight") and arch == "deepseek2 with biased routers":
            by_head = values.reshape(HEADS, 8 + 6, 10)
            yield f"{layer}attn_k_b.weight", by_head[:, :8].swapaxes(1, 2)
            yield f"{layer}attn_v_b.weight", by_head[:, 8:]
        elif name.endswith("e_score_correction_bias"):
            yield f"{layer}exp_probs_b.bias", values
        elif name.endswith("self_attn.sinks"):
            yield f"{layer}attn_sinks.weight", values
        else:
            asked = [name, name.removeprefix(conversion.prefix)]
            ours = next((n for a in asked if (n := table.get_name(a, try_suffixes=(".weight", ".bias")))), None)
            if ours is None:
                assert short in NOT_IN_FILES or not role.required, name
                continue
            yield ours, values.squeeze()
    for stacked, members in stacks.items():
        yield stacked, np.stack(members)


LAST_HOLES = ("{expert}", "{head}")


def with_holes(parts: list[str], last: str) -> Iterator[tuple[str, str]]:
    """Parts of a name, each with the hole that would stand there."""
    holes = iter(["{layer}", last])
    for part in parts:
        yield part, next(holes) if part.isdigit() else ""


def metadata(arch: str, family: Architecture) -> dict[str, Any]:
    name = arch.partition(" ")[0]
    found: dict[str, Any] = {
        "general.architecture": name,
        f"{name}.block_count": LAYERS,
        f"{name}.embedding_length": WIDTH,
        f"{name}.attention.head_count": HEADS,
        f"{name}.attention.head_count_kv": kv_heads(family),
        f"{name}.attention.key_length": HEAD,
    }
    if family.name.startswith("deepseek"):
        found |= {f"{name}.rope.dimension_count": 4, f"{name}.attention.key_length_mla": 12}
        found |= {f"{name}.attention.value_length_mla": 6}
    elif family.rotary != 1:
        found[f"{name}.rope.dimension_count"] = int(HEAD * family.rotary)
    if any("expert" in r for r in family.roles):
        found[f"{name}.expert_count"] = EXPERTS
    return found


def converted(arch: str) -> tuple[dict[str, F32], dict[str, F32], bytes]:
    package = pytest.importorskip("gguf", reason="the gguf package is not installed")
    by_name = {n: a for a, n in package.MODEL_ARCH_NAMES.items()}
    table = package.get_tensor_name_map(by_name[arch.partition(" ")[0]], LAYERS)
    tensors = model(arch, ALL[arch])
    stored = dict(in_file(arch, ALL[arch], tensors, table))
    family = FAMILIES[ALL[arch].family]
    return tensors, stored, gguf(metadata(arch, family), {n: f32(np.ascontiguousarray(v)) for n, v in stored.items()})


@pytest.mark.parametrize("arch", list(ALL))
def test_every_tensor_comes_back_with_its_name_its_order_and_its_values(arch: str) -> None:
    tensors, stored, raw = converted(arch)
    artifact = read_artifact(Memory({"m.gguf": raw}))
    found = artifact.weights.tensors
    assert found.keys() <= tensors.keys()
    assert sum(v.size for v in stored.values()) == sum(t.size for t in found.values())
    for name, tensor in found.items():
        assert tensor.name == name and tensor.shape == tensors[name].shape, name
        exact = 0 if arch not in ONE_ADDED else 1e-6
        np.testing.assert_allclose(tensor.values(), tensors[name], rtol=0, atol=exact, err_msg=name)
    family = FAMILIES[ALL[arch].family]
    assert artifact.architecture is not None and artifact.geometry is not None, artifact.unknown
    assert artifact.architecture.name == family.name
    assert (artifact.geometry.heads, artifact.geometry.kv_heads) == (HEADS, kv_heads(family)), artifact.notes
    assert artifact.by_names == (arch == "minicpm") and not artifact.inferred, artifact.notes
    breaking = {coin for coin, role in family.unless.items() if any(r.endswith(role[-6:]) for r in artifact.names)}
    assert set(artifact.architecture.coins) == set(family.coins) - breaking


def weights(tensors: dict[str, F32], **more: Any) -> Weights:
    said = {"general.architecture": "llama", "llama.attention.head_count": 4, **more}
    return Gguf().read(
        Memory(
            {"m.gguf": gguf({k: v for k, v in said.items() if v is not None}, {n: f32(v) for n, v in tensors.items()})}
        )
    )


Q = np.arange(32.0 * 4).reshape(32, 4)
TWO_BIASES = {"blk.0.ffn_gate_inp.bias": Q[0], "blk.0.exp_probs_b.bias": Q[0]}


def test_old_files_with_an_expert_a_tensor() -> None:
    found = weights({f"blk.0.ffn_up.{e}.weight": Q + e for e in range(3)}, **{"llama.expert_count": 3})
    name = "model.layers.0.block_sparse_moe.experts.2.w3.weight"
    np.testing.assert_array_equal(found.tensors[name].values(), Q + 2)


def test_gates_and_ups_fused_by_the_converter_come_apart() -> None:
    stack = np.arange(2.0 * 6 * 4).reshape(2, 6, 4)
    found = weights({"blk.0.ffn_gate_up_exps.weight": stack}, **{"llama.expert_count": 2}).tensors
    stem = "model.layers.0.block_sparse_moe.experts.1."
    np.testing.assert_array_equal(found[stem + "w1.weight"].values(), stack[1, :3])
    np.testing.assert_array_equal(found[stem + "w3.weight"].values(), stack[1, 3:])


def test_fused_attention_of_a_family_that_keeps_it_apart() -> None:
    fused = np.arange(40.0 * 6).reshape(40, 6)
    said = {"general.architecture": "phi2", "phi2.attention.head_count": 4, "phi2.attention.head_count_kv": 2}
    found = weights({"blk.3.attn_qkv.weight": fused, "blk.3.attn_qkv.bias": fused[:, 0]}, **said).tensors
    for part, rows in (("q", slice(0, 20)), ("k", slice(20, 30)), ("v", slice(30, 40))):
        name = f"model.layers.3.self_attn.{part}_proj."
        np.testing.assert_array_equal(found[name + "weight"].values(), fused[rows])
        np.testing.assert_array_equal(found[name + "bias"].values(), fused[rows, 0])


def test_falcon_with_two_norms_a_layer() -> None:
    said = {"general.architecture": "falcon", "falcon.attention.head_count": 4}
    found = weights({"blk.0.attn_norm.weight": Q[0], "blk.0.attn_norm_2.weight": Q[1]}, **said).tensors
    np.testing.assert_array_equal(found["transformer.h.0.ln_mlp.weight"].values(), Q[0])
    np.testing.assert_array_equal(found["transformer.h.0.ln_attn.weight"].values(), Q[1])


def test_heads_by_layer() -> None:
    said = {"llama.attention.head_count": [4, 2], "llama.attention.head_count_kv": [2, 1]}
    tensors = {
        f"blk.{k}.attn_{w}.weight": paired(Q, n) for k, w, n in ((0, "q", 4), (1, "q", 2), (0, "k", 2), (1, "k", 1))
    }
    for tensor in weights(tensors, **said).tensors.values():
        np.testing.assert_array_equal(tensor.values(), Q)


def test_an_order_that_is_wrong_is_seen_by_these_tests() -> None:
    """The permutation moves rows: what is read as stored is another matrix."""
    found = weights({"blk.0.attn_q.weight": Q, "blk.0.attn_v.weight": Q}).tensors
    assert not np.array_equal(found["model.layers.0.self_attn.q_proj.weight"].values(), Q)
    np.testing.assert_array_equal(found["model.layers.0.self_attn.v_proj.weight"].values(), Q)


def test_what_has_no_role_stays_a_strange_tensor_of_its_layer() -> None:
    found = weights({"blk.7.attn_rel_b.weight": Q, "blk.7.nextn.enorm.weight": Q, "extra.weight": Q}).tensors
    assert found.keys() == {"model.layers.7.attn_rel_b.weight", "model.layers.7.enorm.weight", "extra.weight"}


@pytest.mark.parametrize("name", [f"blk.0.{n}.weight" for n in LAYER] + ["blk.0.attn_q.bias", "blk.0.ffn_up.0.weight"])
@pytest.mark.parametrize("arch", ["llama", "phi2", "gptneox", "gpt2", "gpt-oss", "granitemoe", "deepseek2", "stablelm"])
def test_tensors_of_any_rank_are_read_or_strange(name: str, arch: str) -> None:
    said = {"general.architecture": arch, f"{arch}.attention.head_count": 1, f"{arch}.expert_count": 2}
    for rank in range(5):
        for size in (1, 4):
            try:
                found = weights({name: np.ones((size,) * rank)}, **said).tensors
            except FormatError as error:
                assert " rows are not " in str(error)
                continue
            assert all(t.values().size == t.size for t in found.values())
            assert sum(t.size for t in found.values()) == size**rank


def test_parts_of_other_sizes_are_not_put_together() -> None:
    said = {"general.architecture": "granitemoe", "granitemoe.expert_count": 2}
    parts = {"blk.0.ffn_gate_exps.weight": np.ones((2, 3, 4)), "blk.0.ffn_up_exps.weight": np.ones((2, 3, 5))}
    assert weights(parts, **said).tensors.keys() == {f"model.layers.0.ffn_{w}_exps.weight" for w in ("gate", "up")}
    assert weights({"blk.0.ffn_up_exps.weight": np.ones((2, 3, 5))}, **said).tensors.keys() == {
        "model.layers.0.ffn_up_exps.weight"
    }


def test_tables_that_the_converter_adds_are_left_out() -> None:
    found = weights({"rope_freqs.weight": Q[0], "blk.0.rope_freqs.weight": Q[0], "output_norm.weight": Q[0]}).tensors
    assert found.keys() == {"model.norm.weight"}


@pytest.mark.parametrize(
    ("tensors", "said", "words"),
    [
        ({"blk.0.attn_q.weight": Q}, {"llama.attention.head_count": None}, "no usable llama.attention.head_count"),
        ({"blk.0.attn_q.weight": Q}, {"llama.attention.head_count": 0}, "no usable llama.attention.head_count"),
        ({"blk.0.attn_q.weight": Q}, {"llama.attention.head_count": "4"}, "no usable llama.attention.head_count"),
        ({"blk.9.attn_q.weight": Q}, {"llama.attention.head_count": [4, 2]}, "no usable llama.attention.head_count"),
        ({"blk.0.attn_q.weight": Q}, {"llama.attention.head_count": 3}, "32 rows are not pairs of rows for 3 heads"),
        ({"blk.0.attn_k.weight": Q}, {"llama.attention.head_count_kv": 12}, "are not pairs of rows for 12 heads"),
        ({"blk.0.attn_qkv.weight": Q}, {"llama.attention.head_count": 5}, "are not those of 5 heads and twice 5"),
        ({"model.norm.weight": Q[0], "output_norm.weight": Q[0]}, {}, "are both model.norm.weight"),
        (TWO_BIASES, {"general.architecture": "gpt-oss"}, "are both"),
        ({"blk.0.ffn_up_exps.weight": np.zeros((5_000, 1, 1))}, {"llama.expert_count": 2}, "stacks 5,000 matrices"),
    ],
)  # fmt: skip
def test_what_cannot_be_undone_is_refused(tensors: dict[str, F32], said: dict[str, Any], words: str) -> None:
    with refused("m.gguf: ", words):
        weights(tensors, **said)
