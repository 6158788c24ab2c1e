"""Markdown for pull requests: nothing of a stranger's becomes markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import forebear
from edits import drifted
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.report import markdown
from forebear.types import Coverage
from models import tiny_llama


def test_a_scan_says_verdict_evidence_claims_and_gaps(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index, "org/base_<b>x</b>")
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text("---\nbase_model: '[x](javascript:alert(1))|<img>'\n---\n# c\n")
    text = markdown.scan(forebear.scan(str(child), index))
    for part in ("# child", "## Evidence against", "## Claims", "## Not tested", "p ≤ 1e-30", "same_init_or_derived"):
        assert part in text
    raw = text
    for mark in "\\`*_|<>[]":
        raw = raw.replace(f"\\{mark}", "")  # what is escaped is no markup
    assert "<b>" not in raw and "<img" not in raw and "](" not in raw


def test_a_comparison_without_a_relation_names_no_relation(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    text = markdown.compare(forebear.compare(str(tmp_path / "1"), str(tmp_path / "2")))
    assert "**Not established: only the shape is the same**" in text


def test_where_nothing_was_left_out_no_empty_heading_stands(tmp_path: Path) -> None:
    for seed in (1, 2):
        tiny_llama(tmp_path / str(seed), seed=seed)
    result = forebear.compare(str(tmp_path / "1"), str(tmp_path / "2"))
    assert result.coverage.not_tested and "## Not tested" in markdown.compare(result)
    assert "## Not tested" not in markdown.compare(replace(result, coverage=Coverage(("everything",))))
