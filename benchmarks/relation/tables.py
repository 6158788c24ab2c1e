"""The tables of docs/relations.md, and the shares behind ``confidence``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from disguise.table import share
from null.tables import markdown

from relation.classes import ALWAYS, CLASSES, ERROR, LUCK
from relation.measure import IMPOSSIBLE, Result

DRAWS = 2_000
WITHIN = 0.02
"""How near a merge's coefficients have to be."""
DERIVED = "derived"
NO_KIND = ("independent", "siblings", "hidden siblings", "edited siblings")
COEFFICIENTS = ("linear", "slerp", "dare")
"""Methods of which a parent has one coefficient throughout."""


def made(results: Iterable[Result]) -> list[Result]:
    """All but those that could not be made."""
    return [r for r in results if r.answer.verdict != IMPOSSIBLE]


def counted(results: Iterable[Result]) -> list[Result]:
    """Those of classes that count."""
    return [r for r in results if CLASSES[r.truth].counts]


def macro(results: Sequence[Result]) -> float:
    """The mean over classes of the share that is right.

    Raises:
        ValueError: there are no results.
    """
    if not results:
        raise ValueError("no results")
    return float(np.mean([np.mean([r.right for r in some]) for _, some in _by_class(results)]))


def by_base(cases: Sequence[tuple[str, str, bool]], seed: int, draws: int = DRAWS) -> tuple[float, float]:
    """The 95 % interval of a mean of shares, bases drawn with replacement (percentiles of the bootstrap).

    Args:
        cases: base, the share that it is part of, and whether it is a hit.
        seed: of the draws.
        draws: how many. A share without cases in a draw is left out of that draw's mean.
    """
    bases, shares = (sorted({case[k] for case in cases}) for k in (0, 1))
    counts = np.zeros((2, len(bases), len(shares)))
    for base, part, hit in cases:
        counts[:, bases.index(base), shares.index(part)] += (hit, 1)
    drawn = np.random.default_rng(seed).multinomial(len(bases), np.full(len(bases), 1 / len(bases)), size=draws)
    hits, n = drawn @ counts[0], drawn @ counts[1]
    means = np.divide(hits, n, out=np.zeros_like(hits), where=n > 0).sum(1) / np.maximum(1, (n > 0).sum(1))
    low, high = np.quantile(means[(n > 0).any(1)], [0.025, 0.975])
    return float(low), float(high)


def _span(low: float, high: float) -> str:
    return f"{low:.0%} to {high:.0%}"


def accuracy(results: Sequence[Result], seed: int) -> str:
    """One line per class that counts, and the macro accuracy."""
    own = counted(made(results))
    if not own:
        return "No results."
    rows = []
    for name, some in _by_class(own):
        found = share([r.right for r in some], [r.base for r in some])
        rows.append((name, len(some), len({r.base for r in some}), str(found), _wrong(some)))
    total = f"{macro(own):.1%} ({_span(*by_base([(r.base, r.truth, r.right) for r in own], seed))})"
    rows.append(("**macro accuracy**", len(own), len({r.base for r in own}), f"**{total}**", ""))
    return markdown(("class", "comparisons", "bases", "right, 95 %", "most often said instead, of"), rows)


def _wrong(results: Sequence[Result]) -> str:
    """What is said most often where it is wrong, and how the model was made where that happens most."""
    wrong = [r for r in results if not r.right]
    if not wrong:
        return ""
    kinds, names = [_said(r) for r in wrong], [r.name for r in wrong]
    return f"{max(kinds, key=kinds.count)}, {max(names, key=names.count)}"


def _said(result: Result) -> str:
    """The kind as a column; an adapter's fine-tune apart, and quantised together with moved coordinates."""
    said = result.answer
    if said.kind == "finetune" and said.rank is not None:
        return "finetune, rank"
    return "quantized, obfuscated" if {"quantized", "obfuscated"} <= {said.kind, *said.kinds} else said.kind


