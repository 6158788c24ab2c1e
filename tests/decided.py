"""A decision that tests of pages show: every kind of thing that a page can have, hostile text included on request."""

from __future__ import annotations

from typing import Any

from forebear.catalogue.facts import Source
from forebear.licences.answer import (
    ChangeKind,
    ClauseChange,
    Conflict,
    DeclaredLicence,
    Detection,
    Duty,
    DutyStatus,
    LicenceAnswer,
)
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.origin import AncestorOrigin, BroughtFactor, Origin, Role, Tie
from forebear.policy.answer import Decision, PolicyAnswer, PolicyFinding, PolicyRef, Severity, Waived
from forebear.report.page import Page, Reproduction, contents
from forebear.report.page.contents import Known

SUBJECT = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"
SOURCES = {
    "licence": Source("licence", "LICENSE of moonshotai/Kimi-K2.5 at 3e60763", "2026-11-23", "primary"),
    "terms": Source("terms", "Terms of the Kimi platform", "2026-11-23", "primary"),
    "report": Source("report", "A report on the company, page 4", "2026-11-22", "secondary"),
}
SAID = {"not_checked": ("weights",), "questions": ("Q-BASE", "Q-NEW")}
QUESTIONS = {"Q-BASE": "Which model were the weights of this product initialised from?"}


def chain(standing: Standing = Standing.POSSIBLE, subject: str = SUBJECT) -> Chain:
    """Kimi K2.5 behind a name in traffic, and its own base."""
    sentence = f"record 1 of capture.har asks for {subject}, which names Kimi K2.5"
    return Chain(
        Node(subject, developer="anysphere"),
        (Node("Kimi-K2.5", "Kimi-K2.5", "moonshot"), Node("Kimi-K2-Base", "Kimi-K2-Base", "moonshot")),
        (
            Edge("Kimi-K2.5", subject, EdgeKind.RL, standing, evidence=(sentence,)),
            Edge("Kimi-K2-Base", "Kimi-K2.5", EdgeKind.CONTINUED_PRETRAINING, Standing.CATALOGUED),
        ),
        ParentState.ABSENT,
        Access.TRAFFIC if standing is Standing.POSSIBLE else Access.WEIGHTS,
    )


def licence(status: DutyStatus = DutyStatus.CONDITIONAL, standing: Standing = Standing.POSSIBLE) -> LicenceAnswer:
    """A duty to display, one that is met, and a label."""
    shared: dict[str, Any] = {
        "licence": "kimi-k2.5",
        "ancestor": "Kimi-K2.5",
        "standing": standing,
        "sources": ("licence",),
    }
    show = Duty(
        "display_ui", status=status, why="Revenue is above 20 million US dollars a month", text="Kimi K2.5", clause="1",
        on=("that the model descends from Kimi-K2.5",), **shared,
    )  # fmt: skip
    keep = Duty("retain_copyright", status=DutyStatus.MET, why="The notice is there", **shared)
    label = Conflict("relabelled", ("mit", "kimi-k2.5"), "The model is offered under another licence", standing)
    stated = DeclaredLicence("mit", "README.md: license", "mit")
    dropped = ClauseChange(ChangeKind.REMOVED, "2", "", "the notice is gone", True)
    text = Detection("LICENSE", "mit", "mit", "MIT License", changes=(dropped,))
    gap = ("what the product's interface shows",)
    return LicenceAnswer(SUBJECT, (stated,), (text,), (), (keep, show), (label,), not_checked=gap)


def origin(standing: Standing = Standing.POSSIBLE) -> Origin:
    """An American subject and an ancestor with three seats."""
    ties = (
        Tie("SG", Role.INCORPORATED, "Moonshot AI PTE. LTD.", "contracting party", ("terms",), "2026-11-23", "high"),
        Tie("CN", Role.ENGINEERING, sources=("report",), confidence="medium"),
        Tie("CN", Role.CONTROLLED, sources=("report",), confidence="unverified"),
    )
    above = AncestorOrigin(
        "Kimi-K2.5", "Moonshot AI", "moonshot", ties, ("Kimi-K2.5", SUBJECT), ("rl",), standing, False
    )
    own = (Tie("US", Role.INCORPORATED, sources=("report",), confidence="high"),)
    law = BroughtFactor("CN-NIL7", "A law", "What it says.", ("Moonshot AI",), ("report",), "high", "what anybody did")
    return Origin((AncestorOrigin(SUBJECT, "Anysphere", "anysphere", own), above), factors=(law,), unknown=("Kimi-K9",))


def answer(decision: Decision = Decision.DENY, **more: Any) -> PolicyAnswer:
    """A decision with a rule that holds, one that cannot be told, a note and a waiver."""
    open_ = PolicyFinding(
        "D3", Severity.ERROR, "Where the model comes from is not established.", cites=("JSP 936, by a summary",),
        clears="Access to the weights, or a signed statement", not_decided="whether the model is safe",
    )  # fmt: skip
    unknown = PolicyFinding(
        "D2", Severity.ERROR, "Not decided.", "Military use is allowed", unknown=("subject.military",)
    )
    note = PolicyFinding("T8", Severity.NOTE, "The bill of materials is unsigned.")
    waived = Waived(PolicyFinding("T7", Severity.WARNING, "Only traffic was read."), "J. Smith", "pilot", "2027-01-31")
    return PolicyAnswer(
        SUBJECT, decision, "A rule that rules it out holds.", PolicyRef("uk-defence", "1", "ab" * 32, "UK defence", 24),
        **{"findings": (note, unknown, open_), "waived": (waived,), **SAID, **more},
    )  # fmt: skip


def page(**more: Any) -> Page:
    """The page of all that; any part can be another."""
    known = Known(
        SOURCES,
        {"moonshot": "Moonshot AI", "anysphere": "Anysphere (Cursor)"},
        QUESTIONS,
        {"kimi-k2.5": "Modified MIT", "mit": "MIT License"},
    )
    how = Reproduction(
        ("forebear policy check t.json --policy uk-defence",),
        "0.1.0",
        "2026-11-29T04:00:00Z",
        (("t.json", "sha256 cd"),),
    )
    parts: dict[str, Any] = {"answer": answer(), "chain": chain(), "licence": licence(), "origin": origin()}
    return contents(**{**parts, "known": known, "how": how, **more})
