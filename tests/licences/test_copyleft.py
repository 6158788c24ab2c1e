"""Copyleft licences that go together by their own words, held against what the catalogue has of them."""

from __future__ import annotations

from itertools import combinations

import pytest

from forebear.artifacts.documents import Documents
from forebear.catalogue.licences import licences
from forebear.licences.conflicts import between_parents
from forebear.licences.copyleft import together
from forebear.licences.duties import licence_answer
from forebear.licences.grounds import Facts
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing

TO_GPL_3 = ("agpl-3.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "mpl-2.0", "epl-2.0", "eupl-1.2", "cc-by-sa-4.0")
"""Each may come to be under GPL-3.0, or be combined with it: so any two of them may."""
FINE = {
    *combinations(TO_GPL_3, 2),
    ("osl-3.0", "eupl-1.2"),
    ("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
}
KINDS = (*TO_GPL_3, "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-4.0", "llama3.1")


@pytest.mark.parametrize("pair", list(combinations(KINDS, 2)))
def test_a_merge_of_two(pair: tuple[str, str]) -> None:
    known = licences()
    nodes = tuple(Node(f"p/{k}", licences=(one,)) for k, one in enumerate(pair))
    edges = tuple(Edge(node.name, "acme/merge", EdgeKind.MERGE, Standing.MEASURED) for node in nodes)
    clashes = list(between_parents(Chain(Node("acme/merge"), nodes, edges), known))
    if pair in FINE:
        assert not clashes and together(known[pair[1]].spdx, known[pair[0]].spdx)
    else:
        assert not together(known[pair[0]].spdx, known[pair[1]].spdx)
        neither_sells = all(one.startswith("cc-by-nc") for one in pair)
        assert neither_sells or clashes or not any(one.startswith(("gpl", "agpl", "cc-by-nc-4")) for one in pair)


def test_licences_without_an_identifier_are_not_one() -> None:
    assert not together("", "") and not together("", "GPL-3.0-only")


@pytest.mark.parametrize(
    ("base", "stated", "status"),
    [
        ("lgpl-2.1", "gpl-3.0", "conditional"),
        ("gpl-2.0", "gpl-3.0", "conditional"),
        ("gpl-3.0", "gpl-3.0", "met"),
        ("gpl-3.0", "gpl-2.0", "unmet"),
        ("gpl-3.0", "lgpl-3.0", "unmet"),
        ("eupl-1.2", "gpl-2.0", "conditional"),
        ("gpl-2.0", "eupl-1.2", "unmet"),
        ("cc-by-sa-4.0", "gpl-3.0", "conditional"),
        ("gpl-3.0", "cc-by-sa-4.0", "unmet"),
        ("cc-by-sa-4.0", "gpl-2.0", "unmet"),
        ("gpl-3.0", "apache-2.0", "unmet"),
    ],
)
def test_a_derivative_under_another(base: str, stated: str, status: str) -> None:
    chain = Chain(
        Node("acme/child"),
        (Node("somebody/base", licences=(base,)),),
        (Edge("somebody/base", "acme/child", EdgeKind.FINETUNE, Standing.MEASURED),),
    )
    found = licence_answer(chain, Documents({"license": stated}, "", {}), facts=Facts(licences(), {}, {}))
    (kept,) = (d for d in found.duties if d.kind == "relicensing")
    assert kept.status == status, kept.why
