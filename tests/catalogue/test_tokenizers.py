"""Known tokenizers: the battery is well-formed and stays what it is, counts are those of the files, twins are found."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from forebear.catalogue.tokenizers import (
    BASELINE,
    Battery,
    CountProbe,
    battery,
    guarded,
    known_tokenizers,
    parse,
    parse_battery,
    parse_facts,
)
from forebear.tokenization import baseline_count, count_vector, encoder_of
from models import Memory
from shared import shared
from token_texts import COMPOSED

KNOWN = {known.name: known for known in known_tokenizers()}


def test_composed_probes_are_made_of_others() -> None:
    """So that a difference in one can be looked for in its parts."""
    single = {probe.text for probe in battery().probes if probe.kind not in COMPOSED}
    for probe in battery().probes:
        if probe.kind in COMPOSED:
            assert {line for line in probe.text.split("\n") if line.strip()} <= {
                line for text in single for line in text.split("\n")
            }, probe.id
    everything = {line for probe in battery().probes if probe.kind == "all" for line in probe.text.split("\n")}
    assert len(everything) >= 200


def test_the_battery_never_changes() -> None:
    """Another text is another battery: counts that were made with this one would be compared with others."""
    assert battery().digest == "dfdd489cbcffe6b70533ef8a2562c52faca284b0"
    assert all(probe.guarded == f"Count:\n{probe.text}\nEnd." for probe in battery().probes)


def test_the_battery_is_short_varied_and_in_form_c() -> None:
    """Form C, for some tokenizers compose what they read and some servers of the same models do not."""
    probes = battery().probes
    assert 240 <= len(probes) <= 280 and len({probe.kind for probe in probes}) >= 20
    for probe in probes:
        assert 1 <= len(probe.text) <= (1_000 if probe.kind in COMPOSED else 60), probe
        assert unicodedata.is_normalized("NFC", probe.text), probe
        assert not {unicodedata.category(c) for c in probe.text} & {"Cn", "Co", "Cs"}, probe
        assert "<|" not in probe.text and "</s>" not in probe.text, "special tokens are another question"
    assert BASELINE not in {probe.text for probe in probes}


def test_there_are_enough_tokenizers_and_most_are_told_apart() -> None:
    assert len(KNOWN) >= 45 and len({known.deltas for known in KNOWN.values()}) >= 40
    assert list(KNOWN) == sorted(KNOWN)


@pytest.mark.parametrize(
    "names",
    [
        {"mistral-v1", "mistral-v2", "mistral-v3", "mistral-v7"},
        {"qwen-1", "qwen-1.5", "qwen-2.5", "qwen-3"},
        {"llama-2", "phi-3"},
        {"gpt-2", "r50k"},
        {"cl100k", "dbrx", "olmo-2"},
        {"o200k", "gpt-oss"},
    ],
    ids=sorted,
)
def test_tokenizers_that_differ_in_special_tokens_only_are_twins(names: set[str]) -> None:
    for name in names:
        assert set(KNOWN[name].twins) == names - {name}


@pytest.mark.parametrize("pair", [("p50k", "r50k"), ("llama-3", "o200k"), ("qwen-2.5", "qwen-3.5"), ("yi", "yi-1.5")])
def test_near_relatives_are_told_apart_by_several_probes(pair: tuple[str, str]) -> None:
    one, two = (KNOWN[name].deltas for name in pair)
    assert sum(a != b for a, b in zip(one, two, strict=True)) >= 8


def test_whoever_is_no_twin_is_told_apart_by_more_than_one_probe() -> None:
    for one, two in combinations(KNOWN.values(), 2):
        different = sum(a != b for a, b in zip(one.deltas, two.deltas, strict=True))
        assert (two.name in one.twins) == (different == 0)
        assert different != 1, (one.name, two.name)


def test_every_member_and_file_has_its_source() -> None:
    for known in KNOWN.values():
        assert known.files and all(len(file.sha256) == 64 for file in known.files)
        assert known.members, known.name
        assert not any("://" in text for file in known.files for text in (file.origin, file.licence))


@pytest.mark.shared
def test_counts_are_those_of_the_files() -> None:
    """Every file of the collection that is named: found by its content, cut by our code, counted anew."""
    probes = battery().probes
    names = {file.sha256: (known, file.kind) for known in KNOWN.values() for file in known.files}
    usual = {"tokenizer.json": "tokenizer.json", "sentencepiece": "tokenizer.model", "gguf": "vocab.gguf"}
    usual |= {"tiktoken": "own.tiktoken", "rwkv": "rwkv_vocab_v1.txt"}
    seen = set()
    for path in sorted(shared("artefacts/tokenizers").rglob("*")):
        found = names.get(hashlib.sha256(path.read_bytes()).hexdigest()) if path.is_file() else None
        if found is None or (known := found[0]).name in seen or known.model == "Unigram":
            continue
        files = {usual.get(found[1], path.name): path.read_bytes()}
        if path.name == "vocab.json":
            files["merges.txt"] = (path.parent / "merges.txt").read_bytes()
        encoder = encoder_of(Memory(files))
        if isinstance(encoder, str) and "[tokenizers]" in encoder:
            continue
        assert not isinstance(encoder, str), (path, encoder)
        assert count_vector(encoder) == known.counts, path
        assert baseline_count(encoder) == known.baseline and len(known.counts) == len(probes)
        seen.add(known.name)
    assert len(seen) >= 25


PROBES = Battery((CountProbe("a1", "word", "abc"), CountProbe("a2", "word", "x y")), "d1")
FACTS = """
[[tokenizer]]
name = "one"
member = [{ name = "M", source = "s", confidence = "retrieved" }]
file = [{ kind = "gguf", sha256 = "12", origin = "o", licence = "l" }]
[[tokenizer]]
name = "two"
file = [{ kind = "gguf", sha256 = "34", origin = "o", licence = "l" }]
"""
NUMBERS: dict[str, Any] = {"model": "BPE", "vocabulary": 9, "digest": "x", "baseline": 3, "counts": [4, 5]}


def counts(**more: Any) -> str:
    return json.dumps({"battery": "d1", "tokenizers": {"one": NUMBERS, "two": {**NUMBERS, **more}}})


def test_twins_are_computed_from_differences() -> None:
    shifted = parse(FACTS, counts(baseline=4, counts=[5, 6]), PROBES)
    assert [known.twins for known in shifted] == [("two",), ("one",)] and shifted[0].deltas == (1, 2)
    assert [known.twins for known in parse(FACTS, counts(counts=[4, 6]), PROBES)] == [(), ()]


@pytest.mark.parametrize(
    ("facts", "numbers", "why"),
    [
        (FACTS, counts().replace("d1", "d2"), "another battery"),
        (FACTS, counts().replace('"one"', '"three"'), "one of them only"),
        (FACTS, counts(counts=[4]), "two has no 2 counts"),
        (FACTS, counts(counts=[4, 0]), "above zero"),
        (FACTS, counts(counts=[4, True]), "above zero"),
        (FACTS, counts(counts="45"), "above zero"),
        (FACTS, counts(baseline=None), "above zero"),
        (FACTS, counts(digest=None), "no model and digest"),
        (FACTS.replace("34", "12"), counts(), "a file of one"),
        (FACTS.replace('"two"', '"one"'), counts(), "name of its own"),
        (FACTS.replace('"retrieved"', '"sure"'), counts(), "confidence"),
        (FACTS.replace(', licence = "l"', ""), counts(), "licence"),
        ('[[tokenizer]]\nname = "one"\n', counts(), "no file"),
    ],
)
def test_wrong_data_is_told(facts: str, numbers: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(facts, numbers, PROBES)


@pytest.mark.parametrize(
    ("probes", "why"),
    [
        ([{"id": "a", "kind": "k"}], "no id, kind and text"),
        ([{"id": "a", "kind": "k", "text": ""}], "no id, kind and text"),
        ([{"id": "a", "kind": "k", "text": "x"}, {"id": "a", "kind": "k", "text": "y"}], "id 'a' stands twice"),
        ([{"id": "a", "kind": "k", "text": "x"}, {"id": "b", "kind": "k", "text": "x"}], "text 'x' stands twice"),
    ],
)
def test_a_wrong_battery_is_told(probes: list[dict[str, str]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_battery(json.dumps({"probes": probes}))


def test_a_changed_text_is_another_battery() -> None:
    def digest(text: str) -> str:
        return parse_battery(json.dumps({"probes": [{"id": "a", "kind": "k", "text": text}]})).digest

    assert digest("x") != digest("y")
    assert guarded("x") == "Count:\nx\nEnd." and parse_facts("") == {}


def test_data_files_are_small() -> None:
    folder = Path(__file__).parents[2] / "src" / "forebear" / "data" / "tokenizers"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1_000_000
