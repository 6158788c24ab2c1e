"""Decisions of policies for people: one model, many, tests of a policy, packs, and the questionnaire."""

from __future__ import annotations

import csv
import io
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from rich.padding import Padding

from forebear.policy.answer import Decision, PolicyAnswer, PolicyFinding, Severity
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.page import words as page_words
from forebear.report.subject import Subject
from forebear.types import Claim, Finding, Level, counted

if TYPE_CHECKING:
    from rich.console import Console

    from forebear.inspect.policy import PolicySet
    from forebear.policy.examples import Tested
    from forebear.policy.questions import Question
    from forebear.policy.rules import Policy

STYLE = {Decision.PASS: "bold green", Decision.DENY: "bold red", Decision.INCONCLUSIVE: "bold yellow"}
LEVEL = {Severity.ERROR: "bold red", Severity.REVIEW: "bold yellow", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
LEVELS = {
    Severity.ERROR: Level.ERROR,
    Severity.REVIEW: Level.WARNING,
    Severity.WARNING: Level.WARNING,
    Severity.NOTE: Level.NOTE,
}
MOST = 20
"""Findings and gaps that a table has room for."""


def show(console: Console, answer: PolicyAnswer, quiet: bool = False, verbose: bool = False) -> None:
    """A decision."""
    title = words.text(answer.model, style="bold")
    title.append(f"  {words.clean(answer.policy.title or answer.policy.name)}", style="dim")
    console.print(title)
    decided = f"{answer.decision.value}: {page_words.DECISIONS[answer.decision][1]} {answer.why}"
    console.print(words.text(decided, style=STYLE[answer.decision]))
    findings = _once(answer.findings)
    shown = findings if verbose else findings[:MOST]
    for finding in shown:
        console.print()
        head = words.text(f"{_severity(finding)} ", style=LEVEL[finding.severity])
        head.append(words.clean(f"{finding.rule}  {page_words.plain(finding.message)}"), style="default")
        console.print(Padding(head, (0, 2, 0, 2)))
        if not quiet:
            for line in _details(finding, verbose):
                console.print(Padding(words.text(line, style="dim"), (0, 2, 0, 4)))
    if more := len(findings) - len(shown):
        console.print(words.text(f"\n  … and {more:,} more findings (--verbose)"))
    for waived in answer.waived:
        line = f"  waived   {waived.finding.rule} by {waived.owner} until {waived.expires}: {waived.reason}"
        console.print(words.text(line))
    if answer.not_checked and not quiet:
        console.print(words.text("\nWhat was not checked", style="bold"))
        for line in answer.not_checked if verbose else answer.not_checked[:MOST]:
            console.print(Padding(words.text(line), (0, 2, 0, 2)))
    if answer.questions and not quiet:
        asked = f"\nAsk the vendor: {', '.join(answer.questions)} (forebear policy questions)"
        console.print(words.text(asked))


def _once(findings: Sequence[PolicyFinding]) -> list[PolicyFinding]:
    """Findings, of those that say the same of several ways from one ancestor the first."""
    return list({(f.rule, f.severity, f.message, f.unknown): f for f in reversed(findings)}.values())[::-1]


def _severity(finding: PolicyFinding) -> str:
    return f"{finding.severity.value}, open" if finding.unknown else finding.severity.value


def _details(finding: PolicyFinding, verbose: bool) -> Iterator[str]:
    yield from (e for e in finding.evidence[: None if verbose else 3] if e not in finding.message)
    if finding.clears:
        yield f"What clears it: {finding.clears}"
    if finding.cites:
        yield f"Cites: {'; '.join(finding.cites)}"
    if finding.not_decided and verbose:
        yield f"It does not decide: {finding.not_decided}"


def markdown(answer: PolicyAnswer) -> str:
    """A decision, whole."""
    policy = answer.policy
    out = [
        f"# {escape(answer.model)}",
        "",
        f"**{answer.decision.value}** ({escape(policy.title or policy.name)}). {escape(answer.why)}",
        "",
    ]
    if answer.findings:
        out += ["| rule | severity | what | what clears it |", "| --- | --- | --- | --- |"]
        out += [
            f"| {escape(f.rule)} | {_severity(f)} | {escape(f.message)} | {escape(f.clears)} |" for f in answer.findings
        ]
        out.append("")
    for waived in answer.waived:
        said = f"{waived.finding.rule}, by {waived.owner}, until {waived.expires}: {waived.reason}"
        out += [f"Waived: {escape(said)}", ""]
    if answer.not_checked:
        out += ["## What was not checked", "", *(f"- {escape(n)}" for n in answer.not_checked), ""]
    if answer.questions:
        out += [f"Ask the vendor: {', '.join(answer.questions)}.", ""]
    out.append(f"Policy {policy.name}, version {policy.version}, SHA-256 {policy.digest}. No legal advice.")
    return "\n".join(out) + "\n"


def show_set(console: Console, found: PolicySet, quiet: bool = False) -> None:
    """Decisions on many documents, a row each, by their places below the folder that they share."""
    top = _shared([row.path for row in found.rows])
    if top and not quiet:
        console.print(words.text(f"{found.policy.title or found.policy.name}, below {top}", style="bold"))
    for row in found.rows if not quiet else ():
        word = row.decision.value if row.decision else "unread"
        line = words.text(f"{word:<13}", style=STYLE[row.decision] if row.decision else "red")
        place = os.path.relpath(row.path, top) if top else row.path
        said = row.problem.removeprefix(f"{row.path}: ") or "  ".join((row.model, ", ".join(row.rules[:8]))).rstrip()
        fits = len(place) + len(said) + 15 <= console.width and not row.problem
        line.append(words.clean(f"{place}  {said}" if fits else place))
        console.print(line, soft_wrap=True, crop=False, overflow="ignore")
        if not fits:
            console.print(Padding(words.text(said), (0, 2, 0, 13)))
    counts = ", ".join(f"{n:,} {word}" for word, n in found.counts.items() if n)
    many = counted(found.documents, "document")
    if len(found.rows) != found.documents:
        many = f"{counted(len(found.rows), 'model')} in {many}"
    console.print(words.text(f"{many}: {counts or 'none'}"))
    if found.skipped:
        console.print(words.text(f"{len(found.skipped):,} JSON files are no results and no bills of materials"))


def _shared(paths: Sequence[str]) -> str:
    """The folder that all documents lie in, "" where it is no shorter to leave it out."""
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths]) if len(paths) > 1 else ""
    except ValueError:  # some are absolute, others not
        return ""
    return folder


