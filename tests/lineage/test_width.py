"""What a wider model has more, as a reason for direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.relation import found_in, related
from forebear.lineage.relations.base import Observed, Sizes
from forebear.lineage.relations.width import width_expanded, width_pruned
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
