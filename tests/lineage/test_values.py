"""Relations that show in the values: what is called quantised, pruned, merged, edited or trained, and from where on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.relations.base import Found, Grids, Observed, Sizes
from forebear.lineage.relations.values import (
    FILLED,
    HEAVY,
    MANY,
    ROUNDED,
    SEARCHED,
    by_rounding,
    continued_pretraining,
    finetune,
    lora,
    pruned,
    quantized,
    rl,
    undecided,
)
from forebear.signals.change import Change, Changes
from forebear.signals.lattice import Cut, Lattice
from forebear.signals.rank import Rank
from forebear.signals.removal import Removal, Side
from forebear.signals.rounding import BFLOAT, HALF, Rounding
from forebear.signals.sign_code import Cell

INT4 = Lattice("INT4", 4, Cut("group", 32), True, 100.0, "int")
INT8 = replace(INT4, format="INT8", bits=8)
ON_GRID = Grids(2, {"layers.0.mlp.up": INT4, "layers.1.mlp.up": INT4})
NEAREST = Rounding(1_000, 1.0, 0.58, 1.0, 1.0, 40.0, HALF)
PAIR = Observed((Sizes(), Sizes()), Counts(()), excludes="gains moved alike")


def change(drift: float, role: str = "layers.0.mlp.up", equal: int = 0, **more: object) -> Change:
    """A matrix of a thousand values, of length one."""
    sums = (1.0, 1.0, 1.0, drift**2, drift**2)
    made = Change(role, role, (40, 25), 1_000, *sums, 1_000, equal, 0, 0, ("", ""), (8, 8))
    return replace(made, **more)  # type: ignore[arg-type]


def moved(*each: Change, **more: object) -> Observed:
    return replace(PAIR, changes=Changes(each), **more)  # type: ignore[arg-type]


def onto_grid(rounding: Rounding | None = NEAREST, side: int = 1, **more: object) -> Observed:
    """A's values (or B's, for side 0) are on no grid, and the other's are the same rounded to one."""
    grids = (Grids(2), ON_GRID) if side else (ON_GRID, Grids(2))
    way = "a_to_b" if side else "b_to_a"
    return replace(PAIR, grids=grids, rounding={way: rounding} if rounding else {}, **more)  # type: ignore[arg-type]


def odds(found: Found | None) -> list[tuple[float, bool]]:
    assert found is not None
    return [(reason.log_odds, reason.no_siblings) for reason in found.reasons]


@pytest.mark.parametrize(("side", "sign"), [(1, 1), (0, -1)])
def test_rounding_points_to_who_lies_on_the_grid(side: int, sign: int) -> None:
    found = quantized(onto_grid(side=side))
    assert found is not None and odds(found) == [(sign * ROUNDED, False)]
    assert found.details["quantized_side"] == "ab"[side] and found.details["within_half_a_step"] == 1.0
    assert found.details["format"] == {"name": "INT4", "bits": 4, "groups": "groups of 32"}
    assert f"2 of 2 matrices of the {('reference', 'model')[side]}: INT4, groups of 32, symmetric" in found.test
    assert found.excludes_shared_start and not found.made_from
    whole = quantized(onto_grid(side=side, rounded=("b_to_a", "a_to_b")[side]))
    assert odds(whole) == [(sign * ROUNDED, True)] and whole is not None and whole.made_from


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (NEAREST, ROUNDED),
        (replace(NEAREST, rms=0.4), ROUNDED),
        (replace(NEAREST, rms=0.39), None),  # too near to the grid for weights that were never on it
        (replace(NEAREST, ends=0.99, bits=20.0), ROUNDED),
        (replace(NEAREST, bits=19.9), None),  # too few groups to exclude chance
        (replace(NEAREST, ends=0.98), None),  # may have been filled in
        (replace(NEAREST, ends=0.98, full=0.5), None),
        (replace(NEAREST, ends=0.98, full=0.49), SEARCHED),
    ],
)
def test_grid_and_scales_tell_who_was_rounded(rounding: Rounding, expected: float | None) -> None:
    assert odds(quantized(onto_grid(rounding))) == ([(expected, False)] if expected else [])


