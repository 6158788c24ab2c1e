"""The data files that describe families are complete and consistent, and mistakes in them are loud."""

from __future__ import annotations

import copy
import tomllib
from importlib import resources
from typing import Any

import pytest

from forebear.artifacts.architecture import AXES, COINS, Architecture, Part, families, parse

NAMES = ["gpt2", "gpt_neox", "llama", "mixtral", "qwen2", "qwen3"]
FAMILIES = {family.name: family for family in families()}
EVERY = pytest.mark.parametrize("family", families(), ids=lambda f: f.name)


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("forebear") / "data" / "architectures" / f"{name}.toml").read_text("utf-8"))


def test_every_family_has_a_file_of_its_name() -> None:
    assert list(FAMILIES) == NAMES
    for name in NAMES:
        assert parse(toml(name)) == FAMILIES[name]


def test_no_model_type_belongs_to_two_families() -> None:
    types = [t for family in families() for t in family.model_types]
    assert len(types) == len(set(types))
    assert all(family.name in family.model_types for family in families())


@EVERY
def test_a_family_is_complete(family: Architecture) -> None:
    assert family.title and family.norm in ("rmsnorm", "layernorm") and family.rope in ("half", "interleaved", "none")
    assert {"width", "layers", "heads"} <= family.config.keys()
    assert set(family.coins) <= set(COINS)
    assert family.roles["embed"].axes == ("token", "residual") and family.roles["embed"].required
    for role in ("attn_norm", "attn.q", "attn.k", "attn.v", "attn.o", "mlp_norm"):
        assert family.roles["layers.{layer}." + role].required


@EVERY
def test_only_coins_that_the_symmetry_allows_are_claimed(family: Architecture) -> None:
    """LayerNorm subtracts a mean, which feels the sign of a dimension; a neuron without a gate feels its own."""
    assert ("residual" in family.coins) == (family.norm == "rmsnorm")
    assert ("glu" in family.coins) == ("layers.{layer}.mlp.gate" in family.roles)
    assert ("experts" in family.coins) == ("layers.{layer}.experts.{expert}.gate" in family.roles)


@EVERY
def test_roles_and_names_have_the_same_holes(family: Architecture) -> None:
    for role in family.roles.values():
        assert set(role.axes) <= AXES
        for hole in ("{layer}", "{expert}"):
            assert role.role.count(hole) == role.name.count(hole) <= 1, role


@EVERY
def test_tensors_hold_one_role_or_all_parts_of_several(family: Architecture) -> None:
    held: dict[str, list[Part | None]] = {}
    for role in family.roles.values():
        held.setdefault(role.name, []).append(role.part)
    for name, parts in held.items():
        if parts == [None]:
            continue
        found = [part for part in parts if part is not None]
        assert len(found) == len(parts) == found[0].of, name
        assert {p.layout for p in found} in ({"blocks"}, {"heads"})
        assert sorted(p.index for p in found) == list(range(found[0].of)), name


def test_a_config_key_may_have_several_spellings() -> None:
    assert FAMILIES["mixtral"].config["experts"] == ("num_local_experts", "num_experts")
    assert FAMILIES["llama"].config["width"] == ("hidden_size",)


def test_unknown_axes_and_coins_are_mistakes_of_ours() -> None:
    data = toml("llama")
    broken = copy.deepcopy(data)
    broken["tensors"]["embed"]["axes"] = "token sideways"
    with pytest.raises(ValueError, match=r"llama\.toml: unknown axes \['sideways'\] of embed"):
        parse(broken, "llama.toml")
    with pytest.raises(ValueError, match=r"unknown coins \['dice'\]"):
        parse({**data, "coins": ["residual", "dice"]})


@pytest.mark.parametrize("key", ["name", "title", "model_types", "norm", "coins", "rope", "tensors"])
def test_a_missing_key_is_a_mistake_of_ours(key: str) -> None:
    data = toml("llama")
    del data[key]
    with pytest.raises(KeyError, match=key):
        parse(data)
