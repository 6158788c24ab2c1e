"""Exact search over packed codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from forebear.index import kernels, search
from forebear.index.kernels import Counts, Words, plain
from forebear.index.search import ROW_BYTES, ROW_WORDS, agreements, best, row_of
from forebear.signals.sign_code import CODE_BYTES, SignCode
from index.fingerprints import make_code

HALF = ROW_WORDS // 2


def random_rows(seed: int, count: int) -> Words:
    """Rows of very different density, bits also where they are not valid, some of them blank."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**64, (count, ROW_WORDS), dtype=np.uint64)
    for row in rows:
        share = rng.choice([0.0, 0.01, 0.5, 0.99, 1.0])
        valid = np.packbits(rng.random(64 * HALF) < share)
        row[HALF:] = valid.view(np.uint64)
    return rows


def random_query(seed: int, first: int = 0, stop: int = HALF) -> Words:
    """A query that says something about some words only."""
    query: Words = random_rows(seed, 1)[0]
    query[HALF:] = np.random.default_rng([seed, 2]).integers(0, 2**64, HALF, dtype=np.uint64)
    query[HALF : HALF + first] = 0
    query[HALF + stop :] = 0
    return query


def oracle(rows: Words, query: Words) -> tuple[list[int], list[int]]:
    """The same, one row and one Python integer at a time."""

    def halves(row: Words) -> tuple[int, int]:
        raw = row.tobytes()
        return int.from_bytes(raw[:CODE_BYTES], "big"), int.from_bytes(raw[CODE_BYTES:], "big")

    bits, valid = halves(query)
    agree, shared = [], []
    for row in rows:
        b, v = halves(row)
        both = v & valid
        shared.append(both.bit_count())
        agree.append((~(b ^ bits) & both).bit_count())
    return agree, shared


def check(rows: Words, query: Words, threads: int | None = None) -> None:
    """Every installed kernel gives what the oracle gives."""
    expected = oracle(rows, query)
    for kernel in kernels.available():
        agree, shared = agreements(rows, query, threads, kernel)
        assert agree.dtype == shared.dtype == np.int32
        assert (agree.tolist(), shared.tolist()) == expected, kernel


@given(
    st.integers(0, 2**32), st.integers(0, 40), st.integers(0, HALF), st.integers(0, HALF), st.sampled_from([1, 2, None])
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_agrees_with_counting_bit_by_bit(seed: int, count: int, one: int, two: int, threads: int | None) -> None:
    check(random_rows(seed, count), random_query(seed + 1, min(one, two), max(one, two)), threads)


@pytest.mark.parametrize("chunk", [1, 7, 8, 64])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 63, 64, 65])
def test_chunks_and_threads_change_nothing(count: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(search, "STRETCH_ROWS", 2 * chunk)
    rows, query = random_rows(count, count), random_query(1)
    for threads in (1, 2, 5):
        check(rows, query, threads)


def test_real_chunks() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2**64, (2 * plain.CHUNK_ROWS + 3, ROW_WORDS), dtype=np.uint64)
    query = random_query(3)
    one, two = agreements(rows, query, 1), agreements(rows, query, 2)
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    edges = [0, plain.CHUNK_ROWS - 1, plain.CHUNK_ROWS, 2 * plain.CHUNK_ROWS, len(rows) - 1]
    assert (one[0][edges].tolist(), one[1][edges].tolist()) == oracle(rows[edges], query)


def test_a_memory_mapped_file(tmp_path: Path) -> None:
    rows = random_rows(5, 50)
    path = tmp_path / "codes.bin"
    path.write_bytes(rows.tobytes())
    mapped = np.memmap(path, dtype=np.uint64, mode="r", shape=(50, ROW_WORDS))
    check(mapped, random_query(6))


def test_the_compiled_kernel_starts_when_it_has_paid_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "load", lambda name: name)
    monkeypatch.setattr(kernels, "_starts", lambda name: True)
    monkeypatch.setattr(kernels, "_searched", 0)
    most = kernels.WORTH_COMPILING
    chosen = [str(kernels.choose(rows)) for rows in (5, most // 2, most // 2, 5)]
    assert chosen == ["numpy", "numpy", "numba", "numba"]
    monkeypatch.setattr(kernels, "_starts", lambda name: name == "numpy")
    assert str(kernels.choose(most)) == "numpy"


def test_a_numba_that_does_not_start_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('numba needs another numpy')")
    code = (
        "import numpy as np\nfrom forebear.index import kernels\nfrom forebear.index.search import agreements\n"
        "kernels.WORTH_COMPILING = 1\nrows = np.full((3, 128), 2**64 - 1, dtype=np.uint64)\n"
        "print(*agreements(rows, rows[0])[0], *kernels.available())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.stdout.split() == ["4096", "4096", "4096", "numpy"], done.stderr


def test_nothing_to_search() -> None:
    agree, shared = agreements(np.zeros((0, ROW_WORDS), dtype=np.uint64), random_query(1))
    assert len(agree) == len(shared) == 0
    assert best(agree, shared, 20).tolist() == []


def test_a_query_without_coins_shares_nothing() -> None:
    agree, shared = agreements(random_rows(1, 9), random_query(1, 10, 10))
    assert not agree.any() and not shared.any()
    assert best(agree, shared, 20).tolist() == []


def test_a_stored_code_has_no_bits_without_validity() -> None:
    code = make_code(1, density=0.4)
    noisy = SignCode(**{**code.__dict__, "bits": code.bits | ~code.valid})
    assert row_of(noisy) == row_of(code)
    assert len(row_of(code)) == ROW_BYTES == 8 * ROW_WORDS


def counts(*values: int) -> Counts:
    return np.array(values, dtype=np.int32)


def test_the_best_are_those_least_like_chance() -> None:
    # 60 of 100 is 2 sd, 280 of 500 is 2.7 sd, 10 of 10 is 3.2 sd
    assert best(counts(60, 280, 10, 40), counts(100, 500, 10, 100), 3).tolist() == [2, 1, 0]


def test_rows_without_shared_bits_never_come_back() -> None:
    assert best(counts(0, 3, 0), counts(0, 9, 0), 20).tolist() == [1]


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit_no_rows(limit: int) -> None:
    assert best(counts(1), counts(1), limit).tolist() == []


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 70))
def test_ties_come_in_the_order_of_the_rows(values: list[int], limit: int) -> None:
    agree = counts(*values)
    shared = np.where(agree > 0, 4, 0).astype(np.int32)
    expected = sorted((i for i, v in enumerate(values) if v), key=lambda i: (-values[i], i))[:limit]
    assert best(agree, shared, limit).tolist() == expected
