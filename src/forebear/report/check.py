"""A repository's models as text, as Markdown, and as subjects for the formats of machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console

from forebear.errors import one_line
from forebear.inspect.check_models import Checked
from forebear.inspect.check_result import NOT_ALL, UNDECIDED, Check, Unseen, fingerprint, new_findings
from forebear.mentions import Kind, Mention
from forebear.policy.answer import Decision
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.page import words as page_words
from forebear.report.subject import Place, Subject
from forebear.report.terminal import LEVEL
from forebear.types import Finding, Level, counted

FEW = 3
"""Findings and places of a model that are shown unless all is asked for."""
KINDS = {
    Kind.FILE: "weights",
    Kind.HUB: "hub",
    Kind.OLLAMA: "Ollama",
    Kind.PACKAGE: "package",
    Kind.NAME: "name",
}
_DECISIONS = {Decision.PASS: "green", Decision.DENY: "bold red", Decision.INCONCLUSIVE: "yellow"}


def show(console: Console, check: Check, quiet: bool = False, verbose: bool = False) -> None:
    """The answer at a terminal: the sum first, then a paragraph for each model that counts, the others in a line."""
    for number, line in enumerate(summary(check)):
        console.print(
            words.text(("  ● " if number == 0 else "    ") + line, "bold" if number == 0 else "dim"), soft_wrap=True
        )
    if quiet:
        return
    for model in check.models:
        if model.counts or verbose:
            _model(console, model, verbose)
    rest = [m for m in check.models if not m.counts]
    if rest and not verbose:
        console.print(words.text("\n  Named in tests, examples and documents only, and not decided on", "bold"))
        for model in rest:
            console.print(words.text(f"    {one_line(model.name)}  {_where(model)}", "dim"), soft_wrap=True)


def _model(console: Console, model: Checked, verbose: bool) -> None:
    console.print()
    line = words.text(f"  {one_line(model.name)}", "bold")
    line.append(f"  {KINDS[model.kind]}", "dim")
    if model.decision is not None:
        line.append(f"  {model.decision.value}", _DECISIONS[model.decision])
    if not model.counts:
        line.append("  not decided on", "dim")
    console.print(line, soft_wrap=True)
    for place in _places(model) if verbose else [_where(model)]:
        console.print(words.text(f"    {place}", "dim"), soft_wrap=True)
    if facts := one_line("; ".join(facts_of(model))):
        console.print(words.text(f"    {facts}"), soft_wrap=True)
    found = sorted(new_findings(model), key=lambda f: -f.level.rank)
    shown = found if verbose else [f for f in found if f.level is not Level.NOTE][:FEW]
    for finding in shown:
        line = words.text(f"    {finding.level} {finding.id}: ", LEVEL[finding.level])
        console.print(line.append_text(words.text(_said(finding), "default")), soft_wrap=True)
    if more := len(found) - len(shown):
        levels = Counter(f.level for f in found if f not in shown)
        told = ", ".join(counted(levels[level], level.value) for level in reversed(Level) if levels[level])
        console.print(words.text(f"    {told} more; -v shows {'it' if more == 1 else 'them'}", "dim"))
    for problem in model.problems:
        console.print(words.text(f"    could not be read: {one_line(problem)}", "bold red"), soft_wrap=True)


def _said(finding: Finding) -> str:
    """The sentence of a finding; of a rule's the duties by their words."""
    line = " ".join(finding.message.split())
    return page_words.plain(line) if finding.id.startswith("policy/") else line


def facts_of(model: Checked) -> Iterator[str]:
    """What is known of a model, in short phrases."""
    if model.source == "hub":
        yield f"read at {model.mentions[0].revision or 'its newest commit'}"
    if model.verdict is not None:
        yield model.verdict.replace("_", " ") + (f", nearest {model.closest}" if model.closest else "")
    if model.model or model.developer:
        yield " by ".join(filter(None, (model.model, model.developer)))
    elif model.family:
        yield f"by its name of the family {model.family}" + (f", made by {model.maker}" if model.maker else "")
    if model.licences:
        yield f"licence {', '.join(model.licences)}"
    if model.controlled_from:
        yield f"controlled from {', '.join(model.controlled_from)}"
    if model.ancestors:
        yield "from " + ", ".join(f"{a.name} ({a.kind.replace('_', ' ')}, {a.standing})" for a in model.ancestors[:FEW])
    if model.kind is Kind.PACKAGE and model.mentions:
        yield model.mentions[0].how.removeprefix("package: ")
    if model.kind is Kind.FILE and model.source == "name":
        yield "the file is not in the repository"


def _where(model: Checked) -> str:
    """The first place, and how many more there are."""
    places = _places(model)
    more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
    return f"{places[0]}{more}" if places else ""


def _places(model: Checked) -> list[str]:
    return [_place(m) for m in ordered(model)] or [one_line(model.about)]


def _place(mention: Mention) -> str:
    return one_line(f"{mention.path}:{mention.line} ({mention.how}, {mention.surety})")


def ordered(model: Checked) -> list[Mention]:
    """The mentions of a model, surest first, those that run before those that are shown."""
    roles = ("code", "example", "test", "docs")
    return sorted(model.mentions, key=lambda m: (roles.index(m.role.value), -m.surety.rank, m.path, m.line))


