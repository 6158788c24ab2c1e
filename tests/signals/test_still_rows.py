"""Rows that lie still: exact under a shared start, and telling where training was shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from forebear.artifacts import read_artifact
from forebear.signals.still_rows import FEWEST_STILL, StillRows, grain, rows_between, still_rows
from forebear.sources import LocalSource
from forebear.sources.base import Metered
from models import tiny_llama

WIDTH, ROWS = 128, 400


def bf16(values: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)


def start(rng: np.random.Generator) -> np.ndarray:
    return (0.02 * rng.standard_normal((ROWS, WIDTH))).astype(np.float32)


def trained(rows: np.ndarray, seen: np.ndarray, rng: np.random.Generator, decay: float = 1.0) -> np.ndarray:
    """Rows after a training that saw some: those move, a little of it all the same way; every row decays."""
    common = rng.standard_normal(WIDTH)
    moved = 0.01 * rng.standard_normal((ROWS, WIDTH)) + 0.004 * common
    return bf16(decay * (rows + seen[:, None] * moved))


def of(rng: np.random.Generator, share: float) -> np.ndarray:
    return rng.random(ROWS) < share


@pytest.mark.parametrize("decay", [1.0, 0.97])
def test_two_trainings_from_one_start_leave_fair_coins(decay: float) -> None:
    total = np.zeros(2, dtype=int)
    z = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = start(rng)
        a, b = trained(rows, of(rng, 0.5), rng), trained(rows, of(rng, 0.5), rng, decay)
        found = rows_between(a, b)
        assert 60 < found.still < 140 and found.coins == found.still - 1
        assert found.factor == pytest.approx(decay, rel=2e-3)
        total += (found.agree, found.coins)
        z.append((2 * found.agree - found.coins) / found.coins**0.5)
    assert abs(2 * total[0] - total[1]) < 3.5 * total[1] ** 0.5
    assert 0.6 < np.var(z) < 1.5 and max(z) < 4


def test_rows_that_were_trained_before_the_two_parted_exclude_a_shared_start() -> None:
    rng = np.random.default_rng(1)
    parent = trained(start(rng), of(rng, 0.9), rng)
    child = trained(parent, of(rng, 0.3), rng, 0.99)
    found = rows_between(parent, child)
    assert found.still > 200 and found.log10_p < -6
    assert found.factor == pytest.approx(0.99, abs=1e-3) and 0.2 < found.moved < 0.4
    back = rows_between(child, parent)
    assert back.factor == pytest.approx(1 / 0.99, abs=1e-3) and back.log10_p < -6


def test_copies_of_one_row_are_one_coin() -> None:
    """Tokens that were added as copies of one initial row, give or take a sign, would otherwise agree falsely."""
    rng = np.random.default_rng(2)
    rows = start(rng)
    rows[100:] = rows[0] * rng.choice([-1.0, 1.0], size=(ROWS - 100, 1)) * rng.uniform(0.9, 1.1, (ROWS - 100, 1))
    found = rows_between(bf16(rows), bf16(rows))
    assert found.still == found.equal == ROWS and found.coins == 99 and found.log10_p > -4


def test_what_moved_a_little_is_not_still() -> None:
    rng = np.random.default_rng(3)
    a = bf16(start(rng))
    b = bf16(a + 0.01 * 0.02 * rng.standard_normal(a.shape))
    found = rows_between(a, b)
    assert found.still < FEWEST_STILL and found.coins == 0 and found.log10_p == 0.0


def test_independent_rows_are_all_moved() -> None:
    found = rows_between(bf16(start(np.random.default_rng(4))), bf16(start(np.random.default_rng(5))))
    assert found == StillRows(ROWS, 0, 0, 1.0, 0, 0) and found.moved == 1


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e38])
def test_rows_of_one_value_are_no_evidence(value: float) -> None:
    rows = np.full((ROWS, WIDTH), value, dtype=np.float32)
    assert rows_between(rows, rows).coins == 0


def test_the_grain_is_that_of_the_values() -> None:
    rows = start(np.random.default_rng(6))
    assert grain(bf16(rows)) == 2.0**-8
    assert grain(rows.astype(np.float16).astype(np.float32)) == 2.0**-11
    assert grain(rows) == 2.0**-16


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base")


def test_reads_two_models_token_by_token(base: Path, tmp_path: Path) -> None:
    """A model whose tokens were renumbered has the same rows under the same strings."""
    disguise(base, tmp_path / "renumbered", ["renumber-tokens"], seed=1)
    one, two = (read_artifact(LocalSource(folder)) for folder in (base, tmp_path / "renumbered"))
    found = still_rows(one, two)
    assert found is not None and found.rows == found.still == found.equal > 0 and found.factor == 1


def test_rows_that_lie_far_apart_are_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large vocabulary few rows are compared: what lies between them is not read."""
    monkeypatch.setattr("forebear.signals.still_rows.MOST_ROWS", 8)
    sources = []
    for name in ("a", "b"):
        folder = tiny_llama(tmp_path / name, hidden=1_024, layers=1, vocabulary=104)
        sources.append(Metered(LocalSource(folder)))
    models = [read_artifact(source) for source in sources]
    before = [source.bytes_read for source in sources]
    found = still_rows(*models)
    assert found is not None and found.rows == found.still == 8
    assert [source.bytes_read - read for source, read in zip(sources, before, strict=True)] == [8 * 1_024 * 2] * 2


def test_other_widths_have_no_rows_in_common(base: Path, tmp_path: Path) -> None:
    disguise(base, tmp_path / "narrow", ["prune-residual"], seed=1)
    assert still_rows(*(read_artifact(LocalSource(f)) for f in (base, tmp_path / "narrow"))) is None
