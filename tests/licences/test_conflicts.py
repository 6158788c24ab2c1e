"""Labels over ancestors, demands of parents, labels against texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.catalogue.licences import KnownLicence, Permission
from forebear.licences.answer import Conflict
from forebear.licences.conflicts import PERMISSION, between_parents
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from licence_cases import BASE, CHILD, PERMISSIVE, TEXTS, answer, chain, documents, licence, limited

STRICT = limited(relicensing=Permission.NO)
LABELLED = documents(front={"license": "permissive"})


def clashes(kind: str, *arguments: Any, **more: Any) -> list[Conflict]:
    return [c for c in answer(*arguments, **more).conflicts if c.kind == kind]


def test_a_permissive_label_over_an_ancestor() -> None:
    (one,) = clashes("relabelled", STRICT, LABELLED)
    assert one.standing is Standing.MEASURED and one.between == ("permissive", f"{BASE}: strict")
    assert one.why.endswith(PERMISSION) and "Meadow License" in one.why and "comes from" in one.why
    finding = next(f for f in answer(STRICT, LABELLED).findings if f.id == "licence-relabelled")
    assert finding.level == "warning"


@pytest.mark.parametrize(
    ("known", "papers"),
    [
        (STRICT, documents(front={"license": "strict"})),
        (STRICT, documents(front={"license": "strict2"})),  # of the same line
        (STRICT, documents(front={"license": ["permissive", "strict"]})),
        (STRICT, documents(front={"license": "permissive"}, LICENSE=TEXTS["strict"])),
        (STRICT, documents(front={"license": "who-knows"})),
        (STRICT, documents()),
        (limited(relicensing=Permission.YES), LABELLED),
        (limited(permissive=True), LABELLED),
    ],
)
def test_labels_that_nothing_can_be_said_of(known: KnownLicence, papers: Any) -> None:
    assert not clashes("relabelled", known, papers)


def test_what_is_only_possible_is_said_to_be_so() -> None:
    of = chain(standing=Standing.POSSIBLE)
    (one,) = clashes("relabelled", STRICT, LABELLED, None, of)
    assert one.standing is Standing.POSSIBLE and f"if it comes from {BASE}" in one.why
    levels = {f.level for f in answer(STRICT, LABELLED, None, of).findings if f.id == "licence-relabelled"}
    assert levels == {"note"}


def test_students_and_code() -> None:
    student = chain(EdgeKind.DISTILLED)
    assert not clashes("relabelled", replace(STRICT, outputs_are_derivatives=False), LABELLED, None, student)
    assert clashes("relabelled", replace(STRICT, outputs_are_derivatives=True), LABELLED, None, student)
    assert not clashes("relabelled", STRICT, LABELLED, None, chain(EdgeKind.ARCHITECTURE))


def merged(
    a: KnownLicence, b: KnownLicence, kinds: tuple[EdgeKind, EdgeKind] = (EdgeKind.MERGE,) * 2
) -> list[Conflict]:
    nodes = tuple(Node(f"p/{k}", licences=(one.id,)) for k, one in enumerate((a, b)))
    edges = tuple(Edge(f"p/{k}", CHILD, kind, Standing.MEASURED) for k, kind in enumerate(kinds))
    return list(between_parents(Chain(Node(CHILD), nodes, edges), {a.id: a, b.id: b}))


LINE = licence("line", series="vole", licensor="Vole Labs", relicensing=Permission.NO)
OWN = licence("own", relicensing=Permission.NO)
NC = licence("nc", commercial=Permission.NO)
OPEN = licence("open", commercial=Permission.CONDITIONAL)
COPYLEFT = licence("gpl", spdx="GPL-3.0-only")


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (LINE, OWN, "each ask"),
        (NC, OPEN, "forbids commercial use"),
        (NC, PERMISSIVE, "forbids commercial use"),
        (COPYLEFT, OPEN, "no further restrictions"),
        (COPYLEFT, OWN, "each ask"),
    ],
)
def test_parents_that_contradict_each_other(a: KnownLicence, b: KnownLicence, words: str) -> None:
    for pair in ((a, b), (b, a)):
        (one,) = merged(*pair)
        assert one.kind == "between_parents" and words in one.why and CHILD in one.why


def test_parents_that_do_not() -> None:
    assert not merged(LINE, replace(LINE, id="line2"))
    assert not merged(PERMISSIVE, replace(PERMISSIVE, id="free"))
    assert not merged(COPYLEFT, PERMISSIVE)
    assert not merged(NC, replace(NC, id="nc2"))
    shared = replace(LINE, licensor="")  # anybody's, as Creative Commons' are
    assert merged(shared, replace(shared, id="line2", hub_ids=("line2",)))
    assert not merged(LINE, OWN, (EdgeKind.MERGE, EdgeKind.TRAINED_ON_OUTPUTS))
    assert not merged(LINE, OWN, (EdgeKind.MERGE, EdgeKind.UNKNOWN))


def test_the_weaker_edge_counts() -> None:
    nodes = (Node("p/0", licences=("line",)), Node("p/1", licences=("own",)))
    edges = (
        Edge("p/0", CHILD, EdgeKind.MERGE, Standing.MEASURED),
        Edge("p/1", CHILD, EdgeKind.MERGE, Standing.POSSIBLE),
    )
    (one,) = between_parents(Chain(Node(CHILD), nodes, edges), {"line": LINE, "own": OWN})
    assert one.standing is Standing.POSSIBLE


def test_a_label_against_a_text() -> None:
    papers = documents(front={"license": "permissive"}, LICENSE=TEXTS["strict"])
    (one,) = clashes("declared_against_text", STRICT, papers, None, chain(licences=()))
    assert one.between == ("permissive", "LICENSE: strict") and "README.md: license states permissive" in one.why
    for text, name in ((TEXTS["permissive"], "LICENSE"), ("unheard of", "LICENSE"), (TEXTS["strict"], "NOTICE")):
        fine = documents(front={"license": "permissive"}, **{name: text})
        assert not clashes("declared_against_text", STRICT, fine, None, chain(licences=()))
