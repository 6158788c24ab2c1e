"""Every kind of duty as met, unmet and conditional."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.artifacts.documents import Documents
from forebear.catalogue.licences import Condition, DutyKind, KnownLicence, Permission, licences
from forebear.licences.duties import GROUPS
from forebear.licences.duties.source import OPEN
from forebear.licences.organisation import Money, Organisation
from licence_cases import MAU, NOTICE, REVENUE, TEXTS, answer, documents, duty, limited, obliging

MET, UNMET, CONDITIONAL = "met", "unmet", "conditional"
COPY = obliging(DutyKind.INCLUDE_LICENCE)
LINES = replace(obliging(DutyKind.RETAIN_COPYRIGHT), spdx="LicenseRef-mit-like")  # its text names the holder
NO_HOLDER = obliging(DutyKind.RETAIN_COPYRIGHT)
NOTED = obliging(DutyKind.NOTICE_FILE, NOTICE)
CHANGES = obliging(DutyKind.STATE_CHANGES)
POLICY = obliging(DutyKind.USE_POLICY)
PREFIX = obliging(DutyKind.NAME_PREFIX, "Mole")
OTHER_PREFIX = obliging(DutyKind.NAME_PREFIX, "Vole")
SHOWN = obliging(DutyKind.DISPLAY_UI, "Vole 7", any_of=(MAU, REVENUE))
DOCUMENTED = obliging(DutyKind.DISPLAY_DOCS, "Built with Vole | Improved using Vole")
EITHER = obliging(DutyKind.DISPLAY_DOCS, "Built with Vole", alternatives=("Improved using Vole",))
SHOWN_EITHER = obliging(DutyKind.DISPLAY_UI, "Vole 7", alternatives=("Vole Seven",))
STATED = obliging(DutyKind.PUBLIC_STATEMENT, "[name of the work] is built using Vole technology")
REGISTERED = obliging(DutyKind.REGISTRATION, all_of=(MAU,))
AGREED = obliging(DutyKind.AGREEMENT, all_of=(MAU,))
PASSED_ON = Condition("distributes")
SOURCE = obliging(DutyKind.SOURCE, any_of=(PASSED_ON, Condition("used_over_a_network")))
DEFINED = obliging(DutyKind.SOURCE, any_of=(PASSED_ON,), source="the weights and the code of the training")
KEPT = obliging(DutyKind.SOURCE, any_of=(PASSED_ON,))
NOTHING = documents()


def who(**values: Any) -> Organisation:
    return Organisation(**values)


LARGE = who(monthly_active_users=2e8, displays=(), documents=(), agreements=(), registered=())
SILENT = who(monthly_active_users=2e8)
RICH = who(revenue=Money(25e6, "USD", "month"), monthly_active_users=5, displays=())
SMALL = who(monthly_active_users=10, revenue=Money(1e3, "USD", "month"))

CASES: list[tuple[str, KnownLicence, str, Documents | None, Organisation | None, str]] = [
    ("the text is there", COPY, "include_licence_copy", documents(LICENSE=TEXTS["strict"]), None, MET),
    ("another text is there", COPY, "include_licence_copy", documents(LICENSE=TEXTS["permissive"]), None, UNMET),
    ("the text of a sibling", COPY, "include_licence_copy", documents(LICENSE=TEXTS["strict2"]), None, UNMET),
    ("nothing is there", COPY, "include_licence_copy", NOTHING, None, UNMET),
    ("a file that is no text", COPY, "include_licence_copy", documents(LICENSE=""), None, CONDITIONAL),
    ("behind an API", COPY, "include_licence_copy", None, None, CONDITIONAL),
    ("the maker's line", LINES, "retain_copyright", documents(NOTICE="(c) 2024 Vole Labs"), None, MET),
    ("somebody's line", LINES, "retain_copyright", documents(LICENSE="Copyright 2025 Acme"), None, UNMET),
    ("no line", LINES, "retain_copyright", documents(LICENSE=TEXTS["strict"]), None, UNMET),
    ("a text that names no holder", NO_HOLDER, "retain_copyright", documents(LICENSE="x"), None, CONDITIONAL),
    ("no file is seen", LINES, "retain_copyright", None, None, CONDITIONAL),
    ("the sentence", NOTED, "notice_file", documents(NOTICE=f"x\n{NOTICE.replace('©', '(c)')}"), None, MET),
    ("in the card, over lines", NOTED, "notice_file", documents(NOTICE.upper().replace(" ", "\n")), None, MET),
    ("half of it", NOTED, "notice_file", documents(NOTICE=NOTICE[:40]), None, UNMET),
    ("unseen", NOTED, "notice_file", None, None, CONDITIONAL),
    ("no words known", obliging(DutyKind.NOTICE_FILE), "notice_file", NOTHING, None, CONDITIONAL),
    ("it says so", CHANGES, "state_changes", documents("Fine-tuned from Vole on moles."), None, MET),
    ("no paper at all", CHANGES, "state_changes", NOTHING, None, UNMET),
    ("a card without it", CHANGES, "state_changes", documents("A model for gardens."), None, CONDITIONAL),
    ("the licence itself", POLICY, "aup_passthrough", documents(LICENSE=TEXTS["strict"]), None, MET),
    ("one of its line", POLICY, "aup_passthrough", documents(LICENSE=TEXTS["strict2"]), None, MET),
    ("named and linked", POLICY, "aup_passthrough", documents("Vole License: Acceptable Use Policy"), None, MET),
    ("somebody else's policy", POLICY, "aup_passthrough", documents("Acme: acceptable use policy"), None, UNMET),
    ("not seen", POLICY, "aup_passthrough", None, None, CONDITIONAL),
    ("its name begins so", PREFIX, "name_prefix", NOTHING, None, MET),
    ("it begins otherwise", OTHER_PREFIX, "name_prefix", NOTHING, None, UNMET),
    ("its title begins so", OTHER_PREFIX, "name_prefix", documents("# Vole-Mole 7B\n"), None, UNMET),
    ("an agreement", OTHER_PREFIX, "name_prefix", NOTHING, who(agreements=("strict",)), CONDITIONAL),
    ("shown", SHOWN, "display_ui", None, who(displays=("Made with vole 7!",)), MET),
    ("too small", SHOWN, "display_ui", None, SMALL, MET),
    ("large, not shown", SHOWN, "display_ui", None, LARGE, UNMET),
    ("rich, not shown", SHOWN, "display_ui", None, RICH, UNMET),
    ("half of the facts", SHOWN, "display_ui", None, who(monthly_active_users=10, displays=()), CONDITIONAL),
    ("large, display not told", SHOWN, "display_ui", None, who(monthly_active_users=2e8), CONDITIONAL),
    ("nobody said anything", SHOWN, "display_ui", None, None, CONDITIONAL),
    (
        "an agreement of one's own",
        SHOWN,
        "display_ui",
        None,
        who(**{**vars(LARGE), "agreements": ("strict",)}),
        CONDITIONAL,
    ),
    ("in the card", DOCUMENTED, "display_docs", documents("Improved using Vole"), None, MET),
    ("on the site", DOCUMENTED, "display_docs", NOTHING, who(documents=("Built with Vole",)), MET),
    ("neither", DOCUMENTED, "display_docs", NOTHING, who(documents=("Built with care",)), UNMET),
    ("the other words, in the card", EITHER, "display_docs", documents("Improved using Vole"), None, MET),
    ("the other words, on the site", EITHER, "display_docs", NOTHING, who(documents=("Improved using Vole",)), MET),
    ("neither of the words", EITHER, "display_docs", NOTHING, who(documents=("Built with care",)), UNMET),
    ("the other words, shown", SHOWN_EITHER, "display_ui", None, who(displays=("Vole Seven",)), MET),
    ("the site is not told", DOCUMENTED, "display_docs", NOTHING, who(), CONDITIONAL),
    (
        "the sentence with a name",
        STATED,
        "name_public_statement",
        documents("Mole is built using Vole technology"),
        None,
        MET,
    ),
    ("without it", STATED, "name_public_statement", NOTHING, who(documents=()), UNMET),
    ("statements not told", STATED, "name_public_statement", NOTHING, None, CONDITIONAL),
    ("registered", REGISTERED, "registration", None, who(registered=("strict",)), MET),
    ("not needed", REGISTERED, "registration", None, SMALL, MET),
    ("needed", REGISTERED, "registration", None, LARGE, UNMET),
    ("size not told", REGISTERED, "registration", None, who(), CONDITIONAL),
    ("always needed", obliging(DutyKind.REGISTRATION), "registration", None, LARGE, CONDITIONAL),
    ("agreed", AGREED, "separate_agreement", None, who(agreements=("strict",), monthly_active_users=2e8), MET),
    ("agreement needed", AGREED, "separate_agreement", None, LARGE, UNMET),
    ("agreements not told", AGREED, "separate_agreement", None, SILENT, CONDITIONAL),
    ("registrations not told", REGISTERED, "registration", None, SILENT, CONDITIONAL),
    ("no need of agreement", AGREED, "separate_agreement", None, SMALL, MET),
    ("agreement not decided", AGREED, "separate_agreement", None, None, CONDITIONAL),
    ("passed on", SOURCE, "provide_source", NOTHING, who(distributes=True), CONDITIONAL),
    ("not passed on, but perhaps used by others", SOURCE, "provide_source", None, who(distributes=False), CONDITIONAL),
    (
        "nobody gets it",
        KEPT,
        "provide_source",
        None,
        who(distributes=False),
        MET,
    ),
    (
        "nobody gets it or uses it",
        SOURCE,
        "provide_source",
        None,
        who(distributes=False, used_over_a_network=False),
        MET,
    ),
    ("its own idea of source", DEFINED, "provide_source", NOTHING, who(distributes=True), CONDITIONAL),
    ("nobody said who gets it", SOURCE, "provide_source", documents("Code and data: see below."), None, CONDITIONAL),
]

EU = limited(territory_excluded=("EU",))
UK = limited(territory_excluded=("EU", "GB", "KR"))
NO_WAR = limited(military=Permission.NO)
NO_TRADE = limited(commercial=Permission.NO)
NO_OFFICE = limited(public_administration=Permission.NO)
NO_STUDENTS = limited(outputs=Permission.NO)
NO_OTHER = limited(relicensing=Permission.NO)
SOME_OTHER = limited(relicensing=Permission.CONDITIONAL)
LABELLED = documents(front={"license": "permissive"})

LIMITS: list[tuple[str, KnownLicence, str, Documents | None, Organisation | None, str]] = [
    ("the United Kingdom is not in the EU", EU, "territory", None, who(country="GB", territories=("GB",)), MET),
    ("a member", EU, "territory", None, who(country="US", territories=("US", "DE")), UNMET),
    ("Greece by its other code", EU, "territory", None, who(territories=("EL",)), UNMET),
    ("the Union itself", limited(territory_excluded=("FR",)), "territory", None, who(territories=("EU",)), UNMET),
    ("the United Kingdom by name", UK, "territory", None, who(country="UK"), UNMET),
    ("only the seat is told", EU, "territory", None, who(country="US"), CONDITIONAL),
    ("no place is told", UK, "territory", None, None, CONDITIONAL),
    ("war", NO_WAR, "military_use", None, who(uses=("military",)), UNMET),
    ("no war", NO_WAR, "military_use", None, who(uses=("research",), defence=False, intelligence=False), MET),
    ("neither of the two", NO_WAR, "military_use", None, who(defence=False, intelligence=False), CONDITIONAL),
    ("only the uses are told", NO_WAR, "military_use", None, who(uses=("research",)), CONDITIONAL),
    (
        "a ministry of defence at its desks",
        NO_WAR,
        "military_use",
        None,
        who(defence=True, uses=("administration",)),
        CONDITIONAL,
    ),
    ("half of the answer", NO_WAR, "military_use", None, who(defence=False), CONDITIONAL),
    ("trade", NO_TRADE, "commercial_use", None, who(uses=("commercial", "research")), UNMET),
    ("no trade", NO_TRADE, "commercial_use", None, who(uses=("research",)), MET),
    ("uses not told", NO_TRADE, "commercial_use", None, who(), CONDITIONAL),
    ("an office", NO_OFFICE, "public_administration", None, who(uses=("administration",)), UNMET),
    ("a company", NO_OFFICE, "public_administration", None, who(public_body=False, uses=("commercial",)), MET),
    ("a public body, for what", NO_OFFICE, "public_administration", None, who(public_body=True), CONDITIONAL),
    ("trains nothing", NO_STUDENTS, "train_other_models", None, who(trains_models=False), MET),
    ("trains something", NO_STUDENTS, "train_other_models", None, who(trains_models=True), CONDITIONAL),
    ("training not told", NO_STUDENTS, "train_other_models", None, None, CONDITIONAL),
    ("another label", NO_OTHER, "relicensing", LABELLED, None, UNMET),
    ("the same label", NO_OTHER, "relicensing", documents(front={"license": "strict"}), None, MET),
    (
        "the text beside it",
        NO_OTHER,
        "relicensing",
        documents(front={"license": "permissive"}, LICENSE=TEXTS["strict"]),
        None,
        MET,
    ),
    ("no label", NO_OTHER, "relicensing", NOTHING, None, CONDITIONAL),
    ("another label on conditions", SOME_OTHER, "relicensing", LABELLED, None, CONDITIONAL),
]


@pytest.mark.parametrize(
    ("what", "known", "kind", "papers", "organisation", "status"),
    CASES + LIMITS,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_duty(
    what: str, known: KnownLicence, kind: str, papers: Documents | None, organisation: Organisation | None, status: str
) -> None:
    found = duty(answer(known, papers, organisation), kind)
    assert found.status == status, found.why
    assert found.why.endswith((".", "!")) and bool(found.on) == (status == CONDITIONAL)
    assert bool(found.clears) == (status != MET)
    assert found.licence == "strict" and found.sources == ("a-source",) and found.confidence == "high"


def test_every_kind_is_tried_in_every_status() -> None:
    tried = {(kind, status) for _, _, kind, _, _, status in CASES + LIMITS}
    kinds = {kind.value for kind in DutyKind} | {kind for _, _, kind, *_ in LIMITS}
    unmet_elsewhere = {("train_other_models", UNMET)}  # by what the model was made of: test_duties
    never = {("provide_source", UNMET)}  # what was offered to whom no file shows
    assert {(k, s) for k in kinds for s in (MET, UNMET, CONDITIONAL)} - unmet_elsewhere - never == tried
    assert len(GROUPS) == 5


def test_what_counts_as_source_is_asked_only_of_licences_that_do_not_say() -> None:
    said, unsaid = (duty(answer(k, None, who(distributes=True)), "provide_source") for k in (DEFINED, KEPT))
    assert said.on == ("whether the source is offered",) and "the weights and the code of the training" in said.why
    assert "what counts as the source" in unsaid.on[0] and "counts as source" not in unsaid.why


def test_what_is_not_triggered_is_met_and_said_to_be_so() -> None:
    found = duty(answer(SHOWN, None, SMALL), DutyKind.DISPLAY_UI)
    assert (found.status, found.triggered) == (MET, False) and "10" in found.why
    assert duty(answer(SHOWN, None, LARGE), DutyKind.DISPLAY_UI).triggered is True
    assert duty(answer(SHOWN, None, None), DutyKind.DISPLAY_UI).triggered is None


def test_the_source_is_asked_for_by_the_licences_that_ask_for_it_and_open_where_it_is_passed_on() -> None:
    asking = {k.id: o for k in licences().values() for o in k.obligations if o.kind is DutyKind.SOURCE}
    over_a_network = {k for k, o in asking.items() if any(c.metric == "used_over_a_network" for c in o.any_of)}
    assert over_a_network == {"agpl-3.0", "eupl-1.2", "osl-3.0", "fair-ai-public-1.0", "fair-ai-public-1.0-sd"}
    assert asking.keys() - over_a_network == {"gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "mpl-2.0", "epl-2.0"}
    assert all("distributes" in {c.metric for c in o.any_of} and not o.all_of for o in asking.values())
    passed_on = duty(answer(SOURCE, NOTHING, who(distributes=True)), DutyKind.SOURCE)
    assert passed_on.triggered and passed_on.on == (OPEN,)
    untold = duty(answer(SOURCE, NOTHING, None), DutyKind.SOURCE)
    assert untold.triggered is None and "whether others use the model over a network" in untold.on


def test_the_clause_and_the_words_are_told() -> None:
    found = duty(answer(SHOWN, None, LARGE), DutyKind.DISPLAY_UI)
    assert (found.text, found.clause) == ("Vole 7", "3")
    assert any("200,000,000" in e for e in found.evidence)


def test_a_prefix_needs_a_published_name() -> None:
    from licence_cases import chain

    local = answer(OTHER_PREFIX, NOTHING, of=chain(subject="folder"))
    assert duty(local, DutyKind.NAME_PREFIX).status == CONDITIONAL
    titled = answer(OTHER_PREFIX, documents("# Mole 7B\n"), of=chain(subject="folder"))
    assert duty(titled, DutyKind.NAME_PREFIX).status == UNMET


def test_a_limit_of_some_models_asks_which_the_ancestor_is() -> None:
    from licence_cases import model

    known = limited(territory_excluded=("EU",), territory_modality="multimodal")
    there = Organisation(country="DE", territories=("DE",))
    for architecture, status in (("dense", MET), ("moe-multimodal", UNMET), ("", CONDITIONAL)):
        found = answer(known, None, there, models=(model("vole-7b", architecture=architecture),))
        assert duty(found, "territory").status == status, architecture


def test_a_copy_that_keeps_the_licensors_own_name_is_no_accusation() -> None:
    from licence_cases import chain

    known = obliging(DutyKind.NAME_PREFIX, "Mole")
    kept = duty(answer(known, NOTHING, of=chain(subject="acme/Vole-Labs-Mole-7B-GGUF")), DutyKind.NAME_PREFIX)
    assert kept.status == CONDITIONAL and "Vole-Labs-Mole-7B-GGUF" in kept.on[0]
    other = duty(answer(known, NOTHING, of=chain(subject="acme/My-Mole-7B-GGUF")), DutyKind.NAME_PREFIX)
    assert other.status == UNMET


def test_a_text_that_is_not_what_the_label_says_brings_its_duties_too() -> None:
    """MiniMax-M2 and copies of Kimi are labelled MIT beside a text that asks for a display."""
    from licence_cases import BASE, CHILD, chain

    known = obliging(DutyKind.DISPLAY_UI, "Vole 7")
    labelled = documents(front={"license": "permissive"}, LICENSE=TEXTS["strict"])
    shown = duty(answer(known, labelled, LARGE, of=chain(licences=())), DutyKind.DISPLAY_UI, CHILD)
    assert shown.status == CONDITIONAL and shown.on == ("whether LICENSE holds, against what is declared",)
    agreeing = answer(known, documents(front={"license": "strict"}, LICENSE=TEXTS["strict"]), LARGE, chain(licences=()))
    assert duty(agreeing, DutyKind.DISPLAY_UI, CHILD).status == UNMET
    kept = answer(known, labelled, LARGE)  # the ancestor's own text
    assert [d.ancestor for d in kept.duties if d.kind == "display_ui"] == [BASE]
