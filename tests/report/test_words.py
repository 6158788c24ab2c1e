"""Numbers as people read them, and text that is safe to show."""

from __future__ import annotations

import pytest

from forebear.report import words
from forebear.types import LOADED, Claim, Cost, Relation


@pytest.mark.parametrize(
    ("log10_p", "text"),
    [
        (None, "–"),
        (-30.0, "p ≤ 1e-30"),
        (-299.0, "p ≤ 1e-30"),
        (-11.5, "p = 3e-12"),
        (-0.39794, "p = 0.4"),
        (0.0, "p = 1"),
    ],
)
def test_p_values(log10_p: float | None, text: str) -> None:
    assert words.p_value(log10_p) == text


@pytest.mark.parametrize(("log10_e", "text"), [(None, "–"), (-27.4, "E ≤ 1e-27"), (1.0, "E = 10"), (-1.0, "E = 0.1")])
def test_e_values(log10_e: float | None, text: str) -> None:
    assert words.e_value(log10_e) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (4_200_000, "4.2 MB"), (1.5e13, "15.0 TB")])
def test_sizes(count: float, text: str) -> None:
    assert words.size(count) == text


def test_parameters() -> None:
    assert [words.parameters(n) for n in (12, 1_600, 1_632_000, 8_030_000_000)] == ["12", "1.6 k", "1.6 M", "8.0 B"]


def test_control_characters_of_strangers_are_dropped() -> None:
    assert words.clean("a\x1b[31mb\x07\u202ec\nd") == "a[31mbc\nd"
    assert words.text("[bold]x[/bold]").plain == "[bold]x[/bold]"


def test_the_cost_line_says_what_was_read() -> None:
    assert words.cost(Cost(4_000_000, 120, 0.5, 80_000_000)) == "4.0 MB in 120 reads · 0.50 s · 80.0 MB memory"


def test_a_heat_map_has_a_row_for_each_layer_and_gaps_where_nothing_was_measured() -> None:
    head, *rows = words.heat_map([[0, 0, 1.0], [1, 0, 0.0], [2, 1, 0.5], [0, 1, 0.26]])
    assert "(0 to 2)" in head
    assert rows == ["layer 0   █· ", "layer 1   ▂ ▄"]


def test_confidence_says_what_it_rests_on_and_is_silent_without() -> None:
    record = {"right": 57, "comparisons": 60, "bases": 9}
    told = Relation("pruned", "a_to_b", 0.93, {"confidence": record})
    assert words.confidence(told) == (
        "confidence 0.93: right in 57 of 60 comparisons with models of known ancestry, 9 bases"
    )
    assert words.confidence(Relation("pruned")) == words.confidence(Relation("unknown", "unknown", 0.5)) == ""


def test_a_key_of_a_config_is_told_apart_from_what_papers_claim() -> None:
    said = [Claim("base model: org/x", source, "unverified", "y") for source in ("card or config", LOADED)]
    assert [words.claim(c) for c in said] == ["base model: org/x", "base model: org/x (config.json: _name_or_path)"]
