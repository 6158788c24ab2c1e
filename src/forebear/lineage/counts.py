"""From coins to significance: pooled, by group, by layer, and with the strongest layers left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from forebear.signals.binomial import log10_tail, smallest_detectable
from forebear.signals.sign_code import Cell

LOG10_ALPHA = -6.0
"""An E-value below one in a million establishes dependence."""
LOG10_PART = -3.0
"""Level at which a group, or the weaker half of the layers, counts as agreeing on its own."""
LOOKS = 2 / 0.998
"""The pooled count and the best component are two looks at one pair; both are paid for. A thousandth of the level is
kept for coins after alignment, and one for those of towers, which are so many that they can do with it."""
LOG10_ALIGNED = math.log10(1_000 * 2)
"""What coins after alignment pay: their share of the level, and two frames in which they may be counted."""
LOG10_TOWERS = math.log10(1_000 * 4)
"""What coins of towers pay: their share of the level, and the pairs that two towers of each model can form."""


@dataclass(frozen=True)
class Tail:
    """Some coins: how many, how many agree, and the exact one-sided tail."""

    n: int
    agree: int

    @property
    def log10_p(self) -> float:
        """log10 P(X >= agree), X ~ Binomial(n, 1/2); 0 where there are no coins."""
        return log10_tail(self.agree, self.n) if self.n else 0.0

    @property
    def share(self) -> float:
        """Share that agrees; one half is chance."""
        return self.agree / self.n if self.n else 0.5


@dataclass(frozen=True)
class Counts:
    """All coins of one pair of models.

    Attributes:
        cells: by group and pair of layers.
        depth: layers of the deeper of the two models, 0 where that is not known.
        log10_paid: what the test pays besides its two looks, because others were made of the same pair before it.
    """

    cells: tuple[Cell, ...]
    depth: int = 0
    log10_paid: float = 0.0

    @property
    def pooled(self) -> Tail:
        """All coins together."""
        return _sum(self.cells)

    @property
    def groups(self) -> dict[str, Tail]:
        """By symmetry group."""
        names = dict.fromkeys(c.group for c in self.cells)
        return {g: _sum(c for c in self.cells if c.group == g) for g in names}

    @property
    def layers(self) -> dict[tuple[int, int], Tail]:
        """By pair of aligned layers, reference first; the residual stream belongs to none."""
        keys = [(c.layer_a, c.layer_b) for c in self.cells if c.layer_a is not None and c.layer_b is not None]
        return {
            (a, b): _sum(c for c in self.cells if c.layer_a == a and c.layer_b == b) for a, b in dict.fromkeys(keys)
        }

    @property
    def components(self) -> dict[str, Tail]:
        """Parts that could have been copied alone: the embedding, each layer."""
        parts = {f"layer {b}": tail for (_, b), tail in self.layers.items()}
        residual = self.groups.get("residual")
        return {"embedding": residual, **parts} if residual else parts

    @property
    def agreeing_groups(self) -> tuple[str, ...]:
        """Groups that agree beyond chance on their own, the number of groups paid for."""
        limit = LOG10_PART - math.log10(max(1, len(self.groups)))
        return tuple(g for g, t in self.groups.items() if t.log10_p <= limit)

    @property
    def agreeing_layers(self) -> tuple[int, ...]:
        """Layers (of the second model) that agree beyond chance on their own, the number of layers paid for."""
        layers = self.layers
        limit = LOG10_PART - math.log10(max(1, len(layers)))
        return tuple(b for (_, b), t in layers.items() if t.log10_p <= limit)

    @property
    def weaker_half(self) -> Tail:
        """The layers that agree least, the stronger half left out.

        Leaving out the largest counts can only make the tail of the rest larger under H0: it stays conservative.
        """
        tails = sorted(self.layers.values(), key=lambda t: (t.share, t.n))
        kept = tails[: len(tails) // 2]
        return Tail(sum(t.n for t in kept), sum(t.agree for t in kept))

    @property
    def whole(self) -> bool:
        """Whether the dependence runs through the model: two groups, and more than half of the layers.

        Models of a single layer have no other half: there the embedding and the layer both have to be significant.
        """
        if self.depth == 1:
            return len(self.agreeing_groups) >= 2 and len(self.agreeing_components) == len(self.components) >= 2
        return len(self.agreeing_groups) >= 2 and len(self.layers) >= 2 and self.weaker_half.log10_p <= LOG10_PART

    @property
    def throughout(self) -> bool:
        """Whether the dependence runs through the layers, be it in a single group.

        After alignment that has to do: who mixed the dimensions inside of heads left only the neurons' coins.
        """
        return self.whole or (len(self.layers) >= 2 and self.weaker_half.log10_p <= LOG10_PART)

    @property
    def best_component(self) -> tuple[str, float]:
        """The component that agrees most, and its tail with the number of components paid for."""
        parts = self.components
        if not parts:
            return "", 0.0
        name = min(parts, key=lambda k: parts[k].log10_p)
        return name, min(0.0, parts[name].log10_p + math.log10(len(parts)))

    @property
    def agreeing_components(self) -> tuple[str, ...]:
        """Components that are significant at the level of a verdict, their number paid for."""
        parts = self.components
        limit = LOG10_ALPHA - self.log10_paid - math.log10(LOOKS * max(1, len(parts)))
        return tuple(k for k, t in parts.items() if t.log10_p <= limit)

    @property
    def log10_p(self) -> float:
        """The p-value of the pair: the better of the pooled count and the best component, all looks paid for."""
        return min(0.0, min(self.pooled.log10_p, self.best_component[1]) + math.log10(LOOKS) + self.log10_paid)

    @property
    def cosine(self) -> float | None:
        """Mean cosine of aligned rows, where rows and not only codes were compared."""
        known = [(c.cosine, c.n) for c in self.cells if c.cosine is not None and c.n]
        total = sum(n for _, n in known)
        return sum(c * n for c, n in known) / total if total else None

    def detectable_share(self, log10_alpha: float = LOG10_ALPHA) -> float | None:
        """Agreement that the pooled test finds with probability 0.999; None where the coins cannot suffice.

        Normal approximation of the Binomial's power, with its largest variance.
        """
        n = self.pooled.n
        least = smallest_detectable(n, log10_alpha - math.log10(LOOKS) - self.log10_paid) if n else None
        return None if least is None else min(1.0, least / n + 3.09 * 0.5 / math.sqrt(n))


def _sum(cells: Iterable[Cell]) -> Tail:
    chosen: Sequence[Cell] = list(cells)
    return Tail(sum(c.n for c in chosen), sum(c.agree for c in chosen))
