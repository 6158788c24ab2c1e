"""Rows, entries with their sources, and what a name can mean."""

from __future__ import annotations

import pytest

from facts import ALL, catalogue
from forebear.catalogue import query
from forebear.catalogue.collection import shipped


def test_rows_are_one_per_entry_and_in_order() -> None:
    facts = shipped()
    for plural in query.PLURALS:
        rows = query.rows(facts, plural)
        names = [str(row.get("id") or row["name"]).lower() for row in rows]
        assert names == sorted(names) and len(rows) == len(query.entries(facts, plural))


def test_a_row_counts_what_nobody_retrieved() -> None:
    (row,) = query.rows(catalogue(), "developers")
    assert (row["incorporated_in"], row["engineering_in"], row["models"], row["unverified"]) == (["SG"], ["CN"], 1, 1)
    with pytest.raises(KeyError):
        query.rows(catalogue(), "countries")


def test_an_entry_comes_with_every_source_once() -> None:
    entry = query.shown(catalogue(), "developers", "acme")
    assert [source["id"] for source in entry["sources"]] == ["page", "recall"]
    assert entry["models"] == ["Kimi-K9-8B"] and entry["file"] == "facts.toml" and entry["kind"] == "developer"


def test_a_model_tells_its_descendants() -> None:
    assert "Composer 2" in query.shown(shipped(), "models", "Kimi-K2.5")["descendants"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acme", [("developers", "acme")]),
        ("Acme Research", [("developers", "acme")]),
        ("acme-ai/other", [("developers", "acme")]),
        ("acme-ai/kimi-k9-8b", [("models", "Kimi-K9-8B")]),
        ("kimi-k9-8b-instruct", [("models", "Kimi-K9-8B")]),
        ("acme-licence", [("licences", "acme-1.0")]),
        ("PAGE", [("sources", "page")]),
        ("none such", []),
    ],
)
def test_what_a_name_means(text: str, found: list[tuple[str, str]]) -> None:
    assert query.find(catalogue(), text) == found


def test_the_nearest_names() -> None:
    assert query.nearest(shipped(), "kimi k25")[0] == "Kimi-K2.5"
    assert query.nearest(shipped(), "mooonshot")[0] == "moonshot"
    assert query.nearest(catalogue(), "zzzzzzzz") == ()


def test_bases_name_the_fact_that_rests_on_them() -> None:
    acme = catalogue(ALL).developers["acme"]
    assert [path for path, _ in query.bases(acme)] == ["", "incorporated_in[0]", "engineering_in[0]"]
