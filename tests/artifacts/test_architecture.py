"""The data files that describe families are complete and consistent, and mistakes in them are loud."""

from __future__ import annotations

import copy
import tomllib
from importlib import resources
from typing import Any

import pytest

from forebear.artifacts.architecture import AXES, COINS, HOLES, Architecture, Part, extended, families, parse

NAMES = sorted(f.name.removesuffix(".toml") for f in (resources.files("forebear") / "data" / "architectures").iterdir())
FAMILIES = {family.name: family for family in families()}
EVERY = pytest.mark.parametrize("family", families(), ids=lambda f: f.name)
RECURRENT = [f for f in families() if "cell" in f.coins]
ATTENDING = pytest.mark.parametrize("family", [f for f in families() if f not in RECURRENT], ids=lambda f: f.name)


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("forebear") / "data" / "architectures" / f"{name}.toml").read_text("utf-8"))


def test_every_family_has_a_file_of_its_name() -> None:
    assert list(FAMILIES) == NAMES
    for name in NAMES:
        assert parse(extended(name, {n: toml(n) for n in NAMES})) == FAMILIES[name]
    assert len(NAMES) > 40


def test_no_model_type_belongs_to_two_families() -> None:
    types = [t for family in families() for t in family.model_types]
    assert len(types) == len(set(types))
    assert all(family.model_types for family in families())


@ATTENDING
def test_a_family_is_complete(family: Architecture) -> None:
    assert family.title and family.norm in ("rmsnorm", "layernorm") and family.rope in ("half", "interleaved", "none")
    assert {"width", "layers", "heads"} <= family.config.keys()
    assert set(family.coins) <= set(COINS)
    assert family.roles["embed"].axes == ("token", "residual") and family.roles["embed"].required
    assert "mixed" in family.roles["layers.{layer}.attn.o"].axes and family.roles["layers.{layer}.attn.v"].required
    keys = {"layers.{layer}.attn.k", "layers.{layer}.attn.k_rope"} & family.roles.keys()
    assert len(keys) == 1
    assert ("latent" in family.coins) == (keys == {"layers.{layer}.attn.k_rope"})
    assert all(role in family.roles and group in family.coins for group, role in family.unless.items())
    assert 0 < family.rotary <= 1 and family.gain_offset in (0.0, 1.0)


@pytest.mark.parametrize("family", RECURRENT, ids=lambda f: f.name)
def test_a_recurrent_family_is_complete(family: Architecture) -> None:
    assert (family.norm, family.coins, family.needs) == ("none", ("residual", "cell"), {"cell": "lm_head"})
    assert {"width", "layers", "intermediate"} == family.config.keys()
    kernels = {r for r in family.roles if r.count(".") == 3 and not r.endswith("bias")}
    assert len(kernels) == {"lstm": 4, "gru": 3}[family.name]
    for role in kernels:
        flips = role.endswith("candidate")
        assert family.roles[role].axes == ("cell" if flips else "unit", "below") and family.roles[role].required
        assert family.roles[f"{role}.recurrent"].axes == ("cell" if flips else "free", "own")
        assert family.roles[f"{role}.bias"].axes == ("cell" if flips else "free",)


@ATTENDING
def test_only_coins_that_the_symmetry_allows_are_claimed(family: Architecture) -> None:
    """LayerNorm subtracts a mean, which feels the sign of a dimension; a neuron without a gate feels its own."""
    assert ("residual" in family.coins) == (family.norm == "rmsnorm")
    dense = {"layers.{layer}.mlp.gate", "layers.{layer}.shared.gate"} & family.roles.keys()
    assert ("glu" in family.coins) == bool(dense)
    routed = "layers.{layer}.experts.{expert}.gate" in family.roles
    assert ("experts" in family.coins) == (routed and family.name != "gpt_oss")  # its up is up + 1
    assert {"value_output", "query_key"} <= set(family.coins)


@EVERY
def test_roles_and_names_have_the_same_holes(family: Architecture) -> None:
    for role in family.roles.values():
        assert set(role.axes) <= AXES
        for hole in HOLES:
            stacked = hole == "{expert}" and role.stacked
            assert role.role.count(hole) == role.name.count(hole) + stacked <= 1, role


@EVERY
def test_tensors_hold_one_role_or_all_parts_of_several(family: Architecture) -> None:
    held: dict[str, list[Part | None]] = {}
    for role in family.roles.values():
        held.setdefault(role.name, []).append(role.part)
    for name, parts in held.items():
        if parts == [None]:
            continue
        found = [part for part in parts if part is not None]
        assert len(found) == len(parts), name
        assert len({(p.layout, p.of) for p in found}) == 1 and found[0].layout in ("blocks", "groups", "alternating")
        assert sorted(p.index for p in found) == list(range(len(found[0].of))), name


def test_what_a_family_extends_is_left_as_it_was() -> None:
    data = {n: toml(n) for n in NAMES}
    before = copy.deepcopy(data)
    glm = extended("glm4", data)
    assert data == before
    assert glm["rotary"] == 0.5 and "layers.{layer}.mlp.up.bias" not in glm["tensors"]
    assert glm["config"] == {**data["llama"]["config"], **data["glm"]["config"]}
    with pytest.raises(KeyError):
        extended("x", {**data, "x": {"extends": "llama", "without": ["layers.{layer}.no_such_role"]}})


def test_stacked_experts_have_the_roles_of_single_ones() -> None:
    """So that one model in both forms has the same roles, with the same axes behind the expert's."""
    seen = 0
    for family in FAMILIES.values():
        for role, stacked in family.stacked.items():
            single = family.roles[role]
            if stacked.stacked and not single.stacked:
                assert stacked.axes == ("expert", *single.axes), (family.name, role)
            else:
                assert stacked.axes == single.axes, (family.name, role)
            seen += 1
    assert seen > 25


def test_a_config_key_may_have_several_spellings() -> None:
    assert FAMILIES["mixtral"].config["experts"] == ("num_local_experts", "num_experts")
    assert FAMILIES["llama"].config["width"] == ("hidden_size",)


def test_unknown_axes_and_coins_are_mistakes_of_ours() -> None:
    data = toml("llama")
    broken = copy.deepcopy(data)
    broken["tensors"]["embed"]["axes"] = "token sideways"
    with pytest.raises(ValueError, match=r"llama\.toml: unknown axes \['sideways'\] of embed"):
        parse(broken, "llama.toml")
    broken = {**data, "stacked": {"norm": {"name": "norm.weight", "axes": "sideways"}}}
    with pytest.raises(ValueError, match=r"unknown axes \['sideways'\] of norm"):
        parse(broken)
    with pytest.raises(ValueError, match=r"unknown coins \['dice'\]"):
        parse({**data, "coins": ["residual", "dice"]})


@pytest.mark.parametrize("key", ["name", "title", "model_types", "norm", "coins", "rope", "tensors"])
def test_a_missing_key_is_a_mistake_of_ours(key: str) -> None:
    data = toml("llama")
    del data[key]
    with pytest.raises(KeyError, match=key):
        parse(data)
