"""Token geometry: by strings, whatever the coordinates, and without what all models have in common."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.generators import TOKENS as ASCII
from forebear.signals.token_geometry import (
    FEWEST_TOKENS,
    TOKENS,
    Consensus,
    Hashes,
    TokenGeometry,
    _at,
    _vocabulary,
    chosen_tokens,
    consensus,
    described,
    onto,
    similarity,
    token_geometry,
    token_hash,
)
from forebear.sources import open_source
from models import tiny, tiny_llama, tokenizer
from scrambles import EVERY_STEP, scrambled
from signals.held import held


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def measured(folder: Path) -> TokenGeometry:
    found = token_geometry(read(folder))
    assert found is not None
    return found


def alone(one: TokenGeometry, two: TokenGeometry) -> float:
    """Without any consensus."""
    return similarity(one, two, consensus(one, []))


def test_no_change_of_coordinates_changes_it(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", vocabulary=400)
    before, after = measured(base), measured(scrambled(base, "child", *EVERY_STEP))
    assert len(before.hashes) == TOKENS and np.array_equal(before.hashes, after.hashes)
    assert np.abs(before.codes.astype(int) - after.codes.astype(int)).max() <= 1
    assert alone(before, after) > 0.999
    assert abs(alone(before, measured(tiny_llama(tmp_path / "other", seed=1, vocabulary=400)))) < 0.05


def test_layernorm_does_not_see_means(tmp_path: Path) -> None:
    base = tiny("gpt2", tmp_path / "base")
    before = measured(base)
    edit(base, lambda name, v: v + 0.5 if name == "transformer.wte.weight" else v)
    assert alone(before, measured(base)) > 0.99


def test_tokens_are_found_by_string_in_another_vocabulary(tmp_path: Path) -> None:
    """Other numbers, and words that only one has: what both have is compared."""
    base = tiny_llama(tmp_path / "base", vocabulary=256)
    before = measured(base)
    order = np.random.default_rng(0).permutation(256)
    document = tokenizer(256)
    moved = {t: int(np.flatnonzero(order == i)[0]) for t, i in document["model"]["vocab"].items()}
    moved = {t if int(order[i]) < 200 else f"new{i}": i for t, i in moved.items()}
    document["model"]["vocab"] = moved
    document["added_tokens"] = []
    edit(base, lambda name, v: v[order] if "embed_tokens" in name else v)
    (base / "tokenizer.json").write_text(json.dumps(document))
    after = measured(base)
    shared = np.intersect1d(before.hashes, after.hashes)
    assert FEWEST_TOKENS <= len(shared) < len(after.hashes)
    assert alone(before, after) > 0.8


def test_the_choice_depends_on_strings_alone() -> None:
    words = [f"word{k}" for k in range(5000)]
    one = dict(zip([*ASCII, *words], range(9999), strict=False))
    two = dict(zip([*words[::-1], *ASCII], range(9999), strict=False))
    assert list(chosen_tokens(one)) == list(chosen_tokens(two)) == sorted(chosen_tokens(one))
    assert len(chosen_tokens(one)) == TOKENS and {token_hash(t) for t in ASCII} <= set(chosen_tokens(one))
    assert all(one[t] == chosen_tokens(one)[token_hash(t)] for t in ASCII)
    half = {t: i for t, i in one.items() if not t.startswith("word") or int(t[4:]) < 2500}
    assert len(set(chosen_tokens(one)) & set(chosen_tokens(half))) > len(ASCII) + 30
    assert token_hash("\ud800") != token_hash("?")


def test_without_a_tokenizer_by_number(tmp_path: Path) -> None:
    one = measured(tiny_llama(tmp_path / "one", tokenizer=None))
    assert alone(one, measured(tiny_llama(tmp_path / "same", tokenizer=None))) > 0.999
    assert np.isnan(alone(one, measured(tiny_llama(tmp_path / "named"))))  # strings and numbers are not the same
    assert np.isnan(alone(one, measured(tiny_llama(tmp_path / "larger", tokenizer=None, vocabulary=300))))


def test_too_few_or_unusable_rows_are_none(tmp_path: Path) -> None:
    assert token_geometry(read(tiny_llama(tmp_path / "small", vocabulary=FEWEST_TOKENS - 1, tokenizer=None))) is None
    zero = tiny_llama(tmp_path / "zero")
    edit(zero, lambda name, v: np.zeros_like(v))
    assert token_geometry(read(zero)) is None
    odd = tiny_llama(tmp_path / "odd")

    def spoil(name: str, v: np.ndarray) -> np.ndarray:
        v = v.copy()
        if "embed_tokens" in name:
            v[2:40:3] = np.nan
            v[3:40:3] = 0
            v[4:40:3] = 3e38
            v[100:120] = v[99]
        return v

    edit(odd, spoil)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = token_geometry(read(odd))
    assert found is not None and FEWEST_TOKENS < len(found.hashes) < TOKENS


def test_bytes_and_back() -> None:
    made = described(hashes(60), np.random.default_rng(0).standard_normal((60, 16)).astype(np.float32))
    raw = made.to_bytes()
    again = TokenGeometry.from_bytes(raw)
    assert np.array_equal(again.hashes, made.hashes) and np.array_equal(again.codes, made.codes)
    swapped = raw[:2] + raw[6:10] + raw[2:6] + raw[10:]
    large = described(hashes(TOKENS), np.random.default_rng(0).standard_normal((TOKENS, 8)).astype(np.float32))
    assert len(large.to_bytes()) < 20_000
    for damaged in (b"", b"\0\0", b"\xff\xff" + raw[2:], raw[:-1], raw + b"\0", swapped):
        with pytest.raises(ValueError, match="damaged"):
            TokenGeometry.from_bytes(damaged)


def test_small_values_are_kept_as_well_as_large_ones() -> None:
    rows = np.random.default_rng(0).standard_normal((100, 4096)).astype(np.float32)
    one = described(hashes(100), rows)
    noisy = described(hashes(100), rows + 0.3 * np.random.default_rng(1).standard_normal(rows.shape).astype(np.float32))
    assert alone(one, noisy) > 0.85
    assert abs(alone(one, described(hashes(100), rows[::-1].copy()))) < 0.1


# -- comparison ----------------------------------------------------------------------------------------------------


def hashes(count: int, first: int = 0) -> Hashes:
    return np.arange(first, first + count, dtype=np.uint32)


def invented(rng: np.random.Generator, strength: float = 3.0, first: int = 0) -> TokenGeometry:
    """Tokens in groups, as texts make them, and directions of the model's own."""
    groups = np.repeat(np.arange(12), 8)
    texts = np.random.default_rng(0).standard_normal((12, 64))
    rows = strength * (texts @ np.linalg.qr(rng.standard_normal((64, 64)))[0])[groups] + rng.standard_normal((96, 64))
    return described(hashes(96, first), rows.astype(np.float32))


