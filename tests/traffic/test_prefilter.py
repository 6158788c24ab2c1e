"""The search for literals finds what a plain search finds, at every border of blocks."""

from __future__ import annotations

import random
import re

import pytest

from forebear.traffic import prefilter
from forebear.traffic.literals import Literals
from forebear.traffic.prefilter import LONGEST_RUN, Prefilter

ALONE = ("model", "[INST]", "<｜User｜>", "abcab")
COMPANY = ("gpt", "kimi", "yi-", "deepseek")
GAPS = ("", " ", ",", "\n")


def plain(raw: bytes) -> list[tuple[int, bytes]]:
    """The same without haste."""
    low = raw.lower()
    out = [
        (m.start(), w.lower().encode())
        for w in ALONE
        for m in re.finditer(rb"(?=%s)" % re.escape(w.lower().encode()), low)
    ]
    for run in re.finditer(rb"[A-Za-z0-9._:/@+\-%]+", raw):
        if len(run[0]) <= LONGEST_RUN and re.search(rb"[0-9\-:/@]", run[0]):
            for word in COMPANY:
                starts = re.finditer(rb"(?=%s)" % re.escape(word.encode()), low[: run.end()][run.start() :])
                out += [(run.start() + m.start(), word.encode()) for m in starts]
    return sorted(out)


@pytest.mark.parametrize("block", [16, 61, 1 << 16])
def test_every_literal_is_found_and_nothing_else(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefilter, "BLOCK", block)
    rng = random.Random(block)
    words = [*ALONE, *COMPANY, "GPT-4o", "Kimi", "kimi-k2", "x", "options", "b", "{", "}", "7", "-", "mode", "abca"]
    made = Prefilter(ALONE, COMPANY)
    for _ in range(30):
        raw = f" {''.join(rng.choice(words) + rng.choice(GAPS) for _ in range(60))} ".encode()
        got, wanted = sorted(made.hits(raw)), plain(raw)
        if block > len(raw):
            assert got == wanted
        else:  # at a border a run may seem to be in company; nothing may be lost
            assert set(wanted) <= set(got)
        assert made.present(raw) == frozenset(literal for _, literal in wanted)
        long = raw + b" word" * 500
        assert made.present(long) == frozenset(literal for _, literal in made.hits(long))


def test_a_run_that_is_too_long_is_data() -> None:
    made = Prefilter((), ("gpt",))
    assert list(made.hits(b"x " + b"a1" * 100 + b"gpt-4 ")) and not list(made.hits(b"x " + b"a1" * 400 + b"gpt-4 "))
    assert not list(made.hits(b"")) and not list(Prefilter(()).hits(b"gpt-4"))


def test_long_texts_are_reduced_to_what_is_around_literals() -> None:
    made = Literals()
    text = "gpt-4o first " + "word " * 2_000 + "model=x " + "word " * 2_000 + "last kimi-k2"
    parts = list(made.around(text))
    assert [p.strip()[:5] for p in parts] == ["gpt-4", parts[1].strip()[:5], parts[2].strip()[:5]]
    assert "model=x" in parts[1] and parts[2].endswith("kimi-k2") and max(map(len, parts)) < 700
    assert not list(made.around("word " * 2_000))


def test_records_are_asked_for_literals_and_for_what_hides_them() -> None:
    made = Literals()
    for raw in (
        b'{"a": "kimi-k2.5"}',
        b'{"model": 1}',
        b'{"encoding": "base64"}',
        rb'{"mod\u0065l": "x"}',
        "<｜User｜>".encode(),
    ):
        assert made.in_record(raw), raw
    assert not made.in_record(b'{"options": "deep learning, tiny words"}')
    assert made.clues("Kimi-K2 and <|im_start|>").marks and "kimi" in made.clues("Kimi-K2 and").stems
    assert list(made.clues("a kimi-k2, b").runs("a kimi-k2, b")) == [" kimi-k2,"]
