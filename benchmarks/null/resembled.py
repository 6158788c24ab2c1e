"""``match/1`` between independent models: how many neurons agree, who would be named, and what a rank is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.resemblance import Resemblance
from forebear.signals.match import Match
from null.coins import F64, ks_distance, mean_interval
from null.undone import Looked

CONTROLS = 4
"""Other references beside one; a scan opens five in all."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A model whose neurons looked for their like in a reference that it is independent of.

    Attributes:
        reference, model: names.
        families: of the reference and of the model.
        same_tokens: whether they have the same vocabulary.
        match: what was found.
    """

    reference: str
    model: str
    families: tuple[str, str]
    same_tokens: bool
    match: Match

    @property
    def within(self) -> bool:
        """Whether the two are of one family."""
        return self.families[0] == self.families[1]

    @property
    def neurons(self) -> int:
        """Neurons of a layer of the reference that are looked among."""
        return max(layer.neurons[0] for layer in self.match.layers)


@dataclass(frozen=True)
class Shares:
    """Agreeing neurons of several ordered pairs.

    Attributes:
        pairs: ordered pairs.
        probes: neurons that looked for their like.
        agree: those that agree, by the second view that agrees least: what counts.
        expected: the same by chance, were views independent and were there only one second view.
        ratio: neurons that agree by one second view, the mean over those, over the expectation; with a 95 % interval.
        largest: share of agreeing neurons: the largest of a pair, and of a layer.
        beyond, standing: layers beyond Poisson chance, and layers that stand out by the whole rule, without controls.
    """

    pairs: int
    probes: int
    agree: int
    expected: float
    ratio: tuple[float, float, float]
    largest: tuple[float, float]
    beyond: int
    standing: int


@dataclass(frozen=True)
class Named:
    """How often the rule names a reference: pairs and models that ask, and how many of each are given a name."""

    pairs: int
    models: int
    named: int
    models_told: int
    standing: int


@dataclass(frozen=True)
class Ranks:
    """Where a reference stands among its controls.

    Attributes:
        pairs, models: ordered pairs and models.
        at: share of pairs whose rank, as a share of the references, is at most .2, .4, .6 and .8; ties count against.
        interval: 95 % of the first, bootstrap by model.
        ks: Kolmogorov-Smirnov distance from uniform, ties drawn.
    """

    pairs: int
    models: int
    at: tuple[float, ...]
    interval: tuple[float, float]
    ks: float


Rule = Callable[[Asked, Asked], bool]
"""Whether the second, the same model asking another reference, may be a control of the first."""


def _any(one: Asked, two: Asked) -> bool:
    return True


def _of_family(one: Asked, two: Asked) -> bool:
    return one.families[0] == two.families[0]


def _of_another(one: Asked, two: Asked) -> bool:
    return one.families[0] != two.families[0]


RANKED: Mapping[tuple[str, str], tuple[Callable[[Asked], bool], Rule]] = {
    ("of the model's family", "of that family"): (lambda x: x.within, _of_family),
    ("of another family", "of any other than the model's"): (lambda x: not x.within, lambda x, y: not y.within),
    ("of the model's family", "of other families"): (lambda x: x.within, _of_another),
    ("the same", "of other families, as many neurons"): (
        lambda x: x.within,
        lambda x, y: _of_another(x, y) and x.neurons == y.neurons,
    ),
    ("the same", "of other families, more neurons"): (lambda x: x.within, lambda x, y: x.neurons < y.neurons),
    ("the same", "of other families, fewer neurons"): (lambda x: x.within, lambda x, y: x.neurons > y.neurons),
    ("of the model's family and tokens", "of that family, other tokens"): (
        lambda x: x.within and x.same_tokens,
        lambda x, y: _of_family(x, y) and not y.same_tokens,
    ),
}
"""By what a reference is and what its controls are: which ordered pairs are ranked, and among which."""


def asked(looks: Iterable[Looked]) -> list[Asked]:
    """Every ordered pair whose neurons can be held against each other."""
    out = []
    for x in looks:
        for at, match in enumerate(x.matches):
            if match is not None:
                names, families = (x.one, x.two), x.families
                one, two = (0, 1) if at == 0 else (1, 0)
                out.append(Asked(names[one], names[two], (families[one], families[two]), x.same_tokens, match))
    return out


def shares(pairs: Sequence[Asked], seed: int) -> Shares:
    """What ordered pairs have in common."""
    layers = [layer for x in pairs for layer in Resemblance(x.match).layers]
    expected = np.array([sum(m.expected for m in x.match.layers) for x in pairs])
    by_view = np.array([sum(float(np.mean(list(m.agree.values()))) for m in x.match.layers) for x in pairs])
    ratio = float(by_view.sum() / expected.sum())
    return Shares(
        len(pairs),
        sum(layer.match.probes for layer in layers),
        sum(layer.match.count for layer in layers),
        float(expected.sum()),
        (ratio, *_interval(pairs, by_view / expected.mean(), seed)),
        (max(x.match.share for x in pairs), max(layer.match.share for layer in layers)),
        sum(_beyond_chance(x.match) for x in pairs),
        sum(layer.stands_out for layer in layers),
    )


def _beyond_chance(match: Match) -> int:
    """Layers whose Poisson bound is below the level of the rule, whatever their share."""
    level = LOG10_ALPHA - math.log10(len(match.layers))
    return sum(layer.log10_tail <= level for layer in Resemblance(match).layers)


def by_kind(pairs: Sequence[Asked], seed: int) -> dict[tuple[str, str], Shares]:
    """Shares within every family and between families, by views and by whether tokens are the same."""
    kinds: dict[tuple[str, str], list[Asked]] = {}
    for x in sorted(pairs, key=lambda x: (not x.within, not x.same_tokens)):
        between = "two families, with gates" if "gate" in x.match.views else "two families, without gates"
        tokens = "the same" if x.same_tokens else "others"
        kinds.setdefault((x.families[0] if x.within else between, tokens), []).append(x)
    return {kind: shares(several, seed) for kind, several in sorted(kinds.items(), key=lambda item: item[0][0])}


def beside(
    pairs: Sequence[Asked],
    rule: Rule,
    seed: int,
    which: Callable[[Asked], bool] = lambda x: True,
    count: int = CONTROLS,
) -> Iterator[tuple[Asked, tuple[Match, ...]]]:
    """Ordered pairs with ``count`` random controls, those that have fewer left out."""
    rng = np.random.default_rng(seed)
    by_model: dict[str, list[Asked]] = {}
    for x in pairs:
        by_model.setdefault(x.model, []).append(x)
    for x in filter(which, pairs):
        others = [
            y for y in by_model[x.model] if y.reference != x.reference and y.match.views == x.match.views and rule(x, y)
        ]
        if len(others) >= count:
            yield x, tuple(others[k].match for k in rng.permutation(len(others))[:count])


def named(found: Sequence[tuple[Asked, tuple[Match, ...]]]) -> Named:
    """How often the rule names the reference."""
    several = [(x, Resemblance(x.match, controls)) for x, controls in found]
    told = [x.model for x, r in several if r.nominated]
    return Named(
        len(several),
        len({x.model for x, _ in several}),
        len(told),
        len(set(told)),
        sum(layer.stands_out for _, r in several for layer in r.layers),
    )


def nominations(pairs: Sequence[Asked], seed: int) -> dict[str, Named]:
    """The rule without controls, with some of the reference's family, and with some of other families."""
    found: dict[str, list[tuple[Asked, tuple[Match, ...]]]] = {
        "none": [(x, ()) for x in pairs],
        f"{CONTROLS} of the reference's family": list(beside(pairs, _of_family, seed)),
        f"{CONTROLS} of other families": list(beside(pairs, _of_another, seed)),
    }
    return {what: named(several) for what, several in found.items() if several}


