"""Which known model does this one descend from: search the index, confirm pair by pair, check what the card claims."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError
from forebear.index import Entry, Index, LocalIndex
from forebear.inspect.adapter import scan_adapter
from forebear.inspect.compare import DISGUISE, compare_artifacts, context_evidence, gain_movement, odd_tokens, signless
from forebear.inspect.cost import Meter, light_first
from forebear.inspect.judge import FEWEST_COINS, claims_of, findings_of
from forebear.inspect.nominate import nominated
from forebear.inspect.references import Fetched, fetch_references, reopen
from forebear.lineage import Conclusion, Counts, conclude, delta_evidence, sign_evidence
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.evidence import trust
from forebear.signals import Fingerprint, fingerprint, shape
from forebear.signals.delta import Delta
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import compare_codes, light_code
from forebear.signals.vocabulary import same_vocabulary
from forebear.sources import offline, open_source
from forebear.types import Ancestor, Coverage, Evidence, Finding, ModelRef, Scan, Untested, Verdict, floored

Step = Callable[[str], None]

NOMINATED = 50
"""References that the search hands on; the rest of a large index is told apart by the same exact counts."""
SUGGESTIVE = -2.0
"""log10 of the pooled p-value from which on a light look at a distant model is followed by a whole one."""
OPENED = 5
"""References that are opened where no coins line up, to put coordinates together."""
CONFIRMED = 3
"""References that are read again and compared row by row, where their files are still there."""


def scan(
    target: str,
    index: Index | None = None,
    effort: str = "standard",
    on_step: Step = lambda _: None,
    fetch: bool = True,
) -> Scan:
    """Find the indexed ancestors of a model.

    Args:
        target: what to scan.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: ``quick``, ``standard`` or ``deep``; see :func:`forebear.compare`.
        on_step: told what is being done.
        fetch: read the sign codes of known bases of this shape from the hub, where the index has no ancestor and the
            network may be used; they stay in the index.

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
    if artifact.adapter is not None:
        return scan_adapter(artifact, fingerprint(artifact), references, effort, meter, on_step)
    search = _Search(artifact, references, source.location, 2 if light_first(artifact, effort) else 1)
    fetched = Fetched()
    if effort == "quick":
        search.measure()
    else:
        search.look(on_step)
        if fetch and not search.established and not offline():
            fetched = fetch_references(search.mark.shape, references, meter, on_step)
            if fetched.added:
                search.again(on_step)
        if search.worth_a_second_look:
            search.look(on_step)
    mark, total, itself = search.mark, search.total, search.itself
    found = search.worth_confirming
    notes: list[Untested] = list(fetched.missing)
    for k, candidate in enumerate(found[:CONFIRMED]):
        on_step(f"confirming {candidate.entry.name}")
        found[k] = _by_rows(candidate, artifact, mark, effort, search.trials, meter, notes, on_step)
    if effort != "quick" and not any(c.established for c in found):
        opened = {c.entry.name for c in found if c.by_rows}
        for entry in (e for e in search.nominated(OPENED) if e.name not in opened):
            on_step(f"comparing with {entry.name}, whatever its coordinates")
            one = _by_code(entry, mark, artifact.name, search.trials)
            found.append(_by_rows(one, artifact, mark, effort, search.trials, meter, notes, on_step))
    doubtful = next((c for c in found if c.doubtful(search.trials)), None)
    found = [c for c in sorted(found, key=_Candidate.order) if c.established]
    ancestors = tuple(c.ancestor(search.trials) for c in found)
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
        (*findings_of(artifact, mark, verdict, ancestors, tested, total, effort), *_first_findings(found)),
        tested,
        _coverage(artifact, mark, found, tested, total, notes, effort, fetched.note),
        meter.cost(),
        log10_p=ancestors[0].log10_p if ancestors else None,
        why=_why(artifact, mark, found, doubtful, itself, tested, total, effort),
        shape=mark.shape,
        problems=artifact.problems,
    )


