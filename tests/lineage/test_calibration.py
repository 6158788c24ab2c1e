"""Conformal p-values: exact on small cases, valid for disjoint pairs and not for all pairs; files that lie."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.errors import FormatError
from forebear.lineage.calibration import (
    ANY,
    FEWEST_NULL,
    MOST_BYTES,
    STRATA,
    Calibration,
    Scores,
    conformal,
    disjoint,
    flat,
    pairs_of,
    parse,
    shipped,
    stratum,
)
from index.fingerprints import make_fingerprint

NUMBERS = st.floats(-1, 1, allow_nan=False)


def test_small_cases() -> None:
    assert conformal(3.0, [1.0, 2.0, 3.0, 4.0]) == 3 / 5
    assert conformal(5.0, [1.0, 2.0, 3.0, 4.0]) == 1 / 5
    assert conformal(0.0, [1.0, 2.0]) == 1.0
    assert conformal(0.0, []) == 1.0
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="no number"):
            conformal(bad, [1.0])


@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_every_rank_is_as_likely(scores: list[float]) -> None:
    """Exchangeable scores: each takes its turn as the one in question, ties at the larger p-value."""
    p = [conformal(s, scores[:k] + scores[k + 1 :]) for k, s in enumerate(scores)]
    for level in (k / len(scores) for k in range(1, len(scores) + 1)):
        assert sum(x <= level + 1e-12 for x in p) <= level * len(scores) + 1e-9


@given(st.integers(0, 30), st.integers(0, 5), st.integers(1, 4))
def test_disjoint_pairs_share_no_model_and_leave_none_that_fits(count: int, seed: int, kinds: int) -> None:
    def may(i: int, j: int) -> bool:
        return i % kinds == j % kinds

    pairs = disjoint(count, may, seed)
    used = [k for pair in pairs for k in pair]
    assert len(set(used)) == len(used) and all(may(i, j) for i, j in pairs)
    left = set(range(count)) - set(used)
    assert not any(may(i, j) for i, j in combinations(left, 2))
    assert pairs == disjoint(count, may, seed)


def test_pairs_that_share_a_model_make_p_values_that_lie() -> None:
    """Models that resemble everybody: what one of them does to a hundred pairs, it does to one disjoint pair.

    Scores are h_i + h_j with heavy tails. A fresh pair is below the floor of all pairs far more often than that floor
    says, and is below that of disjoint pairs as seldom as it should be.
    """
    rng = np.random.default_rng(3)
    models, turns = 40, 4000
    apart, every = [], []
    pairs = list(combinations(range(models), 2))
    one, two = np.array(pairs).T
    for _ in range(turns):
        own = rng.standard_cauchy(models + 2) ** 2
        score = own[-1] + own[-2]
        apart.append((1 + (own[:models:2] + own[1:models:2] >= score).sum()) / (models // 2 + 1))
        every.append((1 + (own[one] + own[two] >= score).sum()) / (len(pairs) + 1))
    for level in (1 / 21, 2 / 21, 0.2, 0.5):
        slack = 3 * math.sqrt(level * (1 - level) / turns)
        assert np.mean(np.array(apart) <= level + 1e-12) <= level + slack
    assert np.mean(np.array(every) <= 0.005) > 4 * 0.005


def test_strata_are_told_by_shape_and_tokenizer_alone() -> None:
    one = make_fingerprint("a", 1)
    assert stratum(one, replace(make_fingerprint("b", 2), vocabulary=one.vocabulary)) == "twin"
    wider = {**one.shape, "width": 4096}
    assert stratum(one, replace(make_fingerprint("b", 2), vocabulary=one.vocabulary, shape=wider)) == "tokenizer"
    assert stratum(one, make_fingerprint("b", 2)) == "other"
    assert stratum(replace(one, vocabulary=None), one) == "other"
    marks = [one, replace(make_fingerprint("b", 2), vocabulary=one.vocabulary), make_fingerprint("c", 3)]
    assert [set(p) for p in pairs_of(marks, "twin", 1)] == [{0, 1}]
    assert len(pairs_of(marks, ANY, 1)) == 1 and pairs_of(marks, "tokenizer", 1) == []


def scores(twin: int = FEWEST_NULL, every: int = FEWEST_NULL, families: int = 8) -> Scores:
    null = {"twin": tuple(np.linspace(0, 0.2, twin)), ANY: tuple(np.linspace(0, 0.1, every))}
    return Scores(8, null, ((0.8, 0.9),) * families)


def test_a_stratum_with_too_few_pairs_is_replaced_and_that_is_said() -> None:
    own = scores().judged(0.9, "twin")
    assert own is not None and (own.stratum, own.n) == ("twin", FEWEST_NULL) and own.null == STRATA["twin"]
    assert own.log10_p == pytest.approx(-math.log10(FEWEST_NULL + 1))
    coarse = scores(twin=FEWEST_NULL - 1, every=40).judged(0.9, "twin")
    assert coarse is not None and (coarse.stratum, coarse.n) == (ANY, 40) and "any two" in coarse.null
    assert scores(twin=3, every=3).judged(0.9, "twin") is None
    assert scores().judged(math.nan, "twin") is None


@given(st.floats(-2, 2, allow_nan=False), st.sampled_from([*STRATA, ANY]))
def test_what_is_said_is_bounded_by_what_was_seen(score: float, kind: str) -> None:
    judged = scores().judged(score, kind)
    assert judged is not None and judged.log10_lr is not None
    assert -math.log10(judged.n + 1) - 1e-12 <= judged.log10_p <= 0
    assert abs(judged.log10_lr) <= math.log10(judged.n + 1) + 1e-12


def test_few_families_of_relatives_give_no_ratio() -> None:
    judged = scores(families=7).judged(0.9, "twin")
    assert judged is not None and judged.log10_lr is None


# -- files ----------------------------------------------------------------------------------------------------------


def document() -> dict[str, Any]:
    made = Calibration({"source": "a test", "models": 40}, {"spectra/1": scores()})
    body: dict[str, Any] = json.loads(made.to_text())
    return body


def test_a_file_comes_back() -> None:
    text = Calibration({"source": "ä test", "models": 40}, {"spectra/1": scores()}).to_text()
    found = parse(text, "f")
    assert found.source == "ä test" and found.made["models"] == 40
    assert found.signals["spectra/1"].null["twin"] == pytest.approx(scores().null["twin"], abs=1e-5)
    assert parse(found.to_text(), "f") == found


def broken() -> list[tuple[str, str]]:
    out = [("", "no calibration"), ("[]", "no calibration"), ("{", "no calibration"), ("[" * 100_000, "no calibration")]
    out += [(" " * (MOST_BYTES + 1), "too large")]
    for path, value in (
        (("schema",), "forebear.calibration/9"),
        (("made",), 3),
        (("signals",), [1]),
        (("signals", "spectra/1"), {}),
        (("signals", "spectra/1", "null"), {"nobody": []}),
        (("signals", "spectra/1", "null"), {"twin": [0.1, float("nan")]}),
        (("signals", "spectra/1", "null"), {"twin": [0.1, float("inf")]}),
        (("signals", "spectra/1", "null"), {"twin": ["0.1"]}),
        (("signals", "spectra/1", "null"), {"twin": [True]}),
        (("signals", "spectra/1", "null"), {"twin": "0.1"}),
        (("signals", "spectra/1", "null"), {"twin": [10**400]}),
        (("signals", "spectra/1", "null"), {"twin": [0.0] * 30_000}),
        (("signals", "spectra/1", "related"), [[]]),
        (("signals", "spectra/1", "related"), [0.5]),
        (("signals", "spectra/1", "least"), -1),
        (("signals", "spectra/1", "least"), "8"),
    ):
        body = document()
        inner = body
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        out.append((json.dumps(body), "no calibration"))
    return out


@pytest.mark.parametrize(("text", "said"), broken())
def test_a_damaged_file_is_one_line(text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said) as raised:
        parse(text, "calibration.json")
    assert raised.value.exit_code == 4 and "\n" not in str(raised.value) and len(raised.value.message) <= 600
    assert "index calibrate" in raised.value.hint


def test_the_shipped_one_can_be_used_and_says_what_it_is() -> None:
    found = shipped()
    assert {"spectra/1", "token-geometry/1", "match/1"} == set(found.signals)
    assert {"models", "families", "recipes", "seed", "made_with", "written_by"} <= found.made.keys()
    for name, own in found.signals.items():
        for kind in STRATA:
            judged = own.judged(0.99, kind)
            assert judged is not None and judged.stratum == kind and judged.log10_lr is not None, name
            assert 2 * judged.n <= int(found.made["models"])  # disjoint pairs
        low = own.judged(-1.0, "twin")
        assert low is not None and low.log10_p == 0.0 and low.log10_lr is not None and low.log10_lr < 0


def test_pairs_are_drawn_by_lot_the_first_that_fits_each_time() -> None:
    lot = [int(k) for k in np.random.default_rng(7).permutation(5)]
    assert disjoint(5, lambda one, two: True, 7) == [(lot[0], lot[1]), (lot[2], lot[3])]
    assert disjoint(0, lambda one, two: True, 7) == disjoint(1, lambda one, two: True, 7) == []
    asked: list[tuple[int, int]] = []

    def none(one: int, two: int) -> bool:
        asked.append((one, two))
        return False

    assert disjoint(3, none, 1) == [] and set(asked) == {(i, j) for i in range(3) for j in range(3) if i != j}
    upward = disjoint(6, lambda one, two: one < two, 3)
    assert upward and all(one < two for one, two in upward), "the model in question comes first"


def test_twenty_pairs_are_a_null_and_nineteen_are_none() -> None:
    for twin, used in ((20, "twin"), (19, ANY)):
        judged = scores(twin=twin, every=20).judged(0.5, "twin")
        assert judged is not None and judged.stratum == used
    assert scores(twin=19, every=19).judged(0.5, "twin") is None
    assert Scores(8, {"twin": (0.0,) * 20}).judged(0.5, "other") is None, "another stratum stands for none"
    assert scores().judged(math.inf, "twin") is None


def test_a_score_is_judged_by_its_own_null() -> None:
    null = {"twin": tuple(k / 10 for k in range(20)), ANY: (9.0,) * 30}
    related = ((3.0, 3.0, 3.0, 1.5), (3.0,)) + ((3.0,),) * 6
    judged = Scores(8, null, related).judged(1.5, "twin")
    assert judged is not None and judged.log10_p == pytest.approx(math.log10(6 / 21)) and judged.n == 20
    # a quarter of one of eight families lies there; with the independent scores above it that are as many as five of 20
    assert judged.log10_lr == pytest.approx(math.log10((0.25 / 8) / (5 / 20)))
    bare = Scores(8, null).judged(1.5, "twin")
    assert bare is not None and bare.log10_lr is None


def test_a_family_counts_once() -> None:
    assert flat([[1.0, 2.0], [3.0], []]) == ([1.0, 2.0, 3.0], [0.5, 0.5, 1.0]) and flat([]) == ([], [])


def test_a_file_has_sorted_and_rounded_scores_a_list_on_each_line() -> None:
    made: dict[str, str | int] = {"source": 'lists like [1], [2] and a "made" word', "models": 3, "when": "now"}
    text = Calibration(made, {"s/1": Scores(5, {"twin": (0.3, 0.1234567)}, ((0.7654321,), (0.5, 0.25)))}).to_text()
    assert text == (
        '{"schema": "forebear.calibration/1", \n'
        '"made": {"source": "lists like [1], [2] and a \\"made\\" word", "models": 3, "when": "now"}, \n'
        '"signals": {"s/1": {"least": 5, "null": {"twin": [0.12346, 0.3]}, "related": [[0.76543],\n [0.5, 0.25]]}}}\n'
    )
    found = parse(text, "f")
    assert found.made == made and found.signals["s/1"].related == ((0.76543,), (0.5, 0.25))
    assert "ä" in Calibration({"source": "ä"}).to_text() and Calibration({}).source == "unknown"
    assert parse(Calibration({}).to_text(), "f") == Calibration({})
    body = document()
    body["signals"]["spectra/1"]["null"] = {"twin": [0.3, 0.1]}
    body["made"] = {"source": 1.5, "models": 40}
    read = parse(json.dumps(body), "f")
    assert read.signals["spectra/1"].null == {"twin": (0.1, 0.3)} and read.made == {"source": "1.5", "models": 40}


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("least", 0, True),
        ("least", 1_000_000, True),
        ("least", 1_000_001, False),
        ("least", True, False),
        ("related", [], True),
        ("related", [[0.5]] * 20_000, True),
        ("related", [[0.5]] * 20_001, False),
        ("related", [[0.5], []], False),
        ("null", {}, True),
        ("null", {"twin": []}, True),
        ("null", {ANY: [1]}, True),
        ("null", {"twin": [0.5] * 20_000}, True),
        ("null", {"twin": [0.5] * 20_001}, False),
        ("null", {"twin": [0.5], "cousin": [0.5]}, False),
    ],
)
def test_every_bound_of_a_file_on_both_sides(key: str, value: Any, accepted: bool) -> None:
    body = document()
    body["signals"]["spectra/1"][key] = value
    if accepted:
        assert parse(json.dumps(body), "f").signals["spectra/1"].least >= 0
    else:
        with pytest.raises(FormatError, match="no calibration that can be used"):
            parse(json.dumps(body), "f")


def test_what_is_wrong_with_a_file_is_said() -> None:
    for text, said in (
        (" " * 4_000_000, "no calibration that can be used"),
        (" " * 4_000_001, "too large for a calibration"),
        ("{}", "(no 'schema')"),
        ('{"schema": "x"}', "(its schema is x, not forebear.calibration/1)"),
        (
            '{"schema": "forebear.calibration/1", "made": {}, "signals": {"s": {"null": {}, "related": []}}}',
            "(no 'least')",
        ),
    ):
        with pytest.raises(FormatError) as raised:
            parse(text, "f")
        assert said in str(raised.value)
