"""What coins and shapes of an adapter say about a base: at the level of a verdict, beyond it, and by a claim alone."""

from __future__ import annotations

import math

import pytest

from forebear.lineage.adapter import conclude_adapter, established, misfit_text, rows_evidence, shape_evidence
from forebear.lineage.counts import LOG10_ALPHA, Counts
from forebear.lineage.evidence import NULL
from forebear.signals.adapter_shape import Fit, Misfit
from forebear.signals.sign_code import Cell
from forebear.types import Test, Verdict


def coins(n: int, agree: int, group: str = "residual") -> Counts:
    return Counts((Cell(group, None, None, n, agree),))


NONE, CHANCE = Counts(()), coins(100, 50)
TWENTY = coins(20, 20)
"""p = 2 ** -20, which is 9.5e-7."""
FITS, EMPTY = Fit(4, ()), Fit(0, ())
MISFIT = Misfit("model.layers.0.self_attn.q_proj", (64, 128), (128, None))


def test_a_million_to_one_establishes_and_the_search_is_paid_for() -> None:
    assert TWENTY.pooled.log10_p == pytest.approx(-20 * math.log10(2))
    assert established(TWENTY, 0.0) and not established(coins(19, 19), 0.0)
    assert established(coins(21, 21), 0.3) and not established(TWENTY, 0.3)
    assert established(TWENTY, LOG10_ALPHA - TWENTY.pooled.log10_p)  # at the level itself
    assert not established(NONE, -10.0) and not established(CHANCE, 0.0)


def test_no_coins_are_no_test() -> None:
    found = rows_evidence(NONE, "org/base")
    assert (found.signal, found.kind, found.supports) == ("adapter-rows/1", "weights", "nothing")
    assert (found.test, found.n, found.log10_p, found.score) == (Test.NONE, 0, None, None)
    assert found.summary == "No coins could be read from the adapter's changes."


def test_coins_that_agree_are_exact_evidence() -> None:
    found = rows_evidence(Counts((Cell("a", None, None, 18, 18), Cell("b", 0, 0, 6, 5))), "org/base")
    p = math.log10(25 / 2**24)
    assert found.log10_p == pytest.approx(p) and found.details["log10_p_raw"] == pytest.approx(p)
    assert (found.supports, found.test, found.null, found.n) == ("nothing", Test.EXACT, NULL, 24)
    assert found.score == round(23 / 24, 6)
    found = rows_evidence(coins(30, 30), "org/base")
    assert found.supports == "related" and found.score == 1
    assert found.summary == (
        "30 of 30 coins agree (100.0%; chance is 50%): rows of the adapter's B resemble one another as outputs of "
        "org/base do."
    )
    assert rows_evidence(coins(30, 30), "org/base", 4.0).supports == "nothing"


def test_coins_by_group_and_the_conditions_are_told() -> None:
    found = rows_evidence(Counts((Cell("a", None, None, 400, 400), Cell("b", 0, 0, 6, 1))), "org/base")
    assert found.details["agree"] == 401 and found.details["trusted_model"] == "org/base"
    assert found.details["groups"]["a"] == {"n": 400, "agree": 400, "log10_p": -30.0}
    assert found.details["groups"]["b"] == {"n": 6, "agree": 1, "log10_p": pytest.approx(math.log10(63 / 64))}
    assert found.log10_p == -30 and found.details["log10_p_raw"] < -100  # what is printed is bounded
    assert "org/base" in found.details["conditions"][0] and len(found.details["conditions"]) == 2
    assert "do not resemble" in rows_evidence(CHANCE, "org/base").summary


def test_shapes_contradict_a_base_and_never_support_one() -> None:
    fits, none = shape_evidence(FITS, "org/base"), shape_evidence(EMPTY, "org/base")
    wrong = shape_evidence(Fit(1_234, (MISFIT, MISFIT)), "org/base")
    assert [e.supports for e in (fits, none, wrong)] == ["nothing", "nothing", "unrelated"]
    assert [e.n for e in (fits, none, wrong)] == [4, 0, 1_234]
    assert {(e.test, e.log10_p, e.score, e.signal) for e in (fits, none, wrong)} == {
        (Test.NONE, None, None, "adapter-shape/1")
    }
    assert fits.summary == "All 4 matrices that could be compared fit org/base; so they do any model of its shape."
    assert none.summary == "No matrix could be held against the sizes of org/base."
    assert wrong.summary.startswith("2 of 1,234 matrices do not fit org/base: model.layers.0")


def test_a_size_that_is_not_known_is_a_question_mark() -> None:
    assert misfit_text(MISFIT) == "model.layers.0.self_attn.q_proj is 64 × 128 in the adapter and 128 × ? in the base"
    assert misfit_text(Misfit("m", (1, 0), (None, 2))) == "m is 1 × 0 in the adapter and ? × 2 in the base"


def test_coins_go_before_shapes_and_shapes_before_the_claim() -> None:
    wrong = Fit(4, (MISFIT,))
    shown = conclude_adapter(TWENTY, wrong, "org/base", claimed=False)
    assert shown.verdict is Verdict.SAME_INIT_OR_DERIVED and "a descendant of it" in shown.why
    assert (shown.relation.kind, shown.relation.direction) == ("adapter", "a_to_b")
    assert shown.relation.details == {"kinds": ["adapter"], "basis": "adapter-rows/1"}
    for looks, counts in ((0.3, TWENTY), (0.0, CHANCE)):
        unfit = conclude_adapter(counts, wrong, "org/base", claimed=True, log10_looks=looks)
        assert unfit.verdict is Verdict.INCONCLUSIVE and unfit.relation.details == {"kinds": []}
        assert unfit.why.startswith("The adapter does not fit org/base: model.layers.0")
    said = conclude_adapter(CHANCE, FITS, "org/base", claimed=True)
    assert (said.verdict, said.relation.kind, said.relation.direction) == (Verdict.INCONCLUSIVE, "adapter", "unknown")
    assert said.relation.details["basis"] == "its own claim" and "its own claim" in said.why
    nothing = conclude_adapter(CHANCE, FITS, "org/base", claimed=False)
    assert (nothing.verdict, nothing.relation.kind) == (Verdict.INCONCLUSIVE, "unknown")
    assert nothing.why == "Nothing ties the adapter to org/base or apart from it."
    assert nothing.relation.details == {"kinds": []}