def test_a_sample_has_to_be_large_for_a_direction_and_nothing_else_may_have_changed() -> None:
    many = replace(NEAREST, values=MANY)
    assert odds(quantized(onto_grid(many))) == [(ROUNDED, True)]
    assert odds(quantized(onto_grid(many, still_elsewhere=False))) == [(ROUNDED, False)]
    assert odds(quantized(onto_grid(replace(many, values=MANY - 1)))) == [(ROUNDED, False)]
    loose = quantized(onto_grid(replace(many, slack=BFLOAT), rounded="a_to_b"))
    assert loose is not None and not loose.made_from, "scales that are stored too coarsely keep what was filled, too"


def test_values_outside_of_their_cells_say_nothing_about_the_other_by_themselves() -> None:
    strayed = replace(NEAREST, within=0.999)
    found = quantized(onto_grid(strayed))
    assert odds(found) == [] and found is not None and not found.excludes_shared_start and "99.90%" in found.test
    assert quantized(onto_grid(strayed, excludes="")) is None
    assert quantized(onto_grid(None, excludes="")) is None and quantized(onto_grid(None)) is not None
    assert quantized(onto_grid(strayed, excludes="", undone=("permuted",))) is not None


def test_of_two_grids_the_coarser_one_is_the_later() -> None:
    finer = Grids(1, {"layers.0.mlp.up": INT8})
    both = replace(PAIR, grids=(finer, ON_GRID))
    found = quantized(both)
    assert found is not None and found.details["quantized_side"] == "b" and odds(found) == []
    turned = quantized(replace(both, grids=(ON_GRID, finer)))
    assert turned is not None and turned.details["quantized_side"] == "a"
    other = Grids(1, {"layers.0.mlp.up": replace(INT4, cut=Cut("row"))})
    assert quantized(replace(both, grids=(other, ON_GRID))) is None, "as many bits: neither is the other's rounding"
    assert quantized(replace(both, grids=(ON_GRID, ON_GRID))) is None and quantized(PAIR) is None


def test_another_float_format_is_a_rounding_without_a_side() -> None:
    found = quantized(replace(PAIR, lost="they differ as by rounding to BF16"))
    assert found is not None and found.words == "rounded to BF16" and odds(found) == []
    assert by_rounding(replace(PAIR, lost="they differ as by rounding to BF16"))
    assert quantized(replace(PAIR, lost="5% of the values set to zero")) is None


@pytest.mark.parametrize("side", [0, 1])
def test_a_quantiser_explains_what_is_in_its_cells_or_near_where_all_else_is_still(side: int) -> None:
    assert by_rounding(onto_grid(side=side)) and by_rounding(onto_grid(None, side=side))
    strayed = replace(NEAREST, within=0.9, rms=2.0)
    assert by_rounding(onto_grid(strayed, side))
    assert not by_rounding(onto_grid(replace(strayed, rms=2.01), side))
    assert not by_rounding(onto_grid(strayed, side, still_elsewhere=False))
    assert by_rounding(onto_grid(side=side, still_elsewhere=False))
    assert not by_rounding(PAIR)


def zeroed(share_b: int, share_a: int = 0, kept: float = 0.0, pattern: str = "") -> Change:
    return change(0.5, zeros_a=share_a, zeros_b=share_b, square_kept=kept**2, patterns=(pattern, pattern))


def test_zeros_in_one_alone_are_pruning_and_point_to_it() -> None:
    found = pruned(moved(zeroed(500, pattern="2:4"), zeroed(500, pattern="2:4")))
    assert found is not None and odds(found) == [(FILLED, True)] and found.excludes_shared_start
    assert (
        found.details == {"zeros": 0.5, "pattern": "2:4", "pruned_side": "b"}
        and found.words == "pruned: 50% zeros, 2:4"
    )
    earlier = pruned(moved(zeroed(0, 300)))
    assert earlier is not None and odds(earlier) == [(-FILLED, True)] and earlier.details["pruned_side"] == "a"
    assert earlier.details["pattern"] == "unstructured" and "the others are untouched" in earlier.test
    trained = pruned(moved(zeroed(300, kept=0.1)))
    assert odds(trained) == [(1.5, False)] and trained is not None and not trained.excludes_shared_start
    assert pruned(moved(zeroed(300, kept=0.1), excludes="")) is None
    assert pruned(moved(zeroed(300), excludes="")) is not None