def markdown_set(found: PolicySet) -> str:
    """The same as a Markdown table."""
    out = [f"# {escape(found.policy.title or found.policy.name)}", ""]
    out += ["| document | model | decision | rules |", "| --- | --- | --- | --- |"]
    for row in found.rows:
        cells = (
            row.path,
            row.model,
            row.decision.value if row.decision else row.problem.removeprefix(f"{row.path}: "),
            ", ".join(row.rules),
        )
        out.append(f"| {' | '.join(escape(c) for c in cells)} |")
    return "\n".join(out) + "\n"


def subject(answer: PolicyAnswer, path: str) -> Subject:
    """A decision for SARIF and JUnit: a finding per rule; open facts are no failure but leave it undecided."""
    findings = tuple(
        Finding(
            f"policy/{f.rule}",
            Level.WARNING if f.unknown else LEVELS[f.severity],
            page_words.plain(f.message),
            f.evidence,
            f.clears,
        )
        for f in _once(answer.findings)
    )
    undecided = answer.why if answer.decision is Decision.INCONCLUSIVE else ""
    facts = {"policy": answer.policy.name, "decision": answer.decision.value, "digest": answer.policy.digest}
    return Subject(answer.model, path, path, findings, answer.problems, undecided=undecided, properties=facts)


def subjects(found: PolicySet) -> Iterator[Subject]:
    """Decisions on many documents for SARIF and JUnit; several models of one are told apart by their names."""
    models = Counter(row.path for row in found.rows)
    for row in found.rows:
        level = Level.ERROR if row.decision is Decision.DENY else Level.WARNING
        findings = (Finding(f"policy/{row.decision.value}", level, row.why),) if row.rules and row.decision else ()
        undecided = row.why if row.decision is Decision.INCONCLUSIVE else ""
        problems = (row.problem,) if row.problem else ()
        name, place = posixpath.basename(row.path), row.path
        if models[row.path] > 1:
            name, place = f"{name}: {row.model}", f"{row.path}/{quote(row.model, safe='')}"
        yield Subject(name, place, row.path, findings, problems, undecided=undecided)


def show_tested(console: Console, tested: Tested) -> None:
    """A policy's examples, and what they do not show."""
    for example in tested.examples:
        console.print(words.text(f"  {'wrong' if example.wrong else 'ok':<6} {example.policy}: {example.name}"))
        for line in example.wrong:
            console.print(words.text(f"         {line}", style="red"))
    wrong = sum(bool(e.wrong) for e in tested.examples)
    console.print(words.text(f"{len(tested.examples)} examples, {wrong} wrong; {tested.policy.rules} rules"))
    for line in tested.uncovered:
        console.print(words.text(f"  no example shows {line}", style="yellow"))


