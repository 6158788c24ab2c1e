"""Documents from strangers: refused in one line or read, and never more established than they can be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chained import bill, check_value, compare, component, named, probe, scan, traffic
from forebear.errors import ForebearError, InputError
from forebear.lineage.chain import Route, Standing
from forebear.lineage.chains import READERS, chain_of, chains_of
from forebear.lineage.chains.measured import SILENT
from forebear.origin import origin_of
from forebear.types import Verdict

NAMES = st.sampled_from(
    [
        "mine",
        "org/base",
        "moonshotai/Kimi-K2.5",
        "Kimi-K2-Base",
        "deepseek-ai/DeepSeek-R1",
        "withheld",
        "llama-3.1-8b",
        "",
    ]
)
VERDICTS = st.sampled_from([*(v.value for v in Verdict), "other"])
WAYS = st.sampled_from(["a_to_b", "b_to_a", "unknown", "sideways"])
KINDS = st.sampled_from(
    ["finetune", "merge", "identical", "component_shared", "distilled", "same_model", "unknown", "?"]
)
STATUSES = st.sampled_from(["confirmed", "contradicted", "unverified"])
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _relation(way: str, kind: str) -> dict[str, Any]:
    return {"kind": kind, "direction": way, "details": {"kinds": [kind], "components": ["a part"]}}


ANCESTORS = st.builds(
    lambda name, verdict, way, kind: {
        "name": name, "verdict": verdict, "log10_p": -9.0, "relation": _relation(way, kind), "evidence": [], "why": "W"
    },
    NAMES, VERDICTS, WAYS, KINDS,
)  # fmt: skip
CLAIMS = st.builds(
    lambda name, status: {
        "claim": f"base model: {name}" if name else "trained from scratch", "status": status, "why": "W"
    },
    NAMES, STATUSES,
)  # fmt: skip
SCANS = st.builds(
    lambda verdict, ancestors, claims, name: scan(ancestors, claims, name or "mine", verdict=verdict),
    VERDICTS, st.lists(ANCESTORS, max_size=5), st.lists(CLAIMS, max_size=3), NAMES,
)  # fmt: skip
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUIET
@given(SCANS)
def test_no_verdict_without_an_ancestor_establishes_one(document: dict[str, Any]) -> None:
    chain = chain_of(document)
    check_value(chain, "chain")
    if document["verdict"] in {v.value for v in SILENT} | {"other"}:
        assert not [e for e in chain.edges if e.standing in (Standing.MEASURED, Standing.PROBABLE)]


@QUIET
@given(VERDICTS, WAYS, KINDS)
def test_nor_does_a_comparison(verdict: str, way: str, kind: str) -> None:
    chain = chain_of(compare(verdict, way, kind))
    if verdict in {v.value for v in SILENT} | {"other"}:
        assert not chain.edges


@QUIET
@given(SCANS)
def test_what_is_only_possible_is_in_no_union(document: dict[str, Any]) -> None:
    chain = chain_of(document)
    origin = origin_of(chain)
    check_value(origin, "origin")
    routes = [r for r in chain.routes() if r.standing.established and r.weights]
    settled = {chain.subject.developer, *(r.ancestor.developer for r in routes)} - {""}
    allowed = {t.country for a in origin.ancestors if a.developer_id in settled for t in a.ties}
    assert {*origin.incorporated_in, *origin.engineering_in, *origin.controlled_from} <= allowed
    named = {a.developer for a in origin.ancestors if a.developer_id in settled}
    assert all(set(factor.developers) <= named for factor in origin.factors)


def _worth(route: Route) -> tuple[bool, bool, int, bool, int]:
    settled = route.standing.established
    return settled and route.weights, settled, route.standing.rank, not route.component, -len(route.edges)


@QUIET
@given(SCANS)
def test_a_chain_is_a_graph_above_its_subject(document: dict[str, Any]) -> None:
    chain = chain_of(document)
    names = [chain.subject.name, *(n.name for n in chain.nodes)]
    assert len(names) == len(set(names))
    assert {e.parent for e in chain.edges} <= set(names[1:])
    assert {e.child for e in chain.edges} <= set(names)
    assert {r.ancestor.name for r in chain.routes()} == set(names[1:])
    best = chain.best_routes()
    assert set(best) == set(names[1:])
    for route in chain.routes():
        found = best[route.ancestor.name]
        assert found.edges[0].child == chain.subject.name and found.edges[-1].parent == route.ancestor.name
        assert _worth(found) >= _worth(route)


def documents() -> list[dict[str, Any]]:
    """One of every kind, with something in every field."""
    return [
        scan([{"name": "a", "verdict": "derived", "relation": _relation("a_to_b", "rl")}], shape={}, nominated=[]),
        compare("derived", "a_to_b"),
        probe({"kimi k2.5": ("identifier",)}, ["kimi-k2.5"]),
        traffic(named("kimi-k2.5", "asked", "served")),
        bill(component("mine", [component("base")], licenses=[{"expression": "MIT"}], properties=[])),
        {"@context": "https://spdx.org/x", "@graph": [{"type": "ai_AIPackage", "spdxId": "a", "name": "a"}]},
        {"schema": "forebear.tree/1", "members": [{"name": "a"}, {"name": "b"}], "edges": [{"a": "a", "b": "b"}]},
    ]


@QUIET
@given(st.integers(0, len(READERS) - 1), st.data())
def test_any_field_may_hold_anything(which: int, data: st.DataObject) -> None:
    document = documents()[which]
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JUNK)
            break
        place = place[key]
    try:
        for chain in chains_of(document):
            check_value(chain, "chain")
            check_value(origin_of(chain), "origin")
    except ForebearError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500


@pytest.mark.parametrize(
    "document", [{}, {"schema": "forebear.scan/2"}, {"bomFormat": "SPDX"}, {"schema": ["x"]}, [], "x"]
)
def test_other_documents_are_refused_with_what_is_read(document: Any) -> None:
    with pytest.raises(InputError, match="a result of scan"):
        chain_of(document)


def test_every_kind_has_a_reader_of_its_own() -> None:
    for document in documents():
        assert len([r for r in READERS if r.handles(document)]) == 1


def test_a_hundred_thousand_ancestors_are_refused() -> None:
    many = [component(f"m{k}") for k in range(100_000)]
    with pytest.raises(InputError, match=r"pedigree.ancestors has 100,000 entries"):
        chain_of(bill(component("mine", many)))
    with pytest.raises(InputError, match="ancestors has 100,000 entries"):
        chain_of({**scan(verdict="derived"), "ancestors": [{"name": f"m{k}"} for k in range(100_000)]})
    with pytest.raises(InputError, match="more than the 2,000 ancestors"):
        chain_of(
            bill(
                component("mine", [component(f"p{k}", [component(f"g{k}.{i}") for i in range(80)]) for k in range(80)])
            )
        )


def test_a_hundred_thousand_models_are_refused() -> None:
    with pytest.raises(InputError, match="about 100,000 models"):
        chain_of(bill({}, *(component(f"m{k}") for k in range(100_000))))
    many = [{"type": "ai_AIPackage", "spdxId": f"{k}", "name": f"m{k}"} for k in range(100_000)]
    with pytest.raises(InputError, match="about 100,000 models"):
        chain_of({"@context": "https://spdx.org/x", "@graph": many})


def test_deep_nesting_is_refused() -> None:
    deep = component("root")
    for k in range(1_000):
        deep = component(f"m{k}", [deep])
    with pytest.raises(InputError, match="deeper than"):
        chain_of(bill(deep))
    nested: dict[str, Any] = {"type": "application", "name": "leaf"}
    for _ in range(1_000):
        nested = {"type": "application", "name": "x", "components": [nested]}
    with pytest.raises(InputError, match="deeper than"):
        chain_of(bill(nested))


def test_a_lattice_is_followed_within_bounds() -> None:
    """Fifteen levels of two models, each with both of the level above: 2^15 ways to the top."""
    steps: list[dict[str, Any]] = [{"type": "ai_AIPackage", "spdxId": "0", "name": "mine"}]
    for level in range(15):
        steps += [{"type": "ai_AIPackage", "spdxId": f"{level}{k}", "name": f"m{level}{k}"} for k in "ab"]
        below = ["0"] if level == 0 else [f"{level - 1}{k}" for k in "ab"]
        steps += [
            {"type": "Relationship", "relationshipType": "ancestorOf", "from": f"{level}{k}", "to": below} for k in "ab"
        ]
    chain = chain_of({"@context": "https://spdx.org/x", "@graph": steps})
    assert len(chain.nodes) == 30 and len(chain.edges) == 2 + 14 * 4
    assert {a.model for a in origin_of(chain).ancestors} == {"mine", *(n.name for n in chain.nodes)}
    assert {r.ancestor.name for r in chain.routes()} == {n.name for n in chain.nodes}


def test_a_long_line_of_ancestors_is_followed_or_refused() -> None:
    def line(length: int) -> dict[str, Any]:
        models = [{"type": "ai_AIPackage", "spdxId": f"{k}", "name": f"m{k}"} for k in range(length + 1)]
        steps = [
            {"type": "Relationship", "relationshipType": "ancestorOf", "from": f"{k + 1}", "to": [f"{k}"]}
            for k in range(length)
        ]
        return {"@context": "https://spdx.org/x", "@graph": [*models, *steps]}

    assert len(origin_of(chain_of(line(30))).ancestors) == 31
    with pytest.raises(InputError, match="longer than the 32 steps"):
        chain_of(line(3_000))


def test_control_characters_reach_nobody() -> None:
    chain = chain_of(
        scan([{"name": "a\x1b[31m\nb", "verdict": "derived", "relation": _relation("a_to_b", "rl")}], verdict="derived")
    )
    assert chain.edges[0].parent == "a [31m b"
    assert json.dumps([n.name for n in chain.nodes]).isprintable()
