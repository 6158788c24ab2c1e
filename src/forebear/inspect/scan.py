"""Which known model does this one descend from: search the index, confirm pair by pair, check what the card claims."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError
from forebear.index import Entry, Index, LocalIndex
from forebear.inspect.compare import DISGUISE, compare_artifacts, context_evidence, gain_movement, signless
from forebear.inspect.cost import Meter
from forebear.inspect.judge import FEWEST_COINS, claims_of, findings_of
from forebear.lineage import Conclusion, Counts, conclude, delta_evidence, sign_evidence
from forebear.lineage.evidence import trust
from forebear.signals import Fingerprint, fingerprint, shape
from forebear.signals.delta import Delta
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import compare_codes
from forebear.signals.vocabulary import same_vocabulary
from forebear.sources import open_source
from forebear.types import Ancestor, Coverage, Evidence, ModelRef, Scan, Untested, Verdict, floored

Step = Callable[[str], None]

NOMINATED = 50
"""References that the search hands on; the rest of a large index is told apart by the same exact counts."""
CONFIRMED = 3
"""References that are read again and compared row by row, where their files are still there."""


def scan(target: str, index: Index | None = None, effort: str = "standard", on_step: Step = lambda _: None) -> Scan:
    """Find the indexed ancestors of a model.

    Args:
        target: what to scan.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: ``quick``, ``standard`` or ``deep``; see :func:`forebear.compare`.
        on_step: told what is being done.

    Raises:
        UsageError: the target does not exist.
        InputError: the model, or the index, cannot be read.
    """
    meter = Meter()
    references = index if index is not None else LocalIndex()
    on_step(f"reading {target}")
    source = open_source(target)
    artifact = read_artifact(source)
    meter.watch(artifact.source)
    mark = fingerprint(artifact)
    on_step("searching the index")
    total = references.count()
    itself = ""
    found: list[_Candidate] = []
    if effort != "quick":
        entries = [e for h in references.search(mark.code, NOMINATED) if (e := references.get(h.name)) is not None]
        own = [e.name for e in entries if (e.fingerprint.digest, e.location) == (mark.digest, source.location)]
        itself = own[0] if own else ""
        found = [_by_code(e, mark, artifact.name, total) for e in entries if e.name != itself]
    found = sorted((c for c in found if c.established), key=_Candidate.order)
    notes: list[Untested] = []
    for k, candidate in enumerate(found[:CONFIRMED]):
        on_step(f"confirming {candidate.entry.name}")
        found[k] = _by_rows(candidate, artifact, mark, effort, total, meter, notes, on_step)
    found = sorted((c for c in found if c.established), key=_Candidate.order)
    ancestors = tuple(c.ancestor(total) for c in found)
    tested = references.comparable(mark.shape) if effort != "quick" and mark.code.n >= FEWEST_COINS else 0
    verdict = ancestors[0].verdict if ancestors else Verdict.INCONCLUSIVE
    if itself:
        verdict = Verdict.INDEXED
    claims = claims_of(mark, ancestors, effort)
    return Scan(
        ModelRef(artifact.target, artifact.name, mark.digest),
        verdict,
        ancestors,
        {"declared": mark.declared.licence or None, "files": list(mark.declared.licence_files)},
        None,
        claims,
        findings_of(artifact, mark, verdict, ancestors, tested, total, effort),
        tested,
        _coverage(artifact, mark, found, tested, total, notes, effort),
        meter.cost(),
        log10_p=ancestors[0].log10_p if ancestors else None,
        why=_why(artifact, mark, found, itself, tested, total, effort),
        shape=mark.shape,
        problems=artifact.problems,
    )


@dataclass(frozen=True)
class _Candidate:
    """A reference under examination."""

    entry: Entry
    counts: Counts
    conclusion: Conclusion
    evidence: tuple[Evidence, ...]
    by_rows: bool

    @property
    def established(self) -> bool:
        """Whether a dependence was established."""
        return self.conclusion.verdict.related is True

    @property
    def closeness(self) -> float:
        """Mean cosine of aligned rows, or the share of agreeing bits where only codes were compared."""
        return self.counts.cosine if self.counts.cosine is not None else self.counts.pooled.share

    def order(self) -> tuple[bool, bool, float, float, str]:
        """Best first: identical, then compared row by row, then the smallest tail, then the closest.

        Tails below the floor are equal: what is left between them is luck, and closeness tells more.
        """
        identical = self.conclusion.verdict is Verdict.IDENTICAL
        return (not identical, not self.by_rows, floored(self.counts.log10_p), -self.closeness, self.entry.name)

    def ancestor(self, references: int) -> Ancestor:
        log10_p = self.counts.log10_p
        return Ancestor(
            self.entry.name,
            self.conclusion.verdict,
            floored(log10_p),
            floored(log10_p) + math.log10(max(1, references)),
            self.conclusion.relation,
            self.evidence,
            self.entry.fingerprint.digest,
            self.entry.location,
            self.closeness,
            why=self.conclusion.why,
        )


def _by_code(entry: Entry, mark: Fingerprint, name: str, total: int) -> _Candidate:
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
    evidence += context_evidence(theirs, mark)
    return _Candidate(entry, counts, conclusion, tuple(evidence), False)


def _by_rows(
    candidate: _Candidate,
    artifact: Artifact,
    mark: Fingerprint,
    effort: str,
    total: int,
    meter: Meter,
    notes: list[Untested],
    on_step: Step,
) -> _Candidate:
    """Compare with the reference's own files; its code stays the evidence where they are gone or have changed."""
    entry = candidate.entry
    what = f"rows of {entry.name}"
    if not os.path.exists(entry.location):
        notes.append(Untested(what, f"its files are no longer at {entry.location}; its stored code was used"))
        return candidate
    try:
        reference = read_artifact(open_source(entry.location))
        meter.watch(reference.source)
        theirs = fingerprint(reference, entry.name)
        if theirs.digest != entry.fingerprint.digest:
            notes.append(Untested(what, f"{entry.location} has changed since it was indexed; its stored code was used"))
            return candidate
        pair = compare_artifacts(reference, artifact, (theirs, mark), effort, total, on_step)
    except ForebearError as error:
        notes.append(Untested(what, f"{error.message}; its stored code was used"))
        return candidate
    return _Candidate(entry, pair.counts, pair.conclusion, pair.evidence, True)


