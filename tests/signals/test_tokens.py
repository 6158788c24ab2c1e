"""Which tokens two vocabularies have in common, and where those stand that one of them has alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bodies import opened
from edits import copy
from forebear.signals.tokens import Tokens, tokens_of
from models import tiny_llama
from signals.held import held

PLAIN = {f"t{k}": k for k in range(256)}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return with_vocabulary(tiny_llama(tmp_path / "plain", 1), "base", PLAIN)


def with_vocabulary(folder: Path, name: str, ids: Mapping[str, int]) -> Path:
    out = copy(folder, name)
    path = out / "tokenizer.json"
    document = json.loads(path.read_text())
    document["added_tokens"] = []
    document["model"]["vocab"] = dict(ids)
    path.write_text(json.dumps(document))
    return out


def between(a: Path, b: Path) -> Tokens:
    found = tokens_of(opened(a), opened(b))
    assert found is not None
    return found


def numbered(tokens: list[str]) -> dict[str, int]:
    return {t: k for k, t in enumerate(tokens)}


def test_one_vocabulary_is_straight(base: Path) -> None:
    found = between(base, base)
    assert found.straight and (found.moved, found.appended, found.between) == (0, "", "")


def test_tokens_behind_all_others_are_appended(base: Path) -> None:
    short = with_vocabulary(base, "short", numbered(list(PLAIN)[:200]))
    for a, b, side in ((short, base, "b"), (base, short, "a")):
        found = between(a, b)
        assert (found.appended, found.between) == (side, "") and found.only_a + found.only_b == 56


def test_tokens_between_the_others_tell_who_lacks_them(base: Path) -> None:
    trimmed = with_vocabulary(base, "trimmed", numbered([t for t in PLAIN if PLAIN[t] % 3]))
    for a, b, side in ((base, trimmed, "a"), (trimmed, base, "b")):
        found = between(a, b)
        assert (found.appended, found.between) == ("", side) and found.moved > 100


def test_another_order_or_own_tokens_on_both_sides_tell_nothing(base: Path) -> None:
    kept = [t for t in PLAIN if PLAIN[t] % 3]
    turned = with_vocabulary(base, "turned", numbered(kept[::-1]))
    mixed = with_vocabulary(base, "mixed", numbered([*kept[:50], "own", *kept[50:]]))
    for other in (turned, mixed):
        assert (between(base, other).between, between(other, base).between) == ("", "")


def test_without_a_tokenizer_rows_go_by_number(tmp_path: Path) -> None:
    """Of either: of rows that nobody has named nothing is said but their number."""
    large, small = (tiny_llama(tmp_path / str(rows), 1, vocabulary=rows) for rows in (256, 200))
    for folder in (large, small):
        for path in folder.glob("tokenizer*"):
            path.unlink()
    for a, b, sizes in ((large, small, (256, 200)), (small, large, (200, 256)), (large, large, (256, 256))):
        found = between(a, b)
        assert found.by == "row" and found.rows == sizes and found.ids.tolist() == [[k, k] for k in range(min(sizes))]
        assert (found.only_a, found.only_b, found.moved, found.appended, found.between) == (0, 0, 0, "", "")
        assert found.straight is (sizes[0] == sizes[1])


def test_tokens_that_moved_are_counted_and_put_together_by_name(base: Path) -> None:
    swapped = with_vocabulary(base, "swapped", {**PLAIN, "t3": 5, "t5": 3})
    found = between(base, swapped)
    assert (found.by, found.moved, found.straight) == ("token", 2, False)
    assert [tuple(row) for row in found.ids.tolist() if row[0] != row[1]] == [(3, 5), (5, 3)]
    assert found.ids[:, 0].tolist() == sorted(PLAIN.values())


# -- by hand -----------------------------------------------------------------------------------------------------------


def tokens(
    a: Sequence[str] | Mapping[str, int] | None, b: Sequence[str] | Mapping[str, int] | None, *rows: int
) -> Tokens:
    """Of two models with these tokens; as many rows as tokens where no other number is given."""
    counts = rows or (len(a or ()), len(b or ()))
    one, two = (held({"embed": np.ones((n, 2))}, tokens=t) for t, n in zip((a, b), counts, strict=True))
    found = tokens_of(one, two)
    assert found is not None
    return found


def test_one_vocabulary_takes_rows_without_a_token_along() -> None:
    found = tokens("abc", "abc", 5, 4)
    assert (found.by, found.rows, found.ids.tolist()) == ("token", (5, 4), [[k, k] for k in range(4)])
    assert not found.straight and tokens("abc", "abc").straight and tokens("abc", "abc", 5, 5).straight
    assert (found.only_a, found.only_b, found.moved, found.appended, found.between) == (0, 0, 0, "", "")


def test_tokens_of_one_side_alone_stand_behind_or_between_the_others() -> None:
    for one, two, only, appended, between in (
        ("abxy", "ab", (2, 0), "a", ""),
        ("ab", "abxy", (0, 2), "b", ""),
        ("axyb", "ab", (2, 0), "", "a"),
        ("ab", "xab", (0, 1), "", "b"),
        ("axbyz", "ab", (3, 0), "", ""),  # two of three stand behind
        ("axbyzc", "abc", (3, 0), "", "a"),
        ("axby", "ab", (2, 0), "", ""),  # one of two
        ("axyb", "ba", (2, 0), "", ""),  # in another order
        ("abx", "aby", (1, 1), "", ""),
        ("axb", "ayb", (1, 1), "", ""),
        ("xy", "", (2, 0), "a", ""),
    ):
        found = tokens(one, two, len(one), max(1, len(two)))
        assert ((found.only_a, found.only_b), found.appended, found.between) == (only, appended, between), (one, two)


def test_tokens_that_moved_are_counted_and_those_without_a_row_left_out() -> None:
    found = tokens("abc", "cba")
    assert (found.ids.tolist(), found.moved, found.straight) == ([[0, 2], [1, 1], [2, 0]], 2, False)
    cut = tokens("abcd", "abcd", 3, 4)
    assert (cut.only_a, cut.only_b, cut.appended, cut.ids.tolist()) == (0, 1, "b", [[0, 0], [1, 1], [2, 2]])


def test_without_a_tokenizer_on_either_side_rows_go_by_number() -> None:
    for found in (tokens(None, "abc", 5, 3), tokens("abc", None, 3, 5)):
        assert (found.by, found.ids.tolist(), found.moved) == ("row", [[0, 0], [1, 1], [2, 2]], 0)
    model, bare = held({"embed": np.ones((2, 2))}), held({"norm": np.ones(2)})
    assert tokens_of(model, bare) is None and tokens_of(bare, model) is None
    assert tokens_of(model, replace(model, geometry=None)) is None
