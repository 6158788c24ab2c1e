"""Traffic as text and Markdown: the sentence first, every identifier, and nothing that moves a cursor or is markup."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from captures import KIMI, Talk, chat, har, saved
from forebear.inspect import read_traffic
from forebear.report import traffic as report
from forebear.traffic.result import Traffic


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    talks = [chat("gpt-4o", "gpt-4o-2024-08-06"), chat("acme-1", KIMI)]
    talks += [chat(f"house-model-{k}", f"house-model-{k}") for k in range(20)]
    talks += [
        Talk(asked={"model": "sk-secret-1"}, said={"model": "x", "system_fingerprint": "fp_44709d6fcb", "t": "<think>"})
    ]
    return read_traffic([saved(tmp_path_factory.mktemp("traffic"), har(talks))])


def shown(result: Traffic, quiet: bool = False, verbose: bool = False) -> str:
    buffer = io.StringIO()
    report.show(Console(file=buffer, width=100, no_color=True), result, quiet, verbose)
    return buffer.getvalue()


def test_the_sentence_comes_first_and_lines_fit(result: Traffic) -> None:
    text = shown(result)
    assert text.startswith("  ● A response names")
    assert all(len(line) <= 100 for line in text.splitlines())
    for words in (
        KIMI,
        "Named by answers",
        "Asked for",
        "Control tokens",
        "fp_44709d6fcb",
        "withheld",
        "1 credential",
        "Findings",
    ):
        assert words in text
    assert "more (--verbose)" in text and "sk-secret" not in text


def test_quiet_is_the_sentence_and_verbose_is_all(result: Traffic) -> None:
    assert shown(result, quiet=True).split() == ["●", *result.summary.split()] and KIMI in result.summary
    everything = shown(result, verbose=True)
    assert all(i.identifier in everything for i in result.identifiers) and "--verbose" not in everything
    assert "[served]" in everything and '"model": …' in everything


def test_markdown_has_a_row_for_every_identifier(result: Traffic) -> None:
    text = report.markdown(result)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(result.identifiers) and all(row.count(" | ") == 3 for row in rows)
    assert text.startswith("# Model identifiers in traffic\n\n**A response names")


def test_strangers_words_are_no_markup(result: Traffic) -> None:
    evil = replace(result.identifiers[0], identifier="a`|b\x1b[31m", explanation="<b>*x*</b> | [y](z)")
    made = replace(result, identifiers=(evil,), summary="<i>\x1b[2J", problems=("p\x1b[1m`|",))
    for text in (shown(made, verbose=True), report.markdown(made)):
        assert "\x1b" not in text
    row = next(line for line in report.markdown(made).splitlines() if line.startswith("| `"))
    assert row.count("`") == 2 and "<b>" not in row.replace("\\<b\\>", "")


def test_an_empty_answer_is_one(tmp_path: Path) -> None:
    nothing = read_traffic([saved(tmp_path, har([Talk()]))])
    assert "No model is named in 1 capture." in shown(nothing) and "No model is named" in report.markdown(nothing)
    marks = read_traffic([saved(tmp_path, har([Talk(said={"t": "<think> <think> [INST]"})]))])
    assert "2 markers of templates" in shown(marks)
