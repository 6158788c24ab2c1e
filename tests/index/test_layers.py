"""Search by single layers: exactly all pairs of slots, and fair to independent models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forebear.errors import IndexError_
from forebear.index import LocalIndex, kernels, lookup, search
from forebear.index.kernels import Words
from forebear.index.layers import MOST_PAIRS, PAIRS, best_pairs, smallest, smallest_tails, tail_table
from forebear.index.search import ROW_WORDS, row_of
from forebear.signals.binomial import log10_tail
from forebear.signals.layout import LAYER_BITS, RESIDUAL_BITS, SLOTS
from forebear.signals.sign_code import CODE_BYTES, SignCode
from index.fingerprints import make_code, make_fingerprint


def random_rows(seed: int, count: int) -> Words:
    """Rows with layers of very different density, some blank."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, 8 * CODE_BYTES), dtype=np.uint8)
    share = rng.choice([0.0, 0.05, 0.5, 1.0], (count, 8 * CODE_BYTES // LAYER_BITS))
    valid = rng.random((count, 8 * CODE_BYTES)) < np.repeat(share, LAYER_BITS, axis=1)
    packed = np.packbits(np.concatenate([bits & valid, valid], axis=1), axis=1)
    return packed.view(np.uint64)


def oracle(row: Words, query: Words) -> dict[tuple[int, int], tuple[int, int]]:
    """Agreeing bits and coins of every pair of slots (the query's first), one bit at a time."""
    (b, v), (qb, qv) = ([np.unpackbits(h.view(np.uint8)) for h in (r[: ROW_WORDS // 2], r[64:])] for r in (row, query))
    found = {}
    for i in range(SLOTS):
        for j in range(SLOTS):
            mine, theirs = (slice(RESIDUAL_BITS + s * LAYER_BITS, RESIDUAL_BITS + (s + 1) * LAYER_BITS) for s in (i, j))
            both = (qv[mine] & v[theirs]).astype(bool)
            found[i, j] = int((qb[mine] == b[theirs])[both].sum()), int(both.sum())
    return found


@given(st.integers(0, 2**32), st.integers(1, 6))
@hypothesis_settings(max_examples=25, deadline=None)
def test_every_kernel_gives_what_counting_bit_by_bit_gives(seed: int, count: int) -> None:
    rows, query = random_rows(seed, count), random_rows(seed + 1, 1)[0]
    counted = [oracle(row, query) for row in rows]
    expected = [min(log10_tail(k, n) if n else 0.0 for k, n in pairs.values()) for pairs in counted]
    for kernel in kernels.available():
        assert smallest_tails(rows, query, kernel=kernel).tolist() == expected, kernel
    for row, pairs, least in zip(rows, counted, expected, strict=True):
        paid, told = best_pairs(row, query)
        assert paid == pytest.approx(min(0.0, least + np.log10(PAIRS)))
        assert all(pairs[p.mine, p.theirs] == (p.agree, p.n) for p in told) and len(told) <= MOST_PAIRS


def test_stretches_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, query = random_rows(1, 50), random_rows(2, 1)[0]
    whole = smallest_tails(rows, query)
    monkeypatch.setattr(search, "STRETCH_ROWS", 7)
    monkeypatch.setattr("forebear.index.layers.STRETCH_ROWS", 7)
    for kernel in kernels.available():
        assert np.array_equal(smallest_tails(rows, query, threads=3, kernel=kernel), whole)


def test_the_table_holds_exact_tails() -> None:
    table = tail_table()
    assert table[128, 128] == log10_tail(128, 128) and table[7, 5] == log10_tail(5, 7) and table[0, 0] == 0


@given(st.lists(st.integers(-4, 0), max_size=40), st.integers(-1, 45))
def test_the_smallest_in_the_order_of_the_rows(values: list[int], limit: int) -> None:
    tails = np.array(values, dtype=np.float64)
    expected = sorted((k for k, v in enumerate(values) if v < 0), key=lambda k: (values[k], k))[: max(0, limit)]
    assert smallest(tails, limit).tolist() == expected


def moved(code: SignCode, order: list[int], keep: float, seed: int) -> SignCode:
    """The layers of a code in other slots, each bit kept with some probability; everything else is new."""
    rng = np.random.default_rng(seed)
    new = make_code(1_000 + seed, density=1.0)
    bits, valid = np.unpackbits(new.bits), np.unpackbits(new.valid)
    old, there = np.unpackbits(code.bits), np.unpackbits(code.valid)
    for slot, source in enumerate(order):
        to, of = (slice(RESIDUAL_BITS + s * LAYER_BITS, RESIDUAL_BITS + (s + 1) * LAYER_BITS) for s in (slot, source))
        bits[to], valid[to] = old[of] ^ (rng.random(LAYER_BITS) > keep), there[of]
    layers = tuple(range(len(order))) + (-1,) * (SLOTS - len(order))
    return SignCode(np.packbits(bits & valid), np.packbits(valid), layers, new.signature, new.groups, "token", ())


def test_an_index_finds_layers_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where slot against slot says nothing; a removed reference never comes back, however many equal ones died."""
    index = LocalIndex(tmp_path / "index")
    assert index.search_layers(make_code(1)) == ()
    for seed in range(60):
        index.add(make_fingerprint(f"m{seed}", seed), "/m")
    query = moved(make_code(7), [5, 9, 2], keep=0.85, seed=1)
    assert index.search(query, 60)[0].log10_p > -6
    hits = index.search_layers(query, 5)
    assert hits[0].name == "m7" and hits[0].log10_p < -8 < -2 < hits[1].log10_p and len(hits) == 5
    layers = make_code(7).layers
    assert {(p.layer, p.theirs) for p in hits[0].pairs} == {(0, layers[5]), (1, layers[9]), (2, layers[2])}
    assert all(p.agree > 85 for p in hits[0].pairs) and hits[4].pairs == ()
    before = (index.folder / "codes.bin").read_bytes()
    index.remove("m7")
    (index.folder / "codes.bin").write_bytes(before)  # as where the row was not blanked any more
    monkeypatch.setattr(lookup, "SPARE", 0)
    assert index.search_layers(query, 5)[0].name != "m7" and len(index.search_layers(query, 59)) == 59
    assert index.search_layers(query, 0) == ()


def test_a_code_without_layers_finds_nothing(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "index")
    index.add(make_fingerprint("m", 1), "/m")
    blank = np.zeros(CODE_BYTES, dtype=np.uint8)
    code = make_code(1)
    assert index.search_layers(SignCode(blank, blank, code.layers, code.signature, (), "row", ())) == ()
    os_codes = index.folder / "codes.bin"
    os_codes.write_bytes(os_codes.read_bytes()[:-1])
    with pytest.raises(IndexError_, match="shorter"):
        index.search_layers(code)


def test_independent_models_stay_below_the_rate_that_is_stated() -> None:
    """300 queries against 150 references of fair coins: p times references is below 1 in 20 for about 1 in 20 or fewer.

    Bonferroni over 256 dependent and discrete pairs is conservative, so the upper bound is what is tested; that it is
    not absurdly low, that the search has any power.
    """
    rng = np.random.default_rng(5)
    rows = rng.integers(0, 2**64, (450, ROW_WORDS), dtype=np.uint64)
    rows[:, ROW_WORDS // 2 :] = np.frombuffer(row_of(make_code(0, 1.0)), dtype=np.uint64)[ROW_WORDS // 2 :]
    references = rows[:150]
    best = np.array([smallest_tails(references, query).min() for query in rows[150:]])
    paid = best + np.log10(PAIRS * len(references))
    low = int((paid <= np.log10(0.05)).sum())
    assert low <= 26  # Binomial(300, .05): more than 26 has p < .004
    assert int((paid <= np.log10(0.5)).sum()) > 20
