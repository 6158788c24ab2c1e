"""Markdown for pull requests: nothing of a stranger's becomes markup."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "text",
    [
        "see https://evil.example/x",
        "HTTP://evil.example",
        "ftp://evil.example",
        "www.evil.example",
        "WWW.evil.example",
        "@everyone",
        "a (@octocat)",
        "mail.me_now@evil-host.example",
        "https&#58;//evil.example",
        "https:&#8203;//evil.example",
        "https:\u2028//evil.example",
    ],
)
def test_no_name_becomes_a_link_or_a_mention(text: str) -> None:
    """As cmark-gfm reads it: entities and escapes first, links and mentions last, in the text that a reader sees."""
    written = markdown.escape(text)
    seen = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", written))
    assert not re.search(r"[a-z]+://|\bwww\.|(?<!\w)@\w|@[\w-]+\.\w", seen, re.IGNORECASE)
    assert re.search(r"evil|everyone|octocat", seen) and "\n" not in seen


def test_names_of_models_stay_as_they_are() -> None:
    for name in ("org/name@4f1c2b3", "hf:org/name", "C:/models/x", "a@b", "llama3.2:3b"):
        assert markdown.escape(name) == name
    assert markdown.escape("Tom & Jerry") == "Tom &amp; Jerry"


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
