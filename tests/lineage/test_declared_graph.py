"""Who says to come from whom: names, circles, beginnings, and what happens to hostile claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.index import Listing
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
