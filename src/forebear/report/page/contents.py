"""What the page says: the decision, what it rests on, what follows, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from forebear.catalogue.countries import in_words
from forebear.catalogue.developers import developers
from forebear.catalogue.facts import Source, sources
from forebear.catalogue.licences import licences
from forebear.errors import one_line
from forebear.licences.answer import Duty, DutyStatus, LicenceAnswer
from forebear.lineage.chain import Chain, EdgeKind, Route, Standing
from forebear.origin.answer import Origin, Role
from forebear.origin.union import retrieved
from forebear.policy.answer import Decision, PolicyAnswer, Severity
from forebear.policy.unknown import in_words as asked_for
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Page, Section, Stop, Table
from forebear.report.page.countries import Notes, countries
from forebear.report.page.rules import decided, waived

MOST_WAYS, MOST_DUTIES, MOST_ITEMS, MOST_GAPS = 5, 10, 6, 12
"""What a page of paper has room for; the JSON document holds everything."""
MOST_OF_A_REASON = 400
"""Characters: what is longer loses its middle, which no sentence of a rule of ours should."""
MOST_EVIDENCE, MOST_REASONS, MOST_QUESTIONS = 3, 2, 4


@dataclass(frozen=True)
class Reproduction:
    """What somebody needs who wants to get the same page.

    Attributes:
        commands: as they were typed.
        version: of Forebear.
        created: when the decision was made, RFC 3339.
        digests: what was read, by name, each with its digest.
    """

    commands: tuple[str, ...] = ()
    version: str = ""
    created: str = ""
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Known:
    """What the words on a page are looked up in.

    Attributes:
        sources: by identifier, as in the catalogue.
        developers: names by identifier.
        questions: texts of the vendor's questionnaire, by identifier.
        licences: titles by identifier.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    developers: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_catalogue(cls, questions: Mapping[str, str]) -> Known:
        """What the catalogue and the user's overlay know, with the questions of the policies."""
        return cls(
            sources(),
            {name: d.name for name, d in developers().items()},
            questions,
            {name: licence.name for name, licence in licences().items()},
        )


def contents(
    answer: PolicyAnswer, chain: Chain, licence: LicenceAnswer, origin: Origin, known: Known, how: Reproduction
) -> Page:
    """The page of a decision.

    Args:
        answer: the decision.
        chain: the model and its ancestors, on which it rests.
        licence, origin: what follows from them.
        known: names, titles and texts for identifiers.
        how: how the page came about.
    """
    word, _ = words.DECISIONS[answer.decision]
    notes = Notes(known.sources)
    sections = (
        _grounds(chain),
        _ancestors(chain, known),
        _follows(licence, known, notes),
        countries(origin, notes, chain.access),
        decided(answer),
        waived(answer),
        _unchecked(answer, licence, chain),
        _questions(answer, known),
        _again(answer, how),
    )
    return Page(
        answer.model,
        answer.policy.title or answer.policy.name,
        answer.decision,
        word,
        f"{_answer(answer)} {_comes_from(chain, origin, known)}",
        tuple(s for s in (*sections, notes.section()) if s is not None),
        words.FOOT,
    )


def _answer(answer: PolicyAnswer) -> str:
    """The decision in one sentence, with the gravest reasons in words."""
    _, plain = words.DECISIONS[answer.decision]
    grave = Severity.ERROR if answer.decision is Decision.DENY else Severity.REVIEW
    holding = [f.message for f in answer.findings if f.severity is grave and not f.unknown]
    told = [one_line(words.plain(message, answer.model), MOST_OF_A_REASON) for message in holding]
    reasons = tuple(dict.fromkeys(told))[:MOST_REASONS]
    if answer.decision is Decision.INCONCLUSIVE and not reasons:
        missing = tuple(dict.fromkeys(asked_for(path) for f in answer.findings for path in f.unknown))
        return f"{plain} Not known: {words.joined(missing, 3)}." if missing else f"{plain} {answer.why}".strip()
    if answer.decision is Decision.PASS or not reasons:
        return f"{plain} {answer.why}".strip()
    return " ".join([plain, *reasons])


