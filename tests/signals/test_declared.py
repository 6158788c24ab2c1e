"""Claims of card and config, as they are made: which bases, in which order, and how long they may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bodies import opened
from forebear.artifacts.adapter import Adapter
from forebear.artifacts.documents import Documents
from forebear.signals.declared import Declared, claims_scratch, declared, declared_in, is_itself, names_match
from forebear.types import Verdict
from models import tiny_llama

CARD = """---
license: apache-2.0
base_model:
  - org/One
  - org/Two
base_model_relation: merge
---
# A model
{text}
"""
SCRATCH = "It was trained from scratch."


def claims(front: dict[str, Any], origin: object = None, adapter: Adapter | None = None, card: str = "") -> Declared:
    config = {} if origin is None else {"_name_or_path": origin}
    return declared_in(Documents(front, card, {}), config, adapter)


def test_claims_are_read_from_the_card(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=1, card=CARD.format(text=SCRATCH))
    found = declared(opened(tmp_path))
    assert found == Declared(("org/One", "org/Two"), "merge", "apache-2.0", ("LICENSE",), False, "")


def test_where_a_config_was_loaded_from_is_told_apart(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path, seed=1, card=f"# A model\n\n{SCRATCH}\n")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/One"}), "utf-8")
    found = declared(opened(folder))
    assert (found.base_models, found.loaded_from, found.from_scratch) == (("org/One",), "org/One", True)
    (folder / "README.md").write_text(CARD.format(text=""), "utf-8")
    assert declared(opened(folder)).loaded_from == ""  # the card names it, too


def test_nothing_is_claimed_where_nothing_is_said() -> None:
    assert claims({}) == Declared() == Declared((), "", "", (), False, "")


@pytest.mark.parametrize("origin", ["/data/run/7", "base", "org/one/two", "org/", "org/a b", "org/a\n", 3, ["org/a"]])
def test_a_path_is_no_base(origin: object) -> None:
    found = claims({"base_model": "org/One"}, origin)
    assert (found.base_models, found.loaded_from) == (("org/One",), "")


def test_what_a_config_was_loaded_from_comes_last() -> None:
    found = claims({"base_model": ["org/One"]}, "org-2/a_b.c")
    assert (found.base_models, found.loaded_from) == (("org/One", "org-2/a_b.c"), "org-2/a_b.c")


@pytest.mark.parametrize(
    ("value", "bases"),
    [
        ("org/One", ("org/One",)),
        (" ", ()),
        (["org/One", "", " ", 7, None, "org/Two"], ("org/One", "org/Two")),
        ({"org": "One"}, ()),
        (7, ()),
        (None, ()),
    ],
)
def test_only_texts_are_names(value: object, bases: tuple[str, ...]) -> None:
    assert claims({"base_model": value}).base_models == bases
    assert claims({"license": value}).licence == ", ".join(bases)


def test_a_licence_s_name_is_more_than_its_kind() -> None:
    assert claims({"license": "other", "license_name": "llama3"}).licence == "llama3"
    assert claims({"license": ["mit", "apache-2.0"], "license_name": ""}).licence == "mit, apache-2.0"
    assert declared_in(Documents(licences={"NOTICE": "", "LICENSE": ""}), {}).licence_files == ("LICENSE", "NOTICE")


def test_a_card_may_be_as_long_as_it_likes() -> None:
    """Of every text so much is kept as fits a line, and of the bases the first twenty."""
    front = {"base_model": ["b" * 201, *map(str, range(30))], "base_model_relation": "r" * 81, "license": "l" * 201}
    found = claims(front, "org/" + "n" * 300)
    assert found.base_models == ("b" * 200, *map(str, range(19)))
    assert (found.relation, found.licence, found.loaded_from) == ("r" * 80, "l" * 200, "org/" + "n" * 196)


def test_what_stands_beside_an_adapter_comes_first() -> None:
    adapter = Adapter(base="org/Loaded")
    found = claims({"base_model": "org/Named"}, adapter=adapter)
    assert (found.base_models, found.relation, found.from_scratch) == (("org/Loaded", "org/Named"), "adapter", False)
    assert claims({"base_model": ["org/Named", "org/Loaded"]}, adapter=adapter).base_models == (
        "org/Named",
        "org/Loaded",
    )
    assert claims({"base_model_relation": "quantized"}, adapter=adapter).relation == "quantized"
    nameless = claims({"base_model": "org/Named"}, adapter=Adapter())
    assert (nameless.base_models, nameless.relation) == (("org/Named",), "adapter")


def test_who_names_a_base_does_not_claim_to_have_none() -> None:
    """Where a config was loaded from is no claim of the card; cut names are compared as they are cut."""
    assert claims({}, card=SCRATCH).from_scratch and claims({}, "org/One", card=SCRATCH).from_scratch
    assert claims({}, "org/" + "n" * 300, card=SCRATCH).from_scratch
    assert not claims({}, card="It is a model.").from_scratch
    assert not claims({"base_model": "org/Two"}, "org/One", card=SCRATCH).from_scratch
    assert not claims({}, adapter=Adapter(base="org/One"), card=SCRATCH).from_scratch


@pytest.mark.parametrize(
    ("text", "scratch"),
    [
        ("It was trained from scratch by our team.", True),
        ("Pre-trained from scratch on 3T tokens.", True),
        ("# Orion\n\nOrion-1 was designed and trained from scratch on proprietary data.", True),
        ("It is not large. It was BUILT entirely from-scratch!", True),
        ("It is not large\n\nDeveloped from scratch", True),
        ("No tricks\n- trained from scratch", True),
        ("It was not trained from scratch.", False),
        ("It was not\ntrained from scratch.", False),
        ("It wasn't trained from scratch.", False),
        ("Pruned from X, which was trained from scratch by Dev.", False),
        ("It was fine-tuned rather than trained from scratch.", False),
        ("Unlike models trained from scratch, it is small.", False),
        ("We do not claim it was trained from scratch.", False),
        ("The tokenizer was trained from scratch.", False),
        ("We fine-tuned it.", False),
        ("", False),
    ],
)
def test_only_a_plain_sentence_about_the_model_claims_scratch(text: str, scratch: bool) -> None:
    assert claims_scratch(text) is scratch


@pytest.mark.parametrize(
    ("claim", "name", "same"),
    [
        ("org/Base", "org/base", True),
        ("org/Base", "Base", True),
        ("Base", "org/a/Base", True),
        (" hf:org/Base@main ", "Base", True),
        ("org/Base@a@b", "org/Base", True),
        ("org/Base-Instruct", "org/Base", False),
        ("Base", "Other", False),
        ("someone/Base", "org/Base", False),
        ("org/hf:Base", "Base", False),
    ],
)
def test_a_claim_and_a_reference_can_name_the_same_model(claim: str, name: str, same: bool) -> None:
    assert names_match(claim, name) is same and names_match(name, claim) is same


def test_a_copy_under_its_own_name_is_the_model_itself() -> None:
    assert is_itself("acme/one", "acme/One", Verdict.IDENTICAL) and is_itself("one", "acme/one", "identical")
    assert not is_itself("acme/one", "acme/two", Verdict.IDENTICAL), "another name: an upload of the same weights"
    assert not is_itself("acme/one", "acme/one", Verdict.DERIVED) and not is_itself("acme/one", "acme/one", None)
