"""A document as one file to read, print and pass on."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from forebear.report import tree_svg
from forebear.report.html.saved import KINDS, ONE_MODEL, Reproduction, Saved, line, text
from forebear.report.html.sections import fragments
from forebear.report.html.verdict import answer
from forebear.report.markup import Html, element, joined
from forebear.report.page.html import whole
from forebear.report.page.words import FOOT

TITLES: Mapping[str, str] = {
    "scan": "Where this model comes from",
    "compare": "Are these two models related?",
    "tree": "Who descends from whom",
    "policy check": "May it be used, by a written policy?",
    "bom verify": "Does its bill of materials say the truth?",
    "bom verify -r": "Do these bills of materials say the truth?",
    "licence": "What its licences demand",
    "scan -r": "Where these models come from",
    "policy check -r": "May they be used, by a written policy?",
    "demo": "Where four small models come from",
}
FEW = 4
"""Sections from which on a page has a list of them."""


def report(document: Mapping[str, Any], how: Reproduction | None = None) -> str:
    """The whole file: no network, no script.

    Args:
        document: of one of :data:`~forebear.report.html.saved.KINDS`, as it was kept.
        how: what is known beside it.

    Raises:
        ValueError: it is another document.
    """
    if text(document, "schema") not in KINDS:
        raise ValueError(f"{line(document, 'schema', 60) or 'no schema'}: no report is written of that")
    saved = Saved(document, how or Reproduction())
    told, parts = answer(saved), fragments(saved)
    links = [element("li", element("a", part.title, href=f"#{part.name}")) for part in parts]
    contents = element("nav", element("ol", *links), aria_label="Sections") if len(links) >= FEW else Html("")
    style = (resources.files("forebear") / "data" / "page" / "report.css").read_text("utf-8")
    above = f"{TITLES[saved.kind]} · forebear {saved.kind} · {line(document, 'created', 40)}"
    body = joined([contents, *(part.markup for part in parts)], "\n")
    foot = FOOT if saved.kind in ONE_MODEL else FOOT.replace("This page", "This report")
    title = told.title or "A model without a name"
    return whole(title, above, told.tone, told.word, told.sentence, body, foot, style + tree_svg.IN_PAGE)
