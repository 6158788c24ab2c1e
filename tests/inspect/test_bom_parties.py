"""Licences and makers of a bill of materials: what is concluded rests on what is established."""

from __future__ import annotations

import pytest

from forebear.bom.record import Acknowledgement
from forebear.bom.values import Basis
from forebear.inspect.bom_parties import declared_licence, declared_organisation, licences_of, organisations_of
from forebear.licences.answer import ChangeKind, ClauseChange, DeclaredLicence, Detection, Inherited, LicenceAnswer
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains.extend import complete
from forebear.origin import origin_of


def inherited(standing: Standing, licence: str | None = "llama3.1") -> Inherited:
    return Inherited("org/base", licence, ("org/base", "org/middle", "mine"), ("finetune", "rl"), standing)


@pytest.mark.parametrize(
    ("standing", "basis"),
    [
        (Standing.MEASURED, Basis.MEASURED),
        (Standing.PROBABLE, Basis.PROBED),
        (Standing.DECLARED, Basis.DECLARED),
        (Standing.CATALOGUED, Basis.CATALOGUED),
    ],
)
def test_an_inherited_licence_is_as_sure_as_the_descent(standing: Standing, basis: Basis) -> None:
    (found,) = licences_of(LicenceAnswer("mine", inherited=(inherited(standing),)))
    assert (found.acknowledgement, found.inherited_from) == (Acknowledgement.CONCLUDED, "org/base")
    assert found.said.basis is basis and f"the descent: {standing}" in found.said.note
    assert "through org/middle" in found.said.note and found.spdx.startswith("LicenseRef-")


def test_nothing_is_inherited_by_a_possible_descent_or_from_an_unknown_licence() -> None:
    nothing = (inherited(Standing.POSSIBLE), inherited(Standing.MEASURED, None))
    assert licences_of(LicenceAnswer("mine", inherited=nothing)) == ()


def test_declarations_keep_their_file_and_a_word_for_none_is_none() -> None:
    declared = (
        DeclaredLicence("apache-2.0", "README.md: license", "apache-2.0"),
        DeclaredLicence("mit", "model.gguf: general.license", "mit"),
        DeclaredLicence("unknown", "README.md: license"),
        DeclaredLicence("our own words", "README.md: license_name"),
    )
    found = licences_of(LicenceAnswer("mine", declared=declared), [declared_licence("llama3.1", "t.yaml")])
    assert [(x.spdx, x.said.by) for x in found] == [
        ("Apache-2.0", "README.md"),
        ("MIT", "model.gguf"),
        ("", "README.md"),
        ("LicenseRef-scancode-llama-3.1-license-2024", "t.yaml"),
    ]
    assert found[1].said.note == "general.license" and found[2].name == "our own words"


def test_a_text_that_was_altered_is_said_to_be() -> None:
    change = ClauseChange(ChangeKind.ALTERED, "2", "x", "the threshold differs", True)
    detected = (
        Detection("LICENSE", "mit", "mit", "MIT License", "MIT", 0.97, changes=(change,)),
        Detection("NOTICE", None),
    )
    (found,) = licences_of(LicenceAnswer("mine", detected=detected))
    assert (found.file, found.spdx, found.said.basis) == ("LICENSE", "MIT", Basis.MEASURED)
    assert "97.0%" in found.said.note and "altered where it matters" in found.said.note


def test_makers_of_the_model_and_of_those_listed_with_their_sources() -> None:
    edge = Edge("moonshotai/Kimi-K2.5", "acme/mine", EdgeKind.RL, Standing.DECLARED, True)
    chain = complete(Chain(Node("acme/mine"), (Node("moonshotai/Kimi-K2.5"),), (edge,)))
    own = declared_organisation("Acme", "GB", "https://acme.example", "t.yaml")
    found = organisations_of(origin_of(chain).ancestors, ["moonshotai/Kimi-K2.5"], own)
    assert [(o.name, o.model, o.said.basis) for o in found] == [
        ("Acme", "", Basis.DECLARED),
        ("Moonshot AI", "moonshotai/Kimi-K2.5", Basis.CATALOGUED),
    ]
    ties = found[1].jurisdictions
    assert {t.tie for t in ties} == {"incorporated_in", "engineering_in", "controlled_from"}
    assert all(t.said.by and "confidence: " in t.said.note for t in ties)
    assert organisations_of(origin_of(chain).ancestors, []) == ()
