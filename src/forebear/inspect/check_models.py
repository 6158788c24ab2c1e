"""What is known of one model that a repository names or holds, and what follows for a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from forebear.catalogue.names import decode
from forebear.errors import ForebearError
from forebear.index import Index
from forebear.inspect.consequences import Consequences, follow, follow_document
from forebear.inspect.licence import Lineage
from forebear.inspect.policy import Loaded, answer_on
from forebear.inspect.scan import scan
from forebear.inspect.scan_set import Row
from forebear.licences.organisation import Organisation
from forebear.lineage.chains.called import called, maker_of
from forebear.mentions import Kind, Mention, Surety
from forebear.policy.answer import Decision, PolicyAnswer, Severity
from forebear.types import Finding, Json, Level

LEVELS = {
    Severity.ERROR: Level.ERROR,
    Severity.REVIEW: Level.WARNING,
    Severity.WARNING: Level.WARNING,
    Severity.NOTE: Level.NOTE,
}


NAMES = (Kind.HUB, Kind.OLLAMA, Kind.NAME)
"""Kinds that are looked up by what they are called."""


@dataclass(frozen=True)
class Ancestor:
    """A step of what is known of a model's descent: the ancestor, how, and how that is known."""

    name: str
    kind: str
    standing: str


@dataclass(frozen=True)
class Checked:
    """A model that a repository names or holds.

    Attributes:
        name: as it is named first, or the path of its weights.
        kind: what the name leads to.
        surety: of the surest mention; ``certain`` for weights that lie there.
        mentions: every place.
        source: what is known of it comes from: ``scan`` (its weights), ``hub`` (its headers and papers there),
            ``index``, ``catalogue``, or ``name`` (nothing but the name).
        counts: its findings and decision count for the exit code; not so where only tests, examples and documents
            name it.
        path, about: of weights in the repository, "" for others; the file that findings point to.
        family: as the grammar of names reads the name, "" for none that is known.
        model, developer: in the catalogue, "" where it is not there.
        maker: who makes the model of that name, in words, "" where the name does not say.
        licences: of the model itself, by its papers or by the catalogue.
        controlled_from: countries, of the model and its established ancestors.
        ancestors: as of the chain.
        verdict, closest: of a scan, None and "" otherwise.
        findings: of the scan, of licences, of origin, of the places, of the policy (``policy/RULE``).
        decision, why: of the policy, None and "" where none was asked.
        problems: what could not be read.
        waived: fingerprints of findings that the baseline knows.
    """

    name: str
    kind: Kind
    surety: Surety
    mentions: tuple[Mention, ...]
    source: str
    counts: bool = True
    path: str = ""
    about: str = ""
    family: str = ""
    model: str = ""
    developer: str = ""
    maker: str = ""
    licences: tuple[str, ...] = ()
    controlled_from: tuple[str, ...] = ()
    ancestors: tuple[Ancestor, ...] = ()
    verdict: str | None = None
    closest: str = ""
    findings: tuple[Finding, ...] = ()
    decision: Decision | None = None
    why: str = ""
    problems: tuple[str, ...] = ()
    waived: frozenset[str] = field(default_factory=frozenset)
    seconds: float = 0.0


@dataclass(frozen=True)
class Known:
    """What models are looked up in and decided by.

    Attributes:
        root: the repository.
        index: references.
        loaded: the policy, None where no decision is asked for.
        hub: whether headers of models on the hub are read.
        effort: of those scans.
    """

    root: str
    index: Index
    loaded: Loaded | None
    hub: bool = False
    effort: str = "quick"


def checked_scans(row: Row, document: Json | None, mentions: tuple[Mention, ...], known: Known) -> Iterator[Checked]:
    """A model whose weights lie in the repository."""
    problems = tuple(f"{row.path}: {problem}" for problem in row.problems)
    base = Checked(
        row.path, Kind.FILE, Surety.CERTAIN, mentions, "scan", path=row.path, about=row.about, problems=problems
    )
    if document is None:
        yield base
        return
    try:
        yield _with(base, follow_document(document, _organisation(known), known.index), known, row)
    except ForebearError as error:
        yield _also(base, str(error))


def checked_names(
    groups: Sequence[tuple[Mention, ...]], known: Known, on_step: Callable[[str], None]
) -> Iterator[Checked]:
    """Models that are only named: looked up, or read where they lie if that is wanted."""
    for number, mentions in enumerate(groups, 1):
        if number % 100 == 1 or known.hub:
            on_step(f"looking up {number} of {len(groups)} names")
        for asked in _by_revision(mentions) if known.hub and mentions[0].kind is Kind.HUB else (mentions,):
            yield _named(asked, known)


