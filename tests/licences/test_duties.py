"""What duties rest on: routes, standings, what was seen, what was retrieved; and what can never happen."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.catalogue.licences import DutyKind, KnownLicence, Obligation, Permission
from forebear.licences.answer import DutyStatus, LicenceAnswer
from forebear.licences.duties import licence_answer
from forebear.licences.organisation import Money, Organisation
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing
from licence_cases import (
    BASE,
    CHILD,
    MAU,
    NOTICE,
    REMEMBERED,
    REVENUE,
    answer,
    chain,
    detect,
    documents,
    duty,
    facts,
    limited,
    model,
    obliging,
)

ALL = limited(
    spdx="LicenseRef-mit-like",  # its text names the holder
    obligations=(
        Obligation(DutyKind.INCLUDE_LICENCE),
        Obligation(DutyKind.RETAIN_COPYRIGHT),
        Obligation(DutyKind.NOTICE_FILE, NOTICE),
        Obligation(DutyKind.STATE_CHANGES),
        Obligation(DutyKind.USE_POLICY),
        Obligation(DutyKind.NAME_PREFIX, "Vole"),
        Obligation(DutyKind.DISPLAY_DOCS, "Built with Vole"),
        Obligation(DutyKind.DISPLAY_UI, "Vole 7", any_of=(MAU, REVENUE)),
        Obligation(DutyKind.AGREEMENT, all_of=(MAU,)),
    ),
    commercial=Permission.NO,
    military=Permission.NO,
    public_administration=Permission.NO,
    outputs=Permission.NO,
    relicensing=Permission.NO,
    territory_excluded=("EU", "GB"),
)
EVERYTHING = Organisation(
    country="DE",
    territories=("DE",),
    public_body=True,
    defence=True,
    uses=("commercial", "military", "administration"),
    distributes=True,
    trains_models=True,
    monthly_active_users=1e9,
    revenue=Money(1e9, "USD", "month"),
    displays=(),
    documents=(),
    agreements=(),
)
PAPERS = documents(front={"license": "permissive"})


def kinds(found: LicenceAnswer, status: str) -> set[str]:
    return {d.kind for d in found.duties if d.status == status and d.ancestor == BASE}


def test_an_organisation_that_breaks_everything() -> None:
    found = answer(ALL, PAPERS, EVERYTHING)
    assert kinds(found, "conditional") == {"train_other_models"}  # what it trains may be a derivative
    assert len(kinds(found, "unmet")) == len(ALL.obligations) + 5


@pytest.mark.parametrize("standing", list(Standing))
def test_only_what_is_possible_cannot_be_unmet(standing: Standing) -> None:
    found = answer(ALL, PAPERS, EVERYTHING, chain(standing=standing))
    assert bool(kinds(found, "unmet")) == standing.established
    if not standing.established:
        assert all(f"that {CHILD} descends from {BASE}" in d.on for d in found.duties if d.status == "conditional")
        assert not [f for f in found.findings if f.level == "error"]


def test_the_condition_is_told_also_where_descent_is_open() -> None:
    """A vendor learns that the size is reached, whatever the descent."""
    known = obliging(DutyKind.DISPLAY_UI, "Vole 7", any_of=(MAU,))
    large, small = (Organisation(monthly_active_users=n, displays=()) for n in (2e8, 5))
    found = duty(answer(known, None, large, chain(standing=Standing.POSSIBLE)), DutyKind.DISPLAY_UI)
    assert (found.status, found.triggered, found.standing) == ("conditional", True, "possible")
    found = duty(answer(known, None, small, chain(standing=Standing.POSSIBLE)), DutyKind.DISPLAY_UI)
    assert (found.status, found.triggered) == ("met", False)


def test_what_nobody_retrieved_is_never_unmet_and_raises_notes() -> None:
    found = answer(replace(ALL, basis=REMEMBERED), PAPERS, EVERYTHING)
    assert not kinds(found, "unmet")
    levels = {f.level for f in found.findings if f.id != "licence-relabelled"}
    assert levels == {"note"}
    assert all(d.confidence == "unverified" for d in found.duties if d.ancestor == BASE)


@pytest.mark.parametrize("access", [Access.ENDPOINT, Access.TRAFFIC, Access.DOCUMENTS])
def test_files_that_nobody_saw_are_not_missing(access: Access) -> None:
    found = answer(ALL, None, EVERYTHING, chain(access=access, standing=Standing.PROBABLE))
    of_files = {"include_licence_copy", "retain_copyright", "notice_file", "aup_passthrough", "display_docs"}
    assert of_files <= kinds(found, "conditional")
    assert {"display_ui", "territory", "name_prefix"} <= kinds(found, "unmet")
    assert not any("No file" in d.why for d in found.duties)


def test_a_component_brings_duties_for_itself() -> None:
    found = answer(ALL, PAPERS, EVERYTHING, chain(EdgeKind.COMPONENT, component="vision encoder"))
    assert {d.component for d in found.duties if d.ancestor == BASE} == {"vision encoder"}
    assert all(i.component == "vision encoder" for i in found.inherited)


def test_code_alone_brings_no_duty() -> None:
    found = answer(ALL, PAPERS, EVERYTHING, chain(EdgeKind.ARCHITECTURE))
    assert not [d for d in found.duties if d.ancestor == BASE] and not found.inherited and not found.conflicts


@pytest.mark.parametrize("kind", [EdgeKind.DISTILLED, EdgeKind.TRAINED_ON_OUTPUTS])
def test_students_have_the_duties_that_reach_them(kind: EdgeKind) -> None:
    student = chain(kind)
    found = answer(replace(ALL, outputs_are_derivatives=False), PAPERS, EVERYTHING, student)
    assert {d.kind for d in found.duties if d.ancestor == BASE} == {"train_other_models"}
    assert duty(found, "train_other_models").status == "unmet"
    found = answer(replace(ALL, outputs_are_derivatives=True), PAPERS, EVERYTHING, student)
    assert {"name_prefix", "commercial_use", "notice_file"} <= kinds(found, "unmet")
    found = answer(ALL, PAPERS, EVERYTHING, student)  # unclear: only what the clause on outputs says is certain
    assert kinds(found, "unmet") == {"train_other_models"} and len(kinds(found, "conditional")) > 10
    allowed = replace(ALL, outputs=Permission.YES)
    assert not [d for d in answer(allowed, PAPERS, EVERYTHING, student).duties if d.ancestor == BASE]


def test_a_student_of_its_own_line_may_be_allowed() -> None:
    both = chain()
    student = Edge("vole/vole-70b", CHILD, EdgeKind.DISTILLED, Standing.MEASURED)
    teacher = Node("vole/vole-70b", licences=("strict",), model="vole-70b", developer="vole")
    both = replace(both, nodes=(*both.nodes, teacher), edges=(*both.edges, student))
    found = answer(ALL, PAPERS, EVERYTHING, both)
    assert duty(found, "train_other_models", "vole/vole-70b").status == "conditional"


def test_weights_count_before_outputs_and_strong_routes_before_weak_ones() -> None:
    several = chain(EdgeKind.DISTILLED, EdgeKind.FINETUNE)
    assert "commercial_use" in kinds(answer(ALL, PAPERS, EVERYTHING, several), "unmet")
    weak = Edge(BASE, CHILD, EdgeKind.FINETUNE, Standing.POSSIBLE)
    strong = Edge(BASE, CHILD, EdgeKind.RL, Standing.DECLARED)
    both = replace(chain(), edges=(weak, strong))
    found = answer(ALL, PAPERS, EVERYTHING, both)
    assert {d.standing for d in found.duties if d.ancestor == BASE} == {Standing.DECLARED}
    assert [i.kinds for i in found.inherited] == [("rl",)]


def test_licences_of_grandparents_come_along() -> None:
    line = Chain(
        Node(CHILD),
        (Node("vole/middle", licences=("permissive",)), Node(BASE, licences=("strict",), developer="vole")),
        (
            Edge("vole/middle", CHILD, EdgeKind.FINETUNE, Standing.MEASURED),
            Edge(BASE, "vole/middle", EdgeKind.RL, Standing.CATALOGUED),
        ),
    )
    found = answer(ALL, PAPERS, EVERYTHING, line)
    assert duty(found, "commercial_use").status == "unmet"
    assert duty(found, "commercial_use").standing == Standing.CATALOGUED
    far = next(i for i in found.inherited if i.ancestor == BASE)
    assert far.route == (BASE, "vole/middle", CHILD) and far.kinds == ("finetune", "rl")


def test_a_licensor_is_not_bound_by_itself_if_the_catalogue_says_who_it_is() -> None:
    claimed = Node(CHILD, developer="vole", licences=("permissive",))
    models = (model("vole-7b"), model("vole-7b-chat", "permissive"))
    found = answer(ALL, PAPERS, EVERYTHING, replace(chain(), subject=claimed), models=models)
    assert kinds(found, "unmet")
    known = replace(claimed, model="vole-7b-chat")
    assert not kinds(answer(ALL, PAPERS, EVERYTHING, replace(chain(), subject=known), models=models), "unmet")


def test_a_name_that_leaves_two_models_open_settles_nothing() -> None:
    models = (model("vole-7b"), model("vole-8b", "permissive"))
    several = chain(model="", candidates=("vole-7b", "vole-8b"))
    found = answer(ALL, PAPERS, EVERYTHING, several, models=models)
    assert not kinds(found, "unmet") and "which of vole-7b, vole-8b the ancestor is" in found.duties[0].on
    same = (model("vole-7b"), model("vole-8b"))
    assert kinds(answer(ALL, PAPERS, EVERYTHING, several, models=same), "unmet")


def test_nothing_changed_is_nothing_to_state() -> None:
    found = answer(ALL, PAPERS, None, chain(EdgeKind.IDENTICAL))
    assert duty(found, DutyKind.STATE_CHANGES).triggered is False


def test_copyright_lines_of_an_ancestor_at_hand() -> None:
    known = obliging(DutyKind.RETAIN_COPYRIGHT)
    theirs = {BASE: documents(LICENSE="Copyright (c) 2023 Vole Labs\nCopyright (c) 2024 Mole Museum\n")}
    one = documents(NOTICE="© 2023 Vole Labs")
    both = documents(NOTICE="© 2023 Vole Labs, copyright 2024 Mole Museum")
    assert duty(answer(known, one, ancestors=theirs), DutyKind.RETAIN_COPYRIGHT).status == "unmet"
    assert "Mole Museum" in duty(answer(known, one, ancestors=theirs), DutyKind.RETAIN_COPYRIGHT).why
    assert duty(answer(known, both, ancestors=theirs), DutyKind.RETAIN_COPYRIGHT).status == "met"


def test_notices_of_an_ancestor_at_hand() -> None:
    known = obliging(DutyKind.NOTICE_FILE)
    theirs = documents(NOTICE="Vole by Vole Labs.\n\nWith moles.")
    for kept, status in (("Ours.\n\nWith moles.\n\nVole by Vole Labs.", "met"), ("Vole by Vole Labs.", "unmet")):
        found = answer(known, documents(NOTICE=kept), ancestors={BASE: theirs})
        assert duty(found, DutyKind.NOTICE_FILE).status == status
    nothing = answer(known, documents(), ancestors={BASE: documents(LICENSE="x")})
    assert duty(nothing, DutyKind.NOTICE_FILE).triggered is False


def test_its_own_licence_binds_whoever_passes_it_on() -> None:
    own = chain(licences=())
    known = obliging(DutyKind.INCLUDE_LICENCE)
    papers = documents(front={"license": "strict"})
    for passes_on, status in ((None, "conditional"), (False, "met"), (True, "unmet")):
        found = answer(known, papers, Organisation(distributes=passes_on), own)
        assert duty(found, DutyKind.INCLUDE_LICENCE, CHILD).status == status
    maker = answer(known, papers, Organisation(distributes=True, own_release=True), own)
    assert duty(maker, DutyKind.INCLUDE_LICENCE, CHILD).triggered is False  # nobody is a licensee of its own
    limits = answer(ALL, papers, replace(EVERYTHING, own_release=True), own)
    assert {d.status for d in limits.duties} == {DutyStatus.MET}
    notice = answer(obliging(DutyKind.NOTICE_FILE), papers, Organisation(distributes=True), own)
    assert duty(notice, DutyKind.NOTICE_FILE, CHILD).triggered is False
    prefix = answer(obliging(DutyKind.NAME_PREFIX, "Vole"), papers, None, own)
    assert not prefix.duties  # asked of derivatives, and nothing says that this is one


@pytest.mark.parametrize(
    ("stated", "own"),
    [("strict", {"strict"}), ("permissive OR strict", set()), ("permissive AND strict", {"strict", "permissive"})],
)
def test_a_choice_of_licences_is_nobody_elses_to_make(stated: str, own: set[str]) -> None:
    found = answer(ALL, documents(front={"license": stated}), EVERYTHING, chain(licences=()))
    assert {d.licence for d in found.duties} == own - {"permissive"}


def test_the_answer_says_what_it_does_not_rest_on() -> None:
    papers = documents(front={"license": "strikt"})
    found = answer(ALL, papers, None, chain(licences=("unheard-of",)))
    text = " ".join(found.not_checked)
    for words in ("--org", f"licence of {BASE} is not known", "strikt", "nearest known: strict"):
        assert words in text
    assert found.inherited[0].licence == "unheard-of" and not found.duties


ORGANISATIONS = st.builds(
    Organisation,
    country=st.sampled_from(["", "DE", "GB", "US"]),
    territories=st.sampled_from([(), ("US",), ("GB", "US"), ("EU",)]),
    public_body=st.sampled_from([None, True, False]),
    defence=st.sampled_from([None, True, False]),
    intelligence=st.sampled_from([None, True, False]),
    uses=st.sampled_from([None, (), ("commercial",), ("research",), ("military", "administration")]),
    distributes=st.sampled_from([None, True, False]),
    own_release=st.sampled_from([None, True, False]),
    trains_models=st.sampled_from([None, True, False]),
    monthly_active_users=st.sampled_from([None, 5.0, 2e8]),
    revenue=st.sampled_from(
        [None, Money(1.0, "USD", "month"), Money(30e6, "USD", "month"), Money(30e6, "EUR", "year")]
    ),
    displays=st.sampled_from([None, (), ("Vole 7",)]),
    documents=st.sampled_from([None, (), ("Built with Vole",)]),
    agreements=st.sampled_from([(), ("strict",)]),
)
STANDINGS = st.sampled_from(list(Standing))
KINDS = st.sampled_from([k for k in EdgeKind if k is not EdgeKind.ARCHITECTURE])
UNKNOWN = Organisation()


@given(ORGANISATIONS, STANDINGS, KINDS, st.sets(st.sampled_from([f.name for f in fields(Organisation)])))
def test_to_know_less_never_makes_a_duty_met(
    organisation: Organisation, standing: Standing, kind: EdgeKind, forgotten: set[str]
) -> None:
    of = chain(kind, standing=standing)
    full = answer(ALL, PAPERS, organisation, of)
    blank: dict[str, Any] = {name: getattr(UNKNOWN, name) for name in forgotten}
    less = answer(ALL, PAPERS, replace(organisation, **blank), of)
    before = {(d.kind, d.ancestor): d.status for d in full.duties}
    for d in less.duties:
        if d.status is DutyStatus.MET:
            assert before[d.kind, d.ancestor] is DutyStatus.MET, (d.kind, forgotten)


@given(ORGANISATIONS, KINDS)
def test_a_possible_edge_never_gives_unmet(organisation: Organisation, kind: EdgeKind) -> None:
    found = answer(ALL, PAPERS, organisation, chain(kind, standing=Standing.POSSIBLE))
    assert not [d for d in found.duties if d.status is DutyStatus.UNMET and d.ancestor == BASE]
    assert not [f for f in found.findings if f.level == "error"]


@given(
    ORGANISATIONS,
    st.lists(st.tuples(KINDS, STANDINGS, st.sampled_from(["strict", "strict2", "permissive"])), min_size=1, max_size=4),
)
def test_another_ancestor_never_removes_a_duty(
    organisation: Organisation, ancestors: list[tuple[EdgeKind, Standing, str]]
) -> None:
    def of(some: list[tuple[EdgeKind, Standing, str]]) -> set[tuple[str, str, str]]:
        nodes = tuple(Node(f"vole/v{k}", licences=(i,), developer="vole") for k, (_, _, i) in enumerate(some))
        edges = tuple(Edge(f"vole/v{k}", CHILD, kind, standing) for k, (kind, standing, _) in enumerate(some))
        return {
            (d.kind, d.licence, d.ancestor)
            for d in answer(ALL, PAPERS, organisation, Chain(Node(CHILD), nodes, edges)).duties
        }

    assert of(ancestors[:-1]) <= of(ancestors)


def test_a_known_licence_in_its_real_words() -> None:
    """The shipped catalogue: what made the Composer case a duty."""
    from forebear.catalogue.licences import licences

    kimi: KnownLicence = licences()["kimi-k2.5-modified-mit"]
    (shown,) = (o for o in kimi.obligations if o.kind is DutyKind.DISPLAY_UI)
    assert shown.text == "Kimi K2.5" and {c.metric for c in shown.any_of} == {"monthly_active_users", "revenue"}


@pytest.mark.parametrize(("account", "unmet"), [("vole-labs", False), ("acme", True), ("vole-labs-fans", True)])
def test_a_model_in_the_licensors_own_account_breaks_nothing(account: str, unmet: bool) -> None:
    known = facts(ALL)
    known = replace(known, developers={"vole": replace(known.developers["vole"], hub_accounts=("Vole-Labs",))})
    found = licence_answer(chain(subject=f"{account}/x"), PAPERS, EVERYTHING, detect=detect, facts=known)
    assert bool(kinds(found, "unmet")) is unmet
    if not unmet:
        assert all("is by the developer" in d.on[0] for d in found.duties if d.ancestor == BASE and d.on)
