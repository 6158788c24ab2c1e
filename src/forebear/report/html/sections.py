"""The one list of sections, in the order in which a report has them."""

from __future__ import annotations

from forebear.report.html import rest
from forebear.report.html.blocks import Fragment, Part, listing, section
from forebear.report.html.chance import chance
from forebear.report.html.checks import checks
from forebear.report.html.claims import claims
from forebear.report.html.decision import decision
from forebear.report.html.duties import duties
from forebear.report.html.evidence import evidence
from forebear.report.html.family import family
from forebear.report.html.findings import findings
from forebear.report.html.layers import layers
from forebear.report.html.models import models
from forebear.report.html.origin import origin
from forebear.report.html.saved import KINDS, Saved
from forebear.report.markup import joined

PAIRS = frozenset({"scan", "compare"})
SETS = frozenset({"scan -r", "policy check -r", "bom verify -r", "demo"})
ALL = frozenset(KINDS.values())

SECTIONS: tuple[Part, ...] = (
    Part("models", "Models", models, SETS, "There is no model in it."),
    Part("findings", "What to act on", findings, PAIRS | {"licence"}, "Nothing was found that has to be acted on."),
    Part(
        "policy",
        "What the policy says",
        decision,
        frozenset({"scan", "policy check"}),
        "No policy was asked: forebear policy check decides on this document.",
    ),
    Part(
        "family", "Family tree", family, PAIRS | {"tree"}, "No relation was established, so there is no tree to draw."
    ),
    Part(
        "layers",
        "Where in the network the relation lies",
        layers,
        PAIRS,
        "Nothing was compared layer by layer, or the document holds no reference to compare with.",
    ),
    Part(
        "claims",
        "What is claimed, and what was measured",
        claims,
        frozenset({"scan", "bom verify", "policy check"}),
        "Nothing that was read makes a claim about what the model was made from.",
    ),
    Part("checks", "Checks of the bill of materials", checks, frozenset({"bom verify"})),
    Part(
        "duties",
        "What follows for licences",
        duties,
        frozenset({"scan", "licence", "policy check"}),
        "No duty was found; that is no proof that there is none.",
    ),
    Part(
        "origin",
        "Where it was made",
        origin,
        frozenset({"scan", "policy check"}),
        "Nothing is known about where the model and its ancestors were made.",
    ),
    Part(
        "chance",
        "How sure, and why",
        chance,
        PAIRS,
        "The document holds no reference that was tested, so there is no number of chance.",
    ),
    Part("evidence", "All evidence", evidence, PAIRS, "No evidence against a reference is in the document."),
    Part("unchecked", "What was not checked", rest.unchecked, ALL, "The document names no gap."),
    Part("cost", "What it cost", rest.cost, PAIRS | {"tree", "bom verify"}, "The document does not say what it cost."),
    Part("again", "How to reproduce it", rest.again, ALL),
)


def fragments(saved: Saved) -> tuple[Fragment, ...]:
    """Every section that the document has something for, and at the end what it has nothing for."""
    found, absent = [], []
    for one in SECTIONS:
        if saved.kind not in one.kinds:
            continue
        body = one.write(saved)
        if body:
            found.append(Fragment(one.name, one.title, section(one.name, one.title, body)))
        elif one.absent:
            absent.append(f"{one.title}: {one.absent}")
    if items := listing(absent):
        title = "What this report leaves out"
        found.append(Fragment("absent", title, section("absent", title, joined([items]))))
    return tuple(found)
