"""Who says to come from whom: names, circles, beginnings, and what happens to hostile claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.index import Listing
from forebear.lineage import declared_graph as module
from forebear.lineage.declared_cycles import circles
from forebear.lineage.declared_graph import DeclaredGraph, declared_graph, month_number, month_text
from forebear.lineage.declared_names import Names, plain, renamed
from marks import index_of, mark


def graph(*listings: Listing) -> DeclaredGraph:
    return declared_graph(sorted(listings, key=lambda x: (x.name, x.seen)))


def edges(found: DeclaredGraph) -> set[tuple[str, str, bool]]:
    return {(e.child, e.base, e.known) for e in found.edges()}


def test_names_meet_whatever_their_case_scheme_or_revision() -> None:
    found = graph(
        Listing("Org/Base"),
        Listing("a/one", base_models=("org/base",)),
        Listing("a/two", base_models=("hf:Org/Base@c0ffee",), relation="quantized"),
        Listing("a/three", base_models=("Org/Other", "org/other", " ORG/BASE ")),
    )
    assert edges(found) == {
        ("a/one", "Org/Base", True),
        ("a/two", "Org/Base", True),
        ("a/three", "Org/Other", False),
        ("a/three", "Org/Base", True),
    }
    assert {e.relation for e in found.edges() if e.child == "a/two"} == {"quantized"}


def test_a_renamed_repository_is_followed_and_a_variant_is_not() -> None:
    assert renamed("meta-llama/meta-llama-3.1-8b") == "meta-llama/llama-3.1-8b"
    assert renamed("meta-llama/meta-llama-3.1-8b-instruct") == ""
    assert renamed("somebody/meta-llama-3.1-8b") == ""
    assert renamed("gpt2") == "openai-community/gpt2"
    found = graph(
        Listing("meta-llama/Llama-3.1-8B"),
        Listing("x/tuned", base_models=("meta-llama/Meta-Llama-3.1-8B",)),
        Listing("x/other", base_models=("meta-llama/Meta-Llama-3.1-8B-Instruct",)),
    )
    assert ("x/tuned", "meta-llama/Llama-3.1-8B", True) in edges(found)
    assert ("x/other", "meta-llama/Meta-Llama-3.1-8B-Instruct", False) in edges(found)
    assert found.aliases == {"meta-llama/meta-llama-3.1-8b": "meta-llama/llama-3.1-8b"}


def test_the_latest_listing_counts_and_changes_are_told() -> None:
    found = graph(
        Listing("o/m", "c1", "2024-01-02T00:00:00Z", "t1", "mit", ("o/a",), seen="2024-01-03"),
        Listing("o/m", "c2", "", "t2", "llama3.1", ("o/b",), seen="2025-01-03"),
        Listing("o/m", "c3", "", "t3", "llama3.1", ("o/b",), seen="2025-02-03"),
    )
    assert edges(found) == {("o/m", "o/b", False)}
    assert [(c.before, c.after, c.seen) for c in found.changes] == [("mit", "llama3.1", "2025-01-03")]
    assert month_text(int(found.month[0])) == "2024-01" and found.revised == {0: "t3"}


def test_oneself_and_circles_are_told_apart() -> None:
    found = graph(
        Listing("o/self", base_models=("o/SELF",)),
        Listing("o/a", base_models=("o/b",)),
        Listing("o/b", base_models=("o/c",)),
        Listing("o/c", base_models=("o/a", "o/self")),
        Listing("o/below", base_models=("o/a",)),
        Listing("o/lonely"),
    )
    assert [found.text(k) for k in found.themselves] == ["o/self"]
    assert [[found.text(k) for k in circle] for circle in found.circles] == [["o/a", "o/b", "o/c"]]
    number = {name: k for k, name in enumerate(found.names)}
    assert found.kin(number["o/below"], number["o/c"]) and not found.kin(number["o/below"], number["o/lonely"])


def test_cards_of_indexed_models_join_their_listings(tmp_path: Path) -> None:
    marks = [
        mark("base", 1),
        mark("local", 2, base_models=("lab/base",)),
        mark("hub", 3, base_models=("x/card",)),
        mark("silent", 4, base_models=("x/loaded",), loaded_from="x/loaded"),
    ]
    index = index_of(tmp_path, marks, ["/base", "/local", "hf:Org/Hub@c1", "/silent"])
    found = declared_graph([Listing("org/hub", base_models=("x/listed",)), Listing("x/listed")], index.entries())
    assert edges(found) == {("org/hub", "x/listed", True), ("local", "base", True)}
    assert found.listed == 2 and found.find("hf:Org/Hub") == 0 and found.find("nobody/knows") is None


def test_bases_that_are_known_by_their_full_names_are_told_from_loose_ones(tmp_path: Path) -> None:
    """The first of all repositories is a base like any other."""
    found = graph(Listing("a/first"), Listing("b/child", base_models=("a/first", "c/unknown")))
    assert found.find("a/first") == 0
    assert found.in_full(1) == {0} and found.in_full(0) == frozenset()
    known, unknown = found.above(1)
    assert known == 0 and unknown < 0 and found.text(unknown) == "c/unknown" and found.above(unknown) == ()
    assert found.ancestors(1) == {1, 0, unknown} and found.ancestors(0) == {0}
    index = index_of(tmp_path, [mark("base", 1), mark("child", 2, base_models=("lab/base",))])
    loose = declared_graph([], index.entries())
    child = loose.find("child")
    assert child is not None and loose.above(child) == (loose.find("base"),) and loose.in_full(child) == frozenset()


def test_a_short_name_that_two_models_have_is_left_open(tmp_path: Path) -> None:
    index = index_of(tmp_path, [mark("a/base", 1), mark("b/base", 2), mark("child", 3, base_models=("base",))])
    assert edges(declared_graph([], index.entries())) == {("child", "base", False)}


def test_claims_are_bounded_and_odd_names_survive() -> None:
    odd = "o/\ud800\0\x1b[31m" + "x" * 500
    found = graph(Listing(odd, base_models=tuple(f"b/{k}" for k in range(1000)), relation="r" * 1000))
    assert len(found.base) == 20 and len(found.names[0]) == 200
    wide = graph(*(Listing(f"o/{k:05}", base_models=tuple(f"o/{k - j:05}" for j in range(1, 20))) for k in range(3000)))
    assert 1_000 <= len(wide.ancestors(2_999)) < 1_030


def test_a_long_chain_takes_no_recursion() -> None:
    count = 4_000
    found = graph(
        *(Listing(f"o/{k:06}", base_models=(f"o/{k + 1:06}",) if k + 1 < count else ()) for k in range(count))
    )
    assert not found.circles and set(found.roots().tolist()) == {count - 1}
    ring = graph(*(Listing(f"o/{k:06}", base_models=(f"o/{(k + 1) % count:06}",)) for k in range(count)))
    assert len(ring.circles) == 1 and len(ring.circles[0]) == count
    assert ring.roots().tolist() == list(range(count))  # no beginning


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(-3, 11)), max_size=40))
def test_circles_and_roots_as_by_walking(pairs: list[tuple[int, int]]) -> None:
    """Against the plain definitions: who reaches whom, and where the first bases lead."""
    ways: dict[int, list[int]] = {k: [] for k in range(12)}
    for child, base in pairs:
        if base != child and base not in ways[child]:
            ways[child].append(base)
    start = np.cumsum([0, *(len(ways[k]) for k in range(12))]).astype(np.int64)
    ends = np.array([b for k in range(12) for b in ways[k]], dtype=np.int32)

    def reached(first: int) -> set[int]:
        seen, todo = set[int](), list(ways[first])
        while todo:
            k = todo.pop()
            if k >= 0 and k not in seen:
                seen.add(k)
                todo += ways[k]
        return seen

    reach = [reached(k) for k in range(12)]
    wanted = {
        tuple(sorted(j for j in range(12) if j in reach[k] and k in reach[j])) for k in range(12) if k in reach[k]
    }
    assert set(circles(start, ends)) == wanted
    listed = [Listing(f"o/{k:02}", base_models=tuple(_named(b) for b in ways[k])) for k in range(12)]
    made = declared_graph(listed)
    for k, root in enumerate(made.roots().tolist()):
        at, seen = k, {k}
        while at >= 0 and ways[at]:
            at = ways[at][0]
            if at in seen:
                at = k
                break
            seen.add(at)
        assert made.text(root) == _named(at)


def _named(k: int) -> str:
    return f"o/{k:02}" if k >= 0 else f"gone/{-k}"


@pytest.mark.parametrize("date", ["", "soon", "2024", "2024/01", "2024-13-01", "0001-01-01", "٢٠٢٤-01-01"])
def test_what_is_no_date_is_none(date: str) -> None:
    assert month_number(date) == 0 and month_text(0) == ""


def test_names_come_back() -> None:
    names = Names()
    words = ["", "a/b", "日本/モデル", "x" * 200]
    assert [names.add(w) for w in words] == [0, 1, 2, 3] and list(names) == words and plain("hf:A/B@c/") == "a/b"


@pytest.mark.parametrize(
    ("date", "text"),
    [
        ("1900-01-31", "1900-01"),
        ("2499-12", "2499-12"),
        ("2024-12-01T00:00:00Z", "2024-12"),
        ("1899-12", ""),
        ("2500-01", ""),
        ("2024-00", ""),
        ("2024-13", ""),
    ],
)
def test_months_are_counted_within_six_centuries(date: str, text: str) -> None:
    assert month_text(month_number(date)) == text
    assert bool(month_number(date)) is bool(text)


def licence(found: DeclaredGraph, number: int) -> str:
    return found.licences[int(found.licence[number])]


def test_columns_are_those_of_the_listings() -> None:
    found = graph(
        Listing("a/a", base_models=("x/one", "X/Two"), relation="merge", licence="mit"),
        Listing("a/b", published="2024-03-05", base_models=("a/A", "x/TWO", "x/three"), relation="finetune"),
        Listing("a/c", licence="mit", relation="merge"),
    )
    assert list(found.names) == ["a/a", "a/b", "a/c"] and found.listed == 3
    assert found.start.tolist() == [0, 2, 5, 5] and found.base.tolist() == [-1, -2, 0, -2, -4]
    assert found.bases == ["x/one", "X/Two", "a/A", "x/three"], "as the first to name them spells them"
    assert [found.text(k) for k in (-1, -2, -4, 0, 2)] == ["x/one", "X/Two", "x/three", "a/a", "a/c"]
    assert [found.relations[k] for k in found.relation] == ["merge", "merge", "finetune", "finetune", "finetune"]
    assert [licence(found, k) for k in range(3)] == ["mit", "", "mit"] and found.licence.tolist()[1] == 0
    assert found.month.tolist() == [0, 2024 * 12 + 2, 0] and not found.loose.any()
    assert found.above(0) == (-1, -2) and found.above(1) == (0, -2, -4) and found.above(2) == ()
    assert found.in_full(1) == {0} and found.ancestors(1) == {1, 0, -1, -2, -4}
    assert found.kin(0, 1) and found.kin(1, 0) and not found.kin(1, 2) and found.kin(2, 2)
    assert [(e.child, e.base, e.known, e.relation) for e in found.edges()][2:] == [
        ("a/b", "a/a", True, "finetune"),
        ("a/b", "X/Two", False, "finetune"),
        ("a/b", "x/three", False, "finetune"),
    ]
    assert found.roots().tolist() == [-1, -1, 2]
    assert (found.revised, found.changed, found.gone, found.themselves) == ({}, {}, {}, ())
    assert (found.aliases, found.changes, found.change_count, found.circles) == ({}, [], 0, ())
    assert found.find("A/A") == 0 and found.find("a/c") is None, "nobody names it, and it is not indexed"


def test_no_listing_and_no_edge_are_a_graph_as_well() -> None:
    nothing, lonely = graph(), graph(Listing("a/a"))
    assert len(nothing.names) == 0 and nothing.start.tolist() == [0] and nothing.roots().tolist() == []
    assert lonely.base.tolist() == [] and lonely.loose.tolist() == [] and lonely.roots().tolist() == [0]
    assert list(nothing.edges()) == list(lonely.edges()) == [] and lonely.ancestors(0) == {0}


def test_what_is_gone_keeps_its_last_words_and_what_came_back_is_there() -> None:
    there = Listing("a/a", "c1", "2024-01-01", "t1", "mit", ("x/b",), "quantized", "2024-02")
    gone = Listing("a/a", seen="2025-01", gone=True)
    found = graph(there, gone)
    assert found.gone == {0: "2025-01"} and edges(found) == {("a/a", "x/b", False)} and licence(found, 0) == "mit"
    assert month_text(int(found.month[0])) == "2024-01" and found.changed == {0: "t1"} and found.changes == []
    assert found.revised == {}, "one revision, and a list that no longer names it"
    back = graph(there, gone, Listing("a/a", "c2", seen="2025-02", changed="t2"))
    assert back.gone == {} and edges(back) == set() and back.revised == {0: "t2"}
    only = graph(gone, Listing("b/b"))
    assert only.gone == {0: "2025-01"} and list(only.names) == ["a/a", "b/b"] and only.month[0] == 0


def test_revisions_quantisations_and_licences_over_time() -> None:
    def said(*rest: tuple[str, str, str, str]) -> DeclaredGraph:
        return graph(*(Listing("a/a", r, p, c, w, seen=f"{k}") for k, (r, p, c, w) in enumerate(rest)))

    assert said(("c1", "", "t1", "mit")).revised == {}
    assert said(("c1", "", "t1", "mit"), ("c1", "", "t2", "mit")).revised == {}, "one revision that was seen twice"
    assert said(("c1", "", "t1", "mit"), ("c2", "", "", "mit")).revised == {}, "when it changed is not known"
    assert said(("c1", "", "t1", "mit"), ("c2", "", "t2", "mit")).revised == {0: "t2"}
    assert said(("c1", "2024-01", "", ""), ("c2", "2024-02", "", "")).month.tolist() == [2024 * 12 + 1]
    assert said(("c1", "2024-01", "", ""), ("c2", "", "", "")).month.tolist() == [2024 * 12]
    for words, changes in (
        (("mit", "", "apache-2.0"), []),  # what it was in between is not known
        (("", "mit", "mit"), []),
        (("mit", "gpl", "mit"), [("mit", "gpl", "1"), ("gpl", "mit", "2")]),
    ):
        found = said(*(("c", "", "", word) for word in words))
        assert [(c.before, c.after, c.seen) for c in found.changes] == changes and found.change_count == len(changes)
        assert all(c.name == "a/a" for c in found.changes)
    assert graph(Listing("a/a", changed="t", relation="quantized")).changed == {0: "t"}
    assert graph(Listing("a/a", changed="t", relation="merge")).changed == {}
    assert graph(Listing("a/a", relation="quantized")).changed == {}


def test_of_many_changes_some_are_kept_and_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 2)
    found = graph(*(Listing("a/a", licence=f"l{k}", seen=f"{k}") for k in range(5)))
    assert [c.after for c in found.changes] == ["l1", "l2"] and found.change_count == 4


def test_of_many_unknown_bases_some_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none(name: str) -> str:
        asked.append(name)
        return ""

    monkeypatch.setattr(module, "renamed", none)
    monkeypatch.setattr(module, "MOST_RENAMED", 3)
    graph(Listing("a/a", base_models=("a/b", "one", "two", "nobody/x", "three", "four")), Listing("a/b"))
    assert asked == ["one", "two", "three"], "neither what is listed nor what no developer of the catalogue publishes"


def test_a_former_name_is_an_alias_only_of_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "renamed", lambda name: {"old": "a/new", "gone": "a/gone"}.get(name, ""))
    found = graph(Listing("a/New"), Listing("b/b", base_models=("old", "gone")))
    assert found.aliases == {"old": "a/new"} and edges(found) == {("b/b", "a/New", True), ("b/b", "gone", False)}
    assert found.find("old") == 0 and found.find("gone") is None
    assert found.in_full(1) == {0}, "a former name is one in full"


def test_words_for_a_relation_are_bounded_and_those_that_are_known_stay_known() -> None:
    odd = [Listing(f"o/{k:03}", base_models=("x/b",), relation=f"r{k}") for k in range(300)]
    found = graph(
        Listing("a/a", base_models=("x/b",), relation="merge"),
        *odd,
        Listing("z/z", base_models=("x/b",), relation="merge"),
    )
    told = [e.relation for e in found.edges()]
    assert len(found.relations) == 256 and told[0] == told[-1] == "merge"
    assert told[1:255] == [f"r{k}" for k in range(254)] and told[255:301] == [""] * 46


def test_bases_that_are_no_names_or_said_twice_are_left_out() -> None:
    found = graph(Listing("a/a", base_models=("", "  ", "@main", "x/b", "hf:X/B@1", "A/A", " x/c ")))
    assert [found.text(k) for k in found.above(0)] == ["x/b", "x/c"] and found.themselves == (0,)
    bases = tuple(f"x/{k}" for k in range(21))
    assert graph(Listing("a/a", base_models=bases)).bases == list(bases[:20])


def test_of_two_spellings_of_one_repository_the_first_is_meant() -> None:
    found = graph(Listing("A/a"), Listing("a/A"), Listing("b/b", base_models=("a/a",)))
    assert found.above(2) == (0,) and found.text(0) == "A/a"


def test_ancestors_are_bounded_and_the_first_are_followed() -> None:
    count = 1_010
    chain = graph(*(Listing(f"o/{k:06}", base_models=(f"o/{k + 1:06}",) * (k + 1 < count)) for k in range(count)))
    assert chain.ancestors(0) == set(range(1_000)) and chain.ancestors(11) == set(range(11, 1_010))
    assert not chain.kin(0, count - 1) and chain.kin(0, 999)


def test_an_indexed_model_says_what_its_listing_does_not(tmp_path: Path) -> None:
    own: dict[str, Any] = {"base_models": ("x/own",), "relation": "merge", "licence": "mit"}
    marks = [mark(name, k, **own) for k, name in enumerate("abcd")]
    index = index_of(tmp_path, marks, ["hf:o/a@c1@c2", "hf:o/b", "hf:o/c", "/local"])
    found = declared_graph(
        [
            Listing("O/A"),
            Listing("o/b", base_models=("x/listed",), relation="finetune", licence="gpl"),
            Listing("o/x"),
        ],
        index.entries(),
    )
    assert {(e.child, e.base, e.relation) for e in found.edges()} == {
        ("O/A", "x/own", "merge"),
        ("o/b", "x/listed", "finetune"),
        ("o/c", "x/own", "merge"),
        ("d", "x/own", "merge"),
    }
    by_name = {name: licence(found, k) for k, name in enumerate(found.names)}
    assert by_name == {"O/A": "mit", "o/b": "gpl", "o/x": "", "o/c": "mit", "d": "mit"} and found.listed == 3
    assert (
        found.find("o/a") == 0 and found.find("o/c") == list(found.names).index("o/c") and found.find("D") is not None
    )
    assert found.find("o/x") is None


def test_a_short_name_leads_to_the_one_model_that_is_called_so(tmp_path: Path) -> None:
    marks = [mark("lab/base", 1), mark("solo", 2), mark("child", 3, base_models=("base", "any/solo", "x/base", "none"))]
    found = declared_graph([], index_of(tmp_path, marks).entries())
    assert edges(found) == {
        ("child", "lab/base", True),
        ("child", "solo", True),
        ("child", "x/base", False),  # another account's
        ("child", "none", False),
    }
    assert found.aliases == {"base": "lab/base", "any/solo": "solo"}
    child = found.find("child")
    assert (
        child is not None and found.in_full(child) == frozenset() and found.loose.tolist() == [True, True, False, False]
    )
    assert declared_graph([Listing("o/listed")], []).find("listed") is None


def test_a_listing_is_no_model_that_a_short_name_leads_to(tmp_path: Path) -> None:
    index = index_of(tmp_path, [mark("child", 3, base_models=("base",))])
    assert edges(declared_graph([Listing("lab/base")], index.entries())) == {("child", "base", False)}
