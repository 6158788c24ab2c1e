"""Many models in one document: a row for each, and what was found of those that somebody has to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.errors import one_line
from forebear.report.html.blocks import MOST_ITEMS, folded, listing, paragraph, rows
from forebear.report.html.evidence import coins_said
from forebear.report.html.findings import TONES
from forebear.report.html.saved import Saved, line, log_p, objects, part, text, texts
from forebear.report.html.verdict import decision_words, headline, outcome_words, verdict_words
from forebear.report.markup import Html, joined, named
from forebear.report.page.blocks import Cell
from forebear.report.words import p_value

_LEVELS = ("note", "warning", "error")
_LONGEST = 120
"""Characters of a model's path, or of what is true of it in the example."""


def models(saved: Saved) -> Html | None:
    """A row for every model, then the findings model by model."""
    if saved.kind == "policy check -r":
        return _decisions(saved.document)
    if saved.kind == "bom verify -r":
        return _bills(saved.document)
    found = list(scans(saved.document))
    content = [_row(name, scan, error) for name, scan, error in found]
    head = ("Model", "Verdict", "Nearest reference", "p-value", "Coins agreeing", "Gravest finding")
    told = [item for name, scan, error in found if (item := _told(name, scan)) is not None]
    more = paragraph(f"{len(told) - MOST_ITEMS:,} more models with findings are in the document.", kind="more")
    out = [rows("Models", head, content, shown=False), *told[:MOST_ITEMS], more if len(told) > MOST_ITEMS else None]
    return joined(out, "\n") if found else None


def scans(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Path or name of every model, its scan, and why there is none."""
    for one in objects(document, "models"):
        yield text(one, "path"), part(one, "scan"), line(one, "error", 300)
    for one in objects(document, "cases"):
        yield f"{text(one, 'name')}: {text(one, 'truth')}", part(one, "scan"), ""


def _row(name: str, scan: Mapping[str, Any], error: str) -> tuple[Cell, ...]:
    if not scan:
        why = error or "no answer"
        return (Cell(named(name)), Cell("unreadable", "unmet"), Cell("–"), Cell("–"), Cell("–"), Cell(why))
    found = objects(scan, "ancestors")
    best = found[0] if found else {}
    p = log_p(scan)
    _, tone = verdict_words(text(scan, "verdict"))
    findings = objects(scan, "findings")
    worst = max(findings, key=lambda f: _rank(text(f, "level")), default=None)
    said = "none" if worst is None else f"{line(worst, 'level', 20)}: {line(worst, 'id', 60)}"
    if len(findings) > 1:
        said += f" and {len(findings) - 1} more"
    return (
        Cell(named(name, _LONGEST)),
        Cell(line(scan, "verdict", 40), {"inconclusive": "conditional", "pass": "met"}.get(tone, tone)),
        Cell(named(text(best, "name")) if best else "–"),
        Cell("–" if p is None else p_value(p).removeprefix("p ")),
        Cell(coins_said(objects(best, "evidence")).removesuffix(" coins agree") or "–"),
        Cell(said, TONES.get(text(worst, "level"), "") if worst is not None else ""),
    )


def _told(name: str, scan: Mapping[str, Any]) -> Html | None:
    """What was found of a model, folded; None where there is nothing to act on and nothing unread."""
    found = [f"{line(f, 'level', 20)} {line(f, 'id', 60)}: {line(f, 'message')}" for f in objects(scan, "findings")]
    found += [f"could not be read: {problem}" for problem in texts(scan, "problems", 300)]
    items = listing(found)
    if items is None:
        return None
    ancestors = objects(scan, "ancestors")
    best = text(ancestors[0], "name") if ancestors else ""
    return folded(
        f"{one_line(name, 160)}: {_many(len(found))}",
        joined([paragraph(headline(text(scan, "verdict"), best), line(scan, "why")), items]),
    )


def _many(found: int) -> str:
    return f"{found:,} finding{'' if found == 1 else 's'}"


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else -1


def _decisions(document: Mapping[str, Any]) -> Html | None:
    content = []
    for one in objects(document, "rows"):
        problem = line(one, "problem", 300)
        word, tone, _ = decision_words(text(one, "decision"))
        result = Cell("unread", "unmet") if problem else Cell(word, _TONES[tone])
        said = problem or line(one, "why", 300)
        content.append(
            (
                Cell(named(text(one, "path"))),
                Cell(named(text(one, "model")) if text(one, "model") else "–"),
                result,
                Cell(", ".join(texts(one, "rules", 40)[:12]) or "–"),
                Cell(said or "–"),
            )
        )
    return rows("Documents", ("Document", "Model", "Decision", "Rules", "Why"), content, shown=False)


def _bills(document: Mapping[str, Any]) -> Html | None:
    content = []
    for one in objects(document, "bills"):
        result, problem = part(one, "result"), line(one, "problem", 300)
        word, tone, _ = outcome_words(text(result, "verdict"))
        failed = [c for c in objects(result, "checks") if text(c, "status") == "fail"]
        content.append(
            (
                Cell(named(text(one, "path"))),
                Cell(named(text(result, "model")) if text(result, "model") else "–"),
                Cell(word, _TONES[tone]) if result else Cell("unread", "unmet"),
                Cell(", ".join(line(c, "id", 60) for c in failed[:8]) or "–"),
                Cell(line(result, "why", 300) or problem or "–"),
            )
        )
    return rows("Bills of materials", ("Bill", "Model", "Result", "Failed checks", "Why"), content, shown=False)


_TONES = {"pass": "met", "deny": "unmet", "inconclusive": "conditional"}
