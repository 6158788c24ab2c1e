"""Relations that show in sizes, layers, tokens and components: what is called what, and which way it points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.relations.base import Found, Observed, Sizes
from forebear.lineage.relations.structure import (
    LIKELY,
    SURE,
    depth_pruned,
    depth_upscaled,
    moved,
    multimodal_extension,
    upcycled,
    vocabulary_changed,
)
from forebear.signals.change import Change, Changes
from forebear.signals.sign_code import Cell
from forebear.signals.tokens import Tokens

LLAMA = Sizes(4, 64, 128, 4, 4, 16, 0, 1_000_000)


def change(
    role: str, drift: float = 0.0, cosine: float = 1.0, other: str = "", bits: tuple[int, int] = (8, 8)
) -> Change:
    """A matrix of a hundred values, of length one on both sides."""
    sums = (1.0, 1.0, cosine, drift**2, drift**2)
    return Change(role, other or role, (10, 10), 100, *sums, 100, 0, 0, 0, ("", ""), bits)


EQUAL, TRAINED = (Changes((change("layers.0.mlp.up", drift),)) for drift in (0.0, 0.1))


def pair(a: Sizes, b: Sizes, changes: Changes | None = None, **more: object) -> Observed:
    return replace(Observed((a, b), Counts(()), changes), **more)  # type: ignore[arg-type]


def odds(found: Found | None) -> list[tuple[float, bool]]:
    assert found is not None
    return [(reason.log_odds, reason.no_siblings) for reason in found.reasons]


@pytest.mark.parametrize(
    ("drift", "bits", "expected"),
    [(0.0, (8, 8), False), (1e-6, (8, 8), True), (1e-6, (8, 24), False), (0.1, (8, 24), True)],
)
def test_rounding_to_another_format_is_no_move(drift: float, bits: tuple[int, int], expected: bool) -> None:
    assert moved(change("layers.0.mlp.up", drift, bits=bits)) is expected


def test_a_tower_more_is_an_extension_and_points_to_who_has_it() -> None:
    tower = replace(LLAMA, other={"vision": 20_000})
    for changes, expected in ((EQUAL, (SURE, True)), (TRAINED, (LIKELY, False)), (None, (LIKELY, False))):
        later, earlier = (multimodal_extension(o) for o in (pair(LLAMA, tower, changes), pair(tower, LLAMA, changes)))
        assert odds(later) == [expected] and odds(earlier) == [(-expected[0], expected[1])]
    found = multimodal_extension(pair(LLAMA, tower))
    assert found is not None and found.details["components"]["in"] == "b" and "1 component: vision" in found.test
    assert "The model has" in found.test and found.words == "extended by vision"


def test_layers_of_which_nothing_was_read_do_not_count_as_equal() -> None:
    tower = replace(LLAMA, other={"vision": 20_000})
    for role in ("embed", "lm_head"):
        assert odds(multimodal_extension(pair(LLAMA, tower, Changes((change(role),))))) == [(LIKELY, False)]
    unread = Changes((replace(change("layers.0.mlp.up"), values=0),))
    assert odds(multimodal_extension(pair(LLAMA, tower, unread))) == [(LIKELY, False)]
    beside = Changes((*EQUAL.each, change("embed", 0.5)))  # the embedding is no layer
    assert odds(multimodal_extension(pair(LLAMA, tower, beside))) == [(SURE, True)]


@pytest.mark.parametrize(
    ("ours", "theirs", "where"),
    [
        ({}, {"vision": 10_000}, "b"),
        ({}, {"vision": 9_999}, None),  # below one in a hundred values of the model
        ({"vision": 9}, {"vision": 90_000}, None),  # both have one
        ({"audio": 30_000}, {"vision": 20_000}, "a"),
        ({"audio": 20_000}, {"vision": 20_000}, "b"),
        ({}, {}, None),
    ],
)
def test_the_larger_tower_counts_where_both_have_one_of_their_own(
    ours: Mapping[str, int], theirs: Mapping[str, int], where: str | None
) -> None:
    found = multimodal_extension(pair(replace(LLAMA, other=ours), replace(LLAMA, other=theirs)))
    assert (found.details["components"]["in"] if found else None) == where


def coins(agree: int) -> Counts:
    return Counts((Cell("upcycled", 0, 0, 64, agree, 0.5),))


def test_experts_in_the_place_of_a_dense_mlp_are_upcycled_by_coins_or_by_values() -> None:
    routed = replace(LLAMA, experts=8)
    by_values = Changes((change("layers.0.mlp.up", 0.1, 0.9, "layers.0.experts.0.up"),))
    by_chance = Changes((change("layers.0.mlp.up", 1.4, 0.1, "layers.0.experts.0.up"),))
    found = upcycled(pair(LLAMA, routed, by_values))
    assert odds(found) == [(SURE, False)] and found is not None
    assert found.details == {"experts": 8, "expert_cosine": 0.9} and found.words == "upcycled to 8 experts"
    assert odds(upcycled(pair(routed, LLAMA, by_values))) == [(-SURE, False)]
    assert upcycled(pair(LLAMA, routed, by_chance)) is None
    told = upcycled(pair(LLAMA, routed, by_chance, counts=coins(64)))
    assert told is not None and "64 of 64 coins of its neurons agree" in told.test
    assert upcycled(pair(LLAMA, routed, counts=coins(34))) is None
    assert upcycled(pair(LLAMA, LLAMA, by_values)) is None and upcycled(pair(routed, routed, by_values)) is None


def depth(ours: int, theirs: int, partners: Mapping[int, int | None]) -> Observed:
    return pair(replace(LLAMA, layers=ours), replace(LLAMA, layers=theirs), EQUAL, partners=partners)


def test_layers_that_repeat_are_upscaling_and_layers_that_lack_are_pruning() -> None:
    repeated = depth(3, 4, {0: 0, 1: 1, 2: 1, 3: 2})
    found = depth_upscaled(repeated)
    assert odds(found) == [(SURE, True)] and found is not None
    assert found.details == {"copies": {"1": [1, 2]}} and "1 of 4 layers are a second copy" in found.test
    assert found.words == "3 layers stretched to 4" and depth_pruned(repeated) is None
    assert odds(depth_upscaled(depth(4, 3, {0: 0, 1: 1, 2: 1, 3: 2}))) == [(-SURE, True)]
    lacking = depth(4, 3, {0: 0, 1: None, 2: 1, 3: 2})
    cut = depth_pruned(lacking)
    assert odds(cut) == [(SURE, True)] and cut is not None
    assert cut.details == {"dropped": [1], "layers_kept": 3} and cut.words == "4 layers cut to 3"
    assert odds(depth_pruned(depth(3, 4, {0: 0, 1: None, 2: 1, 3: 2}))) == [(-SURE, True)]
    assert depth_upscaled(lacking) is None


def test_depth_says_nothing_of_equal_depths_and_of_models_that_are_like_in_few_layers() -> None:
    assert depth_upscaled(depth(4, 4, {0: 0, 1: 0, 2: 2, 3: 3})) is None
    assert depth_pruned(depth(4, 4, {0: 0, 1: None, 2: 2, 3: 3})) is None
    assert depth_pruned(depth(6, 4, {})) is None
    half = {0: 0, 1: 1, 2: None, 3: None, 4: None, 5: None}
    assert depth_pruned(depth(6, 4, half)) is not None
    assert depth_pruned(depth(6, 4, {**half, 1: None})) is None


def test_layers_that_write_nothing_point_nowhere() -> None:
    found = depth_pruned(replace(depth(4, 3, {0: 0, 1: None, 2: 1, 3: 2}), idle=frozenset({1})))
    assert odds(found) == [] and found is not None and "write nothing" in found.test and "cut" not in found.words


def test_layers_that_lack_beside_layers_that_repeat_point_nowhere() -> None:
    both = depth_pruned(depth(3, 5, {0: 0, 1: 1, 2: 1, 3: None, 4: 2}))
    assert odds(both) == []


def tokens(
    only: tuple[int, int] = (0, 0),
    moved_: int = 0,
    appended: str = "",
    between: str = "",
    by: str = "token",
    common: int = 100,
) -> Tokens:
    ids = np.stack([np.arange(common)] * 2, axis=1)
    return Tokens(by, ids, *only, (common + only[0], common + only[1]), moved_, appended, between)


def vocabulary(found: Tokens, cosine: float = 0.9, body: Changes = EQUAL) -> Found | None:
    changes = replace(body, each=(*body.each, change("embed", 0.1, cosine)), tokens=found)
    return vocabulary_changed(pair(LLAMA, LLAMA, changes))


@pytest.mark.parametrize(
    ("found", "cosine", "how"),
    [
        (tokens(), 0.9, None),
        (tokens(), 0.05, "replaced"),
        (tokens(), -0.9, None),  # the sign of a coordinate system says nothing of the rows
        (tokens((0, 5)), 0.9, "extended"),
        (tokens((5, 0)), 0.9, "trimmed"),
        (tokens((5, 5)), 0.9, "replaced in part"),
        (tokens((0, 100)), 0.9, "extended"),
        (tokens((0, 101)), 0.9, "replaced"),
        (tokens(moved_=3), 0.9, "renumbered"),
        (tokens(by="row"), 0.9, None),
        (tokens(by="row"), 0.05, "replaced"),
        (tokens((0, 5), by="row"), 0.9, "extended"),
        (tokens((5, 0), by="row"), 0.9, "trimmed"),
        (tokens((5, 5), common=0), 0.9, None),
    ],
)
def test_a_vocabulary_is_called_what_became_of_it(found: Tokens, cosine: float, how: str | None) -> None:
    told = vocabulary(found, cosine)
    assert (told.details["vocabulary"] if told else None) == how


@pytest.mark.parametrize(("body", "size", "sure"), [(EQUAL, SURE - 1, True), (TRAINED, LIKELY, False)])
def test_appended_and_missing_tokens_point_to_the_later_model(body: Changes, size: float, sure: bool) -> None:
    assert odds(vocabulary(tokens((0, 5), appended="b"), body=body)) == [(size, sure)]
    assert odds(vocabulary(tokens((5, 0), appended="a"), body=body)) == [(-size, sure)]
    assert odds(vocabulary(tokens((5, 0), between="a"), body=body)) == [(size, sure)]
    assert odds(vocabulary(tokens((0, 5), between="b"), body=body)) == [(-size, sure)]
    assert odds(vocabulary(tokens((0, 5)), body=body)) == []
    for drawn_anew in (tokens((0, 5), appended="b"), tokens((5, 0), between="a")):
        assert odds(vocabulary(drawn_anew, 0.05, body)) == []


def test_numbers_of_tokens_are_told() -> None:
    found = vocabulary(tokens((0, 5), appended="b"))
    assert found is not None and found.words == "vocabulary extended by 5"
    assert "100 tokens are in both vocabularies, 0 in the reference's alone, 5 in the model's alone" in found.test
    assert "a cosine of 0.90" in found.test and found.details["embedding_cosine"] == pytest.approx(0.9)
    rows = vocabulary(tokens((7, 0), by="row"))
    assert rows is not None and rows.words == "vocabulary trimmed by 7" and "107 and 100 rows" in rows.test
    assert vocabulary_changed(pair(LLAMA, LLAMA, EQUAL)) is None and vocabulary_changed(pair(LLAMA, LLAMA)) is None


def test_a_move_between_formats_is_one_beyond_their_rounding() -> None:
    assert not moved(change("layers.0.mlp.up", 0.0019, bits=(8, 24)))
    assert moved(change("layers.0.mlp.up", 0.0021, bits=(24, 8)))
    assert moved(change("layers.0.mlp.up", 0.0019, bits=(24, 24)))


def test_log_odds_are_those_of_the_documentation() -> None:
    """Four where the parts in common are equal, and one and a half where they were trained on, as in a sibling."""
    tower = replace(LLAMA, other={"vision": 20_000})
    for changes, name, size in ((EQUAL, "tower, parts in common equal", 4.0), (TRAINED, "tower, trained", 1.5)):
        found = multimodal_extension(pair(LLAMA, tower, changes))
        assert found is not None and [(r.name, r.log_odds) for r in found.reasons] == [(name, size)]
        assert found.reasons[0].text == "the model has a tower more"
    earlier = multimodal_extension(pair(tower, LLAMA, EQUAL))
    assert earlier is not None and earlier.reasons[0].text == "the reference has a tower more"
    for body, size in ((EQUAL, 3.0), (TRAINED, 1.5)):
        assert odds(vocabulary(tokens((0, 5), appended="b"), body=body))[0][0] == size
        assert odds(vocabulary(tokens((0, 5), between="b"), body=body))[0][0] == -size


def test_experts_that_moved_from_their_mlp_leave_the_parts_in_common_equal() -> None:
    routed = replace(LLAMA, experts=8)
    expert = change("layers.0.mlp.up", 0.1, 0.9, "layers.0.experts.0.up")
    assert odds(upcycled(pair(LLAMA, routed, Changes((*EQUAL.each, expert))))) == [(4.0, True)]
    assert odds(upcycled(pair(LLAMA, routed, Changes((*TRAINED.each, expert))))) == [(4.0, False)]
    unread = replace(change("layers.1.mlp.up", 0.5), values=0)
    assert odds(upcycled(pair(LLAMA, routed, Changes((*EQUAL.each, unread, expert))))) == [(4.0, True)]


def experts(*cosines: float, agree: int | None = None) -> Found | None:
    each = [change("layers.0.mlp.up", 0.1, c, f"layers.0.experts.{k}.up") for k, c in enumerate(cosines)]
    counts = coins(agree) if agree is not None else Counts(())
    return upcycled(pair(LLAMA, replace(LLAMA, experts=8), Changes(tuple(each)), counts=counts))


def test_the_mean_cosine_of_experts_decides_where_coins_do_not() -> None:
    found = experts(0.9, 0.5)
    assert found is not None and found.details["expert_cosine"] == pytest.approx(0.7)
    assert found.test == (
        "8 experts in the place of a dense MLP: 2 matrices of experts have a mean cosine of 0.70 to those of the dense "
        "MLP."
    )
    assert found.reasons[0].text == "the model has several experts like one dense MLP of the other"
    assert found.reasons[0].name == "experts, trained"
    assert experts(0.5, 0.5) is not None and experts(0.5, 0.49) is None
    assert experts() is None, "that both are otherwise alike says nothing of experts"
    both = experts(0.9, 0.5, agree=64)
    assert both is not None and both.test.endswith(
        "have a mean cosine of 0.70 to those of the dense MLP and 64 of 64 coins of its neurons agree."
    )
    alone = experts(agree=64)
    assert alone is not None and alone.test == (
        "8 experts in the place of a dense MLP: 64 of 64 coins of its neurons agree."
    )
    assert upcycled(pair(LLAMA, replace(LLAMA, experts=8), counts=coins(64))) is not None
    beside = Changes(
        (change("layers.0.attn.q", 0.1, 0.1), change("layers.0.mlp.up", 0.1, 0.6, "layers.0.experts.0.up"))
    )
    told = upcycled(pair(replace(LLAMA, experts=4), LLAMA, beside))
    assert told is not None and told.details == {"experts": 4, "expert_cosine": 0.6}, "attention is no expert"
    assert told.reasons[0].text.startswith("the reference has several experts")


def test_towers_are_listed_up_to_a_number() -> None:
    assert multimodal_extension(pair(LLAMA, Sizes(other={"vision": 1}))) is None, "of a size that is not known"
    many = dict.fromkeys("abcde", 20_000)
    found = multimodal_extension(pair(replace(LLAMA, other=many), replace(LLAMA, other={})))
    assert found is not None and found.words == "extended by a, b, c"
    assert found.test == (
        "The reference has, beside the language core that both have, 5 components: a (20,000 values), "
        "b (20,000 values), c (20,000 values), d (20,000 values)."
    )
    assert found.details == {"components": {"shared": ["language core"], "alone": many, "in": "a"}}
    small = multimodal_extension(
        pair(replace(LLAMA, other={"a": 6_000}), replace(LLAMA, other={"b": 5_000, "c": 5_000}))
    )
    assert small is not None and small.details["components"]["alone"] == {"b": 5_000, "c": 5_000}, "together"


def test_copies_of_layers_are_counted_and_listed_up_to_a_number() -> None:
    found = depth_upscaled(depth(6, 12, {k: k // 2 for k in range(12)}))
    assert found is not None and found.details["copies"] == {str(k): [2 * k, 2 * k + 1] for k in range(6)}
    assert found.test == (
        "6 of 12 layers are a second copy of one of the 6 layers of the other: 0 and 1 like 0; 2 and 3 like 1; "
        "4 and 5 like 2; 6 and 7 like 3."
    )
    assert found.words == "6 layers stretched to 12"
    assert (found.reasons[0].name, found.reasons[0].text, found.reasons[0].log_odds) == (
        "repeated layers, parts in common equal",
        "the deeper model repeats layers of the other",
        4.0,
    )
    thrice = depth_upscaled(depth(3, 2, {0: 0, 1: 0, 2: 0}))
    assert thrice is not None and thrice.test.startswith("2 of 3 layers are a second copy of one of the 2 layers")
    trained = replace(depth(1, 2, {0: 0, 1: 0}), changes=TRAINED)
    assert odds(depth_upscaled(trained)) == [(4.0, False)]
    assert depth_upscaled(depth(2, 1, {0: None, 1: None})) is None, "layers that are like none are no copies"


def test_layers_that_lack_are_listed_up_to_a_number() -> None:
    partners = {k: k if k < 2 else None for k in range(11)}
    found = depth_pruned(depth(11, 2, partners))
    assert found is not None and found.details == {"dropped": list(range(2, 11)), "layers_kept": 2}
    assert found.test == (
        "2 of 2 layers are each like one of the 11 layers of the other, of which 9 (2, 3, 4, 5, 6, 7, 8, 9) are like "
        "none."
    )
    assert found.words == "11 layers cut to 2"
    assert (found.reasons[0].name, found.reasons[0].text) == (
        "missing layers, parts in common equal",
        "the shallower model lacks layers of the other",
    )
    assert odds(depth_pruned(replace(depth(11, 2, partners), changes=TRAINED))) == [(1.5, False)]
    assert depth_pruned(depth(5, 3, {0: 0, 1: 0, 2: None, 3: None, 4: None})) is None, "one of three, under two names"


@pytest.mark.parametrize(
    ("found", "cosine", "how"),
    [
        (tokens((0, 5)), 0.1, "extended"),
        (tokens((0, 5)), 0.099, "replaced"),
        (tokens((0, 5)), -0.099, "replaced"),
        (tokens((0, 5)), 0.15, "extended"),
        (tokens((101, 1)), 0.9, "replaced"),  # the larger of the two numbers counts
        (tokens((1, 101)), 0.9, "replaced"),
        (tokens((99, 99)), 0.9, "replaced in part"),
        (tokens((0, 5), moved_=3), 0.9, "extended"),
        (tokens((5, 0), moved_=3), 0.9, "trimmed"),
        (tokens((5, 3), moved_=3), 0.9, "replaced in part"),
        (tokens((3, 3), by="row"), 0.9, None),  # as many rows
        (tokens((5, 0), by="row"), 0.05, "replaced"),
        (tokens((0, 1), common=1), 0.9, "extended"),
    ],
)
def test_a_vocabulary_on_both_sides_of_every_bound(found: Tokens, cosine: float, how: str | None) -> None:
    told = vocabulary(found, cosine)
    assert (told.details["vocabulary"] if told else None) == how


def test_rows_that_were_not_read_have_no_cosine() -> None:
    unread = replace(change("embed", 0.1, 0.0), values=0)
    for each in ((*EQUAL.each,), (*EQUAL.each, unread), (change("lm_head", 0.1, 0.0),)):
        told = vocabulary_changed(pair(LLAMA, LLAMA, Changes(each, tokens=tokens((0, 5)))))
        assert told is not None and told.details["embedding_cosine"] is None and "cosine" not in told.test
        assert told.details["vocabulary"] == "extended"
    assert vocabulary_changed(pair(LLAMA, LLAMA, Changes(EQUAL.each, tokens=tokens()))) is None


def test_a_vocabulary_in_words() -> None:
    found = vocabulary(tokens((2, 3), moved_=4))
    assert found is not None and found.words == "vocabulary replaced in part" and found.reasons == ()
    assert found.details["tokens"] == {"common": 100, "only_a": 2, "only_b": 3, "moved": 4}
    assert found.test == (
        "100 tokens are in both vocabularies, 2 in the reference's alone, 3 in the model's alone; embedding rows of "
        "the same tokens have a cosine of 0.90 over all of them."
    )
    trimmed = vocabulary(tokens((4, 0)))
    assert trimmed is not None and trimmed.words == "vocabulary trimmed by 4"
    for rows, words in (((100, 1_107), "extended by 1,007"), ((1_107, 100), "trimmed by 1,007")):
        told = vocabulary(replace(tokens(by="row"), rows=rows))
        assert told is not None and told.words == f"vocabulary {words}"
        assert told.test.startswith(f"The embeddings have {rows[0]:,} and {rows[1]:,} rows; embedding rows")
    facts = (
        (tokens((0, 5), appended="b"), "appended tokens", "the model's own tokens stand behind all others"),
        (tokens((5, 0), appended="a"), "appended tokens", "the reference's own tokens stand behind all others"),
        (
            tokens((5, 0), between="a"),
            "missing tokens",
            "the model lacks tokens that stand between the others, which closed up",
        ),
        (
            tokens((0, 5), between="b"),
            "missing tokens",
            "the reference lacks tokens that stand between the others, which closed up",
        ),
        (
            tokens((5, 0), appended="a", between="b"),
            "appended tokens",
            "the reference's own tokens stand behind all others",
        ),
    )
    for of, name, text in facts:
        told = vocabulary(of)
        assert told is not None and [(r.name, r.text) for r in told.reasons] == [
            (f"{name}, parts in common equal", text)
        ]
