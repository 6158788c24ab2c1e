"""Several related references held against a model together: is it a merge, and do they lack a common ancestor?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from forebear.artifacts import Artifact
from forebear.errors import ForebearError
from forebear.inspect.compare import READ_UNASKED
from forebear.inspect.cost import Meter, weight_bytes
from forebear.inspect.references import reopen
from forebear.inspect.search import Candidate
from forebear.lineage.conclude import Conclusion
from forebear.lineage.ghosts import SENTENCE, Ghosts, ghosts
from forebear.lineage.mixture import Mixture
from forebear.lineage.provenance import provenance
from forebear.lineage.starts import from_starts, is_start, seen_from
from forebear.signals.least_squares import pooled, select
from forebear.signals.mixture import MOST_REFERENCES, NAME, distances, gram
from forebear.signals.untrained import untrained
from forebear.sources import is_remote
from forebear.types import Relation, Untested, Verdict

Step = Callable[[str], None]

LOOKED_AT = 12
"""Related references that are sampled where more are related than can be held against the model."""
GLANCE = 200_000
"""Values of each that such a sample has."""
SETTLED = frozenset({Verdict.IDENTICAL, Verdict.DERIVED})
TOGETHER = frozenset({Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED, Verdict.DERIVED})

TRAINED = frozenset({"unknown", "merge", "finetune", "rl", "continued_pretraining"})
"""Kinds that a difference from one parent of a merge looks like, and is not."""


def together(
    found: list[Candidate], artifact: Artifact, effort: str, meter: Meter, notes: list[Untested], on_step: Step
) -> tuple[list[Candidate], tuple[str, ...]]:
    """The established candidates with what they say together, in a new order, and a line of coverage.

    Args:
        found: established candidates, best first.
        artifact: the model.
        effort: distant models are read on ``deep`` alone; large ones are sampled but for ``deep``.
        meter: counts what is read.
        notes: told what was not done, and why.
        on_step: told what is being done.
    """
    related = [c for c in found if c.conclusion.verdict in TOGETHER and c.conclusion.relation.kind != "obfuscated"]
    if effort == "quick" or len(related) < 2 or found[0].conclusion.verdict in SETTLED:
        return found, ()
    if effort != "deep" and artifact.source.traffic is not None:
        notes.append(Untested(NAME, "several references are read whole for it (--effort deep reads them)"))
        return found, ()
    opened: list[Artifact] = []
    for candidate in related[:LOOKED_AT]:
        entry = candidate.entry
        if effort != "deep" and is_remote(entry.location):
            notes.append(Untested(f"{NAME}: {entry.name}", "it lies on a network (--effort deep reads it)"))
            continue
        try:
            one = reopen(entry, meter)
        except ForebearError as error:
            one = error.message
        if isinstance(one, str):
            notes.append(Untested(f"{NAME}: {entry.name}", one))
        else:
            opened.append(replace(one[0], name=entry.name))
    if len(related) > LOOKED_AT:
        notes.append(Untested(f"{NAME}: {len(related) - LOOKED_AT} references", f"the {LOOKED_AT} closest were read"))
    if len(opened) < 2:
        return found, ()
    gains = {c.entry.name: c.entry.fingerprint.code.signature for c in related}
    on_step(f"holding {len(opened)} related references against it together")
    try:
        chosen = _chosen(artifact, opened)
        grams = gram(artifact, chosen, budget(artifact, len(chosen), effort))
        starts = {one.name for one in chosen if untrained(one, gains[one.name])}
    except ForebearError as error:
        notes.append(Untested(NAME, error.message))
        return found, ()
    mixture, legs = provenance(grams), ghosts(grams)
    notes += [Untested(f"{NAME}: part of the tensors", gap) for gap in grams.left_out[:3]]
    done = f"{NAME}: {', '.join(grams.names)}, {len(grams.units)} tensors{'' if grams.whole else ' (a sample)'}"
    return (_merged(found, mixture) if mixture.merged else _apart(found, mixture, legs, starts)), (done,)


def budget(artifact: Artifact, references: int, effort: str) -> int | None:
    """Values to read of each model, None for all of them."""
    size = weight_bytes(artifact)
    if effort == "deep" or size * (references + 1) <= READ_UNASKED:
        return None
    return int(artifact.parameters * READ_UNASKED / (size * (references + 1)))


def _chosen(artifact: Artifact, opened: list[Artifact]) -> list[Artifact]:
    """At most five of them: those that explain most of the model in a sample, then the nearest."""
    if len(opened) <= MOST_REFERENCES:
        return opened
    glance = gram(artifact, opened, GLANCE)
    if not glance.body:
        return opened[:MOST_REFERENCES]
    products = pooled(glance.body)
    needed = select(products, len(glance.body), sum(u.rounding for u in glance.body)).used
    by_distance = np.argsort(distances(products)[0, 1:], kind="stable")
    order = [*needed, *(int(k) for k in by_distance if k not in needed)]
    return [opened[k] for k in order[:MOST_REFERENCES]]


def _merged(found: list[Candidate], mixture: Mixture) -> list[Candidate]:
    """Parents first, each with the whole set in its relation."""
    shares = {p.name: p.coefficient for p in mixture.parents}
    evidence = mixture.evidence()

    def told(candidate: Candidate) -> Candidate:
        old = candidate.conclusion.relation
        kinds = ["merge", *(k for k in old.details.get("kinds", ()) if k not in TRAINED)]
        said = {"kinds": kinds, "in_words": [f"merged by {mixture.method}"]}
        relation = Relation("merge", "a_to_b", None, {**old.details, **said, **mixture.details()})
        conclusion = Conclusion(Verdict.MERGE, relation, mixture.why)
        return replace(candidate, conclusion=conclusion, evidence=(*candidate.evidence, evidence))

    parents = sorted((c for c in found if c.entry.name in shares), key=lambda c: -shares[c.entry.name])
    return [*map(told, parents), *(c for c in found if c.entry.name not in shares)]


def _apart(found: list[Candidate], mixture: Mixture, legs: Ghosts, starts: set[str]) -> list[Candidate]:
    """References at whose place the ways part first; then what legs, rows and untrained starts say of each."""
    evidence, seen = mixture.evidence(), from_starts(legs, starts)
    out = [replace(c, evidence=(*c.evidence, evidence)) if c.entry.name in legs.names else c for c in found]
    out.sort(key=lambda c: -legs.on_the_way(c.entry.name))  # stable: the order by coins is kept among equals
    out = [_with_ghost(c, legs, first=k == 0) if c.entry.name in legs.names else c for k, c in enumerate(out)]
    for k, candidate in enumerate(out):
        name = candidate.entry.name
        if name in starts:
            out[k] = replace(candidate, conclusion=is_start(candidate.conclusion))
        elif name in seen:
            out[k] = replace(candidate, conclusion=seen_from(candidate.conclusion, *seen[name]))
    return out


def _with_ghost(candidate: Candidate, legs: Ghosts, first: bool) -> Candidate:
    conclusion = candidate.conclusion
    relation, verdict, why = conclusion.relation, conclusion.verdict, conclusion.why
    details = dict(relation.details)
    if reason := legs.reason(candidate.entry.name):
        details["reasons"] = [*details.get("reasons", ()), reason]
    if legs.siblings:
        details["ghost"] = legs.details()
        if first and verdict is Verdict.DEPENDENT:
            kinds = ["siblings", *(k for k in details.get("kinds", ()) if k not in ("unknown", "siblings"))]
            relation, verdict = replace(relation, kind="siblings"), Verdict.SIBLINGS
            details["kinds"] = kinds
        why = f"{why} {SENTENCE}" if first else why
    return replace(candidate, conclusion=Conclusion(verdict, replace(relation, details=details), why))
