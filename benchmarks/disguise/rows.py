"""The rows of the study: every disguise alone, what is stacked, and on how many pairs each is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from disguise.bases import KINDS, Base

PAIRS = 60
"""Related pairs of a row, at least: a claim that nothing is below 95 % needs as many."""

SEPARATE = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma", "mixtral"})
"""Families with gates and RMSNorm, which keep q, k and v apart as well."""

STACK = (
    *("permute-experts?", "permute-neurons", "permute-heads", "rotate", "permute-residual"),
    *("rescale-norms", "rescale-neurons?", "rescale-values", "rename", "renumber-tokens", "noise:0.02"),
)
"""What a thief does who knows every symmetry."""


@dataclass(frozen=True)
class Row:
    """One disguise.

    Attributes:
        name: for people.
        steps: as :func:`disguises.disguise` takes them.
        families: that it is measured on; empty for all.
        kinds: of wearers (:data:`disguise.bases.KINDS`).
    """

    name: str
    steps: tuple[str, ...]
    families: frozenset[str] = field(default=frozenset())
    kinds: tuple[str, ...] = KINDS


def _alone(*names: str, families: frozenset[str] = frozenset()) -> Iterator[Row]:
    return (Row(name.replace("-", " ").replace(":", " "), (name,), families) for name in names)


ROWS: tuple[Row, ...] = (
    Row("none", ()),
    *_alone("permute-neurons", "permute-heads", "permute-residual"),
    *_alone("permute-experts", families=frozenset({"mixtral"})),
    *_alone("flip-residual", "flip-neurons", families=SEPARATE),
    *_alone("flip-values", "flip-planes", "rotate", "fold-norms", "rescale-norms"),
    *_alone("rescale-neurons", families=SEPARATE),
    *_alone("rescale-values", "rotate-values", "mix-values", "rotate-planes", "pad-dead", "pad-duplicates"),
    *_alone("prune-residual", "prune-neurons", "prune-heads", "prune-values", "low-rank"),
    *_alone("trim-vocabulary", "renumber-tokens", "replace-embeddings", "replace-tokenizer"),
    *_alone("splice", "merge", "duplicate-layers", "drop-layers", "reorder-layers"),
    *_alone("rename", "rename-opaque"),
    *_alone("fuse", "falsify-heads", families=SEPARATE),
    *_alone("falsify", "noise:0.05", "noise:0.2", "int8", "int4", "int3"),
    Row("permute + rescale", ("permute-neurons", "permute-heads", "permute-residual", "rescale-norms")),
    Row("flip all", ("flip-residual?", "flip-neurons?", "flip-values", "flip-planes")),
    Row("rotate + replace embeddings", ("rotate", "replace-embeddings")),
    Row("rotate + replace tokenizer", ("permute-neurons", "rotate", "replace-tokenizer")),
    Row("prune widths + rotate", ("prune-neurons", "prune-residual", "rotate", "permute-neurons")),
    Row("merge + rotate + permute", ("merge", "rotate", "permute-neurons", "permute-heads")),
    Row("the stack", STACK),
    Row("continued pretraining, then the stack", STACK, kinds=("long",)),
    Row("quantised, then the stack", STACK, kinds=("int8", "int4", "int3")),
)
"""Every row, in the order of the table. ``the stack`` is :data:`STACK`."""


@dataclass(frozen=True)
class Pair:
    """One model in one disguise: everything that it follows from."""

    row: Row
    base: Base
    kind: str
    seed: int

    @property
    def key(self) -> str:
        """What the results are filed under; the recipes of base and wearer are part of it."""
        recipe, _ = self.base.wearer(self.kind)
        models = self.base.recipe.digest, recipe.digest, self.kind
        return "|".join((self.row.name, ",".join(self.row.steps), *models, str(self.seed)))


def able(row: Row, bases: Sequence[Base]) -> list[Base]:
    """Bases that can wear a row; the further ones with experts only where experts are what it is about."""
    return [b for b in bases if (b.recipe.family in row.families if row.families else not b.further)]


def pairs_of(row: Row, bases: Sequence[Base], least: int = PAIRS) -> list[Pair]:
    """Pairs of a row: every base that can wear it, by every kind, again with other seeds until there are enough."""
    once = [(base, kind) for kind in row.kinds for base in able(row, bases)]
    rounds = -(-least // len(once)) if once else 0
    return [Pair(row, base, kind, seed) for seed in range(rounds) for base, kind in once]


def a_few(row: Row, bases: Sequence[Base], count: int, turn: int) -> list[Pair]:
    """As many pairs of a row, of bases and kinds in turn from a place on: for a quick look, and for no claim."""
    those = able(row, bases)
    chosen = [(those[k % len(those)], row.kinds[k % len(row.kinds)]) for k in range(turn, turn + count)]
    return [Pair(row, base, kind, seed) for seed, (base, kind) in enumerate(chosen)]
