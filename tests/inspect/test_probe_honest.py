"""Honest endpoints whose counts are bent on the way: nobody is accused, whatever a gateway does to them.

The tokenizers are those of the catalogue, and every other control says that the model itself counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forebear.index import BlackBoxIndex
from forebear.inspect.probe_confirm import CJK, LATIN, Pair, doubt_by_script, scripts
from forebear.inspect.probe_counts import Counts, count_tokens, recounted
from forebear.inspect.probe_result import counted_of
from forebear.inspect.probe_tokenizers import count_table, vocabularies
from forebear.lineage.blackbox import Outcome
from forebear.lineage.blackbox_tokenizer import by_tokenizer, expected

INDEX = BlackBoxIndex(Path("no index"))
TABLE, TEXTS = count_table(INDEX)
KNOWN = vocabularies(INDEX)
Bend = Callable[[int, int, np.random.Generator], int]
"""A count, the number of the request, and chance: what is reported."""


def claims() -> dict[int, str]:
    """A class of tokenizers and a model that certainly has one of them."""
    found: dict[int, str] = {}
    for k, names in enumerate(TABLE.classes):
        models = (m for name in names for m in sorted(KNOWN[name].sourced) if expected(m, KNOWN.values()).certain)
        if claim := next(models, None):
            found[k] = claim
    return found


CLAIMS = claims()


def probed(k: int, bend: Bend, most: int = 20) -> Counts:
    """All counts of an endpoint with that tokenizer behind a hidden prompt."""
    random = np.random.default_rng(k)
    overhead, request = int(random.integers(0, 400)), iter(range(10_000))
    truth = {text: overhead + int(n) for text, n in zip(TEXTS, TABLE.counts[k], strict=True)}

    def count(text: str, stream: bool) -> int:
        return bend(truth[text], next(request), random)

    return recounted(count_tokens(TABLE, TEXTS, count, most=most), TEXTS, count)


BENDS: dict[str, Bend] = {
    "10 % are added": lambda n, i, random: math.ceil(1.1 * n),
    "doubled": lambda n, i, random: 2 * n,
    "a quarter is taken off": lambda n, i, random: round(0.75 * n),
    "blocks of 16": lambda n, i, random: 16 * -(-n // 16),
    "blocks of 64": lambda n, i, random: 64 * -(-n // 64),
    "without the cached blocks of 64": lambda n, i, random: n - 64 * (n // 64) * (i > 0),
    "two templates in turn": lambda n, i, random: n + 5 * int(random.integers(2)),
    "two prompts in turn": lambda n, i, random: n + 120 * int(random.integers(2)),
    "a conversation that grows": lambda n, i, random: n + 37 * i,
    "a date in the hidden prompt": lambda n, i, random: n + (i > 3),
    "cut off": lambda n, i, random: min(n, 460),
    "at least 64": lambda n, i, random: max(n, 64),
}


@pytest.mark.parametrize("name", BENDS)
def test_bent_counts_contradict_nobody(name: str) -> None:
    for k in sorted(CLAIMS)[::4]:
        outcome, why = by_tokenizer(CLAIMS[k], counted_of(probed(k, BENDS[name]), True), KNOWN)
        assert outcome is not Outcome.CONTRADICTED, f"{CLAIMS[k]}: {why}"


def nearest(pairs: int) -> list[int]:
    """The classes that have the nearest relatives in the table."""
    distance = np.abs(TABLE.expected[:, None, :] - TABLE.expected[None, :, :]).sum(axis=2)
    np.fill_diagonal(distance, np.iinfo(distance.dtype).max)
    return [int(k) for k in np.argsort(distance.min(axis=1), kind="stable")[: 2 * pairs]]


@pytest.mark.parametrize("k", nearest(6))
def test_among_near_relatives_noise_leaves_a_set_with_the_truth(k: int) -> None:
    counts = probed(k, lambda n, i, random: n + int(random.integers(-1, 2)))
    assert k in counts.test.matches
    assert not counts.changed
    assert counts.streamed is None


def row(name: str) -> int:
    return next(k for k, names in enumerate(TABLE.classes) if name in names)


def test_texts_of_two_scripts_are_told_apart() -> None:
    found = scripts(TEXTS)
    assert len(found[LATIN]) > 30 and len(found[CJK]) > 15
    assert all(max(TEXTS[probe]) < "\u0250" for probe in found[LATIN])
    assert not set(found[LATIN]) & set(found[CJK])
    assert 0 not in found[LATIN]


@pytest.mark.parametrize(
    ("fits", "claimed"), [("kimi-k2", "qwen-2.5"), ("deepseek-v3", "llama-3"), ("qwen-2.5", "gemma-2")]
)
def test_a_tokenizer_has_to_fit_in_every_script_by_itself(fits: str, claimed: str) -> None:
    pair = Pair(probed(row(fits), lambda n, i, random: n).test, row(fits), (row(claimed),))
    by = {name: dict(zip(TEXTS, TABLE.counts[row(name)].tolist(), strict=True)) for name in (fits, claimed)}
    groups = scripts(TEXTS)

    def doubt(latin: str, cjk: str) -> str:
        own = {TEXTS[p]: by[latin][TEXTS[p]] + 31 for p in groups[LATIN]}
        own |= {TEXTS[p]: by[cjk][TEXTS[p]] + 400 for p in groups[CJK]}
        return doubt_by_script(pair, TEXTS, {}, lambda text, stream: own[text], lambda probe: True)

    assert doubt(fits, fits) == ""  # although what stands around the texts differs from script to script
    assert CJK in doubt(fits, claimed)
    assert LATIN in doubt(claimed, fits)
    assert "could not be asked" in doubt_by_script(pair, TEXTS, {}, lambda text, stream: None, lambda probe: True)
    assert "could not be asked" in doubt_by_script(pair, TEXTS, {}, lambda text, stream: 5, lambda probe: False)


def test_where_a_script_does_not_tell_the_two_apart_nobody_is_accused() -> None:
    """An extended vocabulary counts Latin texts as its base does: who has just those from the base proves nothing."""
    k = row("qwen-2.5")
    pair = Pair(probed(k, lambda n, i, random: n).test, k, (k, row("gemma-2")))
    assert "count alike" in doubt_by_script(pair, TEXTS, {}, lambda text, stream: 5, lambda probe: True)