def _coverage(
    artifact: Artifact,
    mark: Fingerprint,
    found: list[_Candidate],
    tested: int,
    total: int,
    notes: list[Untested],
    effort: str,
) -> Coverage:
    done = [f"sign-code/1: {mark.code.n:,} coins against {tested:,} of {total:,} references"] if tested else []
    missing = list(notes)
    if artifact.architecture is None:
        missing.append(Untested("sign-code/1", artifact.unknown))
    elif effort == "quick":
        missing.append(Untested("sign-code/1", "not asked for (--effort quick)"))
    elif tested < total:
        missing.append(
            Untested(f"{total - tested:,} references", "another width or other symmetries: no coins line up")
        )
    if artifact.geometry:
        read = sum(layer >= 0 for layer in mark.code.layers)
        if read < artifact.geometry.layers:
            missing.append(
                Untested("remaining layers", f"{read} of {artifact.geometry.layers} were read, chosen by depth")
            )
        if artifact.geometry.head_dim is None and "cell" not in mark.code.groups:
            missing.append(Untested("attention coins", "the number of heads is not known (no usable config.json)"))
    missing += [Untested(f"tensors of dtype {d}", "they carry no signs") for d in signless(artifact)]
    if mark.code.keyed_by == "row" and "residual" in mark.code.groups:
        missing.append(Untested("token strings", "no usable tokenizer: embedding rows were taken by number"))
    missing.append(DISGUISE)
    missing.append(Untested("licence duties and origin", "not part of this version"))
    missing += [Untested("one of its files", p) for p in artifact.problems]
    missing += [Untested("declared architecture", n) for n in artifact.notes]
    return Coverage(tuple(done), tuple(missing))


def _why(
    artifact: Artifact, mark: Fingerprint, found: list[_Candidate], itself: str, tested: int, total: int, effort: str
) -> str:
    if itself:
        return f"This model is itself the reference {itself}."
    if found:
        return found[0].conclusion.why
    if effort == "quick":
        return "The weights were not examined."
    if artifact.architecture is None:
        return f"No coins could be read: {artifact.unknown}."
    if mark.code.n < FEWEST_COINS:
        return f"Only {mark.code.n} sign coins could be read, too few to establish anything."
    if not total:
        return "There are no references to compare with yet."
    if not tested:
        return f"None of the {total:,} references has a shape that can be compared."
    return (
        f"Nothing ties it to any of {tested:,} comparable references. That is not independence: "
        "a model with scrambled coordinates would look the same."
    )