def ranks(found: Sequence[tuple[Asked, tuple[Match, ...]]], seed: int) -> Ranks:
    """Where the mean shares of references stand among those of their controls."""
    rng = np.random.default_rng(seed)
    own = np.array([x.match.share for x, _ in found])
    others = np.array([[m.share for m in controls] for _, controls in found])
    above, ties = (others > own[:, None]).sum(axis=1), (others == own[:, None]).sum(axis=1)
    size = others.shape[1] + 1
    rank = 1 + above + ties
    drawn: F64 = (above + rng.random(len(own)) * (ties + 1)) / size
    return Ranks(
        len(found),
        len({name for x, _ in found for name in (x.model, x.reference)}),
        tuple(float((rank <= k).mean()) for k in range(1, size)),
        _interval([x for x, _ in found], (rank <= 1).astype(np.float64), seed),
        ks_distance(drawn),
    )


def ranked(pairs: Sequence[Asked], seed: int) -> dict[tuple[str, str], Ranks]:
    """Ranks of references by :data:`RANKED`, and of the one that is resembled most of five."""
    found = {key: list(beside(pairs, rule, seed, which)) for key, (which, rule) in RANKED.items()}
    found["resembled most of five", "the other four"] = list(most_resembled(pairs, seed))
    return {key: ranks(several, seed) for key, several in found.items() if several}


def most_resembled(pairs: Sequence[Asked], seed: int) -> Iterator[tuple[Asked, tuple[Match, ...]]]:
    """Of every reference with its controls, the one that is resembled most, the rest as its controls."""
    by_match = {id(x.match): x for x in pairs}
    for x, controls in beside(pairs, _any, seed):
        every = sorted((x.match, *controls), key=lambda match: match.share)
        yield by_match[id(every[-1])], tuple(every[:-1])


def _interval(pairs: Sequence[Asked], values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % of a mean over ordered pairs, bootstrap by model."""
    numbers: dict[str, int] = {}
    at = np.array([[numbers.setdefault(n, len(numbers)) for n in (x.reference, x.model)] for x in pairs])
    return mean_interval(at[:, 0], at[:, 1], values, np.random.default_rng(seed))
