"""Bases with everybody that descends from them or shares their start: what has to be trained for the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from disguise.bases import OTHER, Base, bases
from zoo.recipes import Recipe, child, config_of, model

BRIEF = {"batch": 4}
"""Children are trained on half as many windows a step as bases."""
CALIBRATION, REPORT = "calibration", "report"
WIDE: Mapping[str, int] = MappingProxyType(
    {
        "hidden_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "head_dim": 32,
        "intermediate_size": 512,
    }
)
"""A Llama in which rank 64 is a quarter of every side."""
RANKS = (4, 8, 16, 64)
PLAIN: Mapping[str, Any] = MappingProxyType({"steps": 60, "rate": 5e-4, "decay": 0.0})
DECAYED: Mapping[str, Any] = MappingProxyType({"steps": 80, "rate": 2e-3, "decay": 1.0})
HEAVY: Mapping[str, Any] = MappingProxyType({"steps": 120, "rate": 6e-3, "decay": 0.5})
HEALED: Mapping[str, Any] = MappingProxyType({"steps": 30, "rate": 1e-3, "decay": 0.0})
REWARDED: Mapping[str, Any] = MappingProxyType({"objective": "reward", "steps": 10, "decay": 0.0, "batch": 8})
ADAPTER: Mapping[str, Any] = MappingProxyType({"steps": 30, "rate": 3e-3, "decay": 0.0})


@dataclass(frozen=True)
class Kin:
    """A base, its children by name, its twins, and models that have nothing to do with it.

    Attributes:
        base: of the disguise study, or a wide one.
        start: the base's random start, as good as untrained.
        children: trained from the base, by what was done.
        twins: trained from the base's own random start.
        strangers: independent: the same family, data and order, and another family.
        split: what its pairs are for, :data:`CALIBRATION` or :data:`REPORT`.
    """

    base: Recipe
    start: Recipe
    children: Mapping[str, Recipe]
    twins: tuple[Recipe, ...]
    strangers: tuple[Recipe, ...]
    split: str

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Everything to build."""
        return self.base, self.start, *self.children.values(), *self.twins, *self.strangers

    @property
    def family(self) -> str:
        """``model_type``, or ``wide``."""
        return "wide" if self.base.name.startswith("wide") else self.base.family


def kin(brief: bool = False) -> tuple[Kin, ...]:
    """All kin: two bases of every family, two wide ones. ``brief``: one each, hardly trained."""
    chosen = [b for b in bases(brief) if not b.further]
    out = [_of(b, REPORT if brief or b.name.endswith("-b") else CALIBRATION, brief) for b in chosen]
    out += [_wide(name, 7000 + k, brief) for k, name in enumerate(("wide-b",) if brief else ("wide-a", "wide-b"))]
    return tuple(out)


def untrained(one: Recipe) -> Recipe:
    """A model's random start: one step that no bfloat16 value shows."""
    return replace(one, name=f"{one.name}-start", steps=1, rate=1e-9, decay=0.0)


def third(corpus: str) -> str:
    """A corpus that neither a base nor its children of the disguise study read."""
    return next(c for c in ("prose", "grammar", "code", "sums") if c not in (corpus, OTHER[corpus]))


def _of(base: Base, split: str, brief: bool) -> Kin:
    one, seed = base.recipe, base.recipe.init_seed
    twins = tuple(
        replace(one, name=f"{one.name}-twin-{k}", order_seed=seed + 7000 + k, corpus=corpus, **_short(100, one.rate))
        for k, corpus in enumerate((one.corpus, OTHER[one.corpus]))
    )
    children = {"light": base.light, "long": base.long, **_children(one), **_healed(one)}
    ranks = (("lora-4-all", 4, "all"), ("lora-8-few", 8, "few"))
    children |= {n: _child(one, n, ADAPTER, 8100 + k, rank=r, targets=t) for k, (n, r, t) in enumerate(ranks)}
    if brief:
        children = {n: replace(c, steps=min(c.steps, 3)) for n, c in children.items()}
        twins = tuple(replace(t, steps=12) for t in twins)
    children["second"] = child(children["plain"], f"{one.name}-second", third(one.corpus), **_second(seed, brief))
    return Kin(one, untrained(one), children, twins, (base.outsider, base.stranger), split)


def _short(steps: int, rate: float) -> dict[str, Any]:
    return {"steps": steps, "rate": rate, **BRIEF}


def _second(seed: int, brief: bool) -> dict[str, Any]:
    return {"order_seed": seed + 8200, "steps": 3 if brief else 60, "rate": 5e-4, "decay": 0.1, **BRIEF}


def _child(one: Recipe, name: str, how: Mapping[str, Any], seed: int, corpus: str = "", **more: Any) -> Recipe:
    given = {**BRIEF, **how, "order_seed": one.init_seed + seed, **more}
    return child(one, f"{one.name}-{name}", corpus or OTHER[one.corpus], **given)


def _children(one: Recipe) -> dict[str, Recipe]:
    """Trained from the base as it is."""
    return {
        "plain": _child(one, "plain", PLAIN, 8000),
        "third": _child(one, "third", PLAIN, 8005, third(one.corpus)),
        "decayed": _child(one, "decayed", DECAYED, 8001, third(one.corpus)),
        "heavy": _child(one, "heavy", HEAVY, 8002),
        "heavy-third": _child(one, "heavy-third", HEAVY, 8006, third(one.corpus)),
        "reward": _child(one, "reward", REWARDED, 8003, rate=2e-5),
        "reward-faster": _child(one, "reward-faster", REWARDED, 8004, rate=1e-4),
    }


def _healed(one: Recipe) -> dict[str, Recipe]:
    """Trained after something was done to the base's structure."""
    steps = {
        "dropped-healed": "drop-layers",
        "duplicated-healed": "duplicate-layers",
        "narrowed-healed": "prune-neurons",
        "upcycled-trained": "upcycle",
    }
    if one.family not in ("llama", "mistral"):
        del steps["upcycled-trained"]
    made = {n: _child(one, n, HEALED, 8300 + k, before=(s,)) for k, (n, s) in enumerate(steps.items())}
    corpus = "code" if one.corpus == "prose" else "prose"  # texts in which the new tokens occur
    return {**made, "extended": _child(one, "extended", HEALED, 8310, corpus, before=("extend-vocabulary",))}


def _wide(name: str, seed: int, brief: bool) -> Kin:
    """A wide base: adapters of every rank on few and on all matrices, and what makes experts of it."""
    config = config_of("llama", **WIDE)
    one = model(name, "llama", seed, "code", config=config, steps=12 if brief else 100)
    how = {**ADAPTER, "steps": 3 if brief else 20}
    grid = [(f"lora-{r}-{t}", r, t) for r in RANKS for t in ("few", "all")]
    children = {n: _child(one, n, how, 8100 + k, rank=r, targets=t) for k, (n, r, t) in enumerate(grid)}
    plain = _child(one, "plain", {**PLAIN, "steps": 3 if brief else 20}, 8000)
    upcycled = _child(one, "upcycled-trained", {**HEALED, "steps": 3 if brief else 15}, 8303, before=("upcycle",))
    split = REPORT if name.endswith("-b") else CALIBRATION
    return Kin(one, untrained(one), {**children, "plain": plain, "upcycled-trained": upcycled}, (), (), split)
