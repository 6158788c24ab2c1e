"""What can be true of a pair, and when an answer is right: docs/relations.md in code.

Classes, exclusions and numbers were written down there before anything was measured; what came later is said there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

ALWAYS, SOMETIMES, LUCK, ERROR = "always", "sometimes", "luck", "error"
"""Of the direction of a class: it counts; it counts where the pair says so; nobody can know it; answering is wrong."""

HEAVY_DRIFT = 1 / 3
"""From here on a change is continued pretraining; up to here a fine-tune."""
EQUAL_SHARE = 1 / 2
"""Share of 16-bit values that are bit for bit the same from which on a change is like reinforcement learning."""
WITNESSES = 20
"""Embedding rows that one training moved and the other left still: with fewer, no exact test reaches one in a million
that more than a start is shared."""
RANK_SHARE, MOST_RANK = 1 / 4, 256
"""The largest rank that is low, of the smaller side and at all."""
LEAST_ORTHOGONAL = 1 / 4
"""Of t = (|B|² - |A|²) / 2|B - A|², where 1/2 is orthogonal to A and 0 to the middle of both."""
MOST_UNEQUAL = 3.0
"""Siblings count where neither drifted more than so many times as far as the other,"""
MOST_ALIKE = 1 / 4
"""and where the cosine of their changes is no larger: else they went one way, and one looks like the other's child."""


@dataclass(frozen=True)
class Class:
    """One row of the confusion matrix.

    Attributes:
        name: for people, as the document has it.
        first: kinds of which one has to be named first.
        among: kinds that all have to be named, in any order.
        rank: an adapter's rank has to be named (True) or must not be (False); None where it does not matter.
        direction: one of the words above.
        counts: whether it is part of the macro accuracy.
    """

    name: str
    first: frozenset[str]
    among: frozenset[str] = frozenset()
    rank: bool | None = None
    direction: str = ALWAYS
    counts: bool = True

    def right(self, kind: str, kinds: Sequence[str], rank: int | None) -> bool:
        """Whether an answer says this class."""
        named = self.rank is None or self.rank == (rank is not None)
        return kind in self.first and self.among <= {kind, *kinds} and named


def _class(name: str, *first: str, **more: object) -> Class:
    return Class(name, frozenset(first), **more)  # type: ignore[arg-type]


_ALL = (
    _class("identical", "identical", direction=LUCK),
    _class("quantized", "quantized"),
    _class("rotated and quantized", "quantized", "obfuscated", among=frozenset({"quantized", "obfuscated"})),
    _class("pruned", "pruned"),
    _class("lora", "finetune", rank=True, direction=SOMETIMES),
    _class("rl", "rl", direction=LUCK),
    _class("finetune", "finetune", rank=False, direction=LUCK),
    _class("continued pretraining", "continued_pretraining", direction=LUCK),
    _class("unwitnessed pretraining", "continued_pretraining", "unknown", direction=LUCK, counts=False),
    _class("depth pruned", "depth_pruned"),
    _class("depth upscaled", "depth_upscaled"),
    _class("width pruned", "width_pruned"),
    _class("width expanded", "width_expanded"),
    _class("vocabulary extended", "vocabulary_changed"),
    _class("vocabulary trimmed", "vocabulary_changed"),
    _class("vocabulary replaced", "vocabulary_changed", direction=LUCK),
    _class("upcycled", "upcycled"),
    _class("multimodal", "multimodal_extension"),
    _class("siblings", "siblings", "finetune", "rl", "continued_pretraining", "unknown", direction=ERROR, counts=False),
    _class("merge", "merge"),
    _class("obfuscated", "obfuscated", direction=LUCK),
    _class("component shared", "component_shared", direction=ERROR),
    _class("hidden siblings", "siblings", "finetune", "rl", "unknown", direction=ERROR, counts=False),
    _class("edited siblings", "unknown", direction=ERROR, counts=False),
    _class("same start", "same_init", "unknown", direction=ERROR, counts=False),
    _class("independent", "unknown", direction=ERROR, counts=False),
)
CLASSES: Mapping[str, Class] = MappingProxyType({c.name: c for c in _ALL})
"""Every class by name, in the order of the tables."""
TRAINED, PAIRED, ADAPTED = "trained", "paired", "adapted"
"""What a pair is made as where its class depends on what is measured in its files: a training, two children, a LoRA."""


@dataclass(frozen=True)
class Facts:
    """What the study measures in the files of a pair, A the reference; None where shapes differ.

    Attributes:
        drift: |B - A| / |A|, the median over the matrices of the layers.
        equal: share of the values of the layers that are bit for bit the same.
        orthogonal: t of :data:`LEAST_ORTHOGONAL`, the median over the matrices that changed.
        witnesses: embedding rows that are still between the two, and are no longer as they were at the random start.
    """

    drift: float | None = None
    equal: float | None = None
    orthogonal: float | None = None
    witnesses: int | None = None


def trained_class(facts: Facts) -> str:
    """What a full training is called by its measured numbers."""
    if facts.equal is not None and facts.equal >= EQUAL_SHARE:
        return "rl"
    if facts.drift is None or facts.drift <= HEAVY_DRIFT:
        return "finetune"
    return "continued pretraining" if (facts.witnesses or 0) >= WITNESSES else "unwitnessed pretraining"


def adapted_class(rank: int, sides: Sequence[int], facts: Facts) -> str:
    """What a merged adapter is called: one whose rank is not low changes a model like any training."""
    low = rank <= min(MOST_RANK, RANK_SHARE * min(sides))
    return "lora" if low else trained_class(facts)


def paired_class(one: float, two: float, cosine: float) -> str:
    """Two children of one base, by how far each drifted from it and by the cosine of their changes."""
    near, far = sorted((one, two))
    told = near > 0 and far <= MOST_UNEQUAL * near and cosine <= MOST_ALIKE
    return "siblings" if told else "hidden siblings"