@pytest.mark.parametrize(
    ("share_b", "share_a", "expected"), [(10, 0, True), (9, 0, False), (500, 0, True), (500, 1, False), (0, 0, False)]
)
def test_few_zeros_and_zeros_of_both_are_no_pruning(share_b: int, share_a: int, expected: bool) -> None:
    assert (pruned(moved(zeroed(share_b, share_a))) is not None) is expected


def test_patterns_have_to_be_everybodys_and_grids_have_zeros_of_their_own() -> None:
    mixed = pruned(moved(zeroed(500, pattern="2:4"), zeroed(400)))
    assert mixed is not None and mixed.details["pattern"] == "unstructured"
    assert pruned(replace(moved(zeroed(500)), grids=(Grids(), ON_GRID))) is None
    assert pruned(PAIR) is None


@pytest.mark.parametrize(
    ("drift", "excludes", "kind"),
    [
        (0.1, "gains", "finetune"),
        (HEAVY - 1e-9, "gains", "finetune"),
        (HEAVY + 1e-9, "gains", "continued_pretraining"),
        (0.1, "", "unknown"),
        (0.5, "", "unknown"),
        (0.0, "gains", None),
    ],
)
def test_training_is_called_by_its_drift_where_a_shared_start_is_excluded(
    drift: float, excludes: str, kind: str | None
) -> None:
    of = moved(change(drift), excludes=excludes)
    found = [f for f in (finetune(of), continued_pretraining(of), undecided(of)) if f is not None]
    assert [f.kind for f in found] == ([kind] if kind else [])
    if kind == "unknown":
        heavy = drift >= HEAVY
        assert found[0].details["candidates"] == ["continued_pretraining" if heavy else "finetune", "same_init"]
        assert found[0].words.startswith("pretrained on" if heavy else "fine-tuned")
    elif kind:
        assert found[0].details["drift"] == pytest.approx(drift) and "the median over 1 matrices" in found[0].test


def test_of_few_matrices_that_were_trained_theirs_is_the_drift() -> None:
    still = [change(0.0, f"layers.{k}.mlp.up", 1_000) for k in range(3)]
    found = finetune(moved(*still, change(0.2, "layers.3.mlp.up")))
    assert found is not None and found.details["drift"] == pytest.approx(0.2)


def test_rounding_and_a_grid_are_no_training() -> None:
    assert finetune(moved(change(0.01), lost="they differ as by rounding to BF16")) is None
    assert finetune(replace(onto_grid(), changes=Changes((change(0.01),)))) is None


@pytest.mark.parametrize(
    ("equal", "bits", "still", "like"),
    [
        (500, 8, 0, True),
        (499, 8, 0, False),
        (800, 11, 0, True),
        (800, 12, 0, False),
        (800, 8, 1, True),
        (800, 8, 2, False),
    ],
)
def test_mostly_equal_sixteen_bit_values_are_like_reinforcement_learning(
    equal: int, bits: int, still: int, like: bool
) -> None:
    """Where at least half of the matrices changed."""
    others = [change(0.0, f"layers.{k + 1}.mlp.up", 1_000) for k in range(still)]
    of = moved(change(0.01, equal=equal, precision=(bits, bits)), *others)
    found = rl(of)
    assert (found is not None) is like
    if found is not None:
        assert f"{equal / 1_000:.0%} of the parameters of the 1 matrices" in found.test
        assert finetune(of) is None
    assert lora(of) is None


def test_a_quantised_side_in_words_and_details() -> None:
    found = quantized(onto_grid())
    assert found is not None
    assert found.details == {
        "format": {"name": "INT4", "bits": 4, "groups": INT4.cut.words if INT4.cut else None},
        **{"quantized_side": "b", "stored_quantized": False, "within_half_a_step": 1.0, "symmetric": True},
    }
    assert found.words == f"quantised: {INT4.words}"
    assert found.test.startswith(
        f"2 of 2 matrices of the model: {INT4.words}; it lies on that grid in every value that was sampled; "
        "100.00% of 1,000 values of the other are within half a step of it (root mean square 0.58 half steps, 0.58 for "
        "rounding to nearest)"
    )
    earlier = quantized(onto_grid(side=0))
    assert earlier is not None and earlier.details["quantized_side"] == "a" and "of the reference:" in earlier.test
    stored = quantized(replace(onto_grid(), grids=(Grids(2), replace(ON_GRID, stored=True))))
    assert stored is not None and "; it is stored so;" in stored.test and stored.details["stored_quantized"] is True


