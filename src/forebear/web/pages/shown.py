"""What is shown of a result: the answer and its sections, of every kind of document that a job can end with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from forebear.report import html
from forebear.report.html import Answer, Fragment, Saved
from forebear.report.html.blocks import cells, listing, paragraph, rows, section
from forebear.report.html.saved import count, line, log_p, objects, part, text, texts
from forebear.report.markup import Html, element, joined, named
from forebear.report.page.blocks import Cell
from forebear.report.words import p_value
from forebear.web.api.caller import Shown
from forebear.web.calls import command, how_of
from forebear.web.store import Job


def shown(document: Mapping[str, Any], job: Job) -> Shown:
    """The answer and the sections of a job's document; of an unknown kind only what it is."""
    schema = text(document, "schema")
    if schema in html.KINDS:
        saved = Saved(document, how_of(job))
        return html.answer(saved), html.fragments(saved)
    if "bomFormat" in document or "@graph" in document:
        return _bill(document)
    answer, parts = _OTHERS.get(schema, _unknown)(document)
    return answer, (*parts, *_part("again", "How to reproduce it", _again(document, job)))


_COMMANDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], tuple[str, ...]]]] = MappingProxyType(
    {
        "probe": ("probe", lambda d: (text(part(d, "endpoint"), "url"),)),
        "traffic": ("traffic", lambda d: tuple(text(c, "file") for c in objects(d, "captures"))),
        "search": ("index search", lambda d: (text(d, "target"),)),
    }
)
"""The command of a kind of job of which no report is written, and what its document says that it was about."""


def _again(document: Mapping[str, Any], job: Job) -> Html | None:
    words, about = _COMMANDS.get(job.kind, ("", None))
    targets = about(document) if about else ()
    if not words or not targets or not all(t.isprintable() and 0 < len(t) <= 1_000 for t in targets):
        return None
    key = " The key of the endpoint stands in the variable that is named there." if job.request.get("keyed") else ""
    said = f"On the command line this asks the same again, where the files and the references are the same:{key}"
    return joined([paragraph(said), element("pre", element("code", command(words, targets, job)))])


def _part(name: str, title: str, body: Html | None) -> list[Fragment]:
    return [Fragment(name, title, section(name, title, body))] if body else []


def _traffic(document: Mapping[str, Any]) -> Shown:
    found = objects(document, "identifiers")
    known = [one for one in found if text(one, "family")]
    findings = objects(document, "findings")
    word = "Named" if known else "None known" if found else "None found"
    tone = "related" if known else "inconclusive"
    content = []
    for one in found:
        roles = ", ".join(f"{role} {count(part(one, 'roles'), role):,}×" for role in part(one, "roles"))
        content.append(
            (
                Cell(named(text(one, "identifier"), 120)),
                Cell(line(one, "explanation") or "no known family"),
                Cell(roles or f"{count(one, 'count'):,}×"),
                Cell("; ".join(_place(w) for w in objects(one, "where")[:2]) or "—"),
            )
        )
    parts = [
        *_part("findings", "What to act on", _findings(findings)),
        *_part(
            "identifiers",
            "Identifiers",
            rows("Identifiers", ("Identifier", "What it says", "How often, by role", "Where"), content, shown=False),
        ),
        *_part("read", "What was read", listing(_captures(document))),
    ]
    captures = ", ".join(line(c, "file", 80) for c in objects(document, "captures")[:3])
    return Answer(captures or "A capture", word, tone, line(document, "summary", 2_000)), tuple(parts)


def _place(where: Mapping[str, Any]) -> str:
    said = f"record {count(where, 'record'):,}, {line(where, 'part', 40)}"
    return said + (f" at {line(where, 'pointer', 80)}" if text(where, "pointer") else "")


def _captures(document: Mapping[str, Any]) -> list[str]:
    out = [
        f"{line(c, 'file', 120)}: {count(c, 'records'):,} records, read as {line(c, 'format', 40)}"
        for c in objects(document, "captures")
    ]
    return [*out, *texts(document, "problems")]


def _findings(found: list[Mapping[str, Any]]) -> Html | None:
    return listing(f"{line(f, 'level', 20)}: {line(f, 'message', 600)}" for f in found)


