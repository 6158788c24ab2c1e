"""Which models of the catalogue the names in a chain mean."""

from __future__ import annotations

import pytest

from chained import scan
from forebear.catalogue.developers import UNREAD, LicenceAt, PublishedModel, published
from forebear.catalogue.facts import Basis, Confidence
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.extend import complete
from forebear.lineage.chains.known import (
    agreed_licences,
    ancestor_of,
    holder_of,
    identified,
    models_of,
    republished,
    subject_of,
)


@pytest.mark.parametrize(
    ("name", "model", "kind"),
    [
        ("unsloth/deepseek-r1-distill-llama-8b-unsloth-bnb-4bit", "DeepSeek-R1-Distill-Llama-8B", EdgeKind.QUANTIZED),
        ("bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF", "DeepSeek-R1-Distill-Qwen-32B", EdgeKind.QUANTIZED),
        ("somebody/Kimi-K2.5", "Kimi-K2.5", EdgeKind.UNKNOWN),
        ("hf:somebody/Kimi-K2.5-NVFP4@main", "Kimi-K2.5", EdgeKind.QUANTIZED),
    ],
)
def test_a_published_name_under_another_account_is_that_model_by_name(name: str, model: str, kind: EdgeKind) -> None:
    found = republished(name)
    assert found is not None and (found[0].name, found[1]) == (model, kind)


@pytest.mark.parametrize(
    "name",
    [
        "moonshotai/Kimi-K2.5",  # its own
        "somebody/Kimi-K2.5-medical",  # something made of it, perhaps
        "somebody/Kimi-K2.55",
        "somebody/my-Kimi-K2.5",
        "Kimi-K2.5",  # no account: a label
        "somebody/",
        "/",
        "",
    ],
)
def test_other_names_are_no_copies(name: str) -> None:
    assert republished(name) is None


def test_a_copy_by_name_is_possible_and_brings_its_parents() -> None:
    name = "somebody/DeepSeek-R1-Distill-Llama-8B-GGUF"
    edge = Edge(name, "mine", EdgeKind.FINETUNE, Standing.DECLARED, declared=True)
    chain = complete(Chain(Node("mine"), (Node(name),), (edge,), access=Access.DOCUMENTS))
    steps = {(e.parent, e.child): e.standing for e in chain.edges}
    assert steps["DeepSeek-R1-Distill-Llama-8B", name] is Standing.POSSIBLE
    assert steps["Llama-3.1-8B", "DeepSeek-R1-Distill-Llama-8B"] is Standing.CATALOGUED
    assert all(not r.standing.established for r in chain.routes() if r.ancestor.name == "Llama-3.1-8B")


def test_what_nobody_read_about_an_entry_is_no_remark_on_the_model() -> None:
    unread = [m for m in published().values() if m.note.startswith(UNREAD) and m.repository]
    assert unread
    for model in unread:
        assert not any(model.note in note for note in chain_of(scan(name=model.repository)).notes)
    accused = next(m for m in published().values() if m.note.startswith("Accused") and m.repository)
    assert any(accused.note in note for note in chain_of(scan(name=accused.repository)).notes)


def test_a_label_in_an_index_says_nothing_of_a_maker() -> None:
    assert ancestor_of(Node("dev-llama-1"), labelled=True).developer == ""
    assert ancestor_of(Node("meta-llama/Llama-3.1-8B"), labelled=True).developer == "meta"


def test_a_plain_name_is_the_model_and_one_with_unknown_words_is_not() -> None:
    assert [m.name for m in identified("moonshotai/Kimi-K2.5")] == ["Kimi-K2.5"]
    assert identified("alice/kimi-k2.5-medical") == ()