def test_what_is_not_known_of_a_grid_is_no_detail() -> None:
    bare = replace(INT4, symmetric=None, cut=None)
    found = quantized(replace(onto_grid(), grids=(Grids(1), Grids(1, {"layers.0.mlp.up": bare}))))
    assert found is not None and "symmetric" not in found.details and found.details["format"]["groups"] is None
    uneven = replace(INT4, symmetric=False)
    found = quantized(replace(onto_grid(), grids=(Grids(1), Grids(1, {"layers.0.mlp.up": uneven}))))
    assert found is not None and found.details["symmetric"] is False


def test_a_grid_alone_says_something_of_the_other_only_where_a_shared_start_is_excluded() -> None:
    assert quantized(onto_grid(None, excludes="")) is None
    known = quantized(onto_grid(None))
    assert known is not None and known.reasons == () and known.details["within_half_a_step"] is None
    assert known.excludes_shared_start == "" and known.made_from == ""
    assert quantized(onto_grid(None, excludes="", undone=("rows were moved",))) is not None
    assert quantized(onto_grid(None, excludes="", undone=())) is None
    strayed = replace(NEAREST, within=0.99)
    assert quantized(onto_grid(strayed, excludes="")) is None
    near = quantized(onto_grid(strayed))
    assert near is not None and near.reasons == () and "99.00% of 1,000 values" in near.test
    exact = quantized(onto_grid(excludes=""))
    assert exact is not None and exact.excludes_shared_start


def test_only_all_of_a_model_that_is_the_other_rounded_is_made_from_it() -> None:
    made = quantized(onto_grid(rounded="a_to_b"))
    assert made is not None and made.made_from == f"all of it is the other, rounded ({INT4.words})"
    assert made.reasons[0].no_siblings and "that was looked at" not in made.excludes_shared_start
    sampled = quantized(onto_grid())
    assert sampled is not None and sampled.made_from == "" and not sampled.reasons[0].no_siblings
    assert sampled.excludes_shared_start == (
        "every value of the model that was looked at is the other's, rounded to a coarser grid"
    )
    slack = quantized(onto_grid(replace(NEAREST, slack=BFLOAT), rounded="a_to_b"))
    assert slack is not None and (slack.made_from == "") is (BFLOAT > HALF)


def test_training_in_words() -> None:
    few = finetune(moved(change(0.004)))
    assert few is not None and few.words == "fine-tuned (relative drift 0.4%)"
    some = finetune(moved(change(0.1)))
    assert some is not None and some.words == "fine-tuned (relative drift 10%)"
    assert some.test == (
        "The relative drift is 10.0%, below one third: the median over 1 matrices of attention and MLPs."
    )
    sampled = finetune(replace(PAIR, changes=Changes((change(0.1),), whole=False)))
    assert sampled is not None and sampled.test.endswith("of attention and MLPs, a sample of rows.")
    much = continued_pretraining(moved(change(0.5)))
    assert much is not None and much.words == "pretrained on (relative drift 50%)"
    assert "at least one third" in much.test and much.test.endswith("Excluded: a merely shared start.")
    open_ = undecided(moved(change(0.5), excludes=""))
    assert open_ is not None and open_.details["drift"] == pytest.approx(0.5)
    assert open_.words == "pretrained on, or only the same random start (relative drift 50%)"
    assert "at least one third (the median" in open_.test and "quantised" not in open_.test
    grids = undecided(moved(change(0.1), excludes="", grids=(ON_GRID, Grids(2))))
    assert grids is not None and f"The reference is quantised ({INT4.words})." in grids.test
    assert "below one third" in grids.test and "The model is quantised" not in grids.test


@pytest.mark.parametrize(("cosine", "drift"), [(0.9, 0.4843), (0.9999, None), (None, None)])
def test_after_alignment_drift_is_told_by_the_cosine(cosine: float | None, drift: float | None) -> None:
    counts = Counts((Cell("residual", 0, 0, 10, 10, cosine),))
    found = continued_pretraining(replace(PAIR, counts=counts))
    assert (None if found is None else round(found.details["drift"], 4)) == drift
    if found is not None:
        assert "estimated from the cosine of aligned rows" in found.test


