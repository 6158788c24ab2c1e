"""Shape, vocabulary and claims: shown, never counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.adapter import Adapter
from forebear.artifacts.documents import Documents
from forebear.signals import SIGNALS, shape, signal, vocabulary
from forebear.signals.declared import claims_scratch, declared, declared_in, names_match
from forebear.signals.vocabulary import SKETCH, Vocabulary, jaccard
from forebear.sources import open_source
from forebear.types import Test
from models import tiny_llama


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def test_equal_shapes_support_nothing(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=2)
    a, b = shape.shape(read(tmp_path / "a")), shape.shape(read(tmp_path / "b"))
    found = shape.compare(a, b)
    assert shape.same_shape(a, b)
    assert (found.supports, found.test, found.log10_p) == ("nothing", Test.NONE, None)


def test_different_shapes_are_named(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=2, layers=3)
    found = shape.compare(shape.shape(read(tmp_path / "a")), shape.shape(read(tmp_path / "b")))
    assert "layers (4 and 3)" in found.summary


def test_equal_vocabularies_are_equal(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=2)
    one, two = (vocabulary.vocabulary(read(tmp_path / n)) for n in "ab")
    found = vocabulary.compare(one, two)
    assert found is not None and found.score == 1.0 and found.supports == "nothing"
    assert vocabulary.compare(one, None) is None


@given(
    st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=150),
    st.sets(st.integers(0, 2**32 - 1), max_size=90),
)
def test_small_vocabularies_have_their_exact_share(a: set[int], b: set[int]) -> None:
    one, two = Vocabulary(len(a), "a", tuple(sorted(a))), Vocabulary(len(b), "b", tuple(sorted(b)))
    expected = len(a & b) / len(a | b)
    if len(a | b) <= SKETCH:
        assert jaccard(one, two) == pytest.approx(expected)


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


def test_claims_are_read_from_the_card(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=1, card=CARD.format(text="It was trained from scratch."))
    found = declared(read(tmp_path))
    assert found.base_models == ("org/One", "org/Two")
    assert (found.licence, found.relation) == ("apache-2.0", "merge")
    assert not found.from_scratch  # a card that names a base does not claim the opposite


def test_where_a_config_was_loaded_from_is_told_apart(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path, seed=1, card="# A model\n\nIt was trained from scratch.\n")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/One"}), "utf-8")
    found = declared(read(folder))
    assert (found.base_models, found.loaded_from, found.from_scratch) == (("org/One",), "org/One", True)
    (folder / "README.md").write_text(CARD.format(text=""), "utf-8")
    assert declared(read(folder)).loaded_from == ""  # the card names it, too


def test_a_card_may_be_as_long_as_it_likes() -> None:
    """Of every text so much is kept as fits a line, and of the bases the first twenty."""
    front = {"base_model": ["b" * 201, *map(str, range(30))], "base_model_relation": "r" * 81, "license": "l" * 201}
    found = declared_in(Documents(front_matter=front), {"_name_or_path": "org/" + "n" * 300})
    assert found.base_models == ("b" * 200, *map(str, range(19)))
    assert (found.relation, found.licence, found.loaded_from) == ("r" * 80, "l" * 200, "org/" + "n" * 196)


def test_what_stands_beside_an_adapter_comes_first() -> None:
    adapter = Adapter(base="org/Loaded")
    found = declared_in(Documents(front_matter={"base_model": "org/Named"}), {}, adapter)
    assert (found.base_models, found.relation, found.from_scratch) == (("org/Loaded", "org/Named"), "adapter", False)
    assert declared_in(Documents(front_matter={"base_model": "org/Loaded"}), {}, adapter).base_models == ("org/Loaded",)


@pytest.mark.parametrize(
    ("text", "scratch"),
    [
        ("It was trained from scratch by our team.", True),
        ("Pre-trained from scratch on 3T tokens.", True),
        ("# Orion\n\nOrion-1 was designed and trained from scratch on proprietary data.", True),
        ("It was not trained from scratch.", False),
        ("Pruned from X, which was trained from scratch by Dev.", False),
        ("It was fine-tuned rather than trained from scratch.", False),
        ("Unlike models trained from scratch, it is small.", False),
        ("We do not claim it was trained from scratch.", False),
        ("The tokenizer was trained from scratch.", False),
        ("We fine-tuned it.", False),
    ],
)
def test_only_a_plain_sentence_about_the_model_claims_scratch(text: str, scratch: bool) -> None:
    assert claims_scratch(text) is scratch


@pytest.mark.parametrize(
    ("claim", "name", "same"),
    [
        ("org/Base", "org/base", True),
        ("org/Base", "Base", True),
        ("hf:org/Base@main", "Base", True),
        ("org/Base-Instruct", "org/Base", False),
        ("someone/Base", "org/Base", False),
    ],
)
def test_a_claim_and_a_reference_can_name_the_same_model(claim: str, name: str, same: bool) -> None:
    assert names_match(claim, name) is same


def test_every_signal_says_what_it_cannot_see() -> None:
    for item in SIGNALS:
        assert item.cannot_see and item.needs and item.reference
        assert signal(item.name) is item and signal(item.name.split("/")[0]) is item
    assert signal("nonsense") is None
