"""What a policy says: rules that hold, rules that cannot be told, what somebody answers for, what to ask next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.policy.answer import Decision, PolicyAnswer, PolicyFinding, PolicyRef, Severity, Waived
from forebear.report.html.blocks import listing, paragraph
from forebear.report.html.saved import Saved, count, line, objects, part, text, texts
from forebear.report.html.verdict import decision_words
from forebear.report.markup import Html, element, joined
from forebear.report.page.html import table
from forebear.report.page.rules import decided, waived


def decision(saved: Saved) -> Html | None:
    """The decision with its reasons; None where none was asked for."""
    found = saved.policy
    return joined(_pieces(saved, found), "\n") if found else None


def _pieces(saved: Saved, found: Mapping[str, Any]) -> Iterator[Html]:
    word, tone, sentence = decision_words(text(found, "decision"))
    if saved.kind != "policy check":  # there it is the answer of the page
        said = element("span", f"{sentence} {line(found, 'why')}")
        yield element("p", element("strong", word, class_="word"), " ", said, class_=f"answer {tone}")
    answer = answer_of(found, text(found, "model") or text(part(saved.document, "model"), "name"))
    for part_ in (decided(answer), waived(answer)):
        if part_ is None:
            continue
        if part_.lines:
            yield paragraph(*part_.lines)
        yield from (table(each, shown=len(part_.tables) > 1) for each in part_.tables)
        if items := listing(part_.items):
            yield items
    if questions := texts(found, "questions", 60):
        yield paragraph(f"What to ask the vendor next: {', '.join(questions[:12])} (forebear policy questions).")
    policy = answer.policy
    title = f" ({policy.title})" if policy.title else ""
    yield paragraph(f"Policy {policy.name}{title}, version {policy.version}, SHA-256 {policy.digest}.", kind="more")


def answer_of(found: Mapping[str, Any], model: str) -> PolicyAnswer:
    """A decision as it was written, as the page's own sections read it."""
    policy = part(found, "policy")
    try:
        decision = Decision(text(found, "decision"))
    except ValueError:
        decision = Decision.INCONCLUSIVE
    return PolicyAnswer(
        model,
        decision,
        line(found, "why"),
        PolicyRef(
            line(policy, "name", 120),
            line(policy, "version", 60),
            line(policy, "digest", 100),
            line(policy, "title", 160),
            count(policy, "rules"),
        ),
        findings=tuple(map(_finding, objects(found, "findings"))),
        waived=tuple(
            Waived(_finding(part(w, "finding")), line(w, "owner", 120), line(w, "reason"), line(w, "expires", 20))
            for w in objects(found, "waived")
        ),
    )


def _finding(of: Mapping[str, Any]) -> PolicyFinding:
    try:
        severity = Severity(text(of, "severity"))
    except ValueError:
        severity = Severity.ERROR
    return PolicyFinding(
        line(of, "rule", 60),
        severity,
        line(of, "message", 600),
        line(of, "title", 200),
        line(of, "subject", 200),
        texts(of, "unknown", 120),
        texts(of, "evidence"),
        line(of, "clears"),
        texts(of, "cites"),
        line(of, "not_decided"),
        line(of, "policy", 120),
    )