def _by_revision(mentions: tuple[Mention, ...]) -> Iterator[tuple[Mention, ...]]:
    """Mentions of one commit, tag or branch together: what is read of one says nothing of another."""
    for revision in dict.fromkeys(m.revision for m in mentions):
        yield tuple(m for m in mentions if m.revision == revision)


def _named(mentions: tuple[Mention, ...], known: Known) -> Checked:
    first = mentions[0]
    surety = max((m.surety for m in mentions), key=lambda s: s.rank)
    known_as = decode(first.model, named=True) if first.kind in NAMES else None
    family = known_as.family or "" if known_as is not None else ""
    maker = maker_of(first.model) if first.kind in NAMES else ""
    base = Checked(first.model, first.kind, surety, mentions, "name", family=family, maker=maker)
    if first.kind not in NAMES:
        return base
    revisions = {m.revision for m in mentions}
    revision = revisions.pop() if len(revisions) == 1 else ""
    try:
        if first.kind is Kind.HUB and known.hub:
            return _on_hub(base, revision, known)
        document = {"model": {"name": first.model, "target": None, "digest": None}, "claims": []}
        found = follow(Lineage(document, called(first.model, revision)), _organisation(known))
        return _with(base, found, known)
    except ForebearError as error:
        return _also(base, str(error))


def _on_hub(base: Checked, revision: str, known: Known) -> Checked:
    """A model of the hub by its headers and papers; what cannot be read there is still looked up by its name."""
    target = f"hf:{base.name}" + (f"@{revision}" if revision else "")
    try:
        result = scan(target, known.index, known.effort, fetch=False)
    except ForebearError as error:
        looked_up = _named(base.mentions, Known(known.root, known.index, known.loaded))
        return _also(looked_up, str(error))
    found = follow_document(result.to_json(), _organisation(known), known.index)
    read = replace(base, source="hub", problems=result.problems)
    return _with(read, found, known, verdict=result.verdict.value)


def _organisation(known: Known) -> Organisation | None:
    return known.loaded.organisation if known.loaded is not None else None


def _also(base: Checked, problem: str) -> Checked:
    return replace(base, problems=(*base.problems, problem))


def _with(
    base: Checked, found: Consequences, known: Known, row: Row | None = None, verdict: str | None = None
) -> Checked:
    """The model with what follows from its lineage, and the decision on it."""
    chain = found.chain
    own = (*found.licence.findings, *found.origin.findings)
    source = base.source
    if source == "name":
        entry = known.index.get(base.name) if base.kind is Kind.HUB else None
        catalogued = bool(chain.subject.model or chain.subject.developer or chain.subject.candidates or chain.edges)
        source = "index" if entry is not None else "catalogue" if catalogued else "name"
    answer = answer_on(found, known.loaded) if known.loaded is not None else None
    scanned = row.findings if row is not None else ()
    return replace(
        base,
        source=source,
        model=chain.subject.model,
        developer=chain.subject.developer,
        licences=_licences(found),
        controlled_from=found.origin.controlled_from,
        ancestors=tuple(
            Ancestor(e.parent, e.kind.value, e.standing.value) for e in chain.edges if e.child == chain.subject.name
        ),
        verdict=row.verdict.value if row is not None and row.verdict else verdict,
        closest=row.closest if row is not None else "",
        findings=(*scanned, *_new(own, scanned), *(_ruled(answer) if answer else ())),
        decision=answer.decision if answer else None,
        why=answer.why if answer else "",
        problems=tuple(dict.fromkeys((*base.problems, *found.problems))),
        seconds=row.seconds if row is not None else 0.0,
    )


def _licences(found: Consequences) -> tuple[str, ...]:
    said = [d.licence or d.value for d in found.licence.declared if not d.component]
    said = said or [d.licence for d in found.licence.detected if d.licence and d.exact]
    return tuple(dict.fromkeys(said or found.chain.subject.licences))


def _new(findings: Sequence[Finding], before: Sequence[Finding]) -> Iterator[Finding]:
    """Findings that are not among those of the scan already."""
    seen = {(f.id, f.message) for f in before}
    return (f for f in findings if (f.id, f.message) not in seen)


def _ruled(answer: PolicyAnswer) -> Iterator[Finding]:
    """A finding per rule that holds; facts that are not known leave the decision open and are no failure."""
    seen = set[tuple[str, str]]()
    for f in answer.findings:
        if (f.rule, f.subject) in seen:
            continue
        seen.add((f.rule, f.subject))
        level = Level.NOTE if f.unknown else LEVELS[f.severity]
        yield Finding(f"policy/{f.rule}", level, f.message, f.evidence, f.clears)