def test_reinforcement_learning_in_words() -> None:
    found = rl(moved(change(0.01, equal=700)))
    assert found is not None and found.words == "like reinforcement learning (70% bit-identical)"
    assert found.excludes_shared_start == "70% of the parameters are bit for bit the same"


def added(rank: int | None, role: str = "layers.0.mlp.up", **more: Any) -> Change:
    """A matrix whose difference has a rank: low up to six, of the twenty-five columns."""
    return change(0.1, role, rank=Rank(40, 25, rank, 0.0, 1.0), **more)


def test_an_adapter_changes_matrices_by_a_low_rank_and_leaves_the_rest() -> None:
    found = lora(
        moved(
            added(2, "layers.0.attn.q"),
            added(2, "layers.1.attn.v"),
            added(6, "layers.2.attn.v"),
            change(0.0, "layers.0.mlp.up"),
            change(0.0, "layers.0.mlp_norm", shape=(25,)),
            change(0.5, "embed"),  # is no layer: tokens may have been added to it
        )
    )
    assert found is not None and found.kind == "finetune" and found.reasons == ()
    assert found.details == {"lora_rank": 2, "lora_targets": ["q", "v"]}
    assert found.words == "fine-tuned, adapter of rank 2 merged"
    assert found.test == (
        "The difference of 3 of 4 matrices of the body has a low rank above the edge of rounding (2 in 2, 6 in 1); "
        "the others are untouched."
    )
    assert found.excludes_shared_start == "the difference has rank 2, which a training of all weights does not give"


def test_of_ranks_that_are_as_common_the_larger_one_is_told() -> None:
    for ranks in ((2, 4), (4, 2)):
        found = lora(moved(*(added(r, f"layers.{k}.attn.q") for k, r in enumerate(ranks))))
        assert found is not None and found.details["lora_rank"] == 4


def test_a_low_rank_of_some_alone_is_no_adapter() -> None:
    one = added(2)
    assert lora(moved(one)) is not None
    assert lora(moved(one, added(7, "layers.1.mlp.up"))) is None, "a quarter of 25 columns is 6"
    assert lora(moved(one, added(6, "layers.1.mlp.up"))) is not None
    assert lora(moved(one, added(None, "layers.1.mlp.up"))) is None
    unranked = change(0.1, "layers.1.mlp.up")
    assert lora(moved(unranked)) is None and lora(moved(one, unranked)) is None
    assert lora(replace(PAIR, changes=Changes((one, unranked), whole=False))) is not None, "few rows tell no rank"
    assert lora(moved(added(0))) is None, "rounding alone explains it"
    both = lora(moved(added(0), added(3, "layers.1.mlp.up")))
    assert both is not None and both.details["lora_rank"] == 3
    norm = change(0.1, "layers.0.mlp_norm", shape=(25,))
    assert lora(moved(one, norm)) is None, "a norm was trained as well"
    assert lora(moved(one, replace(norm, values=0))) is not None and lora(PAIR) is None


NOTHING, LOST_BY_A, LOST_BY_B = Side((0.1, 0.1), (1.0, 1.0)), Side((0.1, 0.9), (0.0, 1.0)), Side((0.9, 0.1), (1.0, 0.0))
SCALED = Side((0.5, 0.5), (1.0, 0.5))


def edited(*sides: Side | None, written: bool = True) -> Found | None:
    """Matrices of rank one, each edited as one side says; None for one of which that is not known."""
    made = (Removal(1, s if written else None, NOTHING if written else s) if s else None for s in sides)
    return lora(moved(*(added(1, f"layers.{k}.mlp.up", removal=one) for k, one in enumerate(made))))


@pytest.mark.parametrize(("side", "sign", "who"), [(LOST_BY_B, 1, "model"), (LOST_BY_A, -1, "reference")])
def test_a_direction_that_one_has_lost_is_an_edit_and_points_to_it(side: Side, sign: int, who: str) -> None:
    found = edited(side, side)
    assert found is not None and odds(found) == [(sign * FILLED, True)] and found.kind == "finetune"
    assert found.words == "edited: 1 direction of its own weights removed or scaled, as abliteration does"
    assert found.details == {"edited_directions": 1, "lora_targets": ["up"]}
    assert found.test == (
        "The difference of 2 matrices has rank 1 and is the weights' own action on 1 direction; the others are "
        f"untouched; the {who} has nothing left in 1 direction in which the other has ordinary energy."
    )
    assert found.excludes_shared_start == "the difference has rank 1, which a training of all weights does not give"
    assert found.reasons[0].name == "removed directions"
    assert odds(edited(side, side, written=False)) == [(sign * FILLED, True)]


