"""The tree and the rows of an index, from what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import check_document
from edits import drifted
from forebear.index import Addition, Entry, LocalIndex, Provenance
from forebear.inspect import enrol
from forebear.inspect.holdings import UNKNOWN, Held, choices, choose, holdings
from forebear.inspect.index_tree import BY_CARD, index_tree
from forebear.report.html import report
from index.fingerprints import make_fingerprint
from models import tiny_llama


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """A base, a child whose card names it, a child that is silent, and a stranger whose card names the base."""
    place = tmp_path_factory.mktemp("index")
    found = LocalIndex(place / "home")
    base = tiny_llama(place / "base", seed=1)
    enrol(str(base), found, "meta-llama/base")
    said = "---\nlicense: llama3.1\nbase_model: Meta-Llama/base\nbase_model_relation: finetune\n---\n"
    for name, of, card in (("said", base, said), ("silent", base, ""), ("liar", None, said)):
        folder = drifted(of, name, 0.1, seed=len(name)) if of else tiny_llama(place / name, seed=9)
        (folder / "README.md").write_text(card, "utf-8")
        enrol(str(folder), found, f"org/{name}")
    return found


def test_an_arrow_is_what_a_card_says_and_codes_do_not_contradict(index: LocalIndex) -> None:
    tree = index_tree(index)
    check_document(tree.to_json())
    edges = {frozenset((e.a, e.b)): e for e in tree.edges}
    assert len(edges) == 2 and not any("org/liar" in pair for pair in edges)
    said = edges[frozenset(("meta-llama/base", "org/said"))]
    assert (said.a, said.direction, said.relation.kind) == ("meta-llama/base", "a_to_b", "finetune")
    assert BY_CARD in said.why and said.verdict.related and (said.log10_p or 0) < -6
    other = next(e for e in tree.edges if e is not said)
    assert "org/silent" in (other.a, other.b) and other.direction == "unknown"
    groups = {m.name: m.group for m in tree.members}
    assert len(groups) == 4 and groups["org/liar"] not in {g for n, g in groups.items() if n != "org/liar"}
    assert len(tree.roots()) == 2
    page = report(tree.to_json())
    assert "a reference of the index" in page and "its models meet here" not in page
    again = page.split('id="again"')[1]
    assert "forebear tree reads models, and would have to be given theirs" in again
    assert "<code>forebear tree" not in again and "<pre" not in again  # reading the models would be another question


def test_cards_that_name_each_other_make_no_circle(index: LocalIndex, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "a", seed=1)
    found = LocalIndex(tmp_path / "home")
    for name, of in (("a", "org/b"), ("b", "org/a")):
        folder = base if name == "a" else drifted(base, "b", 0.1)
        (folder / "README.md").write_text(f"---\nbase_model: {of}\n---\n", "utf-8")
        enrol(str(folder), found, f"org/{name}")
    tree = index_tree(found)
    assert len(tree.edges) == 1 and len(tree.roots()) == 1


def test_an_empty_index_and_one_that_is_cut_off(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index_tree(LocalIndex(tmp_path / "none")).members == ()
    monkeypatch.setattr("forebear.inspect.index_tree.MOST_MODELS", 2)
    tree = index_tree(index)
    assert len(tree.members) == 2 and any("2 references are left out" in note for note in tree.notes)
    check_document(tree.to_json())


def test_rows_are_known_facts_and_are_narrowed_down(index: LocalIndex) -> None:
    rows = holdings(index)
    by_name = {row.name: row for row in rows}
    assert by_name["meta-llama/base"].developer == "Meta" and "US" in by_name["meta-llama/base"].countries
    assert by_name["org/said"].licence == "llama3.1" and by_name["org/said"].bases == ("Meta-Llama/base",)
    assert by_name["org/silent"].developer == "" and by_name["org/silent"].countries == ()
    assert [r.name for r in choose(rows, "META base")] == ["meta-llama/base"]
    assert {r.name for r in choose(rows, developer=UNKNOWN, country=UNKNOWN, licence="llama3.1")} == {
        "org/said",
        "org/liar",
    }
    assert choose(rows, country="US", licence=UNKNOWN) == tuple(
        r for r in rows if r.name == "meta-llama/base" and not r.licence
    )
    narrow = choices(rows)
    assert narrow.developers[-1] == (UNKNOWN, "unknown (3)") and ("US", "the United States (1)") in narrow.countries


def test_rows_that_are_kept_are_read_again_where_they_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Counting(LocalIndex):
        def entries(self) -> Iterator[Entry]:
            read.append("all")
            return super().entries()

        def get(self, name: str) -> Entry | None:
            read.append(name)
            return super().get(name)

    index, held = Counting(tmp_path / "a"), Held()
    assert held.of(index)[0] == ()
    index.add_many([Addition(make_fingerprint(f"m{k}", k), "/") for k in range(9)])
    assert held.of(index) == (holdings(index), choices(holdings(index)))
    read.clear()
    for change, wanted in (
        (lambda: index.add(make_fingerprint("a", 20), "/"), ["a"]),
        (lambda: index.add(make_fingerprint("m3", 21), "/", replace=True), ["m3"]),
        (lambda: index.remove("m5"), ["m5"]),
        (lambda: index.add(make_fingerprint("m7", 7), "", provenance=Provenance(private=True)), ["m7"]),
        (lambda: None, []),
    ):
        change()
        rows, narrow = held.of(index)
        assert read == wanted
        assert (rows, narrow) == (holdings(index), choices(rows)) and [r.name for r in rows] == sorted(
            r.name for r in rows
        )
        read.clear()
    assert "m7" not in {r.name for r in held.of(index)[0]}
    monkeypatch.setattr("forebear.inspect.holdings.MOST_CHANGES", 2)
    index.add_many([Addition(make_fingerprint(f"n{k}", 30 + k), "/") for k in range(3)])
    assert len(held.of(index)[0]) == 11 and read == ["all"]
    assert held.of(LocalIndex(tmp_path / "b"))[0] == ()
