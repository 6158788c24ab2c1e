"""A zoo with known ancestry: families of small models with chains, stars, siblings, edits and merges, and strangers.

Most are those of the relation study; two more generations are trained below its second one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from relation.kin import BRIEF, Kin, kin, third
from zoo.recipes import Recipe, child

from derivations import derive, gguf, merge

TRAINED = (
    *("plain", "second", "light", "long", "third", "decayed", "heavy", "reward-faster"),
    *("lora-4-all", "lora-8-few", "dropped-healed", "extended"),
)
"""Children of the relation study that a family has here."""
PERMUTED = ("permute-neurons", "permute-heads", "permute-residual")
EDITS: Mapping[str, tuple[str, str, tuple[str, ...]]] = MappingProxyType(
    {
        "int4": ("quantised", "plain", ("int4",)),
        "int8": ("quantised", "base", ("int8",)),
        "pruned": ("pruned", "third", ("prune-values:0.5",)),
        "permuted": ("disguised", "light", PERMUTED),
    }
)
"""Name, then class, parent and steps."""
MERGED: Mapping[str, tuple[str, tuple[str, str]]] = MappingProxyType(
    {"linear": ("linear", ("long", "decayed")), "ties": ("ties", ("third", "decayed"))}
)
"""Name, then method and parents."""
GGUF = ("llama", "qwen2", "qwen3", "gpt2")
CHAIN = ("second", "third-generation", "fourth-generation")
SAME_DATA = frozenset({"light", "plain", "long", "heavy"})
"""Children of one base that were trained on the same texts."""


@dataclass(frozen=True)
class Member:
    """One model of the zoo.

    Attributes:
        name: unique in the zoo.
        family: name of the base, or its own where it is independent.
        parents: names; none for a base, a start, a twin and a stranger.
        kind: the class that it is counted in.
        recipe: of the trained model that it is, or is made of.
        steps: what is made of it.
        start: the base whose random start a twin shares; "" elsewhere.
        architecture: ``model_type``.
    """

    name: str
    family: str
    parents: tuple[str, ...]
    kind: str
    recipe: Recipe
    steps: tuple[str, ...] = ()
    start: str = ""
    architecture: str = ""

    def write(self, cache: Path, out: Path, folders: Mapping[str, Path]) -> Path:
        """The model's folder, made where it is not in the cache.

        Args:
            cache: of trained models.
            out: where it may be written.
            folders: of the members before it, by name.

        Raises:
            Inapplicable: it cannot be made of this family.
        """
        if not self.steps:
            return cache / self.recipe.digest
        if self.kind == "merge":
            shares = (0.5, 0.5)
            return merge(cache / self.recipe.digest, [folders[p] for p in self.parents], out, self.steps[0], shares, 1)
        if self.steps[0].startswith("gguf:"):
            return gguf(cache / self.recipe.digest, out, self.steps[0].partition(":")[2])
        return derive(cache / self.recipe.digest, out, self.steps, 1)


def zoo(split: str, brief: bool = False) -> tuple[Member, ...]:
    """All members of a split (``calibration`` or ``report``); ``brief``: hardly trained, one base a family."""
    chosen = [k for k in kin(brief) if k.family != "wide" and (brief or k.split == split)]
    found = [m for k in chosen for m in _family(k)]
    strangers = {r.digest: r for k in chosen for r in k.strangers}
    found += [Member(r.name, r.name, (), "independent", r, (), "", r.family) for r in strangers.values()]
    return tuple(found)


def _family(one: Kin) -> Iterator[Member]:
    base = one.base.name
    recipes = {"base": one.base, **one.children, **_further(one)}

    def name(short: str) -> str:
        return base if short == "base" else f"{base}-{short}"

    yield Member(base, base, (), "base", one.base, (), "", one.family)
    for short in (*TRAINED, *CHAIN[1:]):
        if short in recipes:
            parent = {"second": "plain", **dict(zip(CHAIN[1:], CHAIN[:-1], strict=True))}.get(short, "base")
            kind = "chain" if short in CHAIN else "same data" if short in SAME_DATA else short
            yield Member(name(short), base, (name(parent),), kind, recipes[short], (), "", one.family)
    twin = one.twins[1]
    yield Member(twin.name, twin.name, (), "same start", twin, (), base, one.family)
    for short, (kind, parent, steps) in EDITS.items():
        yield Member(name(short), base, (name(parent),), kind, recipes[parent], steps, "", one.family)
    if one.family in GGUF:
        yield Member(name("gguf"), base, (name("decayed"),), "quantised", recipes["decayed"], ("gguf:q8_0",))
    for short, (method, parents) in MERGED.items():
        yield Member(name(short), base, tuple(map(name, parents)), "merge", one.base, (method,), "", one.family)


def _further(one: Kin) -> dict[str, Recipe]:
    """The third and the fourth generation, each on other texts than its parent."""
    found: dict[str, Recipe] = {}
    parent, corpora = one.children["second"], (one.base.corpus, third(one.base.corpus))
    for k, (short, corpus) in enumerate(zip(CHAIN[1:], corpora, strict=True)):
        how = {"order_seed": one.base.init_seed + 8400 + k, "steps": 60, "rate": 5e-4, "decay": 0.0, **BRIEF}
        how["steps"] = min(60, parent.steps)
        found[short] = parent = child(parent, f"{one.base.name}-{short}", corpus, **how)
    return found


def needed(members: tuple[Member, ...]) -> tuple[Recipe, ...]:
    """Every recipe that has to be built for them, starts included."""
    found: dict[str, Recipe] = {}
    for member in members:
        step: Recipe | None = member.recipe
        while step is not None:
            found[step.digest] = step
            step = step.start
    return tuple(found.values())