def _by_class(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Results of every class that has some, in the order of the classes."""
    for name in CLASSES:
        if some := [r for r in results if r.truth == name]:
            yield name, some


def confusion(results: Sequence[Result]) -> str:
    """Truth by what was said: how many comparisons."""
    own = made(results)
    columns = sorted({_said(r) for r in own}, key=lambda k: (k == "unknown", k))
    said = [(name, [_said(r) for r in some]) for name, some in _by_class(own)]
    rows = [(name, *(some.count(c) or "" for c in columns)) for name, some in said]
    return markdown(("was \\ said", *columns), rows) if rows else "No results."


def named(results: Sequence[Result]) -> str:
    """Which format, rank or method was named, by how the model was made; where the relation is right."""
    own = [r for r in made(results) if r.right and (r.answer.word or r.answer.rank is not None)]
    rows = []
    for truth, some in _by_class(own):
        for name in dict.fromkeys(r.name for r in some):
            words = [
                f"rank {r.answer.rank}" if r.answer.rank is not None else r.answer.word for r in some if r.name == name
            ]
            rows.append((truth, name, len(words), _commonest(words)))
    return markdown(("class", "made by", "comparisons", "named"), rows) if rows else "Nothing was named."


def directions(results: Sequence[Result], seed: int) -> str:
    """Where the direction counts: answered and right of what is answered, by class and together."""
    own = [r for r in counted(made(results)) if r.stands == ALWAYS]
    if not own:
        return "No results."
    rows = [(name, *_direction_cells(some)) for name, some in _by_class(own)]
    answered = [r for r in own if r.answered]
    size, often, right = _direction_cells(own)
    often += f" ({_span(*by_base([(r.base, '', r.answered) for r in own], seed))})"
    if answered:
        right += f" ({_span(*by_base([(r.base, '', r.answer.direction == r.direction) for r in answered], seed))})"
    rows.append(("**all**", size, often, right))
    return markdown(("class", "comparisons", "answered", "right of answered"), rows)


def _direction_cells(results: Sequence[Result]) -> tuple[str, str, str]:
    answered = [r for r in results if r.answered]
    right = sum(r.answer.direction == r.direction for r in answered)
    told = f"{right / len(answered):.1%} of {len(answered)}" if answered else "none answered"
    return str(len(results)), f"{len(answered) / len(results):.1%}", told


def false_accusations(results: Sequence[Result]) -> str:
    """What must not be said, and how often it was; every line has to end in 0."""
    own = made(results)
    start, apart = ([r for r in own if r.truth == name] for name in ("same start", "independent"))
    turned = [r for r in own if r.turned and r.direction]
    never = [r for r in own if r.stands == ERROR]
    beside = [r for r in never if "siblings" in r.truth]
    descent = ("finetune", "rl", "continued_pretraining", "quantized", "pruned", "identical")
    rows = [
        _never("`derived`, though only a start is shared", start, lambda r: r.answer.verdict == DERIVED),
        _never("`derived`, though independent", apart, lambda r: r.answer.verdict == DERIVED),
        _never("related, though independent", apart, lambda r: r.answer.related is True),
        _never("`derived`, of siblings", beside, lambda r: r.answer.verdict == DERIVED),
        _never("`derived`, in the wrong order", turned, lambda r: r.answer.verdict == DERIVED),
        _never("a direction, where there is none", never, lambda r: r.answered),
        _never("a relation of descent, though only a start is shared", start, lambda r: r.answer.kind in descent),
    ]
    return markdown(("said", "comparisons", "pairs", "said how often"), rows)


def _never(what: str, results: Sequence[Result], said: Callable[[Result], bool]) -> tuple[str, str, str, str]:
    wrong = [r for r in results if said(r)]
    pairs = {r.key.rsplit("|", 1)[0] for r in results}
    names = ", ".join(dict.fromkeys(f"{r.truth}: {r.name}" for r in wrong[:3]))
    return what, f"{len(results)}", f"{len(pairs)}", f"{len(wrong)}" + (f" ({names})" if wrong else "")


def merges(results: Sequence[Result]) -> str:
    """By method: told to be a merge, of exactly these parents, with which coefficients or layers."""
    rows = []
    own = [r for r in results if r.truth == "merge"]
    for name in dict.fromkeys(r.name for r in own):
        some = [r for r in own if r.name == name]
        exact = [r for r in some if set(r.answer.parents) == set(r.shares)]
        alike = sum(r.answer.collinear for r in exact)
        errors = [e for r in exact if not r.answer.collinear for e in errors_of(r)]
        near = f"{np.median(errors):.3f}, {max(errors):.3f}" if errors and name.split()[0] in COEFFICIENTS else ""
        within = f"{np.mean([e <= WITHIN for e in errors]):.0%}" if near else ""
        if name.startswith("passthrough") and exact:
            near = f"layers right: {np.mean([layers_right(r) for r in exact]):.0%}"
        merged = f"{sum(r.answer.kind == 'merge' for r in some)} of {len(some)}"
        rows.append((name, merged, f"{len(exact)} of {len(some)}", alike, near, within))
    head = ("merge", "told", "parents exactly", "said collinear", "error: median, largest", f"within {WITHIN:g}")
    return markdown(head, rows) if rows else "No results."


def layers_right(result: Result) -> float:
    """Share of the layers that are said to be a parent's and are: they were taken from the parents in turn."""
    names = list(result.shares)
    said = [(layer, name) for name, layers in result.answer.layers.items() for layer in layers]
    return float(np.mean([names[layer % len(names)] == name for layer, name in said])) if said else 0.0


def errors_of(result: Result) -> list[float]:
    """How far each coefficient that is given lies from the true one."""
    return [abs(c - result.shares[name]) for name, given in result.answer.parents.items() for c in given]


def undecidable(results: Sequence[Result]) -> str:
    """Classes and directions that do not count, and what was said about them."""
    own = [r for r in made(results) if not CLASSES[r.truth].counts or r.stands == LUCK]
    rows = []
    for name, some in _by_class(own):
        kinds, verdicts = (_commonest([f(r) for r in some]) for f in (_said, lambda r: r.answer.verdict))
        luck = [r for r in some if r.direction and r.answered]
        told = f"{sum(r.answer.direction == r.direction for r in luck)} of {len(luck)}" if luck else "none answered"
        rows.append((name, len(some), kinds, verdicts, told))
    head = ("class", "comparisons", "kinds said", "verdicts", "direction right of answered")
    return markdown(head, rows) if rows else "No results."


def _commonest(words: Sequence[str]) -> str:
    return ", ".join(f"{n} × {word}" for word, n in Counter(words).most_common(4))


def calibration(results: Sequence[Result], seed: int) -> str:
    """``relations.toml``: of every kind that was said, and every reason of a direction, how often it was right.

    A kind is right where the pair's class wants it. Left out is what has no right kind: ``unknown``, independent
    models, and siblings, which look like parent and child. A reason is right where its sign is that of the true
    direction, over pairs that have one.
    """
    own = [r for r in made(results) if r.truth not in NO_KIND and r.answer.kind != "unknown"]
    lines = [
        "# Written by benchmarks/relation_study.py from its calibration bases; see docs/relations.md.",
        "# n: comparisons in which it was said; right: those in which it was true; bases: how many bases they are of;",
        "# mean: the share right, averaged over bases.",
        f"seed = {seed}",
        "",
    ]
    for kind in sorted({r.answer.kind for r in own}):
        lines += _entry("kind", kind, [(r.base, r.right) for r in own if r.answer.kind == kind])
    aimed = [r for r in made(results) if r.direction]
    reasons = [
        (text, r.base, (odds > 0) == (r.direction == "a_to_b"))
        for r in aimed
        for text, odds in r.answer.reasons
        if odds
    ]
    for text in sorted({t for t, _, _ in reasons}):
        lines += _entry("reason", text, [(base, right) for t, base, right in reasons if t == text])
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(table: str, name: str, cases: Sequence[tuple[str, bool]]) -> list[str]:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    by_base: dict[str, list[bool]] = {}
    for base, right in cases:
        by_base.setdefault(base, []).append(right)
    mean = float(np.mean([np.mean(some) for some in by_base.values()]))
    right_ones = sum(right for _, right in cases)
    counts = f"n = {len(cases)}\nright = {right_ones}\nbases = {len(by_base)}\nmean = {mean:.4f}"
    return [f'[{table}."{quoted}"]', counts, ""]
