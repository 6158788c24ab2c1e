"""An adapter on its base: what it claims, whether its shapes contradict that, and what its changes show.

The base of an adapter stays a claim. Its shapes can contradict the claim; its changes can show that it depends on a
reference (:mod:`forebear.signals.adapter_rows`), which is not yet that it was made for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from forebear.artifacts import Artifact
from forebear.artifacts.adapter import CONFIG, Adapter
from forebear.artifacts.architecture import families
from forebear.catalogue import known_models, raise_finding
from forebear.errors import ForebearError, one_line
from forebear.index import Entry, Index
from forebear.inspect.cost import Meter
from forebear.inspect.references import reopen
from forebear.lineage import Conclusion, Counts
from forebear.lineage.adapter import conclude_adapter, misfit_text, rows_evidence, shape_evidence
from forebear.signals import Fingerprint, adapter_rows, adapter_shape
from forebear.signals.adapter_shape import Fit
from forebear.signals.declared import NAME, Declared, names_match
from forebear.types import (
    Ancestor,
    Claim,
    Comparison,
    Coverage,
    Evidence,
    Finding,
    Level,
    ModelRef,
    Scan,
    Test,
    Untested,
    Verdict,
    counted,
    floored,
    p_value,
)

Step = Callable[[str], None]

MOST_BASES = 20
"""References whose files are read for one adapter: those of the claimed name first, then those of a fitting shape."""
UNFIT = Fit(0, ())


@dataclass(frozen=True)
class _Tried:
    """One reference held against the adapter."""

    entry: Entry
    fit: Fit
    counts: Counts
    conclusion: Conclusion

    @property
    def related(self) -> bool:
        return self.conclusion.verdict.related is True

    def ancestor(self, log10_looks: float) -> Ancestor:
        name, log10_p = self.entry.name, floored(self.counts.pooled.log10_p)
        return Ancestor(
            name,
            self.conclusion.verdict,
            log10_p,
            log10_p + log10_looks,
            self.conclusion.relation,
            (rows_evidence(self.counts, name, log10_looks), shape_evidence(self.fit, name)),
            self.entry.fingerprint.digest,
            self.entry.location or None,
            self.counts.pooled.share,
            why=self.conclusion.why,
            licence=self.entry.fingerprint.declared.licence,
        )


@dataclass
class _Search:
    """What became of the references."""

    tried: list[_Tried] = field(default_factory=list)
    gaps: list[Untested] = field(default_factory=list)


def scan_adapter(
    artifact: Artifact, mark: Fingerprint, references: Index, effort: str, meter: Meter, on_step: Step
) -> Scan:
    """The answer of a scan for an adapter; see :func:`forebear.scan`."""
    adapter = artifact.adapter
    assert adapter is not None
    total = references.count()
    looks = math.log10(max(1, total))
    bases = mark.declared.base_models
    candidates = _candidates(adapter, bases, references)
    found = _Search() if effort == "quick" else _search(adapter, candidates, looks, meter, on_step)
    related = sorted((t for t in found.tried if t.related), key=lambda t: t.counts.pooled.log10_p)
    ancestors = tuple(t.ancestor(looks) for t in related)
    contradicted = dict(_contradicted(adapter, bases, candidates))
    tested = sum(t.counts.pooled.n > 0 for t in found.tried)
    return Scan(
        ModelRef(artifact.target, artifact.name, mark.digest),
        ancestors[0].verdict if ancestors else Verdict.INCONCLUSIVE,
        ancestors,
        {"declared": mark.declared.licence or None, "files": list(mark.declared.licence_files)},
        None,
        tuple(_claims(bases, contradicted, found.tried, effort)),
        tuple(_findings(artifact, bases, contradicted, related, tested, effort)),
        tested,
        _coverage(artifact, adapter, found, total),
        meter.cost(),
        log10_p=ancestors[0].log10_p if ancestors else None,
        why=_why(adapter, bases, contradicted, related),
        shape={**mark.shape, "adapter": described(adapter)},
        problems=artifact.problems,
    )


def compare_adapter(
    a: Artifact, b: Artifact, marks: tuple[Fingerprint, Fingerprint], effort: str, meter: Meter
) -> Comparison:
    """The answer of a comparison in which one of the two is an adapter; see :func:`forebear.compare`."""
    base, other, mark, own = (a, b, *marks) if b.adapter is not None else (b, a, *marks[::-1])
    adapter = other.adapter
    assert adapter is not None
    claimed = [c for c in own.declared.base_models if names_match(c, base.name)]
    fit, (counts, gap) = _fit(adapter, mark), _counts(adapter, base, mark, effort)
    conclusion = conclude_adapter(counts, fit, base.name, bool(claimed))
    relation = conclusion.relation
    if b is base and relation.direction == "a_to_b":
        relation = replace(relation, direction="b_to_a")
    evidence = (rows_evidence(counts, base.name), shape_evidence(fit, base.name), _claim_evidence(own.declared))
    tail = counts.pooled
    return Comparison(
        ModelRef(a.target, a.name, marks[0].digest),
        ModelRef(b.target, b.name, marks[1].digest),
        conclusion.verdict,
        floored(tail.log10_p) if tail.n else None,
        relation,
        evidence[effort == "quick" :],
        Coverage(
            (f"{adapter_rows.NAME}: {counted(tail.n, 'coin')}",) if tail.n else (),
            (*([Untested(adapter_rows.NAME, gap)] if gap else []), *_gaps(other, adapter)),
        ),
        meter.cost(),
        findings=tuple(_finding(c, base.name, fit, _level(c)) for c in claimed if fit.misfits),
        why=conclusion.why,
        problems=tuple(f"{m.name}: {p}" for m in (a, b) for p in m.problems),
    )


def _candidates(adapter: Adapter, bases: tuple[str, ...], references: Index) -> list[tuple[Entry, Fit, bool]]:
    """References that the adapter names (True) or fits, the named ones first; the rest of a large index is let go."""
    found = []
    for entry in references.entries():
        fit, named = _fit(adapter, entry.fingerprint), any(names_match(b, entry.name) for b in bases)
        if named or (fit.checked and not fit.misfits):
            found.append((entry, fit, named))
    return sorted(found, key=lambda item: (not item[2], item[0].name))


def _search(
    adapter: Adapter, candidates: list[tuple[Entry, Fit, bool]], looks: float, meter: Meter, on_step: Step
) -> _Search:
    """Every reference that fits, read again and compared."""
    found = _Search()
    fitting = [c for c in candidates if c[1].checked and not c[1].misfits]
    for entry, fit, named in fitting[:MOST_BASES]:
        on_step(f"comparing with {entry.name}")
        opened = reopen(entry, meter)
        counts, gap = (Counts(()), opened) if isinstance(opened, str) else _counts(adapter, *opened)
        if gap:
            found.gaps.append(Untested(f"rows of {entry.name}", gap))
        conclusion = conclude_adapter(counts, fit, entry.name, named, looks)
        found.tried.append(_Tried(entry, fit, counts, conclusion))
    if (rest := len(fitting) - MOST_BASES) > 0:
        found.gaps.append(Untested(f"{rest:,} references of a fitting shape", f"only {MOST_BASES} are read"))
    return found


def _fit(adapter: Adapter, mark: Fingerprint) -> Fit:
    family = next((f for f in families() if f.name == mark.shape.get("family")), None)
    return adapter_shape.fit(adapter, family, adapter_shape.of_reference(mark.shape)) if family else UNFIT


def _counts(adapter: Adapter, base: Artifact, mark: Fingerprint, effort: str = "standard") -> tuple[Counts, str]:
    """Coins of the pair, and why there are none."""
    if effort == "quick":
        return Counts(()), "not asked for (--effort quick)"
    if mark.code.repeats:
        return Counts(()), f"{base.name} is not relied on: {mark.code.repeats[0]}"
    try:
        counts = Counts(adapter_rows.cells(adapter, base, mark.code))
    except ForebearError as error:
        return Counts(()), error.message
    return counts, "" if counts.pooled.n else "no change to a matrix whose outputs carry signs (v, o, up, down)"


def _contradicted(
    adapter: Adapter, bases: tuple[str, ...], candidates: list[tuple[Entry, Fit, bool]]
) -> Iterator[tuple[str, Finding]]:
    """Claimed bases whose matrices, as far as anything states their sizes, are not those that the adapter changes."""
    for base in bases:
        fits = [(e.name, fit, _level(base)) for e, fit, named in candidates if named and names_match(base, e.name)]
        for model in known_models():
            if names_match(base, model.repository):
                level = _level(base) if model.confidence == "retrieved" else Level.NOTE
                sizes = adapter_shape.of_known(model)
                families_ = adapter_shape.families_of(model)
                fits += [(model.repository, adapter_shape.fit(adapter, f, sizes), level) for f in families_]
        stated = [entry for entry in fits if entry[1].checked]
        if stated and all(f.misfits for _, f, _ in stated):
            name, fit, level = stated[0]
            yield base, _finding(base, name, fit, level)


def _level(base: str) -> Level:
    """A hub id says which model is meant; a bare name, as of a folder on somebody's disk, less surely so."""
    return Level.ERROR if "/" in base else Level.WARNING


