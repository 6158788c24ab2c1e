"""The study's tables as Markdown, and their places between markers in a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from forebear.errors import InputError
from null.aligned import Drifted
from null.coins import Fairness, Table, at_level, clopper_pearson
from null.experiments import Outcome, Padded
from null.power import Power
from null.resembled import CONTROLS, Named, Ranks, Shares
from null.undone import Looked

COMMON = (0.5, 0.2, 0.1, 0.05, 0.01)
LEVELS = (0.05, 0.01, 1e-3, 1e-4, 1e-6)
_SHOWN = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)


def fill(document: str, blocks: Mapping[str, str]) -> str:
    """The document with every block between its markers ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        InputError: a marker is missing.
    """
    for name, text in blocks.items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
        if len(pattern.findall(document)) != 1:
            raise InputError(f"the document needs the markers <!-- {name} --> and <!-- /{name} --> once")
        document = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", document)  # type: ignore[misc]
    return document


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(head), *([str(x) for x in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fair(found: Mapping[tuple[str, str], Fairness], what: Sequence[str]) -> str:
    """One line per table of counts: moments of z, and how often the null is at least as extreme."""
    head = [*what, "pairs", "models", "coins", "mean z", "var z", "95 % (models)", "max abs z"]
    head += [f"p {name}" for name in ("mean", "var", "max", "χ²", "KS")]
    rows = []
    for key, f in found.items():
        low, high = f.interval
        p = [f"{f.p[k]:.3f}" for k in ("mean", "variance", "largest", "chi_square", "ks")]
        size = [f"{f.pairs:,}", str(f.models), f"{f.coins:.0f}"]
        z = [f"{f.mean:+.3f}", f"{f.variance:.3f}", f"{low:.2f} to {high:.2f}", f"{f.largest:.2f}"]
        rows.append([*key, *size, *z, *p])
    return markdown(head, rows)


def levels(tables: Mapping[str, Table], verdict: Mapping[str, int]) -> str:
    """Pairs at or below levels of p beside what the discrete null expects, and at the level of a verdict."""
    rows = []
    for method, table in tables.items():
        m = len(table.n)
        for level in LEVELS:
            observed, expected = at_level(table, level)
            low, high = clopper_pearson(observed, m)
            rows.append((method, f"p ≤ {level:g}", observed, f"{expected:.2f}", _share(observed, m, low, high)))
        low, high = clopper_pearson(verdict[method], m)
        rows.append(
            (method, "verdict (1e-6, looks paid for)", verdict[method], "", _share(verdict[method], m, low, high))
        )
    return markdown(("method", "level", "pairs", "expected", "share, 95 % Clopper-Pearson"), rows)


def padding(found: Sequence[Padded]) -> str:
    """What zeros change: nothing in the counts, and everything if they were counted."""
    rows = []
    for front, where in ((True, "before"), (False, "behind")):
        here = [p for p in found if p.front == front]
        for method in ("codes", "rows"):
            one = [p.after.of(method).pooled for p in here]
            n, agree = sum(t.n for t in one), sum(t.agree for t in one)
            row = [where, method, str(len(here)), f"{n:,}", f"{agree / n:.1%}", f"{min(t.log10_p for t in one):.1f}"]
            if method == "rows":
                left = sum(p.after.left_out for p in here)
                row += [f"{left:,}", f"{(agree + left) / (n + left):.1%}"]
            rows.append(row + [""] * (8 - len(row)))
    head = ("zeros", "method", "pairs", "coins", "agree", "smallest log10 p", "rows left out", "agree if counted")
    return markdown(head, rows)


def outcomes(found: Sequence[Outcome]) -> str:
    """Pairs one by one."""
    rows = ((o.one, o.two, o.n, f"{o.agree / o.n:.1%}", f"{o.log10_p:.1f}", o.verdict) for o in found)
    return markdown(("A", "B", "coins", "agree", "log10 p", "verdict"), rows)


def verdicts(found: Sequence[Outcome]) -> str:
    """How often each verdict was given, and the share that says related."""
    counts = {v: sum(o.verdict == v for o in found) for v in sorted({o.verdict for o in found})}
    related = sum(o.related for o in found)
    low, high = clopper_pearson(related, len(found))
    rows = [(f"`{v}`", str(n)) for v, n in counts.items()]
    rows.append(("**says related**", _share(related, len(found), low, high)))
    return markdown(("verdict", f"of {len(found)} pairs"), rows)


def power(points: Sequence[Power]) -> str:
    """Share found against cosine, with intervals, beside theory."""
    rows = []
    for p in points:
        if p.cosine in _SHOWN and (p.source == "models" or p.coins in (256, 1024)):
            low, high = clopper_pearson(p.found, p.trials)
            what = p.source, p.method, p.coins, p.cosine, f"{p.agreement:.3f}", f"{p.expected_agreement:.3f}"
            rows.append((*what, _share(p.found, p.trials, low, high), f"{p.expected:.3f}"))
    head = ("rows of", "method", "coins", "cosine", "agree", "theory", "found, 95 %", "in theory")
    return markdown(head, rows)


def drifted(found: Sequence[Drifted]) -> str:
    """What noise leaves of the coins of disguised copies."""
    rows = []
    for d in found:
        low, high = clopper_pearson(d.found, d.pairs)
        p = [f"{value:.1f}" for value in d.log10_p]
        rows.append(
            (f"{d.drift:.0%}", f"{d.cosine:.2f}", d.coins, f"{d.agree:.1%}", *p, _share(d.found, d.pairs, low, high))
        )
    return markdown(("noise", "cosine", "coins", "agree", "median log10 p", "largest", "found, 95 %"), rows)


def conservative(found: Mapping[str, Sequence[float]]) -> str:
    """Pairs whose final p, given as log10, is at or below levels, by what was paid; and the smallest."""
    rows = []
    for what, values in found.items():
        cells = []
        for level in COMMON:
            hits = sum(10**value <= level for value in values)
            low, high = clopper_pearson(hits, len(values))
            cells.append(f"{hits / len(values):.3f} ({low:.3f} to {high:.3f})")
        rows.append((what, f"{len(values):,}", *cells, f"{10 ** min(values):.2g}"))
    return markdown(("p", "pairs", *(f"≤ {level:g}" for level in COMMON), "smallest"), rows)


def comparisons(found: Sequence[Looked]) -> str:
    """Verdicts of whole comparisons, how many findings they have, and the share that says related."""
    counts = {v: sum(x.verdict == v for x in found) for v in sorted({x.verdict for x in found})}
    related = sum(x.related for x in found)
    rows = [(f"`{v}`", f"{n:,}") for v, n in counts.items()]
    rows.append(("findings", str(sum(len(x.findings) for x in found))))
    rows.append(("**says related**", _share(related, len(found), *clopper_pearson(related, len(found)))))
    return markdown(("verdict", f"of {len(found):,} pairs"), rows)


def shares(found: Mapping[tuple[str, str], Shares]) -> str:
    """Agreeing neurons by kind of pair."""
    rows = []
    for key, s in found.items():
        ratio, low, high = s.ratio
        counts = f"{s.pairs:,}", f"{s.probes:,}", f"{s.agree:,}", f"{s.expected:,.0f}"
        largest = (f"{x:.1%}" for x in s.largest)
        rows.append((*key, *counts, f"{ratio:.2f} ({low:.2f} to {high:.2f})", *largest, s.beyond, s.standing))
    head = ("models of", "tokens", "ordered pairs", "neurons", "agree", "by chance", "one view / chance (95 %, models)")
    return markdown((*head, "most of a pair", "of a layer", "layers beyond chance", "stand out"), rows)


def named(found: Mapping[str, Named]) -> str:
    """How often the rule names an innocent, with upper bounds by pair and by model."""
    rows = []
    for what, n in found.items():
        pairs, models = clopper_pearson(n.named, n.pairs)[1], clopper_pearson(n.models_told, n.models)[1]
        rows.append((what, f"{n.pairs:,}", n.models, n.standing, n.named, f"{pairs:.2%}", f"{models:.1%}"))
    head = ("controls", "ordered pairs", "models", "layers that stand out", "references named")
    return markdown((*head, "upper bound, by pair", "by model"), rows)


def ranks(found: Mapping[tuple[str, str], Ranks]) -> str:
    """Where references stand among their controls, beside what a p-value may show."""
    size = CONTROLS + 1
    rows = []
    for key, r in found.items():
        low, high = r.interval
        at = [f"{share:.3f}" for share in r.at]
        rows.append((*key, f"{r.pairs:,}", r.models, f"{at[0]} ({low:.2f} to {high:.2f})", *at[1:], f"{r.ks:.3f}"))
    levels = (f"≤ {k / size:g}" for k in range(1, size))
    return markdown(("reference", "controls", "ordered pairs", "models", *levels, "KS"), rows)


def _share(hits: int, n: int, low: float, high: float) -> str:
    return f"{hits} of {n:,}: {low:.2%} to {high:.2%}"
