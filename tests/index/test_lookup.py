"""From rows to names: exactly what counting every reference gives, whatever rows no record points to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forebear.index import Hit, LocalIndex, kernels, lookup, search
from forebear.index.kernels import Words
from forebear.index.lookup import hits
from forebear.index.search import ROW_WORDS, agreements, row_of, tops
from forebear.signals.binomial import log10_tail
from forebear.signals.sign_code import CODE_BYTES, SignCode
from index.fingerprints import make_code, make_fingerprint


def table(names: dict[int, str]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE models (name TEXT PRIMARY KEY, row INTEGER NOT NULL UNIQUE)")
    db.executemany("INSERT INTO models VALUES (?, ?)", [(name, row) for row, name in names.items()])
    return db


def few_bits(seed: int, bits: int = 6) -> SignCode:
    """A code of so few coins that many agree equally."""
    raw = np.random.default_rng(seed).integers(0, 2**bits, 2, dtype=np.uint8)
    both = np.zeros((2, CODE_BYTES), dtype=np.uint8)
    both[0, 0], both[1, 0] = raw[0], 2**bits - 1 if seed % 3 else raw[1]
    base = make_code(0)
    return SignCode(both[0] & both[1], both[1], base.layers, base.signature, (), "row", ())


def brute_force(codes: list[SignCode], names: dict[int, str], query: SignCode, limit: int) -> list[Hit]:
    """One Python integer at a time; only rows with a record."""
    found = []
    for row, name in names.items():
        both = int.from_bytes((codes[row].valid & query.valid).tobytes(), "big")
        differ = int.from_bytes((codes[row].bits ^ query.bits).tobytes(), "big") & both
        n = both.bit_count()
        if n:
            agree = n - differ.bit_count()
            found.append((-(2.0 * agree - n) / np.sqrt(n), row, Hit(name, agree, n, log10_tail(agree, n))))
    return [hit for _, _, hit in sorted(found)[: max(0, limit)]]


@given(
    st.integers(0, 10**6),
    st.integers(1, 60),
    st.floats(0, 1),
    st.integers(-1, 70),
    st.sampled_from([0, 1, 8]),
    st.sampled_from([4, 16, 1000]),
)
@hypothesis_settings(max_examples=120, deadline=None)
def test_the_same_as_brute_force(seed: int, count: int, alive: float, limit: int, spare: int, stretch: int) -> None:
    """Dead rows, ties, blank codes, limits beyond what is there, stretches of any size: for one query and for many."""
    rng = np.random.default_rng(seed)
    codes = [few_bits(int(s)) for s in rng.integers(0, 50, count)]
    names = {row: f"m{row}" for row in range(count) if rng.random() < alive}
    rows = np.frombuffer(b"".join(row_of(c) for c in codes), dtype=np.uint64).reshape(count, ROW_WORDS)
    queries = [few_bits(int(s)) for s in rng.integers(0, 50, 3)]
    with pytest.MonkeyPatch.context() as patch, closing(table(names)) as db:
        patch.setattr(lookup, "SPARE", spare)
        patch.setattr(search, "STRETCH_ROWS", stretch)
        patch.setattr(search, "CACHED_ROWS", 3)
        patch.setattr(search, "QUERIES_AT_ONCE", 2)
        together = hits(db, rows, queries, limit)
        for query, found in zip(queries, together, strict=True):
            assert list(found) == brute_force(codes, names, query, limit)
            assert hits(db, rows, [query], limit) == (found,)


def test_many_dead_rows_before_the_first_live_one() -> None:
    """As many passes as it takes: the best of all is the last of two thousand equal ones."""
    rows: Words = np.repeat(np.frombuffer(row_of(make_code(1)), dtype=np.uint64)[None], 2_000, axis=0)
    with closing(table({1_999: "alive"})) as db:
        (found,) = hits(db, rows, [make_code(1)], 1)
    assert [h.name for h in found] == ["alive"]


@pytest.mark.parametrize("kernel", kernels.available())
def test_many_queries_share_a_pass_and_change_nothing(kernel: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2**64, (3_000, ROW_WORDS), dtype=np.uint64)
    queries = [*rng.integers(0, 2**64, (40, ROW_WORDS), dtype=np.uint64), np.zeros(ROW_WORDS, dtype=np.uint64)]
    for query, top in zip(queries, tops(rows, queries, 7, kernel=kernel), strict=True):
        agree, shared = agreements(rows, query, kernel=kernel)
        chosen = search.best(agree, shared, 7)
        assert top.rows.tolist() == chosen.tolist()
        assert top.agree.tolist() == agree[chosen].tolist() and top.shared.tolist() == shared[chosen].tolist()
    assert tops(rows, [], 7) == [] and len(tops(rows[:0], queries, 7)[0].rows) == 0


def test_search_many_of_an_index(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "index")
    assert index.search_many([make_code(1), make_code(2)]) == ((), ())
    for seed in range(4):
        index.add(make_fingerprint(f"m{seed}", seed), "/m")
    index.remove("m2")
    many = index.search_many([make_code(k) for k in range(4)], 2)
    assert [list(found) for found in many] == [list(index.search(make_code(k), 2)) for k in range(4)]
    assert [found[0].name for k, found in enumerate(many) if k != 2] == ["m0", "m1", "m3"]
    assert index.search_many([]) == ()


def test_a_row_beyond_the_records_is_never_answered(tmp_path: Path) -> None:
    """As where a process was killed after it wrote its row and before it committed the record."""
    index = LocalIndex(tmp_path / "index")
    index.add(make_fingerprint("m0", 0), "/m")
    with open(index.folder / "codes.bin", "ab") as stream:
        stream.write(row_of(make_code(9)))
    assert [h.name for h in index.search(make_code(9))] == ["m0"]
    assert index.add(make_fingerprint("m9", 9), "/m") and index.search(make_code(9), 1)[0].name == "m9"
    assert (index.folder / "codes.bin").stat().st_size == 2 * 1024
