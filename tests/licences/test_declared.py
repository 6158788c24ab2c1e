"""What models say of their licence, and where it contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.catalogue.licences import licences
from forebear.licences.answer import DeclaredLicence
from forebear.licences.declared import Names, declared, differing, same_terms
from licence_cases import documents, licence

KNOWN = {
    one.id: one
    for one in (
        licence("mit", spdx="MIT", name="MIT License"),
        licence("apache-2.0", spdx="Apache-2.0", name="Apache License 2.0"),
        licence("k2", license_names=("modified-mit",), hub_ids=()),
        licence("k2.5", license_names=("modified-mit",), hub_ids=()),
        licence("llama3.1", name="Llama 3.1 Community License"),
        licence("vole", name="Vole License Agreement", license_names=("vole",), hub_ids=()),
    )
}
NAMES = Names(KNOWN)


def said(front: dict[str, Any] | None = None, card: str = "", **more: Any) -> list[tuple[str, str | None]]:
    found = declared(documents(card, front), more.get("config", {}), more.get("metadata", {}), NAMES)
    return [(d.value, d.licence) for d in found]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ({"license": "mit"}, [("mit", "mit")]),
        ({"license": "MIT"}, [("MIT", "mit")]),
        ({"license": ["mit", "apache-2.0"]}, [("mit", "mit"), ("apache-2.0", "apache-2.0")]),
        ({"license": "other", "license_name": "vole"}, [("other (license_name: vole)", "vole")]),
        ({"license_name": "vole"}, [("other (license_name: vole)", "vole")]),
        ({"license": "other"}, [("other", None)]),
        ({"license": "other", "license_name": "modified-mit"}, [("other (license_name: modified-mit)", None)]),
        ({"license": "Apache License, Version 2.0"}, [("Apache License, Version 2.0", "apache-2.0")]),
        ({"license": "MIT OR Apache-2.0"}, [("MIT OR Apache-2.0", "mit"), ("MIT OR Apache-2.0", "apache-2.0")]),
        ({"license": "unknown"}, []),
        ({"license": ""}, []),
        ({"license": None}, []),
        ({"license": 7}, []),
        ({"license": {"name": "mit"}}, []),
        ({"license": ["mit", "mit", 3, None]}, [("mit", "mit")]),
        ({}, []),
    ],
)
def test_the_cards_header(front: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    assert said(front) == expected


def test_what_is_not_known_is_kept_with_the_nearest() -> None:
    (one,) = declared(documents(front={"license": "apache-2"}), {}, {}, NAMES)
    assert (one.value, one.licence, one.nearest) == ("apache-2", None, "apache-2.0")
    (one,) = declared(documents(front={"license": "zzz"}), {}, {}, NAMES)
    assert one.nearest == ""


def test_a_name_that_several_licences_share_decides_nothing() -> None:
    (one,) = declared(documents(front={"license": "other", "license_name": "modified-mit"}), {}, {}, NAMES)
    assert one.licence is None and one.candidates == ("k2", "k2.5")


def test_choices_are_marked() -> None:
    free, both = (declared(documents(front={"license": f"MIT {w} Apache-2.0"}), {}, {}, NAMES) for w in ("OR", "AND"))
    assert all(d.choice for d in free) and not any(d.choice for d in both)
    assert {d.spdx for d in free} == {"MIT", "Apache-2.0"}


def test_other_places() -> None:
    found = declared(
        None,
        {
            "license": "mit",
            "vision_config": {"license": "apache-2.0"},
            "hidden_size": 3,
            "text_config": {"license": "x"},
        },
        {"general.license": "other", "general.license.name": "vole"},
        NAMES,
    )
    assert [(d.where, d.licence, d.component) for d in found] == [
        ("model.gguf: general.license", "vole", ""),
        ("config.json: license", "mit", ""),
        ("config.json: vision_config.license", "apache-2.0", "vision"),
    ]
    (one,) = declared(documents(front={"license": "mit"}), {}, {}, NAMES, "metadata")
    assert one.where == "metadata: license"


@pytest.mark.parametrize(
    ("card", "licence_id"),
    [
        ("This model is licensed under the MIT License.", "mit"),
        ("The model weights are released under the [Apache License 2.0](https://example.com).", "apache-2.0"),
        ("We release it under the Llama 3.1 Community License, see below.", "llama3.1"),
        ("This repository is distributed under the **MIT** license; have fun.", "mit"),
        ("Our base model is licensed under the MIT License.", None),
        ("It is derived from Llama, which is licensed under the MIT License.", None),
        ("The code of this model is licensed under the MIT License.", None),
        ("Qwen is licensed under the MIT License.", None),
        ("The model is not licensed under the MIT License.", None),
        ("This model isn't released under the MIT License.", None),
        ("This model was previously released under the MIT License.", None),
        ("This model is licensed under the weather.", None),
        ("This model performs under the MIT benchmark.", None),
    ],
)
def test_sentences(card: str, licence_id: str | None) -> None:
    assert [i for _, i in said(card=card)] == ([licence_id] if licence_id else [])


def test_a_card_of_a_stranger_is_bounded() -> None:
    many = said({"license": [f"l{k}" for k in range(5_000)]})
    assert len(many) <= 20
    long = said({"license": "x" * 100_000})
    assert len(long[0][0]) <= 300
    assert said(card="this model is licensed under " * 30_000) == []


def test_places_that_contradict_each_other() -> None:
    front, config = documents(front={"license": "mit"}), {"license": "apache-2.0"}
    (clash,) = differing(declared(front, config, {}, NAMES), KNOWN)
    assert clash.kind == "declarations_differ" and clash.between == ("README.md: license", "config.json: license")
    assert not differing(declared(front, {"license": "MIT"}, {}, NAMES), KNOWN)
    assert not differing(declared(front, {"license": "what?"}, {}, NAMES), KNOWN)
    assert not differing(declared(documents(front={"license": ["mit", "apache-2.0"]}), config, {}, NAMES), KNOWN)
    assert not differing(declared(front, {"vision_config": config}, {}, NAMES), KNOWN)


def test_a_shared_name_contradicts_none_that_have_it() -> None:
    stated = DeclaredLicence("other (license_name: modified-mit)", "a", candidates=("k2", "k2.5"))
    assert not differing((stated, DeclaredLicence("k2", "b", "k2")), KNOWN)
    assert same_terms(KNOWN["k2"], KNOWN["k2.5"]) and not same_terms(KNOWN["mit"], KNOWN["vole"])


def test_names_of_the_catalogue_are_found_again() -> None:
    table = licences()
    names = Names(table)
    for one in table.values():
        assert one in names.meant(one.id), one.id
        for hub_id in one.hub_ids:
            assert one in names.meant(hub_id), one.id
        for name in one.license_names:
            assert one in names.meant("other", name), one.id