@pytest.mark.parametrize(
    ("name", "access", "publisher", "model", "developer"),
    [
        ("moonshotai/Kimi-K2.5", Access.WEIGHTS, "", "Kimi-K2.5", "moonshot"),
        ("moonshotai/Kimi-K2.5", Access.PAPERS, "Meta", "Kimi-K2.5", "moonshot"),  # an account says more
        ("hf:moonshotai/Kimi-K2.5@main", Access.WEIGHTS, "", "Kimi-K2.5", "moonshot"),
        ("Kimi-K2.5", Access.WEIGHTS, "", "", ""),  # a folder's name makes nothing that model
        ("Kimi-K2.5", Access.WEIGHTS, "Moonshot AI", "Kimi-K2.5", "moonshot"),
        ("Kimi-K2.5", Access.WEIGHTS, "Meta", "", "meta"),
        ("kimi k2.5", Access.DOCUMENTS, "moonshot", "Kimi-K2.5", "moonshot"),
        ("Kimi-K2.5-medical", Access.DOCUMENTS, "moonshot", "", "moonshot"),
        ("acme/Kimi-K2.5", Access.WEIGHTS, "", "", ""),
        ("moonshotai/Kimi-K2.5-sft", Access.WEIGHTS, "", "", "moonshot"),
        ("Qwen3", Access.DOCUMENTS, "alibaba-qwen", "", "alibaba-qwen"),  # several fit
        ("meta-llama/unheard", Access.WEIGHTS, "Acme", "", "meta"),
        ("acme/unheard", Access.WEIGHTS, "Meta", "", "meta"),
        ("moonshotai/Kimi-K2.5", Access.ENDPOINT, "", "", "moonshot"),  # what answers need not be it
        ("api:https://x/v1#moonshotai/Kimi-K2.5", Access.ENDPOINT, "", "", ""),
        ("accounts/anysphere/models/kimi-k2p5", Access.TRAFFIC, "", "", ""),  # served by others than its maker
        ("accounts/moonshot/models/kimi-k2p5", Access.TRAFFIC, "", "", "moonshot"),
        ("moonshotai/unheard", Access.TRAFFIC, "", "", ""),
        ("Kimi-K2.5", Access.TRAFFIC, "Meta", "", "meta"),
    ],
)
def test_who_the_model_in_question_is(name: str, access: Access, publisher: str, model: str, developer: str) -> None:
    found = subject_of(Node(name, developer=publisher), access)
    assert (found.name, found.model, found.developer) == (name, model, developer)
    assert bool(found.licences) is bool(model or found.candidates)


def test_a_name_that_several_models_fit_brings_the_licence_that_all_of_them_have() -> None:
    one = subject_of(Node("llama3.1", developer="Meta"), Access.NAME)
    assert (one.model, one.licences) == ("", ("llama3.1",)) and "Llama-3.1-70B" in one.candidates
    other = subject_of(Node("qwen2.5", developer="Alibaba"), Access.NAME)
    assert len(other.candidates) > 1 and other.licences == (), "the sizes of Qwen2.5 have two licences"


def test_its_own_licences_go_before_the_catalogues() -> None:
    stated = ("Apache 2.0", "of nobody's", "apache-2.0", "MIT")
    node = Node("moonshotai/Kimi-K2.5", licences=stated)
    assert subject_of(node, Access.WEIGHTS).licences == ("apache-2.0", "of nobody's", "mit")
    unknown = Node("moonshotai/Kimi-K2.5", licences=("of nobody's",))
    assert subject_of(unknown, Access.WEIGHTS).licences == ("kimi-k2.5-modified-mit",)


def test_a_licence_that_is_not_known_is_not_left_out_beside_those_that_are() -> None:
    """A bill's "MIT" beside "Acme Non-Commercial" had passed as MIT alone."""
    nc = "Acme Non-Commercial"
    for more, expected in ((nc, ("mit", nc)), ("NOASSERTION", ("mit",)), ("Apache-2.0", ("mit", "apache-2.0"))):
        assert subject_of(Node("acme/m", licences=("MIT", more)), Access.DOCUMENTS).licences == expected
        assert ancestor_of(Node("unheard", licences=("MIT", more))).licences == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("MIT AND CC-BY-NC-4.0", ("mit", "cc-by-nc-4.0")),
        ("(Apache-2.0 AND MIT) AND Acme-NC", ("apache-2.0", "mit", "Acme-NC")),
        ("MIT OR CC-BY-NC-4.0", ()),  # a choice is no licence that holds
        ("Apache-2.0 AND (MIT OR CC-BY-NC-4.0)", ()),
    ],
)
def test_an_expression_is_all_that_it_joins(stated: str, expected: tuple[str, ...]) -> None:
    assert subject_of(Node("acme/m", licences=(stated,)), Access.DOCUMENTS).licences == expected
    assert ancestor_of(Node("unheard", licences=(stated,))).licences == expected


def test_the_catalogues_licences_of_an_ancestor_go_before_those_of_a_document() -> None:
    assert ancestor_of(Node("moonshotai/Kimi-K2.5", licences=("MIT",))).licences == ("kimi-k2.5-modified-mit",)
    assert ancestor_of(Node("unheard", licences=("MIT",))).licences == ("mit",)