def _comes_from(chain: Chain, origin: Origin, known: Known) -> str:
    """The best known ancestor that somebody else made, how it is known, and where its makers work."""
    routes = [r for r in chain.best_routes().values() if r.weights]
    others = [r for r in routes if r.ancestor.developer and r.ancestor.developer != chain.subject.developer] or routes
    if not others:
        return "No ancestor is known."
    best = max(others, key=lambda r: (r.standing.rank, -len(r.edges)))  # of equals the first, which is the nearest
    maker = known.developers.get(best.ancestor.developer, "")
    sure = best.standing.established
    may = "comes from" if sure else "may come from"
    if all(edge.kind is EdgeKind.SAME_MODEL for edge in best.edges):
        may = "is" if sure else "may be"
    part = f"A part of it ({best.component})" if best.component else "It"
    who = f"{part} {may} {_name(best.ancestor.name)}" + (f" of {maker}" if maker else "")
    ties = next((a.ties for a in origin.ancestors if a.model == best.ancestor.name), ())
    work = {t.country for t in ties if t.role is Role.ENGINEERING and retrieved(t)}
    where = f", whose engineering is in {in_words(work)}" if work else ""
    return f"{who}{where} ({words.standing(best.standing, chain.access)})."


def _grounds(chain: Chain) -> Section:
    """What the decision rests on, and how sure that is."""
    told = list(dict.fromkeys(sentence for edge in chain.edges for sentence in edge.evidence))
    unsure = sum(edge.standing is Standing.POSSIBLE for edge in chain.edges)
    lines = [words.ACCESS[chain.access], words.PARENTS[chain.parent]]
    if not chain.edges:
        lines.append("No ancestor was found. That is no proof that there is none.")
    elif unsure == len(chain.edges):
        lines.append("Every ancestor below is a possibility; none is established.")
    items = [_sentence(t) for t in told[:MOST_EVIDENCE]] + [_sentence(n) for n in chain.notes[:MOST_EVIDENCE]]
    return Section("What this rests on", tuple(lines), items=tuple(items))


def _ancestors(chain: Chain, known: Known) -> Section | None:
    """The chain, a line for every way from an ancestor that has none above it."""
    routes = list(chain.routes())
    inner = {edge.child for edge in chain.edges}
    ways = [r for r in routes if r.ancestor.name not in inner] or routes
    if not ways:
        return None
    shown = sorted(ways, key=lambda r: -r.standing.rank)[:MOST_WAYS]
    more = (f"{len(ways) - MOST_WAYS} more ways are in the JSON document.",) if len(ways) > MOST_WAYS else ()
    return Section("Where the model comes from", more, tuple(tuple(_stops(chain, r, known)) for r in shown))


def _stops(chain: Chain, route: Route, known: Known) -> Iterator[Stop]:
    """The models of a way, from the ancestor down to the model in question."""
    for edge in reversed(route.edges):
        node = chain.node(edge.parent)
        own = edge.child == chain.subject.name
        named = own and edge.declared and edge.standing not in (Standing.DECLARED, Standing.CATALOGUED)
        standing = words.standing(edge.standing, chain.access) + ("; named by its papers" if named else "")
        if edge.contradicted:
            standing += "; its papers say otherwise"
        by = known.developers.get(node.developer, node.developer)
        yield Stop(_name(node.name), by, words.step(edge), standing, edge.standing.established)
    subject = chain.subject
    yield Stop(_name(subject.name), known.developers.get(subject.developer, subject.developer))


def _follows(licence: LicenceAnswer, known: Known, notes: Notes) -> Section:
    """Duties by urgency, and conflicts."""
    order = [DutyStatus.UNMET, DutyStatus.CONDITIONAL]
    urgent = [d for d in licence.duties if d.status in order]
    open_ = sorted(urgent, key=lambda d: (order.index(d.status), not d.text))  # exact words to show come first
    groups: dict[tuple[str, ...], list[Duty]] = {}
    for d in open_:
        groups.setdefault((d.kind, d.text, d.status.value, d.component, d.why), []).append(d)
    rows = [_duties(same, licence.model, known, notes) for same in list(groups.values())[:MOST_DUTIES]]
    asked = {words.duty(d.kind, d.text) for d in open_}
    met = dict.fromkeys(words.duty(d.kind, d.text) for d in licence.duties if d.status is DutyStatus.MET)
    done = tuple(said for said in met if said not in asked)
    lines = list(_licences(licence, known)) + ([] if open_ or done else ["No duty was found."])
    if done:
        lines.append(f"Met, or not asked for here: {words.joined(done, 6)}.")
    more = f"{len(groups) - MOST_DUTIES} more duties are in the JSON document." if len(groups) > MOST_DUTIES else ""
    table = Table("Duties", ("Duty", "Status", "Why", "From"), tuple(rows), more)
    conflicts = [
        f"{words.CONFLICTS.get(c.kind, c.kind)}: {_sentence(c.why)}"
        + ("" if c.standing.established else " This holds only if the descent is established.")
        for c in licence.conflicts[:MOST_ITEMS]
    ]
    return Section("What follows for licences", tuple(lines), tables=(table,) if rows else (), items=tuple(conflicts))