_VERDICTS = {
    "consistent": ("Consistent", "pass", "It is consistent with what it claims to be."),
    "contradicted": ("Contradicted", "deny", "It is not what it claims to be."),
    "unknown": ("Unknown", "inconclusive", "No known tokenizer fits."),
    "inconclusive": ("Not settled", "inconclusive", "Which model it is could not be settled."),
}


def _probe(document: Mapping[str, Any]) -> Shown:
    word, tone, said = _VERDICTS.get(text(document, "verdict"), _VERDICTS["inconclusive"])
    endpoint, tokens = part(document, "endpoint"), part(document, "tokenizer")
    content = [
        (
            Cell(named(text(c, "name"))),
            Cell(line(c, "developer", 80) or "not known"),
            Cell(line(c, "grade", 20)),
            Cell(line(c, "why", 600)),
        )
        for c in objects(document, "candidates")
    ]
    claims = [
        cells(line(c, "claim", 160), line(c, "status", 20), line(c, "source", 120), line(c, "why", 600))
        for c in objects(document, "claims")
    ]
    counted = None
    if tokens:
        fits = ", ".join(texts(tokens, "matches", 80)[:12])
        counted = paragraph(
            f"Token counts fit: {fits}." if fits else "No known tokenizer fits the token counts.",
            f"{len(texts(tokens, 'rejected')):,} known tokenizers do not fit; {count(tokens, 'requests'):,} requests.",
        )
    gaps = [f"{line(g, 'what', 160)}: {line(g, 'why')}" for g in objects(part(document, "coverage"), "not_tested")]
    parts = [
        *_part("findings", "What to act on", _findings(objects(document, "findings"))),
        *_part(
            "candidates",
            "What may be behind it",
            rows("Candidates", ("Model", "Developer", "How sure", "Why"), content, shown=False),
        ),
        *_part("claims", "What is claimed", rows("Claims", ("Claim", "Status", "Whose", "Why"), claims, shown=False)),
        *_part("tokenizer", "Tokenizer", counted),
        *_part("unchecked", "What was not checked", listing(gaps)),
    ]
    title = f"{line(document, 'model', 120)} at {line(endpoint, 'url', 200)}"
    why = line(document, "why", 800)
    told = f"{said} {why[:1].upper()}{why[1:]}{'' if why.endswith('.') or not why else '.'}".strip()
    return Answer(title, word, tone, told), tuple(parts)


def _search(document: Mapping[str, Any]) -> Shown:
    hits = objects(document, "hits")
    content = []
    for hit in hits:
        p = log_p(hit)
        agreed = f"{count(hit, 'agree'):,} of {count(hit, 'n'):,}"
        content.append((Cell(named(text(hit, "name"))), Cell(agreed), Cell(p_value(p) if p is not None else "—")))
    table = rows("References", ("Reference", "Coins that agree", "By chance"), content, shown=False)
    said = (
        f"{len(hits):,} of {count(document, 'references'):,} references agree most. This nominates; it is no verdict."
    )
    found = Answer(line(document, "target", 200), "Nominated" if hits else "None found", "neutral", said)
    return found, tuple(_part("hits", "References by agreement of codes", table))


def _bill(document: Mapping[str, Any]) -> Shown:
    spdx = "@graph" in document
    name = line(part(part(document, "metadata"), "component"), "name", 160)
    form = "SPDX 3" if spdx else f"CycloneDX {line(document, 'specVersion', 10)}"
    size = len(objects(document, "@graph" if spdx else "components"))
    what = "elements" if spdx else "components besides the model"
    said = f"Written as {form}; {size:,} {what}. Take it by the link below."
    return Answer(name or "A bill of materials", "Written", "neutral", said), ()


def _unknown(document: Mapping[str, Any]) -> Shown:
    return Answer(
        line(document, "schema", 60) or "A result", "Done", "neutral", "The result can be taken as it is."
    ), ()


_OTHERS: Mapping[str, Callable[[Mapping[str, Any]], Shown]] = MappingProxyType(
    {"forebear.traffic/1": _traffic, "forebear.probe/1": _probe, "forebear.index-search/1": _search}
)
