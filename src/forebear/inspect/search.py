"""A model held against an index: by codes, then against the references' own files."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact
from forebear.errors import ForebearError
from forebear.index import Entry, Index, Nominations
from forebear.inspect.compare import compare_artifacts, context_evidence, gain_movement
from forebear.inspect.cost import Meter, light_first
from forebear.inspect.imported import provenance_evidence
from forebear.inspect.judge import FEWEST_COINS
from forebear.inspect.layered import Layered, by_layers
from forebear.inspect.nominate import nominated
from forebear.inspect.references import reopen
from forebear.inspect.towers import towers_by_codes
from forebear.lineage import Conclusion, Counts, conclude, delta_evidence, sign_evidence
from forebear.lineage.calibrated import combined
from forebear.lineage.confidence import confident
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.evidence import trust
from forebear.lineage.towers import only_towers, with_towers
from forebear.signals import Fingerprint, fingerprint, shape
from forebear.signals.delta import Delta
from forebear.signals.fingerprint import sketched
from forebear.signals.generators import comparable_shapes
from forebear.signals.match import Match
from forebear.signals.sign_code import compare_codes, light_code
from forebear.signals.vocabulary import same_vocabulary
from forebear.types import Ancestor, Evidence, Finding, Nominee, Test, Untested, Verdict, floored

Step = Callable[[str], None]

NOMINATED = 50
"""References that the search hands on; the rest of a large index is told apart by the same exact counts."""
SUGGESTIVE = -2.0
"""log10 of the pooled p-value from which on a light look at a distant model is followed by a whole one."""


class Search:
    """A model held against the index: once, or for a distant model in up to two looks, both paid for.

    The first look at a distant model is light (three depths). The second reads the whole plan, and is taken only where
    the first one is suggestive and settles nothing.
    """

    def __init__(self, artifact: Artifact, index: Index, location: str, looks: int) -> None:
        self._artifact, self._index, self._location = artifact, index, location
        self._looks, self._taken = looks, 0
        self._found: list[Candidate] = []
        self.total = 0
        self.itself = ""
        self.mark: Fingerprint
        self.by_sketch: Nominations | None = None
        self.layered = Layered()
        self.towers: tuple[tuple[str, int], ...] = ()
        """Towers of the model, and the number of references with one of that shape."""

    @property
    def trials(self) -> int:
        """By what every p-value is multiplied: references, times looks whether or not they were all taken."""
        return self.total * self._looks

    @property
    def established(self) -> list[Candidate]:
        """References on which more than a tower was established to depend, best first."""
        return sorted((c for c in self._found if c.tied), key=Candidate.order)

    @property
    def worth_confirming(self) -> list[Candidate]:
        """References that agree too much for chance, best first; also where neither model's coins can be relied on."""
        return sorted((c for c in self._found if c.established or c.doubtful(self.trials)), key=Candidate.order)

    @property
    def worth_a_second_look(self) -> bool:
        """Whether looks are left, nothing is established, and some reference agrees more than most would by chance."""
        suggestive = any(c.counts.pooled.n and c.counts.pooled.log10_p <= SUGGESTIVE for c in self._found)
        return self._taken < self._looks and not self.established and suggestive

    def nominated(self, limit: int) -> list[tuple[Entry, bool]]:
        """References that a scrambled model could come from, the likeliest first."""
        if self.mark.code.n < FEWEST_COINS and not self._artifact.architecture:
            return []
        self._sketch()
        self.layered = by_layers(self.mark, self._index, self.itself, limit)
        found, self.by_sketch = nominated(self.mark, self._index, self.itself, limit)
        first = [(entry, True) for entry in self.layered.entries]
        names = {entry.name for entry, _ in first}
        return (first + [(entry, sought) for entry, sought in found if entry.name not in names])[:limit]

    def sketch(self, limit: int) -> None:
        """Search by sketches although coins have settled what there is, so that their scores can be told."""
        if self.by_sketch is None:
            self._sketch()
            self.by_sketch = self._index.nominate(self.mark, limit)

    def _sketch(self) -> None:
        if not light_first(self._artifact, ""):  # sketches read more than a light look at a distant model may
            self.mark = sketched(self.mark, self._artifact)

    def measure(self) -> None:
        """Take the fingerprint of the next look."""
        self._taken += 1
        self.mark = fingerprint(self._artifact, light=self._taken < self._looks)
        self.total = self._index.count()

    def look(self, on_step: Step) -> None:
        """Measure, and search."""
        on_step("reading slices")
        self.measure()
        self.again(on_step)

    def again(self, on_step: Step) -> None:
        """Search the index, which may have grown, with what was measured."""
        on_step("searching the index")
        self.total = self._index.count()
        hits = list(self._index.search(self.mark.code, NOMINATED))
        beside = [self._index.search_towers(tower, NOMINATED) for tower in self.mark.towers]
        self.towers = tuple((t.component, found.tested) for t, found in zip(self.mark.towers, beside, strict=True))
        names = dict.fromkeys(h.name for h in (*hits, *(h for found in beside for h in found.found)))
        entries = [e for name in names if (e := self._index.get(name)) is not None]
        own = [e.name for e in entries if (e.fingerprint.digest, e.location) == (self.mark.digest, self._location)]
        self.itself = own[0] if own else ""
        others = [e for e in entries if e.name != self.itself]
        self._found = [by_code(e, self.mark, self._artifact.name, self.trials) for e in others]


