"""Where bits of a code stand and what is read for them, by hand for known shapes."""

from __future__ import annotations

import pytest

from forebear.signals.layout import (
    CODE_BITS,
    LAYER_BITS,
    RESIDUAL_BITS,
    SLOTS,
    Plan,
    Region,
    is_light,
    plan,
    regions,
    slot_layers,
)


def test_a_code_is_half_residual_and_half_layers() -> None:
    assert (RESIDUAL_BITS, SLOTS, LAYER_BITS, CODE_BITS) == (2_048, 16, 128, 4_096)


@pytest.mark.parametrize(
    ("coins", "places"),
    [
        (
            ("residual", "glu", "value_output", "query_key"),
            {"glu": (0, 64), "value_output": (64, 32), "query_key": (96, 32)},
        ),
        (("experts",), {"experts": (0, 64)}),
        (("glu", "experts"), {"glu": (0, 32), "experts": (32, 32)}),
        (("value_output", "latent"), {"value_output": (64, 16), "latent": (80, 16)}),
        (("cell",), {"cell": (0, 128)}),
        ((), {}),
    ],
)
def test_groups_have_places_that_do_not_overlap(coins: tuple[str, ...], places: dict[str, tuple[int, int]]) -> None:
    assert regions(coins) == {group: Region(*place) for group, place in places.items()}


@pytest.mark.parametrize(
    ("layers", "slots"),
    [
        (1, {0: 0}),
        (2, {0: 0, 15: 1}),
        (3, {0: 0, 1: 1, 15: 2}),
        (5, {0: 0, 1: 1, 2: 2, 15: 4, 14: 3}),
        (16, {k: k for k in range(16)}),
        (17, {**{k: k for k in range(8)}, **{k: k + 1 for k in range(8, 16)}}),
        (32, dict(zip(range(16), [0, 1, 2, 3, 4, 7, 11, 14, 17, 20, 24, 27, 28, 29, 30, 31], strict=True))),
        (0, {}),
    ],
)
def test_layers_are_counted_from_both_ends_and_evenly_between(layers: int, slots: dict[int, int]) -> None:
    assert slot_layers(layers) == slots


def test_small_models_are_read_whole_and_large_ones_to_the_budget() -> None:
    """By hand: 1,500,000 values of a width of 8,192 are 183 rows, 11 for each of sixteen layers: fewer than forty, so
    four layers have 45 rows each, 45/160 of what a layer has at most."""
    assert plan(4, 64) == Plan({0: 0, 1: 1, 14: 2, 15: 3}, 64, 32, 32)
    assert plan(80, 8_192) == Plan({0: 0, 4: 4, 8: 45, 15: 79}, 18, 9, 9)
    assert plan(32, 2_048) == Plan(slot_layers(32), 18, 9, 9)
    wide = plan(61, 100_000)  # three layers at least, with eight rows at least
    assert list(wide.slots) == [0, 8, 15] and (wide.glu, wide.values, wide.planes) == (3, 2, 2)
    assert plan(0, 64).slots == {}


def test_a_light_look_has_three_depths_and_a_budget_of_its_own() -> None:
    """96 of 160 rows where two million values suffice; of a width of 16,384 they are 122 rows, forty a layer."""
    assert plan(80, 4_096, light=True) == Plan({0: 0, 8: 45, 15: 79}, 38, 19, 19, True)
    assert plan(80, 16_384, light=True) == Plan({0: 0, 8: 45, 15: 79}, 16, 8, 8, True)


def test_a_light_code_is_known_by_its_slots() -> None:
    assert is_light([0, 8, 15]) and is_light(list(plan(80, 4_096, light=True).slots))
    assert not is_light([0, 1, 15])  # a model of three layers
    assert not is_light([0, 15]) and not is_light(range(16))
