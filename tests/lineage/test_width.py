"""What a wider model has more, as a reason for direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.relation import found_in, related
from forebear.lineage.relations.base import Observed, Sizes
from forebear.lineage.relations.width import width_expanded, width_pruned
from forebear.signals.change import Change, Changes
from forebear.signals.parts import Extras, Kept
from forebear.types import Relation

NARROW, WIDE = Sizes(4, 64, 128, 4, 4, 16), Sizes(4, 64, 160, 4, 4, 16)
HEADS = Kept("heads", 16, 16, drift=0.0)


def observed(extras: Extras | None, drift: float | None = 0.0, found: int = 512) -> Observed:
    """A is the narrower one; coordinates were put together, so that nothing but the parts says what is equal."""
    neurons = Kept("neurons", found, 512, extras=extras, drift=drift)
    return Observed((NARROW, WIDE), Counts(()), kept=(neurons, HEADS))


def direction(of: Observed) -> str:
    return related(Relation("unknown", "unknown", None, {}), of, found_in(of)).direction


@pytest.mark.parametrize(
    ("extras", "kind", "expected"),
    [
        (Extras(own=128), "width_pruned", "b_to_a"),
        (Extras(own=1, idle=127), "width_pruned", "b_to_a"),
        (Extras(own=1, near=127), "width_pruned", "b_to_a"),
        (Extras(idle=64, copies=64), "width_expanded", "a_to_b"),
        (Extras(idle=127, near=1), "width_expanded", "unknown"),
        (Extras(idle=127, untold=1), "width_pruned", "unknown"),
        (Extras(own=127, untold=1), "width_pruned", "unknown"),
        (Extras(), "width_pruned", "unknown"),
        (None, "width_pruned", "unknown"),
    ],
)
def test_what_the_wider_one_has_more_decides(extras: Extras | None, kind: str, expected: str) -> None:
    of = observed(extras)
    assert [f.kind for f in found_in(of)] == [kind]
    assert direction(of) == expected
    turned = replace(of, sizes=(WIDE, NARROW))
    assert direction(turned) == {"a_to_b": "b_to_a", "b_to_a": "a_to_b", "unknown": "unknown"}[expected]


@pytest.mark.parametrize("extras", [Extras(own=128), Extras(copies=128)])
@pytest.mark.parametrize(("drift", "found"), [(0.01, 512), (None, 512), (0.0, 511), (0.0, 0), (float("nan"), 512)])
def test_no_direction_unless_all_of_the_narrower_one_was_found_as_it_is(
    extras: Extras, drift: float | None, found: int
) -> None:
    of = observed(extras, drift, found)
    assert direction(of) == "unknown"
    reasons = [r for f in found_in(of) for r in f.reasons]
    assert [r.no_siblings for r in reasons] == [False] and reasons[0].name.endswith("trained")


def test_trained_copies_are_told_by_the_larger_number() -> None:
    assert width_expanded(observed(Extras(own=40, near=88), 0.1)) and width_pruned(
        observed(Extras(own=88, near=40), 0.1)
    )


def test_models_of_which_each_is_wider_in_something_have_no_direction() -> None:
    of = observed(Extras(own=128))
    crossed = replace(
        of, sizes=(replace(NARROW, heads=6), WIDE), kept=(of.kept[0], replace(HEADS, extras=Extras(own=8)))
    )
    assert direction(crossed) == "unknown"


def test_every_size_that_differs_has_to_be_asked() -> None:
    of = observed(Extras(own=128))
    wide = replace(WIDE, heads=6)
    unasked = replace(of, sizes=(NARROW, wide))
    mixed = replace(unasked, kept=(of.kept[0], replace(HEADS, extras=Extras(idle=8))))
    asked = replace(unasked, kept=(of.kept[0], replace(HEADS, extras=Extras(own=8))))
    assert [direction(o) for o in (unasked, mixed, asked)] == ["unknown", "unknown", "b_to_a"]


def test_parts_that_were_not_looked_at_are_not_called_equal() -> None:
    of = observed(Extras(own=128))
    assert direction(replace(of, kept=of.kept[:1])) == "unknown"


def test_the_test_says_what_was_found() -> None:
    found = width_pruned(observed(Extras(own=100, idle=28)))
    assert found is not None
    assert "512 of 512 neurons of the smaller one were found in the other" in found.test
    assert "what the larger one has more: 100 of its own, 28 that do nothing" in found.test


def test_widths_in_words_and_details() -> None:
    of = observed(Extras(own=1_000, copies=2, idle=3, near=4, untold=5), found=511)
    found = width_pruned(replace(of, sizes=(NARROW, replace(WIDE, intermediate=1_142))))
    assert found is not None and found.words == "narrower: neurons 128 and 1,142"
    assert found.test == (
        "They differ in neurons 128 and 1,142; 511 of 512 neurons of the smaller one were found in the other; 16 of 16 "
        "heads of the smaller one were found in the other; what the larger one has more: 1,000 of its own, 2 copies, 3 "
        "that do nothing, 4 that may be either, 5 that could not be told."
    )
    assert found.details == {
        "sizes": {"intermediate": [128, 1_142]},
        "kept": {
            "neurons": {"found": 511, "of": 512, "map": {}},
            "heads": {"found": 16, "of": 16, "map": {}},
        },
    }
    assert [(r.name, r.text) for r in found.reasons] == [
        ("missing parts, trained", "the narrower model lacks parts of the other")
    ]
    none = width_pruned(observed(Extras()))
    assert none is not None and none.test.endswith("what the larger one has more: nothing that was found.")
    unasked = width_pruned(observed(None))
    assert unasked is not None and unasked.test.endswith("heads of the smaller one were found in the other.")
    wider = width_expanded(observed(Extras(copies=128)))
    assert wider is not None and wider.words == "wider: neurons 128 and 160" and wider.kind == "width_expanded"
    assert [(r.name, r.text) for r in wider.reasons] == [
        ("copied parts, parts in common equal", "the wider model has copies or zeros more")
    ]


def test_log_odds_are_sure_only_where_the_direction_is_told() -> None:
    def odds(of: Observed) -> list[tuple[float, bool]]:
        return [(r.log_odds, r.no_siblings) for f in found_in(of) for r in f.reasons]

    assert odds(observed(Extras(own=128))) == [(-4.0, True)]
    assert odds(observed(Extras(copies=128))) == [(4.0, True)]
    assert odds(observed(Extras(copies=128), 0.1)) == [(1.5, False)]
    assert odds(observed(Extras(own=128), 0.1)) == [(-1.5, False)]
    assert odds(observed(Extras(copies=127, near=1))) == [(1.5, False)], "a part that may be either leaves a doubt"
    assert odds(observed(Extras(own=127, near=1))) == [(-4.0, True)]


def test_trained_halves_are_no_majority() -> None:
    """Where the parts in common were trained, fewer than half of the others have to be the wider one's own."""
    assert width_expanded(observed(Extras(own=63, near=65), 0.1)) is not None
    for extras in (Extras(own=64, near=64), Extras(own=64, idle=63, untold=1), Extras()):
        assert width_expanded(observed(extras, 0.1)) is None and width_pruned(observed(extras, 0.1)) is not None
    assert width_expanded(observed(Extras(own=1, copies=127))) is None, "one of its own is enough where all is equal"