def _licences(licence: LicenceAnswer, known: Known) -> Iterator[str]:
    """What the model's own papers say about its licence."""
    said = (
        (one_line(known.licences.get(d.licence or "", d.value), 80), one_line(d.where, 60)) for d in licence.declared
    )
    stated = tuple(dict.fromkeys(f"{title} ({where})" for title, where in said))
    if stated:
        yield f"It states the licence {words.joined(stated)}."
    for found in licence.detected[:MOST_EVIDENCE]:
        title = one_line(found.name or found.id or "", 100)
        changed = sum(c.matters for c in found.changes)
        kept = f", with {changed} {'change' if changed == 1 else 'changes'} that matter" if changed else ""
        what = f"the text of {title}{kept}" if title else "no licence text that is known"
        yield f"{one_line(found.file, 60)} is {what}."


def _duties(same: Sequence[Duty], model: str, known: Known, notes: Notes) -> tuple[Cell, ...]:
    """One duty, of one ancestor or of several."""
    first = same[0]
    status = words.STATUSES[first.status]
    on = tuple(dict.fromkeys(words.plain(o, model) for d in same for o in d.on))
    if first.status is DutyStatus.CONDITIONAL and on:
        status += f" on {words.joined(tuple(one_line(o, 160) for o in on), 3)}"
    said = words.duty(first.kind, first.text) + (f" ({first.component})" if first.component else "")
    where = [
        f"{known.licences.get(d.licence, d.licence)}{f', clause {d.clause}' if d.clause else ''}, from "
        f"{_name(d.ancestor)}{notes.marks(d.sources)}"
        for d in same
    ]
    return (Cell(said), Cell(status, first.status.value), Cell(_sentence(first.why)), Cell("; ".join(where[:3])))


def _unchecked(answer: PolicyAnswer, licence: LicenceAnswer, chain: Chain) -> Section | None:
    """Gaps and what could not be read, each said once: not again what the grounds say, or another line in full."""
    gaps = [n for n in dict.fromkeys((*answer.not_checked, *licence.not_checked)) if n not in chain.notes]
    problems = [p for p in answer.problems if not any(p in gap for gap in gaps)]
    return _list("What was not checked", tuple(dict.fromkeys(map(_sentence, (*gaps, *problems)))))


def _questions(answer: PolicyAnswer, known: Known) -> Section | None:
    """The first questions as a vendor is asked, the others by their names."""
    asked = [f"{q}: {known.questions[q]}" if q in known.questions else q for q in answer.questions[:MOST_QUESTIONS]]
    if rest := answer.questions[MOST_QUESTIONS:]:
        asked.append(f"Also {words.joined(rest, 8)} (forebear policy questions).")
    return Section("What to ask the vendor next", items=tuple(asked)) if asked else None


def _list(title: str, items: Sequence[str]) -> Section | None:
    if not items:
        return None
    more = (f"… and {len(items) - MOST_GAPS} more in the JSON document.",) if len(items) > MOST_GAPS else ()
    return Section(title, items=(*items[:MOST_GAPS], *more))


def _again(answer: PolicyAnswer, how: Reproduction) -> Section:
    """How to get the same page."""
    policy = answer.policy
    rules = f", {policy.rules:,} rules" if policy.rules else ""
    lines = [f"Policy {policy.name}, version {policy.version}{rules}, SHA-256 {policy.digest}."]
    lines += [f"{one_line(name, 160)}: {one_line(digest, 200)}." for name, digest in how.digests]
    if how.version or how.created:
        lines.append(f"Made by Forebear {how.version} on {how.created}.")
    return Section("How to reproduce it", tuple(lines), commands=how.commands)


def _sentence(text: str) -> str:
    """A stranger's sentence in one bounded line with an end."""
    line = one_line(text, 400)
    return line if not line or line.endswith((".", "!", "?", "…", "”")) else f"{line}."


def _name(text: str) -> str:
    return one_line(text, 120)