@pytest.mark.parametrize(
    ("sides", "words", "reasons"),
    [
        ((SCALED,), "edited", 0),  # made smaller or larger: nobody lost it
        ((SCALED, SCALED, LOST_BY_B), "edited", 0),  # lost in no more than half of them
        ((SCALED, LOST_BY_B), "edited", 0),
        ((SCALED, LOST_BY_B, LOST_BY_B), "edited", 1),
        ((LOST_BY_A, LOST_BY_B), "edited", 0),  # in one here and in the other there
        ((SCALED, NOTHING), "fine-tuned", 0),  # no more than half
        ((SCALED, NOTHING, SCALED), "edited", 0),
        ((SCALED, None), "fine-tuned", 0),
        ((SCALED, None, SCALED), "edited", 0),
        ((NOTHING,), "fine-tuned", 0),
        ((None,), "fine-tuned", 0),
    ],
)
def test_most_changes_have_to_be_of_the_weights_own(sides: tuple[Side | None, ...], words: str, reasons: int) -> None:
    found = edited(*sides)
    assert found is not None and found.words.startswith(words) and len(found.reasons) == reasons


def test_few_rows_of_what_writes_into_the_stream_are_taken_for_an_edit() -> None:
    removal = Removal(2, None, NOTHING)
    for role, words in (("attn.o", "edited: 2 directions of"), ("mlp.down", "edited"), ("mlp.up", "fine-tuned")):
        found = lora(moved(added(2, f"layers.0.{role}", removal=removal)))
        assert found is not None and found.words.startswith(words), role
    seen = lora(moved(added(2, "layers.0.attn.o", removal=replace(removal, written=NOTHING))))
    assert seen is not None and seen.words.startswith("fine-tuned")


def test_like_reinforcement_learning_only_where_nothing_else_explains_it() -> None:
    equal = change(0.01, equal=800)
    assert rl(moved(equal)) is not None
    assert rl(moved(equal, lost="they differ as by rounding to BF16")) is None
    assert rl(moved(replace(equal, rank=Rank(40, 25, 2, 0.0, 1.0)))) is None, "an adapter"
    assert rl(moved(replace(equal, zeros_b=100))) is None, "pruned"
    assert rl(moved(change(0.0, equal=1_000))) is None and rl(PAIR) is None
    assert rl(moved(replace(equal, nonzero=0, equal=0))) is None
    single = rl(moved(replace(equal, nonzero=1, equal=1)))
    assert single is not None and single.words == "like reinforcement learning (100% bit-identical)"
    sparse = rl(moved(replace(equal, nonzero=500, equal=400)))
    assert sparse is not None and sparse.words == "like reinforcement learning (80% bit-identical)"


def test_zeros_of_several_matrices_are_counted_together() -> None:
    found = pruned(moved(zeroed(20), zeroed(0)))
    assert found is not None and found.details["zeros"] == 0.01, "20 of 2,000, not of the one matrix"
    assert found.words == "pruned: 1% zeros" and found.test.startswith("1% of the body's values are zero in the model")
    assert pruned(moved(zeroed(19), zeroed(0))) is None
    trained = pruned(moved(zeroed(500, kept=0.25)))
    assert trained is not None and trained.test.endswith("(no pattern); the others moved by 25.0%.")
    assert trained.reasons[0].name == "zeros, others trained" and trained.reasons[0].log_odds == 1.5
    still = pruned(moved(zeroed(500)))
    assert still is not None and still.reasons[0].name == "zeros, others untouched"
    assert still.reasons[0].text == still.excludes_shared_start == "50% of the values were lost in the model"
    beside = pruned(moved(zeroed(500), change(0.3, "embed")))
    assert beside is not None and odds(beside) == [(1.5, False)], "all that was read has to be untouched"
    large = [change(0.5, f"layers.{k}.mlp.up", values=1_000_000, zeros_b=500_000) for k in range(10)]
    odd = pruned(moved(*(replace(c, patterns=("", "2:4")) for c in large), change(0.1)))
    assert odd is not None and odd.details["pattern"] == "2:4", "a matrix without zeros has no pattern to differ in"