@dataclass(frozen=True)
class Candidate:
    """A reference under examination."""

    entry: Entry
    counts: Counts
    conclusion: Conclusion
    evidence: tuple[Evidence, ...]
    by_rows: bool
    findings: tuple[Finding, ...] = ()
    match: Match | None = None

    @property
    def established(self) -> bool:
        """Whether a dependence was established."""
        return self.conclusion.verdict.related is True

    @property
    def tied(self) -> bool:
        """Whether more than a tower was established to be dependent."""
        return self.established and not only_towers(self.conclusion)

    def doubtful(self, references: int) -> bool:
        """Whether the coins agree as those of a dependent pair, but neither model's can be relied on.

        Such a pair is still read: of equal models the hashes tell. Otherwise nothing is established, and that is said.
        """
        tail = self.counts.log10_p + math.log10(max(1, references))
        return not self.established and self.counts.pooled.n > 0 and tail <= LOG10_ALPHA

    @property
    def closeness(self) -> float:
        """Mean cosine of aligned rows, or the share of agreeing bits where only codes were compared."""
        return self.counts.cosine if self.counts.cosine is not None else self.counts.pooled.share

    def order(self) -> tuple[bool, bool, int, bool, bool, float, float, str]:
        """Best first: established, more than a tower, identical, compared row by row; smallest tail, then closest.

        Of references that have nothing but a tower in common the smallest comes first: a tower's own source holds
        little beside it.

        Tails below the floor are equal: what is left between them is luck, and closeness tells more.
        """
        differs = self.conclusion.verdict is not Verdict.IDENTICAL
        size = int(self.entry.fingerprint.shape["parameters"]) if self.established and not self.tied else 0
        first = not self.established, not self.tied, size, differs, not self.by_rows
        return (*first, floored(self.counts.log10_p), -self.closeness, self.entry.name)

    def ancestor(self, references: int) -> Ancestor:
        """As it stands in the answer; ``references`` is what its p-value is multiplied with."""
        log10_p = self.counts.log10_p
        return Ancestor(
            self.entry.name,
            self.conclusion.verdict,
            floored(log10_p),
            floored(log10_p) + math.log10(max(1, references)),
            confident(self.conclusion.relation),
            (*self.evidence, *(() if self.by_rows else provenance_evidence(self.entry))),
            self.entry.fingerprint.digest,
            self.entry.location or None,
            self.closeness,
            log10_lr=combined(self.evidence),
            why=self.conclusion.why,
            licence=self.entry.fingerprint.declared.licence,
        )

    def nominee(self) -> Nominee | None:
        """As it stands where it is resembled and not established; None where no score could be told."""
        told = tuple(e for e in self.evidence if e.test is Test.CALIBRATED)
        return Nominee(self.entry.name, told, combined(told), self.entry.location or None) if told else None


def by_code(entry: Entry, mark: Fingerprint, name: str, total: int) -> Candidate:
    """Judge a reference from the two codes alone."""
    theirs = entry.fingerprint
    comparable, _ = comparable_shapes(theirs.shape, mark.shape)
    depth = max(m.shape.get("layers") or 0 for m in (theirs, mark))
    counts = Counts(compare_codes(theirs.code, mark.code, comparable), depth)
    movement = gain_movement(theirs.code, mark.code)
    delta = Delta(0, None, None, "", "unknown", *(movement or (None, None)))
    looks = math.log10(max(1, total))
    conclusion = conclude(
        counts,
        delta,
        shape.same_shape(theirs.shape, mark.shape),
        same_vocabulary(theirs.vocabulary, mark.vocabulary),
        log10_looks=looks,
        trusted=not trust(theirs.code, mark.code, (entry.name, name))[1],
    )
    evidence = [sign_evidence(counts, theirs.code, mark.code, (entry.name, name), rows=False, log10_looks=looks)]
    if movement:
        evidence.append(delta_evidence(delta))
    shared = towers_by_codes((theirs.towers, mark.towers), (entry.name, name), looks)
    conclusion, counts = with_towers(conclusion, counts, shared, entry.name)
    evidence += [*(s.evidence for s in shared), *context_evidence(theirs, mark)]
    return Candidate(entry, counts, conclusion, tuple(evidence), False)


def by_rows(
    candidate: Candidate,
    artifact: Artifact,
    mark: Fingerprint,
    effort: str,
    total: int,
    meter: Meter,
    notes: list[Untested],
    on_step: Step,
    sought: bool = False,
) -> Candidate:
    """Compare with the reference's own files; its code stays the evidence where they are gone or have changed."""
    entry = candidate.entry
    if effort != "deep" and (light_first(artifact, effort) or light_code(entry.fingerprint.code)):
        why = "a large model on a network is compared by its code (--effort deep reads rows)"
        notes.append(Untested(f"rows of {entry.name}", why))
        return candidate
    opened = reopen(entry, meter)
    try:
        if not isinstance(opened, str):
            reference = replace(opened[0], name=entry.name)
            pair = compare_artifacts(reference, artifact, (opened[1], mark), effort, total, on_step, sought)
            return Candidate(entry, pair.counts, pair.conclusion, pair.evidence, True, pair.findings, pair.match)
        gap = opened
    except ForebearError as error:
        gap = error.message
    notes.append(Untested(f"rows of {entry.name}", f"{gap}; its stored code was used"))
    return candidate
