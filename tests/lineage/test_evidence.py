"""Evidence in words and numbers: what it supports, under which conditions, and that context supports nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.evidence import (
    change_evidence,
    conditions,
    delta_evidence,
    group_words,
    joined,
    sign_evidence,
    still_evidence,
    trust,
)
from forebear.signals.change import Change, Changes
from forebear.signals.delta import Delta
from forebear.signals.rank import Rank
from forebear.signals.sign_code import Cell, SignCode
from forebear.signals.still_rows import StillRows
from forebear.types import Evidence, Test

CODE = SignCode(
    np.random.default_rng(0).integers(0, 256, 512, dtype=np.uint8),
    np.full(512, 255, np.uint8),
    (0, 1, *[-1] * 14),
    np.zeros((16, 2, 64), np.float16),
    ("residual", "glu", "value_output"),
    "token",
    (),
)
REPEATED = replace(CODE, repeats=("layer 3 repeats layer 2",))
NAMES = ("base", "child")


def coins(agree: int, n: int = 64) -> Counts:
    """Two groups in four layers."""
    return Counts(tuple(Cell(g, k, k, n, agree, 0.5) for k in range(4) for g in ("glu", "value_output")), 4)


def evidence(counts: Counts, one: SignCode = CODE, two: SignCode = CODE, log10_looks: float = 0.0) -> Evidence:
    return sign_evidence(counts, one, two, NAMES, True, log10_looks)


def test_coins_that_agree_support_kinship_and_say_where() -> None:
    found = evidence(coins(64))
    assert (found.supports, found.test, found.null) == ("related", Test.EXACT, "independent initialisation")
    assert (found.n, found.score, found.log10_p) == (512, 1.0, -30.0)
    assert found.details["log10_p_raw"] < -140 and found.details["agree"] == 512
    assert found.summary == (
        "512 of 512 sign coins agree (100.0%; chance is 50%), in MLP neurons, value/output dimensions and 4 of 4 "
        "layers on their own."
    )
    assert found.details["groups"]["glu"] == {"n": 256, "agree": 256, "log10_p": -30.0}
    assert [layer["b"] for layer in found.details["layers"]] == [0, 1, 2, 3]
    assert found.details["method"] == "signs of inner products of aligned rows"


def test_coins_by_chance_and_none_at_all_support_nothing() -> None:
    chance = evidence(coins(32))
    assert (chance.supports, chance.test, chance.score) == ("nothing", Test.EXACT, 0.5)
    assert chance.summary.endswith("chance is 50%): nothing is established by that.")
    none = evidence(Counts(()))
    assert (none.supports, none.test, none.null, none.n, none.score, none.log10_p) == (
        "nothing",
        Test.NONE,
        None,
        0,
        None,
        None,
    )
    assert none.summary == "No sign coins could be compared." and none.details["log10_p_raw"] is None


def test_looks_are_paid_for_in_the_level_and_not_in_the_p_value() -> None:
    """Thirty references more than the p-value's own distance from the level."""
    counts = Counts((Cell("glu", 0, 0, 40, 40, 0.5),), 4)
    alone, among = evidence(counts), evidence(counts, log10_looks=30.0)
    assert alone.supports == "related" and among.supports == "nothing"
    assert alone.log10_p == among.log10_p and among.details["log10_references"] == 30.0


def test_a_part_is_called_a_part() -> None:
    cells = [Cell("glu", k, k, 64, 64 if k == 1 else 32, 0.5) for k in range(4)]
    assert evidence(Counts(tuple(cells), 4)).summary.endswith("but only in a part: layer 1.")


def test_who_is_relied_on_is_told_and_where_nobody_can_be_nothing_is_established() -> None:
    for codes, who in (((CODE, REPEATED), "base"), ((REPEATED, CODE), "child")):
        assert trust(*codes, NAMES) == (who, False)
        found = evidence(coins(64), *codes)
        assert found.test is Test.EXACT and found.details["trusted_model"] == who
        said = " ".join(found.details["conditions"])
        assert f"it suffices that {who} was initialised symmetrically" in said
        assert f"the {'model' if who == 'base' else 'reference'} is not relied on: layer 3 repeats layer 2" in said
    assert trust(REPEATED, REPEATED, NAMES)[1]
    neither = evidence(coins(64), REPEATED, REPEATED)
    assert (neither.supports, neither.test) == ("nothing", Test.HEURISTIC)
    assert neither.details["conditions"][-1].endswith("the p-value is heuristic and establishes nothing")


