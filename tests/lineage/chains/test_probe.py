"""Chains from probes: two kinds of evidence that agree are probable, a name is possible, a tokenizer nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chained import PATH, check_value, edge, probe
from forebear.errors import InputError
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.probe import READER, read

BOTH = ("token-counts/1", "identifier")
KIMI = "Kimi-K2.5"


def test_a_leaked_name_that_the_tokenizer_bears_out_is_probable() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH]))
    check_value(chain, "chain")
    assert chain.subject.name == "api:https://api.example/v1#acme-coder"
    assert chain.access is Access.ENDPOINT and chain.parent is ParentState.ABSENT
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.RL, Standing.PROBABLE, False)
    assert any(PATH in sentence for sentence in found.evidence)
    assert edge(chain, "Kimi-K2-Base").standing is Standing.CATALOGUED


def test_a_served_name_of_the_same_line_tells_how_the_candidate_was_made() -> None:
    """Family and version have to be those of the candidate; size and variant may be more than it tells."""
    found = edge(chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b-instruct"])), "qwen 2.5")
    assert any("qwen2.5-7b-instruct" in sentence for sentence in found.evidence)
    other = edge(chain_of(probe({"qwen 2.5": BOTH}, ["qwen3-8b-instruct"])), "qwen 2.5")
    assert not any("qwen3" in sentence for sentence in other.evidence) and other.kind is EdgeKind.UNKNOWN


def test_a_name_alone_is_possible() -> None:
    assert edge(chain_of(probe({"kimi k2.5": ("identifier",)}, [PATH])), KIMI).standing is Standing.POSSIBLE


def test_behaviour_alone_is_possible() -> None:
    assert edge(chain_of(probe({"kimi k2.5": ("agreement/1",)})), KIMI).standing is Standing.POSSIBLE


def test_a_tokenizer_alone_is_nobodys() -> None:
    chain = chain_of(probe({"kimi k2.5": ("token-counts/1",), "kimi k2": ("token-counts/1",)}))
    assert not chain.edges and "kimi k2.5, kimi k2" in chain.notes[0]


def test_counts_of_a_gateway_prove_nothing() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH], findings=[{"id": "gateway-recount", "level": "note"}]))
    assert edge(chain, KIMI).standing is Standing.POSSIBLE
    assert any("gateway" in note for note in chain.notes)


def test_a_grade_without_signals_is_not_believed() -> None:
    assert not chain_of(probe({"kimi k2.5": ()})).edges


def test_an_echo_of_our_words_says_nothing() -> None:
    document = probe({"kimi k2.5": BOTH}, [PATH])
    document["identifiers"][0]["echo"] = True
    assert edge(chain_of(document), KIMI).kind is EdgeKind.UNKNOWN


def test_an_error_that_names_one_model_makes_it_possible() -> None:
    document = probe()
    document["identifiers"] = [{"identifier": PATH, "role": "error", "echo": False}]
    found = edge(chain_of(document), KIMI)
    assert found.standing is Standing.POSSIBLE and "An error names it." in found.evidence
    document["identifiers"] += [{"identifier": "qwen3-8b", "role": "error", "echo": False}]  # a list of what there is
    assert not chain_of(document).edges


def test_what_is_offered_by_its_name_is_declared() -> None:
    chain = chain_of(probe(model="kimi-k2.5"))
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.SAME_MODEL, Standing.DECLARED, True)
    assert chain.parent is ParentState.DECLARED and chain.subject.developer == "moonshot"


def test_a_claim_that_is_confirmed_is_probable() -> None:
    assert edge(chain_of(probe(model="kimi-k2.5", status="confirmed")), KIMI).standing is Standing.PROBABLE


def test_what_the_user_expects_is_nobodys_declaration() -> None:
    document = probe(model="kimi-k2.5")
    document["claims"][0]["source"] = "--expect"
    assert not chain_of(document).edges


def test_a_contradicted_claim_leaves_what_was_found() -> None:
    chain = chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b"], "kimi-k2.5", "contradicted"))
    into = [e for e in chain.edges if e.child == chain.subject.name]
    assert len(into) == 1 and into[0].contradicted and into[0].standing is Standing.PROBABLE
    assert not any("Kimi" in e.parent for e in chain.edges)
    assert "is contradicted" in chain.notes[0]


def test_a_claim_beside_another_probable_model_is_disputed() -> None:
    chain = chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b"], "kimi-k2.5"))
    assert edge(chain, KIMI).standing is Standing.POSSIBLE


def test_a_product_is_what_the_catalogue_knows_of_it() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH], "composer-2"))
    assert (chain.subject.model, chain.subject.developer) == ("Composer 2", "anysphere")
    found = edge(chain, KIMI)
    assert found.child == chain.subject.name and found.standing is Standing.PROBABLE
    assert not found.declared  # the catalogue has it that it was not named
    assert len(found.evidence) >= 3


def test_a_product_alone_has_its_catalogued_parents() -> None:
    found = edge(chain_of(probe(model="composer-2.5")), KIMI)
    assert found.standing is Standing.CATALOGUED and found.declared


@pytest.mark.parametrize(
    "broken",
    [{"candidates": {}}, {"claims": [1]}, {"identifiers": "x"}, {"endpoint": []}, {"model": 3}, {"findings": [[]]}],
)
def test_damaged_results_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InputError):
        chain_of({**probe(), **broken})


# -- before the catalogue completes it -------------------------------------------------------------------------------

SUBJECT = "api:https://api.example/v1#acme-coder"


def bare(*arguments: Any, **more: Any) -> Chain:
    (found,) = read(probe(*arguments, **more))
    return found


def claims(*each: tuple[str, str], source: str = "the name of the model") -> dict[str, Any]:
    return {"claims": [{"claim": c, "status": s, "why": "W", "source": source} for c, s in each]}


def into(chain: Chain) -> list[tuple[str, Standing]]:
    return [(e.parent, e.standing) for e in chain.edges]


def test_a_chain_is_what_the_result_says_and_no_more() -> None:
    served = "qwen2.5-7b-instruct"
    found = bare({"qwen 2.5": ("b/1", "a/1")}, [served], verdict="probable")
    words = (
        "family Qwen (Alibaba), version 2.5; size 7B; tuned to follow instructions (every word of the name understood)"
    )
    assert found == Chain(
        Node(SUBJECT),
        (Node("qwen 2.5"),),
        (
            Edge(
                *("qwen 2.5", SUBJECT, EdgeKind.SAME_MODEL, Standing.PROBABLE),
                evidence=("qwen 2.5: W.", f"{served}: {words}."),
            ),
        ),
        *(ParentState.ABSENT, Access.ENDPOINT, "probable", ()),
    )
    assert READER.handles(probe()) and not READER.handles({"schema": "forebear.scan/1"})
    nothing = bare()
    assert (nothing.nodes, nothing.edges, nothing.notes) == ((), (), ()) and nothing.parent is ParentState.ABSENT


@pytest.mark.parametrize(
    ("signals", "recounted", "standing"),
    [
        (("token-counts/1",), False, None),
        (("token-counts/1",), True, None),
        (("identifier",), False, Standing.POSSIBLE),
        (("identifier", "identifier"), False, Standing.POSSIBLE),
        (("identifier", "agreement/1"), False, Standing.PROBABLE),
        (("identifier", "agreement/1"), True, Standing.PROBABLE),
        (("identifier", "token-counts/1"), False, Standing.PROBABLE),
        (("identifier", "token-counts/1"), True, Standing.POSSIBLE),
        ({"identifier": 1, "agreement/1": 1}, False, None),
    ],
)
def test_two_kinds_of_evidence_are_probable(signals: Any, recounted: bool, standing: Standing | None) -> None:
    findings = [{"id": "another"}, *([{"id": "gateway-recount"}] if recounted else [])]
    document = probe({"qwen 2.5": ()}, findings=findings)
    document["candidates"][0]["signals"] = list(signals) if isinstance(signals, tuple) else signals
    (found,) = read(document)
    assert into(found) == ([("qwen 2.5", standing)] if standing else [])
    gateway = "A gateway counts the tokens, so that counts say nothing about the model."
    assert [n for n in found.notes if "gateway" in n] == ([gateway] if recounted else [])


def test_candidates_whose_names_lead_nowhere_are_left_out() -> None:
    found = bare({"our-model": ("identifier",), "": ("identifier",), "qwen 2.5": ("identifier",)})
    assert into(found) == [("qwen 2.5", Standing.POSSIBLE)] and found.edges[0].evidence == ("qwen 2.5: W.",)
    assert found.edges[0].kind is EdgeKind.UNKNOWN, "the server gave no name"


def test_the_name_of_a_candidate_is_one_of_its_line() -> None:
    """Of its title, or of its family and version both; the first that the server gave."""
    kinds = {}
    for served in ("qwen2.5-7b-rl", "qwen3-7b-rl", "llama-2.5-rl"):
        kinds[served] = bare({"qwen 2.5": ("identifier",)}, [served]).edges[0].kind
    assert list(kinds.values()) == [EdgeKind.RL, EdgeKind.UNKNOWN, EdgeKind.UNKNOWN]
    two = bare({"qwen 2.5": ("identifier",)}, ["qwen2.5-7b-rl", "qwen2.5-14b-sft"])
    assert two.edges[0].kind is EdgeKind.RL


def error(*names: str, echo: bool = False, role: str = "error") -> dict[str, Any]:
    return {"identifiers": [{"identifier": n, "role": role, "echo": echo} for n in names]}


def test_an_error_names_one_model_that_nothing_else_named() -> None:
    found = bare(**error("qwen3-8b"))
    assert into(found) == [("qwen 3 8b", Standing.POSSIBLE)] and found.edges[0].evidence[0] == "An error names it."
    assert into(bare(**error("qwen3-8b", "Qwen/Qwen3-8B"))) == [("qwen 3 8b", Standing.POSSIBLE)], "one title"
    assert into(bare(**error("our-model", "qwen3-8b"))) == [("qwen 3 8b", Standing.POSSIBLE)]
    for none in (error("qwen3-8b", "kimi-k2.5"), error("our-model"), error("qwen3-8b", echo=True), error("")):
        assert bare(**none).edges == ()
    assert bare(**error("qwen3-8b", role="asked")).edges == ()
    told = bare({"qwen 3 8b": ("identifier", "agreement/1")}, **error("qwen3-8b"))
    assert into(told) == [("qwen 3 8b", Standing.PROBABLE)] and "An error names it." not in told.edges[0].evidence
    counted = bare({"qwen 3 8b": ("token-counts/1",)}, **error("qwen3-8b"))
    assert counted.edges == (), "that its tokenizer fits is told as a note"


@pytest.mark.parametrize(
    ("model", "status", "standing"),
    [
        ("kimi-k2.5", "unverified", Standing.DECLARED),
        ("kimi-k2.5", "confirmed", Standing.PROBABLE),
        ("kimi-k2.5", "contradicted", None),
        ("our-model", "unverified", None),
        ("our-model", "confirmed", None),
        ("kimi-k2.5-rl", "unverified", Standing.POSSIBLE),  # a name of one's own that has a base's in it
    ],
)
def test_a_claimed_name_by_its_status(model: str, status: str, standing: Standing | None) -> None:
    found = bare(**claims((f"it serves {model}", status)))
    assert into(found) == ([("kimi k2.5", standing)] if standing else [])
    assert (found.parent is ParentState.DECLARED) is (model == "kimi-k2.5" and status != "contradicted")
    if standing:
        assert found.edges[0].evidence[0] == f"It is offered as {model}." and found.edges[0].child == SUBJECT


def test_every_claim_is_looked_at_by_itself() -> None:
    several = claims(
        ("it serves qwen3-8b", "contradicted"), ("it serves our-model", ""), ("it is served by acme", "contradicted"),
        ("it serves kimi-k2.5", "unverified"),
    )  # fmt: skip
    found = bare(**several)
    assert into(found) == [("kimi k2.5", Standing.DECLARED)] and not found.edges[0].contradicted
    assert found.notes == ("The claim that it serves qwen3-8b is contradicted: W.",), "of what is served alone"
    ours = claims(("it serves qwen3-8b", "unverified"), source="--expect")
    theirs = claims(("it serves kimi-k2.5", "unverified"))
    both = {"claims": ours["claims"] + theirs["claims"]}
    assert into(bare(**both)) == [("kimi k2.5", Standing.DECLARED)]


def test_what_was_found_is_contradicted_where_a_claim_is() -> None:
    served = claims(("it serves qwen3-8b", "contradicted"))
    assert [e.contradicted for e in bare({"kimi k2.5": ("identifier",)}, **served).edges] == [True]
    other = claims(("it runs in Europe", "contradicted"))
    found = bare({"kimi k2.5": ("identifier",)}, **other)
    assert [e.contradicted for e in found.edges] == [False] and found.notes == ()


@pytest.mark.parametrize(
    ("candidate", "signals", "model", "standing"),
    [
        ("qwen 3 8b", ("identifier", "agreement/1"), "kimi-k2.5", Standing.POSSIBLE),
        ("qwen 3 8b", ("identifier",), "kimi-k2.5", Standing.DECLARED),  # only possible itself
        ("kimi k2.5", ("identifier", "agreement/1"), "composer-2", Standing.DECLARED),  # that is what it is made from
        ("qwen 3 8b", ("identifier", "agreement/1"), "composer-2", Standing.POSSIBLE),
    ],
)
def test_another_model_that_is_probable_disputes_a_claim(
    candidate: str, signals: tuple[str, ...], model: str, standing: Standing
) -> None:
    found = bare({candidate: signals}, **claims((f"it serves {model}", "unverified")))
    assert into(found)[-1] == (model.replace("-", " "), standing) and len(found.edges) == 2
    assert [n.name for n in found.nodes] == [candidate, model.replace("-", " ")]
    same = bare({"kimi k2.5": ("identifier", "agreement/1")}, **claims(("it serves kimi-k2.5", "unverified")))
    assert into(same) == [("kimi k2.5", Standing.PROBABLE)] and same.edges[0].declared, "both say the same"


@pytest.mark.parametrize(("count", "more"), [(1, ""), (8, ""), (9, " and others"), (12, " and others")])
def test_models_of_one_tokenizer_are_listed_up_to_a_number(count: int, more: str) -> None:
    names = [f"qwen 2.5 {k}b" for k in range(1, count + 1)]
    found = bare(dict.fromkeys(names, ("token-counts/1",)) | {"kimi k2.5": ("identifier", "token-counts/1")})
    assert found.notes == (
        f"Token counts are those of a tokenizer of {', '.join(names[:8])}{more}, which many models may share: no "
        "ancestor follows.",
    )