class _Search:
    """A model held against the index: once, or for a distant model in up to two looks, both paid for.

    The first look at a distant model is light (three depths). The second reads the whole plan, and is taken only where
    the first one is suggestive and settles nothing.
    """

    def __init__(self, artifact: Artifact, index: Index, location: str, looks: int) -> None:
        self._artifact, self._index, self._location = artifact, index, location
        self._looks, self._taken = looks, 0
        self._found: list[_Candidate] = []
        self.total = 0
        self.itself = ""
        self.mark: Fingerprint

    @property
    def trials(self) -> int:
        """By what every p-value is multiplied: references, times looks whether or not they were all taken."""
        return self.total * self._looks

    @property
    def established(self) -> list[_Candidate]:
        """References with an established dependence, best first."""
        return sorted((c for c in self._found if c.established), key=_Candidate.order)

    @property
    def worth_confirming(self) -> list[_Candidate]:
        """References that agree too much for chance, best first; also where neither model's coins can be relied on."""
        return sorted((c for c in self._found if c.established or c.doubtful(self.trials)), key=_Candidate.order)

    @property
    def worth_a_second_look(self) -> bool:
        """Whether looks are left, nothing is established, and some reference agrees more than most would by chance."""
        suggestive = any(c.counts.pooled.n and c.counts.pooled.log10_p <= SUGGESTIVE for c in self._found)
        return self._taken < self._looks and not self.established and suggestive

    def nominated(self, limit: int) -> list[Entry]:
        """References that a scrambled model could come from, the likeliest first."""
        if self.mark.code.n < FEWEST_COINS and not self._artifact.architecture:
            return []
        return nominated(self.mark, self._index, self.itself, limit)

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
        hits = self._index.search(self.mark.code, NOMINATED)
        entries = [e for h in hits if (e := self._index.get(h.name)) is not None]
        own = [e.name for e in entries if (e.fingerprint.digest, e.location) == (self.mark.digest, self._location)]
        self.itself = own[0] if own else ""
        others = [e for e in entries if e.name != self.itself]
        self._found = [_by_code(e, self.mark, self._artifact.name, self.trials) for e in others]


@dataclass(frozen=True)
class _Candidate:
    """A reference under examination."""

    entry: Entry
    counts: Counts
    conclusion: Conclusion
    evidence: tuple[Evidence, ...]
    by_rows: bool
    findings: tuple[Finding, ...] = ()

    @property
    def established(self) -> bool:
        """Whether a dependence was established."""
        return self.conclusion.verdict.related is True

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

    def order(self) -> tuple[bool, bool, bool, float, float, str]:
        """Best first: established, identical, then compared row by row, then the smallest tail, then the closest.

        Tails below the floor are equal: what is left between them is luck, and closeness tells more.
        """
        identical = self.conclusion.verdict is Verdict.IDENTICAL
        tail = floored(self.counts.log10_p)
        return (not self.established, not identical, not self.by_rows, tail, -self.closeness, self.entry.name)

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
    if effort != "deep" and (light_first(artifact, effort) or light_code(entry.fingerprint.code)):
        why = "a large model on a network is compared by its code (--effort deep reads rows)"
        notes.append(Untested(f"rows of {entry.name}", why))
        return candidate
    opened = reopen(entry, meter)
    try:
        if not isinstance(opened, str):
            reference = replace(opened[0], name=entry.name)
            pair = compare_artifacts(reference, artifact, (opened[1], mark), effort, total, on_step)
            return _Candidate(entry, pair.counts, pair.conclusion, pair.evidence, True, pair.findings)
        gap = opened
    except ForebearError as error:
        gap = error.message
    notes.append(Untested(f"rows of {entry.name}", f"{gap}; its stored code was used"))
    return candidate


def _first_findings(found: list[_Candidate]) -> tuple[Finding, ...]:
    """What stands about the best of the ancestors."""
    return found[0].findings if found else ()


def _coverage(
    artifact: Artifact,
    mark: Fingerprint,
    found: list[_Candidate],
    tested: int,
    total: int,
    notes: list[Untested],
    effort: str,
    fetched: tuple[str, ...],
) -> Coverage:
    done = [*fetched]
    done += [f"sign-code/1: {mark.code.n:,} coins against {tested:,} of {total:,} references"] if tested else []
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
    if not any(c.findings for c in found):
        missing.append(
            Untested(DISGUISE, "only references that were opened were compared with coordinates put together")
        )
    missing.append(Untested("licence duties and origin", "not part of this version"))
    missing += [Untested("one of its files", p) for p in artifact.problems]
    missing += [Untested("how it was read", n) for n in artifact.notes]
    missing += odd_tokens(artifact)
    return Coverage(tuple(done), tuple(missing))


def _why(
    artifact: Artifact,
    mark: Fingerprint,
    found: list[_Candidate],
    doubtful: _Candidate | None,
    itself: str,
    tested: int,
    total: int,
    effort: str,
) -> str:
    if itself:
        return f"This model is itself the reference {itself}."
    if found:
        return found[0].conclusion.why
    if doubtful is not None:
        return f"{doubtful.entry.name}: {doubtful.conclusion.why}"
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
