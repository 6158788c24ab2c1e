"""Licences and duties for people: the answer in a sentence, then duties by status, texts, conflicts, what is open."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding

from forebear.catalogue.licences import title_of
from forebear.errors import one_line
from forebear.licences.answer import (
    Agreement,
    DeclaredLicence,
    Detection,
    Duty,
    DutyStatus,
    Inherited,
    LicenceAnswer,
    Opinion,
)
from forebear.lineage.chain import Standing
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.terminal import section

HEADS = {
    DutyStatus.UNMET: "Not met",
    DutyStatus.CONDITIONAL: "Depends on facts",
    DutyStatus.MET: "Met, or does not apply",
}
COLOUR = {DutyStatus.UNMET: "bold red", DutyStatus.CONDITIONAL: "yellow", DutyStatus.MET: "green"}
TITLES = {
    "include_licence_copy": "include the licence",
    "retain_copyright": "keep copyright lines",
    "notice_file": "include a notice",
    "state_changes": "state changes",
    "provide_source": "hand over the source",
    "display_ui": "display in the interface",
    "display_docs": "display in documents",
    "name_prefix": "begin the name with",
    "name_public_statement": "carry a statement",
    "aup_passthrough": "pass on the use policy",
    "registration": "register",
    "separate_agreement": "have an agreement",
    "territory": "not in",
    "military_use": "no military use",
    "commercial_use": "no commercial use",
    "public_administration": "no use by public administration",
    "train_other_models": "no training of other models",
    "relicensing": "keep the terms",
}
KINDS = {"rl": "reinforcement learning", "finetune": "fine-tune"}
STANDINGS = {
    Standing.MEASURED: "measured",
    Standing.PROBABLE: "probable",
    Standing.DECLARED: "declared",
    Standing.CATALOGUED: "by the catalogue",
    Standing.POSSIBLE: "possible, not established",
}
AGREEMENTS = {
    Agreement.SAME: "the same licence",
    Agreement.LINE: "another one of the line of {ours}",
    Agreement.GENERIC: "a key of no one licence, where Forebear reads {ours}",
    Agreement.OTHER: "another licence, where Forebear reads {ours}",
    Agreement.NONE: "none, where Forebear reads {ours}",
    Agreement.ALONE: "Forebear knows none",
    Agreement.BESIDES: "named besides",
}
NOT_ADVICE = "Read by a program, from facts about licences that name their sources. Not legal advice."


def sentence(answer: LicenceAnswer) -> str:
    """The answer in words."""
    count = {status: len(grouped(answer, status)) for status in DutyStatus}
    if not answer.duties:
        known = any(i.confidence for i in answer.inherited)  # a licence of the catalogue
        return (
            "The licences along its lineage that are known here demand nothing of it."
            if known
            else "No licence with duties is known for it or for an ancestor; that is not to say that there is none."
        )
    unmet, conditional, met = (count[s] for s in (DutyStatus.UNMET, DutyStatus.CONDITIONAL, DutyStatus.MET))
    parts = []
    if unmet:
        parts.append(f"{unmet} {_duty(unmet)} not met")
    if conditional:
        noun = "" if parts else (" duty" if conditional == 1 else " duties")
        depend = "depends" if conditional == 1 else "depend"
        parts.append(f"{conditional}{noun} {depend} on facts that are not known")
    if met:
        verb = ("is" if met == 1 else "are") if parts else _duty(met)
        parts.append(f"{met} {verb} met or not asked for")
    found = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    clash = len(answer.conflicts)
    more = f" {clash} {'conflict needs' if clash == 1 else 'conflicts need'} confirmation." if clash else ""
    return f"{found[:1].upper()}{found[1:]}.{more}"


def _duty(count: int) -> str:
    return "duty is" if count == 1 else "duties are"


def grouped(answer: LicenceAnswer, status: DutyStatus) -> list[tuple[Duty, tuple[str, ...]]]:
    """Duties of a status, those that differ in the ancestor alone together with all their ancestors."""
    groups: dict[tuple[str, ...], tuple[Duty, list[str]]] = {}
    for duty in answer.duties:
        if duty.status is status:
            key = (duty.kind, duty.licence, duty.text, duty.component, str(duty.triggered))
            groups.setdefault(key, (duty, []))[1].append(duty.ancestor)
    return [(duty, tuple(dict.fromkeys(ancestors))) for duty, ancestors in groups.values()]


def title(duty: Duty) -> str:
    """What a duty asks for: ``begin the name with "Llama"``."""
    name = TITLES.get(duty.kind, duty.kind.replace("_", " "))
    quoted = duty.text if duty.kind == "territory" else f'"{duty.text}"'
    short = duty.text and len(duty.text) <= 60
    part = f" (its {duty.component})" if duty.component else ""
    return f"{name}{f' {quoted}' if short else ''}{part}"


def source_of(duty: Duty, ancestors: tuple[str, ...], model: str) -> str:
    """Whose licence it is, and how that is known."""
    if ancestors == (model,):
        return f"{title_of(duty.licence)}, its own licence"
    names = ", ".join(ancestors[:3]) + (f" and {len(ancestors) - 3} more" if len(ancestors) > 3 else "")
    return f"{title_of(duty.licence)} of {names} ({STANDINGS[duty.standing]})"


def came_by(inherited: Inherited) -> str:
    """A licence that an ancestor brings, and the way that it came."""
    way = " → ".join(inherited.route)
    known = [kind for kind in reversed(inherited.kinds) if kind != "unknown"]
    kinds = ", ".join(KINDS.get(kind, kind.replace("_", " ")) for kind in known) or "how it was made is not known"
    part = f" for its {inherited.component}" if inherited.component else ""
    licence = title_of(inherited.licence) if inherited.licence else "licence not known"
    licence += " (its own papers say so)" if inherited.said_by == "papers" else ""
    return f"{licence}{part}: {way} ({kinds}; {STANDINGS[inherited.standing]})"


def text_of(found: Detection) -> str:
    """What a file is, and how sure that is."""
    if found.id is None:
        return f"{found.file}: no licence that is known here"
    how = "word for word" if found.exact else f"{found.similarity:.1%} of the words"
    return f"{found.file}: {found.name or found.id} ({how})"


def opinion_of(one: Opinion) -> str:
    """What another program says of a text, and whether it is said here too."""
    if one.agrees is Agreement.NONE and one.ours is None:
        return f"{one.file}: none either"
    agrees = AGREEMENTS[one.agrees].format(ours=one.ours)
    if one.agrees is Agreement.NONE:
        return f"{one.file}: {agrees}"
    spdx = f", {one.spdx}" if one.spdx and one.spdx != one.key else ""
    means = f", whose text is {one.means}" if one.means and one.agrees in (Agreement.LINE, Agreement.OTHER) else ""
    return f"{one.file}: {one.key}{spdx}, score {one.score:g}{means}: {agrees}"


def _second(answer: LicenceAnswer) -> tuple[str, list[str]]:
    """Heading and lines of the second opinion; no lines where none was asked for."""
    if answer.second_opinion is None:
        return "", []
    head = f"Second opinion ({answer.second_opinion.by or 'ScanCode'})"
    lines = [opinion_of(one) for one in answer.second_opinion.opinions]
    return head, lines or ["There is no licence file to ask about."]


def terminal(console: Console, answer: LicenceAnswer, quiet: bool = False, verbose: bool = False) -> None:
    """The answer for a terminal."""
    console.print(words.text(answer.model, style="bold"))
    console.print(Padding(words.text(f"● {sentence(answer)}", style="bold"), (1, 2, 0, 2)))
    for status in (DutyStatus.UNMET, DutyStatus.CONDITIONAL, DutyStatus.MET):
        rows = grouped(answer, status)
        if not rows or (quiet and status is not DutyStatus.UNMET):
            continue
        section(console, HEADS[status])
        for duty, ancestors in rows:
            _show(console, answer, duty, ancestors, verbose)
    if quiet:
        return
    _lines(console, "Declared", map(stated, answer.declared))
    _lines(console, "Texts", (line for d in answer.detected for line in _text_lines(d, verbose)))
    _lines(console, *_second(answer))
    _lines(console, "Inherited", (came_by(i) for i in answer.inherited))
    _lines(console, "Conflicts", (f"{c.kind.replace('_', ' ')}: {c.why}" for c in answer.conflicts))
    _lines(console, "Findings", (f"{f.level}: {_short(f.message)} [{f.id}]" for f in answer.findings))
    _lines(console, "Not checked", answer.not_checked, "dim")
    console.print(words.text(f"\n  {NOT_ADVICE}", style="dim"))


def _short(message: str, limit: int = 240) -> str:
    """A finding's sentences, as many as there is room for; what is left out stands above, duty by duty."""
    line = one_line(message, 4_000)
    if len(line) <= limit:
        return line
    return f"{line[:limit].rpartition(' ')[0]} …"