def test_what_texts_have_in_common_is_taken_out() -> None:
    rng = np.random.default_rng(2)
    references = [invented(rng, s) for s in rng.uniform(2, 4, 12)]
    stranger = invented(rng, 3.0)
    raw = [alone(stranger, r) for r in references]
    common = consensus(stranger, references)
    left = [similarity(stranger, r, common, member=True) for r in references]
    assert min(raw) > 0.7 and max(left) < 0.2
    child = TokenGeometry(references[3].hashes, references[3].codes // 2 * 2)
    scores = [similarity(child, r, consensus(child, references), member=True) for r in references]
    assert int(np.argmax(scores)) == 3 and scores[3] > 0.9 and sorted(scores)[-2] < 0.2


def test_pairs_that_hardly_any_reference_knows_have_no_consensus() -> None:
    """Two references: the one that is compared is left out, so none is left to compare it with."""
    rng = np.random.default_rng(3)
    one, two = invented(rng), invented(rng)
    common = consensus(one, [one, two])
    assert similarity(one, two, common, member=True) == pytest.approx(alone(one, two))


def test_few_tokens_in_common_are_not_compared() -> None:
    rng = np.random.default_rng(4)
    one = invented(rng)
    for shift, comparable in ((0, True), (96 - FEWEST_TOKENS, True), (97 - FEWEST_TOKENS, False), (96, False)):
        assert np.isfinite(alone(one, invented(rng, first=shift))) == comparable
    shifted = TokenGeometry(one.hashes + 20, one.codes)
    placed = onto(shifted, one.hashes)
    upper = np.triu_indices(96, 1)
    full = np.full((96, 96), np.nan)
    full[20:, 20:] = 0.0
    whole = np.zeros((96, 96))
    whole[upper] = one.values
    full[20:, 20:] = whole[:76, :76]
    assert np.array_equal(placed, full[upper], equal_nan=True)


# -- by hand -----------------------------------------------------------------------------------------------------------


def geometry(codes: list[int], tokens: list[int]) -> TokenGeometry:
    return TokenGeometry(np.array(tokens, np.uint32), np.array(codes, np.int8))


def test_codes_are_roots_of_what_others_explain_of_a_token() -> None:
    """The hat matrix of ridge regression, by its other form: one minus the inverse of the Gram matrix and one."""
    rows = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
    rows[3] *= 1e30
    unit = rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    unit -= unit.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    hat = np.eye(7) - np.linalg.inv(unit @ unit.T + np.eye(7))
    upper = np.array([hat[i, j] for i in range(7) for j in range(i + 1, 7)])
    found = described(hashes(7), rows)
    assert found.codes.tolist() == np.round(127 * np.sign(upper) * np.abs(upper) ** 0.5).tolist()
    assert found.values == pytest.approx(np.sign(found.codes) * (found.codes / 127.0) ** 2)
    assert not described(hashes(2), np.ones((2, 3), np.float32)).codes.any()  # nothing but what is common


def test_pairs_stand_row_by_row() -> None:
    i, j = np.triu_indices(5, 1)
    assert _at(i, j, 5).tolist() == list(range(10))
    assert _at(np.array([0, 1, 2]), np.array([3, 2, 3]), 4).tolist() == [2, 3, 5]


def test_bytes_are_a_count_hashes_and_codes() -> None:
    made = geometry([1, -2, 127], [5, 258, 2**32 - 1])
    raw = b"\3\0" + b"\5\0\0\0" + b"\2\1\0\0" + b"\xff" * 4 + b"\1\xfe\x7f"
    assert made.to_bytes() == raw
    again = TokenGeometry.from_bytes(raw)
    assert again.hashes.tolist() == [5, 258, 2**32 - 1] and again.codes.tolist() == [1, -2, 127]
    two = geometry([4], [1, 2]).to_bytes()
    assert TokenGeometry.from_bytes(two).codes.tolist() == [4]
    for damaged in (b"\1\0\0\0\0\0", geometry([4], [2, 2]).to_bytes(), geometry([4], [3, 2]).to_bytes()):
        with pytest.raises(ValueError, match="damaged"):
            TokenGeometry.from_bytes(damaged)
    n = TOKENS + 1
    with pytest.raises(ValueError, match="damaged"):
        TokenGeometry.from_bytes(geometry([0] * (n * (n - 1) // 2), list(range(n))).to_bytes())


def test_a_token_stands_under_the_hash_of_its_string() -> None:
    assert token_hash("ä") == int.from_bytes(hashlib.blake2b("ä".encode(), digest_size=4).digest(), "little")


def test_a_consensus_is_a_mean_over_those_that_know_a_pair() -> None:
    """Two at least; of other pairs it is the mean of these means."""
    query = geometry([0, 0, 0], [1, 2, 3])
    one, two, part = geometry([127, 0, 0], [1, 2, 3]), geometry([0, 127, 0], [1, 2, 3]), geometry([127], [2, 3])
    found = consensus(query, [one, two, part])
    assert found.total.tolist() == [1, 1, 1] and found.counts.tolist() == [2, 2, 3]
    assert found.mean == pytest.approx([1 / 2, 1 / 2, 1 / 3])
    left = found.without(onto(part, query.hashes))
    assert (left.total.tolist(), left.counts.tolist()) == ([1, 1, 0], [2, 2, 2])
    few = Consensus(np.array([6.0, 2, 9]), np.array([3.0, 2, 1]))
    assert few.mean.tolist() == [2, 1, 1.5]
    assert Consensus(np.array([6.0, 9]), np.array([1.0, 0])).mean.tolist() == [0, 0]


def test_similarity_is_a_correlation_beside_the_consensus() -> None:
    rng = np.random.default_rng(7)
    pairs = FEWEST_TOKENS * (FEWEST_TOKENS - 1) // 2
    one, two = (geometry(rng.integers(-127, 128, pairs).tolist(), list(range(FEWEST_TOKENS))) for _ in range(2))
    middle = rng.standard_normal(pairs)
    basis = np.stack([np.ones(pairs), middle], axis=1)
    left = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (one.values, two.values)]
    common = Consensus(5 * middle, np.full(pairs, 5.0))
    assert similarity(one, two, common) == pytest.approx(np.corrcoef(*left)[0, 1])
    with_own = Consensus(5 * middle + two.values, np.full(pairs, 6.0))
    assert similarity(one, two, with_own, member=True) == pytest.approx(np.corrcoef(*left)[0, 1])
    assert similarity(one, two, consensus(one, [])) == pytest.approx(np.corrcoef(one.values, two.values)[0, 1])
    assert similarity(one, one, common) == pytest.approx(1.0)
    fewer = geometry(one.codes[: 47 * 23].tolist(), list(range(FEWEST_TOKENS - 1)))
    assert np.isnan(similarity(fewer, fewer, consensus(fewer, [])))
    still = geometry([5] * pairs, list(range(FEWEST_TOKENS)))
    assert np.isnan(similarity(still, still, consensus(still, [])))


def test_tokens_are_those_that_have_an_embedding() -> None:
    model = held({"embed": np.ones((3, 2))}, tokens={"a": 0, "b": 2, "c": 3, "d": -1})
    assert _vocabulary(model) == {"a": 0, "b": 2}
    assert _vocabulary(replace(model, tokenizer=None)) == {f"token {k} of 3": k for k in range(3)}
    assert _vocabulary(replace(model, geometry=None)) == {}


def test_forty_eight_tokens_are_enough() -> None:
    rows = np.random.default_rng(8).standard_normal((FEWEST_TOKENS, 4))
    tokens = [f"t{k}" for k in range(FEWEST_TOKENS)]
    found = token_geometry(held({"embed": rows}, tokens=tokens))
    assert found is not None and found.hashes.tolist() == sorted(token_hash(t) for t in tokens)
    order = np.argsort([token_hash(t) for t in tokens])
    assert found.codes.tolist() == described(found.hashes, rows[order].astype(np.float32)).codes.tolist()
    assert token_geometry(held({"embed": rows[:-1]}, tokens=tokens[:-1])) is None
    rows[7] = 0
    assert token_geometry(held({"embed": rows}, tokens=tokens)) is None
    assert token_geometry(held({"norm": np.ones(4)}, tokens=tokens)) is None