@pytest.mark.parametrize(
    ("a", "b", "sizes"),
    [
        (NARROW, NARROW, []),
        (NARROW, replace(NARROW, width=96), ["width"]),
        (NARROW, replace(NARROW, heads=6, intermediate=1), ["intermediate", "heads"]),
        (replace(NARROW, width=0), WIDE, ["intermediate"]),  # what is not known does not differ
        (replace(NARROW, heads=6), replace(NARROW, heads=0), []),
        (replace(NARROW, layers=9, parameters=7, kv_heads=1), NARROW, []),  # that is depth, or nothing of its own
        (replace(NARROW, experts=4), replace(WIDE, experts=8), ["intermediate", "experts"]),
        (NARROW, replace(WIDE, experts=8), []),  # one of experts and one without are upcycled, or not alike
        (NARROW, replace(WIDE, experts=8, heads=6), ["heads"]),
    ],
)
def test_which_sizes_differ(a: Sizes, b: Sizes, sizes: list[str]) -> None:
    found = width_pruned(Observed((a, b), Counts(())))
    assert (list(found.details["sizes"]) if found else []) == sizes
    if found is not None:
        assert "equal" not in found.reasons[0].name, "nothing was looked at"


def test_the_wider_one_is_so_in_most_sizes() -> None:
    def later(a: Sizes, b: Sizes) -> bool:
        found = width_pruned(Observed((a, b), Counts(())))
        assert found is not None and len(found.reasons) == 1
        return found.reasons[0].log_odds > 0

    assert not later(NARROW, WIDE) and later(WIDE, NARROW)
    assert later(NARROW, replace(WIDE, heads=2, width=32)), "wider in one of three"
    assert not later(NARROW, replace(WIDE, heads=6, width=32)), "wider in two of three"
    assert later(NARROW, replace(WIDE, heads=2)), "half is not most"


def test_what_could_be_compared_in_place_has_to_lie_still() -> None:
    """Of matrices in their places, or of neurons and heads both."""
    of = observed(Extras(own=128))
    role = "layers.0.attn.q"

    def change(drift: float) -> Changes:
        sums = (1.0, 1.0, 1.0, drift**2, drift**2)
        return Changes((Change(role, role, (10, 10), 100, *sums, 100, 0, 0, 0, ("", ""), (8, 8)),))

    still, moved = (replace(of, changes=change(d)) for d in (0.0, 0.1))
    assert direction(still) == "b_to_a" and direction(moved) == "unknown"
    assert direction(replace(still, kept=of.kept[:1])) == "b_to_a", "the matrices stand for the heads"
    assert direction(replace(still, kept=())) == "unknown"
    assert direction(replace(of, changes=Changes(()), kept=of.kept[:1])) == "unknown"
