"""Whose licence bears on a model: a maker that offers its own later model under new terms has replaced the old ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.catalogue.developers import Developer, LicenceAt, PublishedModel
from forebear.catalogue.facts import Basis, Confidence
from forebear.catalogue.licences import KnownLicence
from forebear.licences.grounds import Facts, grounds, inherited
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing

BASIS = Basis(("a",), "2026-11-23", Confidence.HIGH)


def facts(maker: str) -> Facts:
    """Two models of a line, the older one by ``vole``, the newer by some maker, each under its own licence."""
    models = [
        PublishedModel(name, developer, BASIS, licences=(LicenceAt(f"{name}-licence", BASIS),))
        for name, developer in (("old", "vole"), ("new", maker))
    ]
    return Facts(
        {f"{m.name}-licence": KnownLicence(f"{m.name}-licence", m.name, BASIS) for m in models},
        {m.name: m for m in models},
        {d: Developer(d, d, BASIS) for d in ("vole", maker)},
    )


def chain(new: Node) -> Chain:
    edges = (
        Edge("new", "child", EdgeKind.RL, Standing.PROBABLE),
        Edge("old", "new", EdgeKind.FINETUNE, Standing.CATALOGUED),
    )
    return Chain(Node("child"), (new, Node("old", "old", "vole", ("old-licence",))), edges)


NEW = Node("new", "new", "vole", ("new-licence",))


@pytest.mark.parametrize(
    ("maker", "new", "expected"),
    [
        ("vole", NEW, {"new-licence"}),
        ("stoat", replace(NEW, developer="stoat"), {"new-licence", "old-licence"}),
        ("vole", replace(NEW, licences=()), {"old-licence"}),
        ("vole", replace(NEW, model=""), {"new-licence", "old-licence"}),  # so it is only called by somebody
    ],
)
def test_a_maker_may_license_its_own_later_model_anew(maker: str, new: Node, expected: set[str]) -> None:
    found = grounds(chain(new), (), {}, facts(maker))
    assert {g.licence.id for g in found} == expected


def test_the_older_licence_is_still_told() -> None:
    assert "old-licence" in {i.licence for i in inherited(chain(NEW), facts("vole"))}


def test_without_the_later_model_on_the_way_the_older_licence_counts() -> None:
    direct = replace(chain(NEW), edges=(Edge("old", "child", EdgeKind.FINETUNE, Standing.PROBABLE),))
    assert {g.licence.id for g in grounds(direct, (), {}, facts("vole"))} == {"old-licence"}