def summary(check: Check) -> tuple[str, ...]:
    """What it comes to, in a few lines."""
    levels = Counter(f.level for f in check.findings)
    found = [counted(levels[level], level.value) for level in reversed(Level) if levels[level]]
    deciding = sum(m.counts for m in check.models)
    first = f"{counted(deciding, 'model')} in {one_line(check.target)}"
    if check.policy is not None:
        decisions = Counter(m.decision for m in check.models if m.counts)
        told = [
            f"{decisions[d]} {d.value}" for d in (Decision.DENY, Decision.INCONCLUSIVE, Decision.PASS) if decisions[d]
        ]
        first += f": {', '.join(told) or 'nothing to decide'} by {check.policy.name}"
    lines = [first, f"findings: {', '.join(found) or 'none'}"]
    undecided = [m for m in check.models if m.decision is Decision.INCONCLUSIVE]
    known = [m for m in undecided if fingerprint(m, UNDECIDED) in m.waived]
    if still := sum(m.counts for m in undecided) - sum(m.counts for m in known):
        lines[-1] += f"; {counted(still, 'decision')} open"
    if before := check.known_before:
        lines[-1] += f"; {before:,} known from the baseline"
        lines[-1] += f", {len(known)} of them open decisions" if known else ""
    read = f"{check.read:,} of {counted(check.files, 'file')} read in {check.seconds:.1f} s"
    passed = [f"{check.ignored:,} ignored by git"] if check.ignored else []
    passed += [f"{counted(check.outside, 'link')} out of the repository not followed"] if check.outside else []
    passed += [f"{counted(len(check.skipped), 'file')} left out, as they use no model"] if check.skipped else []
    lines.append("; ".join((read, *passed)))
    if check.unnamed:
        places = ", ".join(one_line(f"{call.path}:{call.line}", 120) for call in check.unnamed[:FEW])
        more = f" and {len(check.unnamed) - FEW:,} more" if len(check.unnamed) > FEW else ""
        lines.append(f"{counted(len(check.unnamed), 'call')} whose model is not named there: {places}{more}")
    lines += (one_line(note, 400) for note in check.notes)
    files = [file for file in check.unseen if not file.known_before]
    lines += (f"not looked at: {one_line(file.finding.message, 400)}" for file in files[:FEW])
    if len(files) > FEW:
        lines.append(f"not looked at: {counted(len(files) - FEW, 'file')} more")
    if not check.complete:
        lines.append(NOT_ALL[0].upper() + NOT_ALL[1:] + ".")
    return tuple(lines)


def markdown(check: Check) -> str:
    """A table for a pull request, findings, and what could not be read."""
    out = [f"# Models in {escape(check.target)}", ""]
    out += ["| model | where | known | licence | decision | worst finding |", "| --- | --- | --- | --- | --- | --- |"]
    for model in check.models:
        if model.counts:
            out.append(_row(model))
    found = [
        f"- **{f.level}** `{f.id}` {escape(m.name)}: {escape(_said(f))}"
        for m in check.models
        if m.counts
        for f in sorted(new_findings(m), key=lambda f: -f.level.rank)
    ]
    found += [
        f"- **{u.finding.level}** `{u.finding.id}` {escape(u.finding.message)}"
        for u in check.unseen
        if not u.known_before
    ]
    rest = [f"- {escape(m.name)}: {escape(_where(m))}" for m in check.models if not m.counts]
    problems = [f"- {escape(problem)}" for problem in check.unread]
    out += ["", "## Findings", "", *found] if found else []
    out += ["", "## Named in tests, examples and documents only", "", *rest] if rest else []
    out += ["", "## Could not be read", "", *problems] if problems else []
    return "\n".join([*out, "", *(f"_{escape(line)}_" for line in summary(check)), ""])


def _row(model: Checked) -> str:
    worst = max(new_findings(model), key=lambda f: f.level.rank, default=None)
    cells = (
        escape(model.name),
        escape(_where(model)),
        escape(model.model or model.developer or model.maker or model.family) or "–",
        escape(", ".join(model.licences)) or "–",
        model.decision.value if model.decision else "–",
        f"{worst.level} `{worst.id}`" if worst else "–",
    )
    return f"| {' | '.join(cells)} |"


def subjects(check: Check) -> Iterator[Subject]:
    """The models that count and the files that were not read, for SARIF, JUnit, GitLab and GitHub."""
    for model in check.models:
        if model.counts:
            yield _subject(model)
    for file in check.unseen:
        if not file.known_before:
            yield _file(file)


def _file(file: Unseen) -> Subject:
    return Subject(file.path, f"file/{file.path}", file.path, (file.finding,), (file.finding.message,))


def _subject(model: Checked) -> Subject:
    places = [Place(m.path, m.line, m.column, m.end_column) for m in ordered(model) if m.line]
    facts = {
        "kind": model.kind.value,
        "source": model.source,
        "decision": model.decision.value if model.decision else None,
        "verdict": model.verdict,
        "closest": model.closest or None,
    }
    open_ = model.decision is Decision.INCONCLUSIVE and fingerprint(model, UNDECIDED) not in model.waived
    at = places[0] if places and not model.path else None
    findings: tuple[Finding, ...] = new_findings(model)
    return Subject(
        model.name,
        model.path or f"{model.kind.value}/{model.name}",
        at.path if at is not None else model.about,
        findings,
        model.problems,
        undecided=model.why if open_ else "",
        seconds=model.seconds,
        properties={key: value for key, value in facts.items() if value is not None},
        at=at,
        others=tuple(p for p in places if p is not at),
    )