def _finding(base: str, name: str, fit: Fit, level: Level) -> Finding:
    sizes = f"{misfit_text(fit.misfits[0])} ({name}); {len(fit.misfits)} of {fit.checked} matrices do not fit"
    text = f"The adapter names {base} as its base, and its shapes contradict that: {sizes}."
    return raise_finding("claim-contradicted", text, (f"{adapter_shape.NAME}: {sizes}",), level)


def _claims(
    bases: tuple[str, ...], contradicted: dict[str, Finding], tried: list[_Tried], effort: str
) -> Iterator[Claim]:
    for base in bases:
        match = next((t for t in tried if names_match(base, t.entry.name)), None)
        status, why = "unverified", "no indexed reference of that name could be compared"
        if base in contradicted:
            status, why = "contradicted", "its matrices have other shapes"
        elif match is not None and match.related:
            why = f"its changes depend on {match.entry.name}, or on a model with the same start"
        elif match is not None:
            shown = "show nothing" if match.counts.pooled.n else "could not be compared"
            why = f"its shapes fit {match.entry.name}, its changes {shown}"
        elif effort == "quick":
            why = "the weights were not examined"
        yield Claim(f"base model: {base}", f"{CONFIG}, card or config", status, why)


def _findings(
    artifact: Artifact,
    bases: tuple[str, ...],
    contradicted: dict[str, Finding],
    related: list[_Tried],
    tested: int,
    effort: str,
) -> Iterator[Finding]:
    yield from contradicted.values()
    if related and not any(names_match(b, t.entry.name) for t in related for b in bases):
        says = f"it names {', '.join(bases[:3])}" if bases else "it names no base model"
        text = f"The adapter's changes are not independent of {related[0].entry.name}; {says}."
        evidence = (f"{adapter_rows.NAME}: {p_value(floored(related[0].counts.pooled.log10_p))} against independence",)
        yield raise_finding("ancestor-undeclared", text, evidence, Level.NOTE)
    yield from (raise_finding("pickle-unsafe", f"{d}. It was not run.") for d in artifact.weights.dangers)
    if not tested and effort != "quick":
        wanted = f"the folder of {bases[0]}" if bases else "folder of the model you suspect"
        text = "No reference was tested: none that the adapter names or fits could be compared."
        yield raise_finding("no-reference-tested", text, clears=f"forebear index add <{wanted}>")