@pytest.mark.parametrize(
    ("name", "publisher", "labelled", "model", "developer"),
    [
        ("Kimi-K2.5", "", True, "Kimi-K2.5", "moonshot"),
        ("Kimi-K2.5", "Meta", False, "Kimi-K2.5", "moonshot"),
        ("meta-llama/unheard", "", False, "", "meta"),
        ("acme/unheard", "Meta", False, "", "meta"),
        ("unheard", "Meta", True, "", "meta"),
        ("unheard", "", False, "", ""),
        ("kimi-k9", "", False, "", "moonshot"),  # a family's own name without another word
        ("kimi-k9", "", True, "", ""),
        ("kimi-k9-sft", "", False, "", ""),
        ("moonshotai/kimi-k9", "", True, "", "moonshot"),
        ("acme/kimi-k9", "", False, "", ""),
    ],
)
def test_who_made_an_ancestor(name: str, publisher: str, labelled: bool, model: str, developer: str) -> None:
    found = ancestor_of(Node(name, developer=publisher), labelled)
    assert (found.model, found.candidates, found.developer) == (model, (), developer)


def test_a_name_that_several_fit_keeps_them_and_what_they_agree_in() -> None:
    found = ancestor_of(Node("qwen3"))
    assert found.model == "" and {"Qwen3-8B", "Qwen3-32B"} <= set(found.candidates)
    assert (found.developer, found.licences) == ("alibaba-qwen", ("apache-2.0",))
    assert [m.name for m in models_of(found)] == list(found.candidates)
    assert [m.name for m in models_of(Node("x", "Kimi-K2.5", candidates=("nobody", "Qwen3-8B")))] == [
        *("Kimi-K2.5", "Qwen3-8B")
    ]
    assert models_of(Node("Kimi-K2.5")) == ()


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("accounts/anysphere/models/kimi-k2p5", "anysphere"),
        ("accounts/unheard-of/models/kimi-k2p5", None),
        ("kimi-k2p5", None),
        ("", None),
    ],
)
def test_whose_account_serves_it(name: str, holder: str | None) -> None:
    found = holder_of(name)
    assert (None if found is None else found.id) == holder


BASIS = Basis(("s",), "2026-01-01", Confidence.HIGH)


def licensed(*at: tuple[str, str, str, str]) -> PublishedModel:
    """A model with licences: name, revision, since, until."""
    return PublishedModel("m", "d", BASIS, licences=tuple(LicenceAt(n, BASIS, r, s, u) for n, r, s, u in at))


@pytest.mark.parametrize(
    ("at", "revision", "expected"),
    [
        ([], "", ()),
        ([("a", "", "", "")], "", ("a",)),
        ([("a", "", "", ""), ("b", "", "", "")], "", ("a", "b")),  # without a date all of them
        ([("a", "", "", ""), ("a", "", "", "")], "", ("a",)),
        ([("a", "r1", "2025-01", "2025-02"), ("b", "r2", "2025-02", "")], "", ("b",)),
        ([("a", "r1", "2025-01", "2025-02"), ("b", "r2", "2025-02", "")], "r1ff", ("a",)),
        ([("a", "r1", "2025-01", "2025-02"), ("b", "r2", "2025-02", "")], "r2", ("b",)),
        ([("a", "r1", "2025-01", "2025-02"), ("b", "r2", "2025-02", "")], "r", ("b",)),  # shorter than what is known
        ([("a", "r1", "2025-01", "2025-02"), ("b", "r2", "2025-02", "2025-03")], "zz", ("b",)),  # all ended: the last
        ([("a", "", "2025-01", ""), ("b", "", "2025-02", ""), ("c", "", "2025-02", "")], "", ("b", "c")),
        ([("a", "", "", ""), ("b", "", "2025-02", "")], "", ("b",)),
        ([("a", "r1", "2025-01", ""), ("b", "r1", "2025-02", "")], "r1", ("a", "b")),  # of the revision itself
        ([("a", "", "", ""), ("b", "r1", "", "")], "r1", ("b",)),
    ],
)
def test_the_licences_of_a_revision(
    at: list[tuple[str, str, str, str]], revision: str, expected: tuple[str, ...]
) -> None:
    assert agreed_licences((licensed(*at),), revision) == expected


def test_candidates_have_to_agree_in_their_licences() -> None:
    one, two = licensed(("a", "", "", "")), licensed(("b", "", "", ""))
    assert agreed_licences((one, one), "") == ("a",)
    assert agreed_licences((one, two), "") == () == agreed_licences((), "")


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("kimi k2.5", ["Kimi-K2.5"]),
        ("hf:moonshotai/Kimi-K2.5@abc", ["Kimi-K2.5"]),
        ("KIMI-K2.5", ["Kimi-K2.5"]),
        ("kimi-k2.5-sft", []),
        ("alice/Kimi-K2.5", []),
        ("unheard", []),
        ("qwen3-8b", ["Qwen3-8B"]),  # its very name
        ("qwen 3 8b", ["Qwen3-8B", "Qwen3-8B-Base"]),
        ("alice/qwen3-8b", []),
    ],
)
def test_what_a_name_says_it_is(name: str, models: list[str]) -> None:
    assert [m.name for m in identified(name)] == models
