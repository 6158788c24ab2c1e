"""What is told of a mixture: the sentence, the details, and that nothing is supported by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.lineage.mixture import COLLINEAR, Mixture, Parent
from forebear.types import Test

ONE = Parent("org/one", 0.61239, 0.60004, 0.62996, {"mlp": 0.71236})
TWO = Parent("org/two", 0.38761)
MERGE = Mixture((ONE, TWO), "linear", "", 0.01234, 0.002, 1.5, ("org/one", "org/two", "org/three"), 42)


def test_the_sentence_of_a_merge_has_its_parents_and_what_is_left() -> None:
    assert MERGE.why == (
        "Merged by linear from org/one 0.61, org/two 0.39; 1.2% of the distance to the nearest of them is left."
    )
    told = replace(MERGE, base="org/base", note="Read in part.", explained=0.987)
    assert told.why == (
        "Merged by linear from org/one 0.61, org/two 0.39, on org/base; "
        "99% of the values that moved are explained one by one. Read in part."
    )
    assert "0% of the values" in replace(MERGE, explained=0.0).why
    copied = replace(MERGE, parents=(replace(ONE, layers=(0, 1, 5)), TWO))
    assert "org/one (3 layers), org/two 0.39;" in copied.why


@pytest.mark.parametrize(("parents", "merged"), [((), False), ((ONE,), False), ((ONE, TWO), True)])
def test_two_parents_make_a_merge(parents: tuple[Parent, ...], merged: bool) -> None:
    assert replace(MERGE, parents=parents).merged is merged


def test_updates_are_too_much_alike_above_thirty() -> None:
    assert COLLINEAR == 30
    assert [replace(MERGE, condition=c).collinear for c in (29.9, 30.0, 30.1)] == [False, False, True]


def test_details_are_rounded_and_leave_out_what_is_not_known() -> None:
    first, second = MERGE.details()["parents"]
    assert first == {"name": "org/one", "coefficient": 0.6124, "interval": [0.6, 0.63], "groups": {"mlp": 0.7124}}
    assert second == {"name": "org/two", "coefficient": 0.3876, "interval": None, "groups": {}}
    for half in (replace(ONE, low=None), replace(ONE, high=None)):
        assert replace(MERGE, parents=(half, TWO)).details()["parents"][0]["interval"] is None
    kept = Parent("c", 1.0, layers=(2, 3), density=0.43217)
    assert replace(MERGE, parents=(kept, TWO)).details()["parents"][0] == {
        **{"name": "c", "coefficient": 1.0, "interval": None, "groups": {}},
        **{"layers": [2, 3], "density": 0.4322},
    }
    assert replace(MERGE, parents=(replace(kept, density=0.0), TWO)).details()["parents"][0]["density"] == 0
    rest = {k: v for k, v in MERGE.details().items() if k != "parents"}
    assert rest == {
        **{"method": "linear", "base": None, "residual": 0.01234, "rounding": 0.002, "condition": 1.5},
        **{"collinear": False, "explained": None, "references": ["org/one", "org/two", "org/three"]},
        **{"whole": True, "note": None},
    }
    said = replace(MERGE, method="", base="b", note="n", whole=False, explained=0.5).details()
    assert [said[k] for k in ("method", "base", "note", "whole", "explained")] == [None, "b", "n", False, 0.5]


def test_as_evidence_it_supports_nothing_and_has_no_p_value() -> None:
    found = MERGE.evidence()
    assert (found.signal, found.kind, found.supports) == ("mixture/1", "weights", "nothing")
    assert (found.test, found.null, found.log10_p, found.log10_lr) == (Test.HEURISTIC, None, None, None)
    assert (found.score, found.n, found.summary) == (0.01234, 42, MERGE.why)
    assert found.details == MERGE.details()


def test_what_is_no_merge_says_how_many_were_held_against_it() -> None:
    alone = replace(MERGE, parents=(ONE,))
    words = "3 references were held against the model together; no two of them are needed to explain it."
    assert alone.evidence().summary == words
    assert replace(alone, note="One is.").evidence().summary == f"{words} One is."


def test_by_default_everything_was_read_and_only_rounding_is_left() -> None:
    assert (MERGE.whole, MERGE.exact, MERGE.explained, MERGE.left_out) == (True, True, None, ())
