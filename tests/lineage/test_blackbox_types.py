"""Values of black-box conclusions: exit codes, and what counts as a vocabulary that nobody knows."""

from __future__ import annotations

import pytest

from forebear.lineage.blackbox_types import Counted, Outcome, Shown, Vocabulary


def test_exit_codes_of_an_expectation() -> None:
    assert {o.value: o.expect_exit for o in Outcome} == {
        **{"consistent": 0, "contradicted": 1},
        **{"unknown": 3, "inconclusive": 3},
    }


@pytest.mark.parametrize(
    ("counted", "unknown"),
    [
        (Counted(settled=True), True),
        (Counted(settled=False), False),
        (Counted(("a",), settled=True), False),
        (Counted(settled=True, swapped=(("a",), ())), False),
        (Counted(settled=True, swapped=((), ())), False),  # that it changed is what matters, not to what
        (Counted(), False),
    ],
)
def test_a_vocabulary_is_unknown_where_settled_counts_reject_all(counted: Counted, unknown: bool) -> None:
    assert counted.unknown is unknown


def test_nothing_is_assumed() -> None:
    assert Vocabulary("v") == Vocabulary("v", (), frozenset(), "", gateway=False, estimate=False)
    assert Counted() == Counted((), False, (), None, None, None, (), (), "")
    assert Shown() == Shown(None, (), (), None)
