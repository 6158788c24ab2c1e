"""The answer of a document in a word, a colour and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from forebear.bom.verification import Outcome
from forebear.catalogue import verdict_text
from forebear.errors import one_line
from forebear.policy.answer import Decision
from forebear.report.bom_verify import HEADLINE
from forebear.report.html.saved import Saved, count, line, number, objects, part, text
from forebear.report.page import words as page_words
from forebear.types import Verdict, counted

_WORDS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        Verdict.IDENTICAL: ("Identical", "related"),
        Verdict.DERIVED: ("Derived", "related"),
        Verdict.DEPENDENT: ("Related", "related"),
        Verdict.SIBLINGS: ("Siblings", "related"),
        Verdict.MERGE: ("Merged", "related"),
        Verdict.SAME_INIT_OR_DERIVED: ("Related", "related"),
        Verdict.COMPONENT_SHARED: ("In part", "related"),
        Verdict.SAME_ARCHITECTURE: ("Not established", "inconclusive"),
        Verdict.SAME_TOKENIZER: ("Not established", "inconclusive"),
        Verdict.UNRELATED: ("Independent", "pass"),
        Verdict.INCONCLUSIVE: ("Not settled", "inconclusive"),
        Verdict.INDEXED: ("In the index", "neutral"),
        Verdict.NO_INDEXED_ANCESTOR: ("None found", "inconclusive"),
    }
)
"""Word and colour of a verdict. The sentence beside it says more, and no word says more than the verdict."""


@dataclass(frozen=True)
class Answer:
    """The head of a page.

    Attributes:
        title: what the document is about.
        word, tone: the answer in a word, and the class that colours it.
        sentence: the answer.
    """

    title: str
    word: str
    tone: str
    sentence: str


def answer(saved: Saved) -> Answer:
    """The head of the page of a document."""
    return _ANSWERS[saved.kind](saved.document)


def verdict_words(value: str) -> tuple[str, str]:
    """Word and tone of a verdict's identifier; of an unknown one itself, without a colour."""
    try:
        return _WORDS[Verdict(value)]
    except ValueError:
        return one_line(value, 40) or "unreadable", "inconclusive"


def headline(value: str, name: str = "") -> str:
    """The sentence of a verdict, with the other model's name where the two are related."""
    try:
        verdict = Verdict(value)
    except ValueError:
        return ""
    said = verdict_text(verdict).headline
    return f"{said}: {one_line(name, 120)}." if name and verdict.related else f"{said}."


def _scan(document: Mapping[str, Any]) -> Answer:
    found = objects(document, "ancestors")
    verdict = text(document, "verdict")
    name = text(found[0], "name") if found and verdict != Verdict.INDEXED else ""
    word, tone = verdict_words(verdict)
    sentence = f"{headline(verdict, name)} {line(document, 'why')}".strip()
    return Answer(text(part(document, "model"), "name"), word, tone, sentence)


def _compare(document: Mapping[str, Any]) -> Answer:
    a, b = (text(part(document, key), "name") for key in ("a", "b"))
    word, tone = verdict_words(text(document, "verdict"))
    title = f"{one_line(b, 120)} against {one_line(a, 120)}"
    return Answer(title, word, tone, f"{headline(text(document, 'verdict'))} {line(document, 'why')}".strip())


def _tree(document: Mapping[str, Any]) -> Answer:
    members = [m for m in objects(document, "members") if not m.get("ghost")]
    unread = sum(bool(m.get("problem")) for m in members)
    edges = objects(document, "edges")
    directed = sum(text(e, "direction") == "a_to_b" for e in edges)
    groups = {g for m in members if (g := number(m, "group")) is not None}
    if not edges:
        return Answer("Family tree", "No relatives", "inconclusive", f"No two of {len(members):,} models are related.")
    told = (
        f"{counted(len(members) - unread, 'model')} in {counted(len(groups), 'group')}"
        f"{' without a relation between them' if len(groups) > 1 else ''}; "
        f"{counted(len(edges), 'relation')}, {directed:,} with a direction."
    )
    if unread:
        told += f" {unread:,} could not be read."
    return Answer("Family tree", "Related", "related", told)


def _policy(document: Mapping[str, Any]) -> Answer:
    word, tone, sentence = decision_words(text(document, "decision"))
    policy = part(document, "policy")
    said = f"{sentence} {line(document, 'why')} By {line(policy, 'title', 120) or line(policy, 'name', 120)}."
    return Answer(text(document, "model"), word, tone, said)


def decision_words(value: str) -> tuple[str, str, str]:
    """Word, tone and sentence of a decision; an unknown one is none."""
    try:
        decision = Decision(value)
    except ValueError:
        decision = Decision.INCONCLUSIVE
    word, sentence = page_words.DECISIONS[decision]
    return word, decision.value, sentence


