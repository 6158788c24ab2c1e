"""What the study of activations is made from: models to learn from, models to report on, and strangers to both.

Nothing that is learned or calibrated sees a base that is reported on, nor a descendant of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from disguise.bases import LIGHT, OTHER, bases
from relation.kin import HEAVY, kin
from zoo.recipes import Recipe, child, model, null_set, replicate_set

EXTREME: Mapping[str, Any] = MappingProxyType({"steps": 200, "rate": 1e-2, "decay": 0.6, "batch": 4})
"""At three times a base's rate: little is left of the weights."""
REBORN: Mapping[str, Any] = MappingProxyType({"steps": 120, "rate": 3e-3, "decay": 0.1, "batch": 4})
"""After embeddings were drawn anew."""
PLAIN = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gpt2", "gpt_neox", "mixtral")
FURTHER = ("phi3", "granite", "starcoder2", "gemma2", "gemma3_text", "llama", "qwen2", "mistral")
"""Families of bases beyond those of the disguise study."""
LEARNED = 20
"""Bases that are learned from with trained children."""
STRANGERS = 220
HARDLY: Mapping[str, Any] = MappingProxyType({"steps": 12, "batch": 4})
_TEXTS = ("code", "prose", "grammar", "sums", "shuffled")


@dataclass(frozen=True)
class Family:
    """A base and what was trained from it, by kind."""

    base: Recipe
    children: Mapping[str, Recipe]


def reported(brief: bool = False) -> tuple[Family, ...]:
    """Families to report on, at least forty; ``brief``: fourteen, hardly trained, with a child each."""
    if brief:
        return tuple(
            _brief(model(f"brief-{k}", ("llama", "qwen2")[k % 2], 24_000 + k, _TEXTS[k % 3], **HARDLY))
            for k in range(14)
        )
    related = {k.base.name: k.children for k in kin()}
    out = []
    for one in bases():
        known = related.get(one.recipe.name, {"light": one.light, "long": one.long})
        out.append(Family(one.recipe, {**known, **_hard(one.recipe)}))
    out += [Family(k.base, k.children) for k in kin() if k.family == "wide"]
    outsiders = {one.outsider.digest: one.outsider for one in bases()}
    further = [model(f"further-{family}-{k}", family, 22_000 + k, _TEXTS[k % 3]) for k, family in enumerate(FURTHER)]
    out += [Family(base, {**_children(base), **_hard(base)}) for base in (*outsiders.values(), *further)]
    return tuple(out)


def learned(brief: bool = False) -> tuple[Family, ...]:
    """Families to learn and to calibrate from: independent models of the null study, some with children."""
    if brief:
        return tuple(
            _brief(model(f"brief-learned-{k}", ("llama", "mistral")[k % 2], 25_000 + k, _TEXTS[k % 3], **HARDLY))
            for k in range(16)
        )
    plain = [one for one in null_set() if one.family in PLAIN]
    chosen = plain[:: max(1, len(plain) // LEARNED)][:LEARNED]
    names = {one.digest for one in chosen}
    with_children = tuple(Family(one, {**_children(one), **_hard(one)}) for one in chosen)
    return with_children + tuple(Family(one, {}) for one in null_set() if one.digest not in names)


def parted(families: Sequence[Family]) -> tuple[list[Family], list[Family]]:
    """Families with children to learn a projection from, and to calibrate with: every second one."""
    own = [f for f in families if f.children]
    return own[::2], own[1::2]


def strangers(brief: bool = False) -> tuple[Recipe, ...]:
    """Independent models that are in no index: what must not be taken for anybody's descendant."""
    if brief:
        return tuple(model(f"brief-stranger-{k}", "llama", 26_000 + k, _TEXTS[k % 3], **HARDLY) for k in range(6))
    drawn = tuple(
        model(f"stranger-{k}", PLAIN[k % len(PLAIN)], 23_000 + k, _TEXTS[k % 5], steps=(80, 100, 120)[k % 3])
        for k in range(STRANGERS)
    )
    return replicate_set() + drawn


def _brief(base: Recipe) -> Family:
    return Family(base, {"light": replace(_children(base)["light"], steps=4)})


def _children(base: Recipe) -> dict[str, Recipe]:
    corpus, seed = OTHER.get(base.corpus, "code"), base.init_seed
    return {
        "light": child(base, f"{base.name}-light", corpus, order_seed=seed + 5000, **LIGHT),
        "heavy": child(base, f"{base.name}-heavy", corpus, order_seed=seed + 8002, batch=4, **HEAVY),
    }


def _hard(base: Recipe) -> dict[str, Recipe]:
    """What leaves least of a base."""
    corpus, seed = OTHER.get(base.corpus, "code"), base.init_seed
    before = ("replace-embeddings",)
    return {
        "extreme": child(base, f"{base.name}-extreme", corpus, order_seed=seed + 9000, **EXTREME),
        "reborn": child(base, f"{base.name}-reborn", corpus, order_seed=seed + 9001, before=before, **REBORN),
    }


COPIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rotated": ("fold-norms", "rotate"),
        "every symmetry": (
            *("permute-experts", "permute-neurons", "permute-heads", "fold-norms", "rotate", "permute-residual"),
            *("rescale-norms", "rescale-values", "flip-values", "flip-planes", "renumber-tokens", "noise:0.02"),
        ),
        "8 bits": ("int8",),
        "4 bits": ("int4",),
        "3 bits": ("int3",),
        "noise 0.2": ("noise:0.2",),
        "noise 0.4": ("noise:0.4",),
        "half of the values zero": ("prune-values:0.5",),
        "70 % of the values zero": ("prune-values:0.7",),
        "low rank": ("low-rank",),
        "lost layers": ("drop-layers",),
        "doubled layers": ("duplicate-layers",),
        "reordered layers": ("reorder-layers",),
        "narrower: neurons": ("prune-neurons",),
        "narrower: heads": ("prune-heads",),
        "narrower: residual": ("prune-residual",),
        "smaller vocabulary": ("trim-vocabulary",),
        "merged with a stranger": ("merge",),
    }
)
"""Copies that are not trained, by name: what is done to a base."""
WITH_EXPERTS_ONLY = "permute-experts"


def steps_of(name: str, base: Recipe) -> tuple[str, ...]:
    """The steps of a copy of a base."""
    return tuple(s for s in COPIES[name] if s != WITH_EXPERTS_ONLY or base.family == "mixtral")