def test_one_pattern_of_many_matrices_may_fail_in_one_of_a_thousand() -> None:
    named = [replace(zeroed(500), patterns=("", "2:4"))] * 999
    for others, pattern in ((1, "2:4"), (2, "unstructured")):
        found = pruned(moved(*named, *([zeroed(500)] * others)))
        assert found is not None and found.details["pattern"] == pattern


def test_of_two_grids_with_other_bits_the_one_of_fewer_bits_was_rounded() -> None:
    known = replace(PAIR, grids=(Grids(1, {"layers.0.mlp.up": INT8}), ON_GRID), rounding={"a_to_b": NEAREST})
    found = quantized(known)
    assert found is not None and found.reasons == () and found.details["within_half_a_step"] == 1.0
    assert found.excludes_shared_start == "", "the other lies on a grid itself"
    unknown = Grids(1, {"layers.0.mlp.up": replace(INT4, format="IQ", bits=None)})
    found = quantized(replace(PAIR, grids=(ON_GRID, unknown)))
    assert found is not None and found.details["quantized_side"] == "b", "bits that are not known count as none"
    one_bit = Grids(1, {"layers.0.mlp.up": replace(INT4, format="INT1", bits=1)})
    found = quantized(replace(PAIR, grids=(unknown, one_bit)))
    assert found is not None and found.details["quantized_side"] == "a"


def test_what_the_scales_tell_is_said() -> None:
    def said(**more: Any) -> str:
        found = quantized(onto_grid(replace(NEAREST, **more)))
        assert found is not None
        return found.test.rpartition("; ")[2]

    assert said() == "100% of its groups keep the other's largest value, as rounding does."
    assert said(rms=0.1) == "the other lies too near to the grid for weights that were never on it."
    assert said(bits=1.0) == (
        "100% of its groups keep the other's largest value, of which there are too few to exclude chance."
    )
    assert said(ends=0.5) == "only 50% of its groups keep the other's largest value: it may have been filled in."
    assert said(ends=0.5, full=0.0) == "its scales were searched for, and do not tell."
    rounding, searched = (quantized(onto_grid(r)) for r in (NEAREST, replace(NEAREST, ends=0.5, full=0.0)))
    assert rounding is not None and rounding.reasons[0].name == "rounding, largest values kept"
    assert searched is not None and searched.reasons[0].name == "rounding"
    whole = quantized(onto_grid(replace(NEAREST, ends=0.5, full=0.0), rounded="a_to_b"))
    assert whole is not None and whole.made_from == "" and whole.reasons[0].no_siblings


def test_small_drifts_are_told_with_a_digit_more() -> None:
    for drift, said in ((0.01, "1%"), (0.0099, "1.0%"), (0.001, "0.1%"), (0.25, "25%")):
        found = finetune(moved(change(drift)))
        assert found is not None and found.words == f"fine-tuned (relative drift {said})"


def test_after_alignment_a_tiny_drift_is_the_alignments_own() -> None:
    for drift, told in ((0.019, False), (0.021, True)):
        cosine = 1 / (1 + drift**2) ** 0.5
        found = finetune(replace(PAIR, counts=Counts((Cell("residual", 0, 0, 10, 10, cosine),))))
        assert (found is not None) is told
    assert undecided(replace(PAIR, excludes="")) is None
    adapted = moved(added(2), excludes="")
    assert undecided(adapted) is None and finetune(moved(added(2))) is None and lora(adapted) is not None
    assert undecided(moved(change(0.01, equal=800), excludes="")) is None
    assert finetune(moved(zeroed(5))) is None, "nothing moved but zeros"


def test_a_third_is_heavy_and_values_of_more_bits_are_no_reinforcement_learning() -> None:
    third = replace(change(0.0), square_a=9.0, square=1.0, square_kept=1.0)
    assert third.drift == HEAVY
    found = undecided(moved(third, excludes=""))
    assert found is not None and found.details["candidates"] == ["continued_pretraining", "same_init"]
    assert finetune(moved(third)) is None and continued_pretraining(moved(third)) is not None
    half = change(0.01, equal=800)
    assert rl(moved(half, change(0.01, "layers.1.mlp.up", equal=800))) is not None
    assert rl(moved(half, change(0.01, "layers.1.mlp.up", equal=800, precision=(8, 24)))) is None