def _show(console: Console, answer: LicenceAnswer, duty: Duty, ancestors: tuple[str, ...], verbose: bool) -> None:
    line = words.text(title(duty), style=COLOUR[duty.status])
    line.append_text(words.text(f"  {source_of(duty, ancestors, answer.model)}", "dim"))
    console.print(Padding(line, (0, 2, 0, 4)))
    if duty.status is DutyStatus.MET and not verbose:
        return
    console.print(Padding(words.text(duty.why), (0, 2, 0, 6)))
    for on in duty.on:
        console.print(Padding(words.text(f"? {on}", style="dim"), (0, 2, 0, 6)))
    if duty.clears:
        console.print(Padding(words.text(f"→ {duty.clears}", style="dim"), (0, 2, 0, 6)))
    if verbose:
        where = f", clause {duty.clause}" if duty.clause else ""
        basis = f"{duty.licence}{where}; sources: {', '.join(duty.sources) or 'none'}; confidence {duty.confidence}"
        console.print(Padding(words.text(f"· {basis}", style="dim"), (0, 2, 0, 6)))


def _text_lines(found: Detection, verbose: bool) -> Iterable[str]:
    yield text_of(found)
    shown = found.changes if verbose else [c for c in found.changes if c.matters]
    for change in shown:
        yield f"  {change.kind}: {change.what or change.clause}"