def test_conditions_name_what_was_chosen_by_and_what_is_recurrent() -> None:
    plain, aligned = conditions("base", CODE, CODE, False), conditions("base", CODE, CODE, False, aligned=True)
    assert len(plain) == 4 and "shapes, token strings and norm gains" in plain[1]
    assert "products of matrices" in aligned[1]
    recurrent = replace(CODE, groups=("residual", "cell"))
    assert "base is recurrent" in conditions("base", recurrent, CODE, False)[4]
    assert group_words("residual", ("residual", "cell")) == "embedding dimensions"
    assert group_words("residual", ("residual", "glu")) == "residual dimensions"


def test_a_delta_says_what_is_known_of_it_and_supports_nothing() -> None:
    full = delta_evidence(Delta(1_000, 0.125, 0.5, "", "unknown", 0.97, 0.01))
    assert full.summary == (
        "Relative drift 12.5%; 50.0% of values bit-identical; movements of norm gains alike with cosine 0.97 ± 0.01."
    )
    assert (full.supports, full.test, full.log10_p, full.n, full.score) == (
        "nothing",
        Test.HEURISTIC,
        None,
        1_000,
        0.125,
    )
    assert full.details["lost"] is None and "cosine 0.97" in full.details["excludes_shared_start"]
    lost = delta_evidence(Delta(10, None, None, "5% of the values set to zero", "a_to_b", None, None))
    assert lost.summary == "Information lost: 5% of the values set to zero."
    empty = delta_evidence(Delta(0, None, None, "", "unknown", None, None))
    assert empty.summary == "Nothing to compare." and empty.details["excludes_shared_start"] is None


def change(layer: int, drift: float, rank: int | None = None) -> Change:
    role = f"layers.{layer}.mlp.up"
    told = Rank(40, 25, rank, 1.0, 2.0) if rank is not None else None
    return Change(
        role, role, (40, 25), 1_000, 1.0, 1.0, 1.0, drift**2, drift**2, 1_000, 250, 0, 0, ("", ""), (8, 8), told
    )


def test_changes_are_medians_over_the_body() -> None:
    changes = Changes((change(0, 0.1, 4), change(1, 0.2, 9), change(2, 0.4)), {"extra": 5}, {}, ("norm",), False)
    found = change_evidence(changes)
    assert found.summary == (
        "Over 3 matrices of attention and MLPs (a sample of rows) the median of relative drifts is 20.0%, and 25.0% of "
        "the values are bit-identical."
    )
    assert (found.supports, found.n) == ("nothing", 3_000) and found.details["ranks_told"] == 2
    assert [layer["drift"] for layer in found.details["layers"]] == pytest.approx([0.1, 0.2, 0.4])
    assert (found.details["only_a"], found.details["not_compared"]) == (["extra"], ["norm"])
    assert "(every value)" in change_evidence(replace(changes, whole=True)).summary
    none = change_evidence(Changes(()))
    assert none.summary == "No matrices of attention or MLPs could be compared." and none.details["low_rank"] is None


def test_rows_that_lie_still_test_a_shared_start_and_support_nothing() -> None:
    found = still_evidence(StillRows(1_000, 400, 10, 0.98, 100, 90))
    assert (found.supports, found.test, found.score, found.n) == ("nothing", Test.EXACT, 0.9, 100)
    assert "400 of 1,000 embedding rows lie still (factor 0.9800); 90 of 100 point" in found.summary
    assert found.summary.endswith("they share training, not only a start.") and found.details["bit_identical"] == 10
    chance = still_evidence(StillRows(1_000, 400, 10, 0.98, 100, 55))
    assert chance.summary.endswith("a merely shared start is not excluded.")
    assert still_evidence(StillRows(10, 0, 0, 1.0, 0, 0)).score is None


