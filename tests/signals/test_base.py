"""The list of signals: found by name, each says what it needs, and a p-value says under which null."""

from __future__ import annotations

import re

import pytest

from forebear.signals import SIGNALS, Signal, signal


def test_a_signal_is_found_with_and_without_its_version() -> None:
    for known in SIGNALS:
        assert signal(known.name) is known and signal(known.name.split("/")[0]) is known
    assert signal("sign-code/99") is None and signal("sign") is None and signal("") is None


@pytest.mark.parametrize("known", SIGNALS, ids=lambda known: known.name)
def test_a_signal_says_all_that_it_has_to(known: Signal) -> None:
    assert re.fullmatch(r"[a-z][a-z-]*/[1-9]\d*", known.name)
    assert known.kind in {"declared", "architecture", "tokenizer", "weights", "activations", "behaviour"}
    assert known.test in {"exact", "calibrated", "heuristic", "none"}
    assert all((known.summary, known.needs, known.survives, known.cannot_see, known.reference))


def test_no_two_signals_have_one_name() -> None:
    names = [s.name.split("/")[0] for s in SIGNALS]
    assert len(set(names)) == len(names)
