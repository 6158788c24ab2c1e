"""The probe set: how many, how various, how balanced, and that it never changes unnoticed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import pairwise

import pytest

from forebear.activations.probes import VERSION, Probe, ProbeSet, interleaved, probe_set

DIGESTS = {1: "8b23d0268cd4e619928e06109a05bb066dd0c760"}
"""A set that has been used is never edited: write another version."""
ENGLISH = ("english", "dialogue", "lists")
SCRIPTS = ("LATIN", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "ARABIC", "DEVANAGARI", "HANGUL", "GREEK")


def texts() -> list[str]:
    return [probe.text for probe in probe_set().probes]


def words(text: str) -> set[str]:
    """Words, or for scripts without spaces pairs of characters."""
    spaced = {word.strip(".,;:!?\"'()").lower() for word in text.split()}
    return spaced if len(spaced) > 4 else {a + b for a, b in pairwise(text)}


@pytest.mark.parametrize("version", DIGESTS)
def test_a_set_that_was_published_has_not_changed(version: int) -> None:
    assert probe_set(version).version == version
    assert probe_set(version).digest == DIGESTS[version]


def test_the_set_in_use_is_pinned() -> None:
    assert VERSION in DIGESTS


def test_there_are_512_different_texts() -> None:
    assert len(texts()) == 512
    assert len({" ".join(text.lower().split()) for text in texts()}) == 512


def test_texts_are_short_and_clean() -> None:
    for text in texts():
        assert 20 <= len(text) <= 180, text
        assert text == unicodedata.normalize("NFC", text) and text == text.strip(), text
        odd = [ch for ch in text if unicodedata.category(ch) in ("Cc", "Cf", "Co", "Cn") and ch not in "\n\t"]
        assert odd == [], text


def test_no_two_texts_are_one_template() -> None:
    found = [words(text) for text in texts()]
    for k, one in enumerate(found):
        for other in found[:k]:
            assert len(one & other) <= 0.6 * min(len(one), len(other)), sorted(one & other)


def test_about_half_is_english_and_many_scripts_occur() -> None:
    kinds = Counter(probe.kind for probe in probe_set().probes)
    assert 0.4 <= sum(kinds[kind] for kind in ENGLISH) / 512 <= 0.55
    assert kinds["code"] == 64 and len(kinds) == 18
    seen = Counter(unicodedata.name(ch, "").split(" ")[0] for text in texts() for ch in text if ch.isalpha())
    assert {script for script in SCRIPTS if seen[script] >= 5} == set(SCRIPTS)


@pytest.mark.parametrize("count", [1, 8, 24, 64, 128, 200, 256, 511])
def test_the_first_few_hold_every_kind_in_its_share(count: int) -> None:
    whole = Counter(probe.kind for probe in probe_set().probes)
    part = Counter(probe.kind for probe in probe_set().first(count).probes)
    assert sum(part.values()) == count
    assert {kind: n for kind, n in whole.items() if abs(part[kind] - n * count / 512) > 1} == {}


def test_a_part_is_the_beginning_of_the_whole_and_has_its_own_digest() -> None:
    whole = probe_set()
    assert whole.first(128).probes == whole.probes[:128]
    assert whole.first(512) == whole
    assert len({whole.first(n).digest for n in (127, 128, 512)}) == 3


def test_the_digest_depends_on_kinds_texts_and_their_order() -> None:
    a, b = Probe("x", "one"), Probe("y", "two")
    sets = [(a, b), (b, a), (a,), (a, Probe("y", "twо")), (a, Probe("z", "two")), (Probe("xo", "ne"), b)]
    assert len({ProbeSet(1, probes).digest for probes in sets}) == len(sets)


def test_interleaving_spreads_small_kinds_out() -> None:
    mixed = interleaved({"many": [f"m{k}" for k in range(6)], "few": ["f0", "f1"]})
    assert "".join(probe.kind[0] for probe in mixed) == "mmfmmmfm"
    assert [probe.text for probe in mixed if probe.kind == "few"] == ["f0", "f1"]


@pytest.mark.parametrize("count", [0, -1, 513])
def test_a_part_that_is_not_there_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="of 512 probes"):
        probe_set().first(count)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no probe set 99"):
        probe_set(99)
