"""Results as Markdown, for pull requests, tickets and files: the same facts in the same order as the terminal."""

from __future__ import annotations

import re

from forebear.catalogue import verdict_text
from forebear.errors import one_line
from forebear.report import words
from forebear.types import Comparison, Coverage, Evidence, Finding, Relation, Scan, Verdict

_LINKED = re.compile(r":(?=//)|\bwww(?=\.)|(?<!\w)@(?=\w)|@(?=[\w\\-]+\.\w)", re.IGNORECASE)
"""What is broken, behind itself: the colon of an address, a site's ``www``, a mention, a mail address."""
_NO_WIDTH = "&#8203;"


def scan(result: Scan) -> str:
    """A scan."""
    best = result.ancestors[0] if result.ancestors else None
    name = f": {escape(best.name)}" if best and result.verdict is not Verdict.INDEXED else ""
    out = [f"# {escape(result.model.name)}", "", _headline(result.verdict, name, result.why), ""]
    if best:
        out += _relation(best.relation)
        out += ["| | reference | verdict | p | E | coins |", "| --- | --- | --- | --- | --- | --- |"]
        for rank, a in enumerate(result.ancestors[:10], 1):
            sign = words.coins(a.evidence)
            coins = f"{sign.details['agree']} of {sign.n}" if sign and sign.n else "–"
            numbers = f"{words.p_value(a.log10_p)} | {words.e_value(a.log10_e)} | {coins}"
            out.append(f"| {rank} | {escape(a.name)} | {a.verdict} | {numbers} |")
        if rows := words.parents(best):
            out += ["", f"## Parents ({best.relation.details['method']})", ""]
            out += ["| parent | coefficient | interval (3 standard errors) | by part |", "| --- | --- | --- | --- |"]
            out += [f"| {escape(name)} | {' | '.join(map(escape, numbers))} |" for name, *numbers in rows]
        out += ["", f"## Evidence against {escape(best.name)}", "", *_evidence(best.evidence)]
    if result.claims:
        out += [
            "## Claims",
            "",
            *(f"- {escape(words.claim(c))}: **{c.status}**, {escape(c.why)}" for c in result.claims),
            "",
        ]
    if lines := words.follows(result.licence, result.origin):
        out += ["## What follows", "", *(f"- {escape(line)}" for line in lines), ""]
    out += [*_findings(result.findings), *_coverage(result.coverage), f"_{words.cost(result.cost)}_", ""]
    return "\n".join(out)


def compare(result: Comparison) -> str:
    """A comparison."""
    title = f"# {escape(result.b.name)} against {escape(result.a.name)}"
    out = [
        title,
        "",
        _headline(result.verdict, "", result.why),
        "",
        *_relation(result.relation),
        "## Evidence",
        "",
        *_evidence(result.evidence),
    ]
    out += [*_findings(result.findings), *_coverage(result.coverage), f"_{words.cost(result.cost)}_", ""]
    return "\n".join(out)


def _headline(verdict: Verdict, name: str, why: str) -> str:
    shown = name if verdict.related else ""
    return f"**{verdict_text(verdict).headline}**{shown} (`{verdict}`). {escape(why)}"


def _relation(relation: Relation) -> list[str]:
    said = words.relation(relation)
    record = words.confidence(relation)
    return [f"Relation: {escape(said)}{f' ({record})' if record else ''}.", ""] if said else []


def _evidence(evidence: tuple[Evidence, ...]) -> list[str]:
    out: list[str] = []
    for item in evidence:
        number = f" ({words.p_value(item.log10_p)}, {item.test})" if item.log10_p is not None else ""
        out.append(f"- `{item.signal}`{number}: {escape(item.summary)}")
    return [*out, ""]


def _findings(findings: tuple[Finding, ...]) -> list[str]:
    if not findings:
        return []
    rows = [
        f"- **{f.level}** `{f.id}`: {escape(f.message)}" + (f" Clears: {escape(f.clears)}" if f.clears else "")
        for f in findings
    ]
    return ["## Findings", "", *rows, ""]


def _coverage(coverage: Coverage) -> list[str]:
    if not coverage.not_tested:
        return []
    return ["## Not tested", "", *(f"- {escape(u.what)}: {escape(u.why)}" for u in coverage.not_tested), ""]


def escape(text: str) -> str:
    """Text of strangers that must become neither markup nor HTML, and no link or mention either.

    GitHub and GitLab make links of bare addresses and of mail addresses (GitHub Flavored Markdown, 6.9), and tell who
    is named behind an ``@``. A space of no width within what they look for keeps them from it.
    """
    return _LINKED.sub(rf"\g<0>{_NO_WIDTH}", unmarked(text))


def unmarked(text: str) -> str:
    """Text that becomes no markup and no HTML; an address in it, as of who writes, may become a link."""
    text = text.replace("&", "&amp;")
    for mark in ("\\", "`", "*", "_", "|", "<", ">", "[", "]"):
        text = text.replace(mark, f"\\{mark}")
    return one_line(text, 10_000)
