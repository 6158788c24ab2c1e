"""Names of a chain looked up, and the chain continued upwards: what becomes an edge, a standing, a note."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from forebear.catalogue.developers import UNREAD, Parent, PublishedModel, published
from forebear.catalogue.facts import Basis, Confidence, sources
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import extend
from forebear.lineage.chains.extend import BY_A_BILL, complete

DECLARED, POSSIBLE = Standing.DECLARED, Standing.POSSIBLE
SAME, FINETUNE, RL = EdgeKind.SAME_MODEL, EdgeKind.FINETUNE, EdgeKind.RL
PATH = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"
SOURCE = next(s for s in sources().values() if 0 < len(s.what) <= 100)


def step(
    parent: str, child: str = "mine", kind: EdgeKind = FINETUNE, standing: Standing = DECLARED, **more: object
) -> Edge:
    return Edge(parent, child, kind, standing, **{"declared": standing is DECLARED, **more})  # type: ignore[arg-type]


def completed(*edges: Edge, name: str = "mine", access: Access = Access.DOCUMENTS, **more: object) -> Chain:
    names = dict.fromkeys(n for e in edges for n in (e.parent, e.child) if n != name)
    state = ParentState.DECLARED if any(e.declared for e in edges) else ParentState.ABSENT
    chain = Chain(Node(name), tuple(Node(n) for n in names), edges, state, access)
    return complete(replace(chain, **more))  # type: ignore[arg-type]


def steps(chain: Chain) -> dict[tuple[str, str], tuple[EdgeKind, Standing]]:
    return {(e.parent, e.child): (e.kind, e.standing) for e in chain.edges}


def parent(name: str, kind: str = "finetune", sure: str = "high", **more: object) -> Parent:
    return Parent(name, kind, Basis((SOURCE.id,), "2026-01-02", Confidence(sure)), **more)  # type: ignore[arg-type]


def model(name: str, *parents: Parent, **more: object) -> PublishedModel:
    basis = Basis((SOURCE.id,), "2026-01-02", Confidence.HIGH)
    return PublishedModel(name, "nobody", basis, parents=parents, **more)  # type: ignore[arg-type]


def catalogue(monkeypatch: pytest.MonkeyPatch, entries: Mapping[str, tuple[PublishedModel, ...]]) -> None:
    """What the catalogue has for nodes of these names, and nothing for others."""
    monkeypatch.setattr(extend, "models_of", lambda node: entries.get(node.name, ()))


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (["none"], ParentState.ABSENT),
        (["withheld"], ParentState.WITHHELD),
        (["from scratch"], ParentState.FROM_SCRATCH),
        (["from scratch", "none"], ParentState.FROM_SCRATCH),
        (["from scratch", "withheld"], ParentState.WITHHELD),
        (["none", "a-parent"], ParentState.DECLARED),
    ],
)
def test_words_that_name_no_model_are_no_parents(names: list[str], state: ParentState) -> None:
    found = completed(*(step(n) for n in names))
    kept = [n for n in names if n == "a-parent"]
    assert [e.parent for e in found.edges] == kept == [n.name for n in found.nodes]
    assert found.parent is state
    told = [f"Where a parent's name should stand it says “{n}”, which names no model." for n in names if n not in kept]
    assert list(found.notes) == told


def test_only_what_stands_for_the_parent_of_the_model_itself_counts() -> None:
    open_ = step("a-parent", standing=POSSIBLE)
    above = completed(open_, step("withheld", "a-parent"))
    assert above.parent is ParentState.ABSENT and [e.parent for e in above.edges] == ["a-parent"]
    other = completed(step("a-parent", "b-parent"), step("b-parent", standing=POSSIBLE), step("withheld"))
    assert other.parent is ParentState.WITHHELD
    said = completed(step("withheld", standing=POSSIBLE), parent=ParentState.FROM_SCRATCH)
    assert said.parent is ParentState.FROM_SCRATCH
    kept = completed(step("none"), notes=("Before.",))
    assert kept.notes[0] == "Before." and len(kept.notes) == 2
    plain = completed(step("a-parent"))
    assert plain.parent is ParentState.DECLARED and plain.notes == ()


@pytest.mark.parametrize(
    ("access", "name"),
    [
        *((a, "Kimi-K2.5") for a in (Access.DOCUMENTS, Access.NAME, Access.TRAFFIC, Access.ENDPOINT)),
        *((a, "kimi-k2.5") for a in (Access.WEIGHTS, Access.PAPERS)),
    ],
)
def test_words_become_the_model_that_they_mean_and_labels_stay(access: Access, name: str) -> None:
    found = completed(step("kimi-k2.5"), access=access)
    assert found.edges[0].parent == name
    assert (found.node(name).model, found.node(name).developer) == ("Kimi-K2.5", "moonshot")
    assert ("Kimi-K2-Base", name) in steps(found)  # what the catalogue knows joins the node as it is called


def test_a_repository_keeps_its_name_and_so_does_a_second_spelling() -> None:
    assert completed(step("moonshotai/Kimi-K2.5")).edges[0].parent == "moonshotai/Kimi-K2.5"
    assert [e.parent for e in completed(step("kimi-k2.5"), step("kimi_k2.5")).edges[:2]] == ["Kimi-K2.5", "kimi_k2.5"]
    assert [e.parent for e in completed(step("kimi-k2.5"), step("Kimi-K2.5")).edges[:2]] == ["kimi-k2.5", "Kimi-K2.5"]
    assert completed(step("kimi-k2.5", "Kimi-K2.5"), name="Kimi-K2.5").edges[0].parent != "Kimi-K2.5"
    child = completed(step("a-parent", "kimi-k2.5"), step("kimi-k2.5"))
    assert ("a-parent", "Kimi-K2.5") in steps(child) and ("Kimi-K2.5", "mine") in steps(child)


def test_a_step_from_a_model_to_itself_is_none_and_equal_steps_are_one() -> None:
    one = step("a-parent", standing=POSSIBLE, evidence=("One.",))
    found = completed(one, step("a-parent", evidence=("Two.",)), step("a-parent", "a-parent"), step("mine", "mine"))
    (edge,) = found.edges
    assert (edge.standing, edge.evidence) == (DECLARED, ("Two.", "One."))


def test_a_known_model_is_not_told_to_be_itself() -> None:
    name = "moonshotai/Kimi-K2.5"
    found = completed(step("kimi", name, SAME), name=name)
    assert found.subject.model == "Kimi-K2.5" and {e.kind for e in found.edges if e.child == name} != {SAME}
    assert ("kimi", name) not in steps(found)
    assert steps(completed(step("kimi", name), name=name))["kimi", name] == (FINETUNE, DECLARED)
    assert steps(completed(step("a-parent", kind=SAME)))["a-parent", "mine"] == (SAME, DECLARED)


@pytest.mark.parametrize("access", [Access.ENDPOINT, Access.TRAFFIC, Access.DOCUMENTS])
def test_a_product_behind_an_api_is_its_model(access: Access) -> None:
    found = completed(step("composer 2", kind=SAME), access=access)
    assert (found.subject.name, found.subject.model, found.subject.developer) == ("mine", "Composer 2", "anysphere")
    assert steps(found)["Kimi-K2.5", "mine"] == (RL, Standing.CATALOGUED)
    assert "Composer 2" not in [n.name for n in found.nodes]
    assert found.notes[0] == "By its name it is taken for Composer 2; nothing tested whether the name is right."
    assert any(n.startswith("Composer 2: ") for n in found.notes[1:])
    assert found.parent is (ParentState.DECLARED if access is Access.DOCUMENTS else ParentState.ABSENT)


def test_a_product_that_may_be_another_or_is_published_stays_an_ancestor() -> None:
    for kind, standing in ((SAME, POSSIBLE), (FINETUNE, DECLARED)):
        found = completed(step("composer 2", kind=kind, standing=standing), access=Access.ENDPOINT)
        assert (found.subject.model, found.subject.developer) == ("", "") and not found.notes
        assert steps(found)["Composer 2", "mine"] == (kind, standing)
    above = completed(step("a-parent"), step("composer 2", "a-parent", SAME), access=Access.ENDPOINT)
    assert above.subject.model == "" and steps(above)["Composer 2", "a-parent"] == (SAME, DECLARED)
    known = completed(step("kimi-k2.5", kind=SAME), access=Access.ENDPOINT)
    assert (known.subject.model, known.subject.developer) == ("", "moonshot") and known.parent is ParentState.DECLARED
    probed = completed(step("kimi-k2.5", kind=SAME, standing=Standing.PROBABLE), access=Access.ENDPOINT)
    assert probed.subject.developer == "" and probed.parent is ParentState.ABSENT
    stated = completed(step("kimi-k2.5", kind=SAME), access=Access.ENDPOINT, subject=Node("mine", developer="meta"))
    assert stated.subject.developer == "meta"
    two = completed(step("composer 2", kind=SAME), step("composer 2.5", kind=SAME), access=Access.ENDPOINT)
    assert two.subject.model == "Composer 2" and ("Composer 2.5", "mine") in steps(two)
    assert two.parent is ParentState.DECLARED


def test_a_leaked_name_stays_possible_and_what_its_account_is_known_for_is_told() -> None:
    found = completed(step("kimi k2.5", PATH, RL, POSSIBLE), name=PATH, access=Access.TRAFFIC)
    (edge,) = (e for e in found.edges if e.child == PATH)
    assert edge.standing is POSSIBLE
    assert [e.split(" (")[0] for e in edge.evidence] == [
        "The catalogue has Composer 2 made from Kimi-K2.5",
        "The catalogue has Composer 2.5 made from Kimi-K2.5",
    ]
    assert found.notes == (
        "It is served in the account anysphere of Anysphere (Cursor); that does not say who made it.",
    )
    own = replace(edge, evidence=("Said.",), parent="kimi k2.5")
    assert completed(own, name=PATH, access=Access.TRAFFIC).edges[0].evidence[0] == "Said."


@pytest.mark.parametrize(
    ("edge", "name", "access"),
    [
        (step("kimi k2.5", PATH, RL, DECLARED), PATH, Access.TRAFFIC),
        (step("kimi k2.5", PATH, RL, POSSIBLE), PATH, Access.ENDPOINT),
        (step("kimi k2.5", "mine", RL, POSSIBLE), "mine", Access.TRAFFIC),
        (step("qwen3-8b", PATH, RL, POSSIBLE), PATH, Access.TRAFFIC),  # from which the owner made nothing
        (step("composer 2.5", PATH, RL, POSSIBLE), PATH, Access.TRAFFIC),  # its own
        (step("a-parent", PATH, RL, POSSIBLE), PATH, Access.TRAFFIC),
    ],
)
def test_nothing_else_is_told_of_an_account(edge: Edge, name: str, access: Access) -> None:
    found = completed(edge, name=name, access=access)
    assert [e.evidence for e in found.edges if e.child == name] == [()]


def test_what_the_account_is_known_for_is_told_of_the_model_itself_alone() -> None:
    edges = (step("a-parent", PATH, RL, POSSIBLE), step("kimi k2.5", "a-parent", RL, POSSIBLE))
    found = completed(*edges, name=PATH, access=Access.TRAFFIC)
    assert {e.evidence for e in found.edges if e.child == "a-parent"} == {()}
    made = completed(subject=Node(PATH, developer="anysphere"), access=Access.TRAFFIC)
    assert (made.subject.developer, made.notes) == ("anysphere", ())  # whose it is needs no remark


def test_ancestors_of_ancestors_come_from_the_catalogue_once_each() -> None:
    found = completed(step("perplexity-ai/r1-1776"), step("DeepSeek-R1"))
    assert steps(found)["DeepSeek-R1", "perplexity-ai/r1-1776"] == (FINETUNE, Standing.CATALOGUED)
    assert steps(found)["DeepSeek-V3-Base", "DeepSeek-R1"] == (RL, Standing.CATALOGUED)
    assert [n.name for n in found.nodes].count("DeepSeek-V3-Base") == 1 and len(found.edges) == 4
    base = found.node("DeepSeek-V3-Base")
    assert (base.model, base.developer, base.licences) == ("DeepSeek-V3-Base", "deepseek", ("deepseek-license-1.0",))
    own = completed(name="deepseek-ai/DeepSeek-R1", access=Access.WEIGHTS)
    assert steps(own) == {("DeepSeek-V3-Base", "deepseek-ai/DeepSeek-R1"): (RL, Standing.CATALOGUED)}


def test_a_parent_that_has_another_name_in_the_chain_keeps_it() -> None:
    found = completed(step("perplexity-ai/r1-1776"), step("deepseek-ai/DeepSeek-R1"))
    assert ("deepseek-ai/DeepSeek-R1", "perplexity-ai/r1-1776") in steps(found)
    assert "DeepSeek-R1" not in [n.name for n in found.nodes]
    subject = completed(step("perplexity-ai/r1-1776", "deepseek-ai/DeepSeek-R1"), name="deepseek-ai/DeepSeek-R1")
    assert "DeepSeek-R1" not in [n.name for n in subject.nodes]


@pytest.mark.parametrize(
    ("entries", "standing", "declared"),
    [
        ([("high", True)], Standing.CATALOGUED, True),
        ([("medium", True)], Standing.CATALOGUED, True),
        ([("low", True)], POSSIBLE, True),
        ([("unverified", None)], POSSIBLE, False),
        ([("high", False)], Standing.CATALOGUED, False),
        ([("medium", None)], Standing.CATALOGUED, False),
        ([("low", False)], None, False),  # an allegation
        ([("unverified", False)], None, False),
        ([("high", True), ("medium", True)], Standing.CATALOGUED, True),
        ([("high", True), ("low", True)], POSSIBLE, True),
        ([("high", True), ("high", False)], Standing.CATALOGUED, False),
        ([("high", True), None], POSSIBLE, True),  # only one of the candidates has it
        ([("high", True), ("low", False)], POSSIBLE, True),
    ],
)
def test_a_fact_is_as_sure_as_its_sources_and_all_candidates(
    entries: list[tuple[str, bool | None] | None],
    standing: Standing | None,
    declared: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = tuple(
        model(f"m{k}", *([parent("a-base", sure=e[0], disclosed=e[1])] if e else [])) for k, e in enumerate(entries)
    )
    catalogue(monkeypatch, {"a-parent": models})
    found = [e for e in completed(step("a-parent")).edges if e.child == "a-parent"]
    assert [(e.standing, e.declared) for e in found] == ([] if standing is None else [(standing, declared)])


def test_the_fact_in_words_with_its_part_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    basis = Basis(("nobody-knows", SOURCE.id), "2026-01-02", Confidence.HIGH)
    told = (
        replace(parent("b0"), basis=basis),
        parent("b1", "component_shared", component="encoder"),
        parent("b2", "merge", "unverified"),
        replace(parent("b3", "quantised"), basis=Basis(("s1", "s2"), "2026", Confidence.MEDIUM)),
        replace(parent("b4", "nothing-known"), basis=basis),
    )
    catalogue(monkeypatch, {"a-parent": (model("M", *told),)})
    found = {e.parent: e for e in completed(step("a-parent")).edges if e.child == "a-parent"}
    assert {n: (e.kind.value, e.component, e.evidence[0]) for n, e in found.items()} == {
        "b0": ("finetune", "", f"The catalogue has M made from b0 ({SOURCE.what}; as of 2026-01-02)."),
        "b1": (
            *("component_shared", "encoder"),
            f"The catalogue has the encoder of M made from b1 ({SOURCE.what}; as of 2026-01-02).",
        ),
        "b2": ("merge", "", "The catalogue has M made from b2 (no source was read for it; as of 2026-01-02)."),
        "b3": ("quantized", "", "The catalogue has M made from b3 (s1, s2; as of 2026)."),
        "b4": ("unknown", "", f"The catalogue has M made from b4 ({SOURCE.what}; as of 2026-01-02)."),
    }


def test_a_kind_of_the_catalogue_is_kept_even_where_cards_may_not_declare_it(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(monkeypatch, {"a-parent": (model("M", parent("b0", "same_model"), parent("b1", "architecture")),)})
    found = {e.parent: e.kind for e in completed(step("a-parent")).edges if e.child == "a-parent"}
    assert found == {"b0": EdgeKind.SAME_MODEL, "b1": EdgeKind.ARCHITECTURE}


def test_circles_of_the_catalogue_end_and_lead_to_no_model_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = (model("M", parent("b0"), parent("a-parent")),)
    catalogue(monkeypatch, {"a-parent": circle, "b0": (model("b0", parent("a-parent"), parent("b1")),)})
    found = completed(step("a-parent"))
    assert [n.name for n in found.nodes] == ["a-parent", "b0", "b1"]
    assert set(steps(found)) == {("a-parent", "mine"), ("b0", "a-parent"), ("a-parent", "b0"), ("b1", "b0")}


@pytest.mark.parametrize(
    ("name", "made_from", "kind", "candidates"),
    [
        ("alice/qwen3-8b-rl", "qwen 3 8b", RL, ("Qwen3-8B", "Qwen3-8B-Base")),
        ("alice/qwen3-8b-vl-sft", "Qwen3-VL-8B-Instruct", FINETUNE, ()),  # one alone is called by its name
        ("alice/qwen3-8b-acme", "qwen 3 8b", EdgeKind.UNKNOWN, ("Qwen3-8B", "Qwen3-8B-Base")),
        ("bob/DeepSeek-R1-Distill-Llama-8B-GGUF", "DeepSeek-R1-Distill-Llama-8B", EdgeKind.QUANTIZED, ()),
        ("alice/nothing-known-rl", "", RL, ()),
        ("alice/qwen9-8b-rl", "", RL, ()),  # a version that is not in the catalogue
        ("qwen9-8b", "", RL, ()),
        ("Qwen/Qwen9-8B", "", RL, ()),  # a model of its developer's own
    ],
)
@pytest.mark.parametrize("subject", [False, True])
def test_what_a_name_says_that_is_in_no_catalogue(
    name: str, made_from: str, kind: EdgeKind, candidates: tuple[str, ...], subject: bool
) -> None:
    found = completed(name=name) if subject else completed(step(name))
    edges = [e for e in found.edges if e.child == name]
    assert [(e.parent, e.kind, e.standing, e.declared) for e in edges] == (
        [(made_from, kind, POSSIBLE, False)] if made_from else []
    )
    if made_from:
        node = found.node(made_from)
        assert node.candidates == candidates and node.developer
        assert node.model == ("" if candidates else made_from)
        assert re.match(rf"By its own name {re.escape(name)} is (made from )?[\w. -]+", edges[0].evidence[0])


def test_a_name_is_not_asked_of_a_model_that_was_read_or_is_served() -> None:
    for access in Access:
        found = completed(name="alice/qwen3-8b-rl", access=access)
        assert bool(found.edges) is (access in (Access.DOCUMENTS, Access.NAME)), access
        above = completed(step("alice/qwen3-8b-rl"), access=access)
        assert len(above.edges) == 2, access


def test_a_variant_that_is_in_no_catalogue_is_left_out_of_the_base() -> None:
    (edge,) = completed(name="alice/llama-3.1-8b-vision-sft").edges
    assert "vision" not in edge.parent and edge.kind is FINETUNE and "llama 3.1 8b" in edge.evidence[0].lower()


def test_remarks_of_the_catalogue_have_their_source_and_stand_last(monkeypatch: pytest.MonkeyPatch) -> None:
    told = model("M", note="Disputed.", repository="x/y")
    unread = model("N", note=f"{UNREAD}it.")
    catalogue(monkeypatch, {"mine": (told, unread, model("O"))})
    assert completed(step("a-parent"), notes=("Before.", "Before.")).notes == (
        "Before.",
        f"M: Disputed. ({SOURCE.what})",
    )
    catalogue(monkeypatch, {"a-parent": (told,)})
    assert completed(step("a-parent")).notes == ()  # of the model in question alone


@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("access", [Access.DOCUMENTS, Access.WEIGHTS])
def test_that_a_bill_has_measured_is_its_own_word(standing: Standing, access: Access) -> None:
    told = access is Access.DOCUMENTS and standing in (Standing.MEASURED, Standing.PROBABLE)
    assert completed(step("a-parent", standing=standing), access=access).notes == ((BY_A_BILL,) if told else ())


def test_the_catalogue_has_what_these_tests_rest_on() -> None:
    assert published()["Composer 2"].api_only and published()["Composer 2"].developer == "anysphere"
    assert {p.name for p in published()["Composer 2"].parents} == {"Kimi-K2.5"}