def test_long_lists_end_with_how_many_more() -> None:
    assert joined(["a", "b", "c"]) == "a, b, c" and joined(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert joined(["a", "b"], 1) == "a and 1 more" and joined([]) == ""


def test_all_details_of_coins() -> None:
    cells = (Cell("residual", None, None, 20, 20), Cell("glu", 1, 0, 30, 30, 0.5), Cell("glu", 2, 3, 30, 15, 1.0))
    counts = Counts(cells, 9)
    found = evidence(counts, log10_looks=2.0)
    details = {k: v for k, v in found.details.items() if k not in ("components", "groups", "layers", "conditions")}
    assert details == {
        **{"log10_p_raw": counts.log10_p, "log10_references": 2.0, "log10_paid": 0.0, "depth": 9, "agree": 65},
        **{"method": "signs of inner products of aligned rows", "agreeing_groups": ["residual", "glu"]},
        **{"agreeing_layers": 1, "layers_compared": 2, "mean_cosine": 0.75, "trusted_model": "base"},
        "weaker_half_log10_p": pytest.approx(counts.weaker_half.log10_p),
        "detectable_agreement": counts.detectable_share(),
    }
    assert found.details["layers"][0] == {"a": 1, "b": 0, "n": 30, "agree": 30, "log10_p": pytest.approx(-9.0309)}
    assert found.details["groups"]["glu"]["n"] == 60 and found.details["groups"]["glu"]["agree"] == 45
    assert set(found.details["components"]) == {"embedding", "layer 0", "layer 3"} and found.score == 0.8125
    codes = sign_evidence(counts, CODE, CODE, NAMES, False, name="other/1")
    assert codes.details["method"] == "bits against public vectors" and codes.signal == "other/1"


def test_the_level_is_one_in_a_million_and_what_is_equal_to_it_establishes() -> None:
    """Coins of no layer have no component: their p-value is the pooled one with its two looks."""
    counts = Counts((Cell("glu", None, None, 40, 40),))
    spare = -6.0 - counts.log10_p
    assert evidence(counts, log10_looks=spare - 1e-9).supports == "related"
    assert evidence(counts, log10_looks=spare + 1e-9).supports == "nothing"


def test_parts_are_named_up_to_four() -> None:
    cells = [Cell("glu", k, k, 64, 64 if k < 5 else 32) for k in range(16)]
    found = evidence(Counts(tuple(cells), 16)).summary
    assert found.endswith("but only in a part: layer 0, layer 1, layer 2, layer 3.")
    thin = Counts(tuple(Cell(g, k, k, 9, 9) for k in range(4) for g in ("glu", "value_output")[: 1 + (k < 1)]))
    assert not thin.agreeing_components and evidence(thin).summary.endswith("but only in a part: MLP neurons.")


def test_after_alignment_one_group_through_the_layers_will_do() -> None:
    cells = tuple(Cell("glu", k, k, 64, 64) for k in range(4))
    assert "but only in a part" in evidence(Counts(cells, 4)).summary
    assert evidence(Counts(cells, 4, 3.0)).summary.endswith("in MLP neurons and 4 of 4 layers on their own.")


def test_conditions_tell_repeats_and_copies() -> None:
    many = replace(CODE, repeats=tuple(f"r{k}" for k in range(5)))
    told = conditions("child", many, CODE, True)
    assert told[4:] == [
        "the reference is not relied on: r0; r1; r2",
        "neither model's coins can be relied on: the p-value is heuristic and establishes nothing",
    ]
    both = conditions("base", replace(CODE, repeats=("x",)), replace(CODE, repeats=("y",)), False)
    assert both[4:] == ["the reference is not relied on: x", "the model is not relied on: y"]
    recurrent = replace(CODE, groups=("residual", "cell"))
    assert len(conditions("base", CODE, recurrent, False)) == 4, "of the model that is relied on"
    assert not any("copies of another" in line for line in told)


def test_low_ranks_and_long_lists_of_changes() -> None:
    assert change_evidence(Changes((change(0, 0.1, 4), change(1, 0.2, 9)))).details["low_rank"] == 1
    assert change_evidence(Changes((change(0, 0.1, 9),))).details["low_rank"] == 0
    bare = change_evidence(Changes((change(0, 0.1),))).details
    assert bare["low_rank"] is None and bare["ranks_told"] == 0 and bare["every_value"] is True
    names = {f"t{k}": 1 for k in range(40)}
    many = change_evidence(Changes((), names, names, tuple(names))).details
    assert many["only_a"] == many["only_b"] == many["not_compared"] == list(names)[:32]
    odd = change_evidence(Changes((change(0, 1 / 3),)))
    assert odd.details["layers"] == [{"b": 0, "drift": 0.333333}] and odd.score == pytest.approx(1 / 3)


def test_still_rows_at_the_level() -> None:
    """Nineteen coins that agree are one in 524,288, twenty one in 1,048,576."""
    for n, words in ((19, "a merely shared start is not excluded"), (20, "they share training, not only a start")):
        found = still_evidence(StillRows(100, 50, 5, 1.0, n, n))
        assert found.summary.endswith(f"{words}.") and found.score == 1.0
        assert found.log10_p == found.details["log10_p_raw"] == pytest.approx(-n * 0.30103, abs=1e-4)
    assert (found.null, found.details["rows"], found.details["still"]) == (
        "one random initialisation, trained twice",
        100,
        50,
    )
    assert found.details["factor"] == 1.0 and found.details["agree"] == 20 and len(found.details["conditions"]) == 3


def test_a_delta_with_half_of_what_is_known() -> None:
    alone = delta_evidence(Delta(10, 0.0, 0.0, "", "unknown", 0.9, None))
    assert alone.summary == "Relative drift 0.0%; 0.0% of values bit-identical."
    assert alone.details["shared_training"] == 0.9 and alone.details["drift"] == 0.0