def outcome_words(value: str) -> tuple[str, str, str]:
    """Word, tone and sentence of what became of a bill of materials; an unknown one is not settled."""
    try:
        outcome = Outcome(value)
    except ValueError:
        outcome = Outcome.INCONCLUSIVE
    words = {Outcome.VERIFIED: ("Verified", "pass"), Outcome.FAILED: ("Does not verify", "deny")}
    return *words.get(outcome, ("Not settled", "inconclusive")), HEADLINE[outcome]


def _bill(document: Mapping[str, Any]) -> Answer:
    word, tone, sentence = outcome_words(text(document, "verdict"))
    title = text(document, "model") or text(document, "bom")
    return Answer(title, word, tone, f"{sentence}. {line(document, 'why')}".strip())


def _bills(document: Mapping[str, Any]) -> Answer:
    counts = part(document, "counts")
    verified, failed, open_ = (count(counts, key) for key in ("verified", "failed", "inconclusive"))
    unread = sum(not part(one, "result") for one in objects(document, "bills"))
    value = Outcome.FAILED if failed else Outcome.INCONCLUSIVE if open_ or unread or not verified else Outcome.VERIFIED
    word, tone, _ = outcome_words(value)
    told = f"Bills: {verified:,} verified, {failed:,} failed, {open_:,} not settled, {unread:,} not readable."
    return Answer(f"Bills of materials below {one_line(text(document, 'folder'), 160)}", word, tone, told)


def _licence(document: Mapping[str, Any]) -> Answer:
    duties = objects(document, "duties")
    unmet, depends, met = (
        sum(text(d, "status") == status for d in duties) for status in ("unmet", "conditional", "met")
    )
    word, tone = ("Not met", "deny") if unmet else ("Depends", "inconclusive") if depends else ("Met", "pass")
    conflicts = len(objects(document, "conflicts"))
    if conflicts and not unmet:
        word, tone = "Conflict", "inconclusive"
    if not duties and not conflicts:
        said, word, tone = "No duty was found; that is no proof that there is none.", "None found", "inconclusive"
    else:
        said = f"Duties: {unmet:,} not met, {depends:,} dependent on facts that were not given, {met:,} met."
    more = f" Conflicts between licences: {conflicts:,}." if conflicts else ""
    return Answer(text(document, "model"), word, tone, said + more)


def _set(document: Mapping[str, Any]) -> Answer:
    summary = part(document, "summary")
    done, related, unread = (count(summary, key) for key in ("done", "related", "unreadable"))
    levels = part(summary, "findings")
    found = ", ".join(f"{count(levels, k):,} {k}{'s' if count(levels, k) != 1 else ''}" for k in _LEVELS)
    said = f"{related:,} of {done:,} models are related to a reference; findings: {found}."
    if unread:
        said += f" {unread:,} could not be read."
    if document.get("complete") is False:
        said += f" The run was cut off: {count(summary, 'found'):,} models were found."
    word, tone = ("Related", "related") if related else ("None found", "inconclusive")
    if count(levels, "error"):
        word, tone = "Errors found", "deny"
    return Answer(f"Models below {one_line(text(document, 'target'), 160)}", word, tone, said)


_LEVELS = ("error", "warning", "note")


def _policies(document: Mapping[str, Any]) -> Answer:
    counts, policy = part(document, "counts"), part(document, "policy")
    denied, open_, passed, unread = (count(counts, k) for k in ("deny", "inconclusive", "pass", "unread"))
    word, tone = ("No", "deny") if denied else ("Not decided", "inconclusive") if open_ or unread else ("Pass", "pass")
    told = f"Documents: {denied:,} denied, {open_:,} not decided, {passed:,} passed, {unread:,} not readable."
    return Answer(line(policy, "title", 160) or line(policy, "name", 160), word, tone, told)


def _demo(document: Mapping[str, Any]) -> Answer:
    cases = [part(c, "scan") for c in objects(document, "cases")]
    related = sum(c.get("related") is True for c in cases)
    told = f"{related:,} of {len(cases):,} models are related to {one_line(text(document, 'reference'), 80)}."
    return Answer("Forebear's demonstration", "Related" if related else "None found", "related", told)


_ANSWERS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = MappingProxyType(
    {
        "scan": _scan,
        "compare": _compare,
        "tree": _tree,
        "policy check": _policy,
        "bom verify": _bill,
        "bom verify -r": _bills,
        "licence": _licence,
        "scan -r": _set,
        "policy check -r": _policies,
        "demo": _demo,
    }
)