def stated(one: DeclaredLicence) -> str:
    """What is declared where, and what it means."""
    if one.candidates:
        meant = f" (any of {', '.join(map(title_of, one.candidates))})"
    elif one.licence is None:
        meant = f" (not known here{f'; nearest: {one.nearest}' if one.nearest else ''})"
    else:
        title = title_of(one.licence)
        meant = f" ({title})" if title != one.value else ""
    return f"{one.where}: {one.value}{meant}" + (f", for its {one.component}" if one.component else "")


def _lines(console: Console, head: str, lines: Iterable[str], style: str = "") -> None:
    listed = list(lines)
    if listed:
        section(console, head)
        for line in listed:
            console.print(Padding(words.text(one_line(line, 1_000), style), (0, 2, 0, 4)))


def markdown(answer: LicenceAnswer) -> str:
    """The answer as Markdown."""
    out = [f"# Licences of {escape(answer.model)}", "", f"**{escape(sentence(answer))}**", ""]
    for status in (DutyStatus.UNMET, DutyStatus.CONDITIONAL, DutyStatus.MET):
        rows = grouped(answer, status)
        if not rows:
            continue
        out += [f"## {HEADS[status]}", "", "| duty | of | why | what it depends on | what would clear it |"]
        out += ["| --- | --- | --- | --- | --- |"]
        for duty, ancestors in rows:
            cells = (title(duty), source_of(duty, ancestors, answer.model), duty.why, "; ".join(duty.on), duty.clears)
            out.append(f"| {' | '.join(escape(cell) for cell in cells)} |")
        out.append("")
    out += _list("Declared", map(stated, answer.declared))
    out += _list("Texts", (line.strip() for d in answer.detected for line in _text_lines(d, False)))
    out += _list(*_second(answer))
    out += _list("Inherited", (came_by(i) for i in answer.inherited))
    out += _list("Conflicts", (f"{c.kind.replace('_', ' ')}: {c.why}" for c in answer.conflicts))
    out += _list("Findings", (f"{f.level} {f.id}: {f.message} {f.clears}" for f in answer.findings))
    out += _list("Not checked", answer.not_checked)
    return "\n".join([*out, f"_{NOT_ADVICE}_", ""])


def _list(head: str, lines: Iterable[str]) -> list[str]:
    listed = [f"- {escape(line)}" for line in lines]
    return [f"## {head}", "", *listed, ""] if listed else []
