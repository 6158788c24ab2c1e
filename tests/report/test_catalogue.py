"""How the catalogue's facts are shown."""

from __future__ import annotations

import io

from rich.console import Console

from facts import ALL, catalogue
from forebear.catalogue import query
from forebear.catalogue.audit import audit
from forebear.report import catalogue as report


def shown(text: str, plural: str, key: str) -> tuple[str, str]:
    """An entry on the terminal and as Markdown."""
    document = {"entries": [query.shown(catalogue(text), plural, key)]}
    out = io.StringIO()
    report.show_entries(Console(file=out, width=200, no_color=True), document)
    return out.getvalue(), report.markdown_entries(document)


def test_a_seat_is_a_line_with_its_own_basis() -> None:
    text, markdown = shown(ALL, "developers", "acme")
    assert "incorporated in  SG\n    rests on  high, as of 2026-11-29, [page]" in text
    assert "- **engineering in** CN" in markdown and "unverified" in markdown
    assert "[page]  https://example.org/about (primary, read 2026-11-29)" in text


def test_conditions_are_said_in_words() -> None:
    text, _ = shown(ALL.replace("above = 5,", "above = 5, inclusive = true, group = true,"), "licences", "acme-1.0")
    assert "monthly active users above 100 per month" in text
    assert "revenue at or above 5 USD per year, with affiliates" in text


def test_sizes_have_their_unit() -> None:
    text = report._plain("parameters", 1000.0), report._plain("active", 3.3), report._plain("api_only", False)
    assert text == ("1000 billion", "3.3 billion", "no")


def test_what_is_not_known_is_left_out() -> None:
    text, _ = shown(ALL, "models", "Kimi-K9-8B")
    assert "parameters" not in text and "tokenizer" not in text and "from scratch" not in text


def test_no_control_characters_reach_the_terminal() -> None:
    evil = ALL.replace('name = "Acme"', 'name = "Ac\\u001b[31mme"').replace("remembered", "re\\u0007membered")
    text, _ = shown(evil, "developers", "acme")
    assert "\x1b" not in text and "\x07" not in text and "Ac" in text


def test_markdown_is_escaped() -> None:
    _, markdown = shown(ALL.replace('name = "Acme"', 'name = "<b>Acme</b> | x"'), "developers", "acme")
    assert "<b>" not in markdown


def test_problems_are_shown_instead_of_the_good_word() -> None:
    document = {**audit([]), "problems": ["mine.toml: wrong"]}
    out = io.StringIO()
    report.show_check(Console(file=out, width=200, no_color=True), document)
    assert "✗ mine.toml: wrong" in out.getvalue() and "✓" not in out.getvalue()
    assert "mine.toml: wrong" in report.markdown_check(document)
