"""Rows, summary and Markdown of a set: one line per model at any width, whatever its name is."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import cast

import pytest
from rich.cells import cell_len
from rich.console import Console

from forebear.catalogue import raise_finding
from forebear.inspect.scan_set import Row, ScanSet
from forebear.report import scan_set
from forebear.types import Level, Verdict

CHILD = Row(
    "team/child",
    "team/child/README.md",
    "child",
    Verdict.SAME_INIT_OR_DERIVED,
    "org/base",
    True,
    -30.0,
    {"org/base": Verdict.SAME_INIT_OR_DERIVED},
    (raise_finding("no-reference-tested", "note"), raise_finding("ancestor-undeclared", "It was made from org/base.")),
    seconds=1.25,
)
LOST = Row("lost", "lost/", "lost", problems=("model.safetensors: truncated",))
NAMES = [
    "new\nline",
    "esc\x1b[31mred",
    "[bold]x[/bold]",
    os.fsdecode(b"bad\xff"),
    "a|b`c<script>",
    "模型" * 30,
    "x" * 300,
]


class Made:
    """A set that was scanned."""

    def __init__(self, rows: list[Row], found: int | None = None, repeats: int = 0) -> None:
        self.root, self.problems, self.repeats, self.notice = "models", ("models/shut: permission denied",), repeats, ""
        self.models = tuple(range(len(rows) if found is None else found))


def made(rows: list[Row], found: int | None = None, repeats: int = 0) -> ScanSet:
    return cast(ScanSet, Made(rows, found, repeats))


def printed(rows: list[Row], width: int | None, verbose: bool = False, colour: bool = False) -> list[str]:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width or 80, force_terminal=colour, no_color=not colour, highlight=False)
    how = scan_set.layout((r.path for r in rows), width)
    scan_set.header(console, how)
    for item in rows:
        scan_set.row(console, how, item, verbose)
    return buffer.getvalue().splitlines()


def test_a_wide_terminal_has_a_line_per_model_with_aligned_columns() -> None:
    head, child, lost = printed([CHILD, LOST], 120)
    for name in ("VERDICT", "CLOSEST", "P-VALUE", "TIME", "FINDING"):
        column = head.index(name)
        assert child[column - 1] == " " and child[column] != " ", (name, child)
    assert "warning ancestor-undeclared +1" in child and "≤ 1e-30" in child and "1.25 s" in child
    assert "unreadable" in lost


def test_a_narrow_terminal_has_lines_of_its_own_and_cuts_nothing() -> None:
    lines = printed([CHILD, LOST], 60)
    assert lines[0] == "team/child"
    assert lines[1:3] == ["  same_init_or_derived  org/base  ≤ 1e-30  1.25 s", "  warning ancestor-undeclared +1"]
    assert lines[3:] == ["lost", "  unreadable  0.00 s"]


def test_a_pipe_gets_whole_names() -> None:
    long = replace(CHILD, path="deep/" * 30 + "m", closest="org/" + "n" * 60)
    line = printed([long, LOST], None)[1]
    assert long.path in line and long.closest in line


@pytest.mark.parametrize("width", [40, 119, 120, 200, None])
@pytest.mark.parametrize("name", NAMES)
def test_names_of_strangers_take_one_line_and_move_nothing(name: str, width: int | None) -> None:
    item = replace(CHILD, path=f"a/{name}", closest=name)
    lines = printed([item], width, colour=False)
    assert len(lines) == (3 if width is not None and width < 119 else 2)
    assert "\x1b" not in "".join(lines) and "\udcff" not in "".join(lines)
    if width is not None and width >= 120:
        assert all(cell_len(line) <= width for line in lines)
        assert lines[1].index(str(item.verdict)) <= width - 80


def test_verbose_tells_every_finding() -> None:
    lines = printed([CHILD], 120, verbose=True)
    assert [line.strip() for line in lines[2:]] == ["note: note", "warning: It was made from org/base."]


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[" in "".join(printed([CHILD], 120, colour=True))
    assert "\x1b[" not in "".join(printed([CHILD], 120))


def test_the_summary_counts() -> None:
    rows = [CHILD, LOST, replace(CHILD, kept=True, findings=(raise_finding("pickle-unsafe", "x"),))]
    assert scan_set.summary(rows, made(rows, repeats=1)) == (
        "3 models, 2 related to a reference, 1 unreadable; findings: 1 error, 1 warning, 1 note",
        "1 hub snapshot with the same weight files counted once",
        "1 answer kept from an earlier run; --fresh asks again",
    )
    assert scan_set.summary([LOST], made([LOST], found=5))[-1].startswith("stopped after 1 of 5 models")
    assert scan_set.summary([], made([])) == ("0 models, 0 related to a reference, 0 unreadable; findings: none",)


@pytest.mark.parametrize("name", NAMES)
def test_markdown_is_a_table_whatever_the_names_are(name: str) -> None:
    item = replace(CHILD, path=name, closest=name)
    text = scan_set.markdown([item, LOST], made([item, LOST]))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert all(line.replace("\\|", "").count("|") == 6 for line in rows)
    assert "<script>" not in text and "\x1b" not in text
    assert "- models/shut: permission denied" in text and "- lost: model.safetensors: truncated" in text
    assert "**warning** `ancestor-undeclared`" in text


def test_a_row_for_machines_says_what_became_of_the_expectation() -> None:
    assert scan_set.subject(CHILD, "related", 3).undecided == (
        "expected related, found same_init_or_derived to org/base"
    )
    contradicted = scan_set.subject(CHILD, "unrelated", 1)
    assert contradicted.contradicted and not contradicted.undecided
    met = scan_set.subject(CHILD, None, 0)
    assert (met.contradicted, met.undecided) == ("", "")
    assert met.properties == {"verdict": Verdict.SAME_INIT_OR_DERIVED, "closest": "org/base", "log10_p": -30.0}
    assert CHILD.worst is not None and CHILD.worst.level is Level.WARNING