def _coverage(artifact: Artifact, adapter: Adapter, found: _Search, total: int) -> Coverage:
    coins = [t for t in found.tried if t.counts.pooled.n]
    done = [f"{adapter_rows.NAME}: against {len(coins):,} of {counted(total, 'reference')}"] if coins else []
    rest = total - len(found.tried)
    unfit = [
        Untested(f"{counted(rest, 'reference')}", "no matrix of theirs is known to fit, or they were not asked for")
    ]
    return Coverage(tuple(done), (*found.gaps, *unfit * (rest > 0), *_gaps(artifact, adapter)))


def _gaps(artifact: Artifact, adapter: Adapter) -> Iterator[Untested]:
    """What of an adapter is never tested."""
    if not adapter.pairs:
        yield Untested(adapter.title, "adapters of this kind are named and not tested: only pairs of low rank are")
    elif adapter.others:
        first = one_line(adapter.others[0], 80)
        yield Untested(f"{len(adapter.others):,} tensors beside the pairs", f"the first is {first}")
    if adapter.pairs:
        yield Untested("lora_A", "it starts at random, and little of the base gets into it")
        layers = {next((p for p in module.split(".") if p.isdigit()), "") for module in adapter.pairs}
        if len(layers) > adapter_rows.LAYERS:
            yield Untested("remaining layers", f"{adapter_rows.LAYERS} of {len(layers)} are read, evenly spaced")
    yield from (Untested("one of its files", p) for p in artifact.problems)
    yield from (Untested("declared adapter", n) for n in artifact.notes)


def _why(adapter: Adapter, bases: tuple[str, ...], contradicted: dict[str, Finding], related: list[_Tried]) -> str:
    if related:
        return related[0].conclusion.why
    if contradicted:
        return next(iter(contradicted.values())).message
    if bases:
        return f"That it is an adapter on {bases[0]} is its own claim; nothing confirms or contradicts it."
    return "It does not say to which base it belongs, and nothing else tells."


def _claim_evidence(said: Declared) -> Evidence:
    """What the adapter says, so that a comparison shows it too."""
    text = (
        f"The adapter names {', '.join(said.base_models[:3])} as its base."
        if said.base_models
        else ("The adapter names no base.")
    )
    return Evidence(NAME, "declared", "nothing", None, Test.NONE, None, 0, None, text)


def described(adapter: Adapter) -> dict[str, Any]:
    """An adapter in a result: what it says, and how many matrices it changes with which ranks."""
    return {
        "type": adapter.title,
        "base": adapter.base or None,
        "revision": adapter.revision or None,
        "rank": adapter.rank,
        "ranks": sorted({c.rank for c in adapter.pairs.values()}),
        "alpha": adapter.alpha,
        "targets": list(adapter.targets),
        "matrices": len(adapter.pairs),
        "other_tensors": len(adapter.others),
    }