def show_packs(console: Console, policies: Sequence[Policy]) -> None:
    """Every pack in a line."""
    for policy in policies:
        line = words.text(f"{policy.ref.name:<18}", style="bold")
        line.append(words.clean(f"{policy.ref.rules:>3} rules  {policy.ref.title}: for {policy.audience}"))
        console.print(line)


def show_policy(console: Console, policy: Policy, verbose: bool = False) -> None:
    """A policy's rules."""
    console.print(words.text(f"{policy.ref.title} (version {policy.ref.version})", style="bold"))
    console.print(words.text(f"For {policy.audience}. {policy.notice}"))
    for rule, on in [*((r, True) for r in policy.rules), *((r, False) for r in policy.off)]:
        head = words.text(f"\n{rule.id:<9}{rule.severity.value:<8}", style=LEVEL[rule.severity])
        head.append(words.clean(f" {rule.title}{'' if on else '  (switched off)'}"), style="default")
        console.print(head)
        console.print(Padding(words.text(_spoken(rule.message)), (0, 2, 0, 2)))
        more = {"cites": ", ".join(rule.cites), "does not decide": rule.not_decided}
        for name, said in {**({"clears": rule.clears} if verbose else {}), **more}.items():
            if said:
                console.print(Padding(words.text(f"{name}: {said}", style="dim"), (0, 2, 0, 2)))


def _spoken(message: str) -> str:
    """A rule's sentence before it is about anything: what is filled in stands in brackets, by its name."""
    names = {"model.name": "the model", "item.name": "the ancestor", "item.ancestor": "the ancestor"}
    said = re.sub(r"\{([^{}]*)\}", lambda m: f"[{names.get(m[1], m[1].rpartition('.')[2].replace('_', ' '))}]", message)
    return page_words.plain(said)


def markdown_policy(policy: Policy) -> str:
    """A policy's rules as Markdown."""
    out = [f"# {escape(policy.ref.title)}", "", escape(policy.notice), ""]
    out += ["| rule | severity | what | cites | does not decide |", "| --- | --- | --- | --- | --- |"]
    for r in policy.rules:
        cells = (r.id, r.severity.value, r.title, ", ".join(r.cites), r.not_decided)
        out.append(f"| {' | '.join(escape(c) for c in cells)} |")
    return "\n".join(out) + "\n"


def markdown_questions(asked: Iterable[Question]) -> str:
    """The questionnaire to send."""
    out = ["# What the model was made from", "", "Please answer each question; write *not told* where you do not.", ""]
    for q in asked:
        out += [f"## {q.id}: {q.topic}", "", escape(q.text), ""]
        out += [
            f"*What it is for:* {escape(q.why)}",
            "",
            f"*A good answer:* {escape(q.good)}",
            "",
            "Answer:",
            "",
        ]
    return "\n".join(out)


def yaml_questions(asked: Iterable[Question]) -> str:
    """The questionnaire as YAML to fill in; ``policy questions --answers`` reads it back."""
    out = ["# Answers to the disclosure questionnaire. Fill in what you tell; leave the rest empty.", "answers:"]
    for q in asked:
        out += [f"  # {line}" for line in _wrapped(f"{q.text} For example: {q.good}")]
        out += [f"  {q.id}:", *(f"    {name}:  # {kind.value}" for name, kind in q.fields.items())]
    return "\n".join(out) + "\n"


def csv_questions(asked: Iterable[Question]) -> str:
    """The questionnaire as a table to fill in, a row per field of an answer."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "field", "kind", "question", "answer"])
    for q in asked:
        for n, (name, kind) in enumerate(q.fields.items()):
            writer.writerow([q.id, name, kind.value, q.text if n == 0 else "", ""])
    return buffer.getvalue()


def show_claims(console: Console, claims: Sequence[Claim], open_: Sequence[str]) -> None:
    """Answers held against evidence."""
    style = {"confirmed": "green", "contradicted": "bold red", "unverified": "yellow"}
    for claim in claims:
        line = words.text(f"{claim.status:<13}", style=style[claim.status])
        line.append(words.clean(f"{claim.claim}: {claim.why}"))
        console.print(line)
    if open_:
        console.print(words.text(f"Not answered: {', '.join(open_)}"))


def _wrapped(text: str, width: int = 110) -> list[str]:
    import textwrap

    return textwrap.wrap(words.clean(text), width)
