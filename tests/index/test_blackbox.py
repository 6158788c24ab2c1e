"""Tokenizers and behaviours in the index: kept, told apart, replaced on request, and never half read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from forebear.errors import IndexError_, UsageError
from forebear.index import Behaviour, BlackBoxIndex, LocalIndex, UserTokenizer
from forebear.signals.agreement import Continuation
from index.fingerprints import make_fingerprint

ACME = UserTokenizer("acme", "1", (5, 7, 12), "ab" * 20, 32_000, ("acme/one",), "/models/acme")
ONE = Behaviour(
    "acme/one",
    "1",
    {"a": Continuation("été"), "b": Continuation("x", {"x": 0.75, " \ud800": 0.25})},
    "http://localhost:1",
    ("acme",),
)


def test_what_is_added_comes_back(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path)
    assert index.add_tokenizer(ACME)
    assert index.add_behaviour(ONE)
    (tokenizer,), (behaviour,) = index.tokenizers(), index.behaviours()
    assert replace(tokenizer, added="") == ACME
    assert replace(behaviour, added="") == ONE
    assert tokenizer.added.endswith("Z")


def test_an_index_that_is_not_there_is_empty(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path / "none")
    assert (index.tokenizers(), index.behaviours(), index.remove("x")) == ((), (), False)
    assert not (tmp_path / "none").exists()


def test_the_same_again_is_no_news_and_another_needs_a_word(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path)
    index.add_tokenizer(ACME)
    assert not index.add_tokenizer(ACME)
    other = replace(ACME, counts=(5, 7, 13))
    with pytest.raises(UsageError, match="acme is already"):
        index.add_tokenizer(other)
    assert index.add_tokenizer(other, replace=True)
    assert index.tokenizers()[0].counts == (5, 7, 13)


def test_remove_takes_both(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path)
    index.add_tokenizer(replace(ACME, name="x"))
    index.add_behaviour(replace(ONE, name="x"))
    assert index.remove("x")
    assert (index.tokenizers(), index.behaviours()) == ((), ())
    assert not index.remove("x")


def test_references_live_beside(tmp_path: Path) -> None:
    LocalIndex(tmp_path).add(make_fingerprint("base", 1), "/base")
    BlackBoxIndex(tmp_path).add_tokenizer(ACME)
    assert [e.name for e in LocalIndex(tmp_path).entries()] == ["base"]
    assert len(BlackBoxIndex(tmp_path).tokenizers()) == 1


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_names_that_cannot_be_shown(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        BlackBoxIndex(tmp_path).add_tokenizer(replace(ACME, name=name))


@pytest.mark.parametrize(
    "record",
    [
        "{",
        "[]",
        '{"counts": 1}',
        '{"counts": ["x"], "digest": "", "size": 1}',
        '{"counts": [1], "digest": "", "size": 1e999}',
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, record: str) -> None:
    index = BlackBoxIndex(tmp_path)
    index.add_tokenizer(ACME)
    with closing(sqlite3.connect(tmp_path / "index.db")) as db, db:
        db.execute("UPDATE tokenizers SET record = ?", (record,))
    with pytest.raises(IndexError_, match="acme"):
        index.tokenizers()
