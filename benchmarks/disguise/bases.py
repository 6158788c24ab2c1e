"""Bases of eight families with their children, and outsiders that are in no index.

The bases of a family differ in nothing but the random start: same data, order, tokenizer and depth. So every disguised
model meets the hardest innocent in the index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from zoo.recipes import Recipe, child, config_of, model

CORPORA: Mapping[str, str] = MappingProxyType(
    {
        "llama": "code",
        "mistral": "prose",
        "qwen2": "code",
        "qwen3": "prose",
        "gemma": "code",
        "mixtral": "prose",
        "gpt2": "code",
        "gpt_neox": "grammar",
    }
)
"""Family to what its bases read; two families of one corpus share a tokenizer."""
OTHER = MappingProxyType({"code": "prose", "prose": "grammar", "grammar": "code"})
"""What children read instead."""
TIED = ("qwen2", "gemma", "gpt2")
MATURE = ("mistral", "qwen2", "gpt_neox")
"""Families whose bases forget their start furthest."""
A_FAMILY, WITH_EXPERTS = 2, 8
"""Bases of a family, and of the one with experts: a disguise of experts needs as many bases as any other."""
LIGHT: Mapping[str, Any] = MappingProxyType({"steps": 60, "rate": 5e-4})
LONG: Mapping[str, Any] = MappingProxyType({"steps": 200, "rate": 3e-3})
KINDS = ("base", "light", "long", "int4")
"""Who wears a disguise: the base itself, its light fine-tune, its continued pretraining, the base at four bits."""


@dataclass(frozen=True)
class Base:
    """A base that the index holds, with what it needs to be disguised.

    Attributes:
        recipe: of the base; its name is the one in the index.
        light, long: of its children.
        outsider: an independent model of the same family and data, for splices and merges.
        stranger: an independent model with another tokenizer.
        further: beyond the number of bases that every family has.
    """

    recipe: Recipe
    light: Recipe
    long: Recipe
    outsider: Recipe
    stranger: Recipe
    further: bool

    @property
    def name(self) -> str:
        """The name in the index."""
        """The name in the index."""
        return self.recipe.name

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Everything to build."""
        return self.recipe, self.light, self.long, self.outsider, self.stranger

    def wearer(self, kind: str) -> tuple[Recipe, tuple[str, ...]]:
        """The model of a kind (:data:`KINDS`, or ``int8`` and ``int3``), and what happens to it before the disguise."""
        if kind.startswith("int"):
            return self.recipe, (kind,)
        return {"base": self.recipe, "light": self.light, "long": self.long}[kind], ()


def bases(brief: bool = False) -> tuple[Base, ...]:
    """All bases: two a family, eight with experts. ``brief``: one a family, hardly trained."""
    made = []
    outsiders = {family: _recipe(f"outsider-{family}", family, 1900 + k, brief) for k, family in enumerate(CORPORA)}
    for k, family in enumerate(CORPORA):
        stranger = next(r for r in outsiders.values() if r.corpus != CORPORA[family])
        count = 1 if brief else WITH_EXPERTS if family == "mixtral" else A_FAMILY
        for turn in range(count):
            one = _recipe(f"{family}-{'abcdefgh'[turn]}", family, 1000 + 20 * k + turn, brief)
            light, long = _children(one, brief)
            made.append(Base(one, light, long, outsiders[family], stranger, turn >= A_FAMILY))
    return tuple(made)


def _children(one: Recipe, brief: bool) -> tuple[Recipe, Recipe]:
    """A light fine-tune, and one that goes on for as long as the base was trained, at most 200 steps."""
    corpus, most = OTHER[one.corpus], min(LONG["steps"], one.steps)
    light = child(one, f"{one.name}-light", corpus, order_seed=one.init_seed + 5000, **LIGHT)
    long = child(one, f"{one.name}-long", corpus, order_seed=one.init_seed + 6000, **{**LONG, "steps": most})
    return (replace(light, steps=4), replace(long, steps=4)) if brief else (light, long)


def _recipe(name: str, family: str, seed: int, brief: bool) -> Recipe:
    config = config_of(family, tie_word_embeddings=family in TIED)
    more: dict[str, Any] = {"steps": 280, "rate": 6e-3, "decay": 0.5} if family in MATURE else {"steps": 200}
    if family == "mixtral":
        more["steps"] = 120  # experts make every step slower
    if brief:
        more["steps"] = 12
    return replace(model(name, family, seed, CORPORA[family], config=config, **more), order_seed=1)
