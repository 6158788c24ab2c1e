"""Byte pair encoding without a library: token for token what the tokenizers library gives."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from forebear.activations.probes import probe_set
from forebear.artifacts.tokenizers.base import BYTES
from forebear.tokenization.base import Encoding, Refused
from forebear.tokenization.bpe import BytePairs
from forebear.tokenization.library import Library
from forebear.tokenization.patterns import GPT2, LLAMA3, O200K, SPLITS
from forebear.tokenization.tokenizer_json import byte_pairs
from shared import shared

TEXTS = [probe.text for probe in probe_set().probes]
ODD = ["", " ", "\n", "  two  spaces ", "a\n\n\nb", "\tx", "I'LL it's", "１２３ ٣٤ Ⅷ", "e\u0301", "\u2028", "aaaa"]
ODD += ["👩\u200d🚀 <s>x</s>", "<li>  <li>"]


def added(text: str, number: int, **more: Any) -> dict[str, Any]:
    """An added token as files have it."""
    flags: dict[str, Any] = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, **flags, "special": False, **more}


def byte_level(**more: Any) -> dict[str, Any]:
    """A small byte-level tokenizer with merges, as files have it."""
    vocabulary = {"<s>": 0, "</s>": 1} | {character: k + 2 for k, character in enumerate(BYTES)}
    merges = ["t h", "th e", "Ġ the", "i n", "in g", "e r", "Ġ a", "a a", "1 2", "12 3", "Ã ©", "Ġ Ġ"]
    for merge in merges:
        vocabulary.setdefault(merge.replace(" ", ""), len(vocabulary))
    special = [added(text, k, special=True) for k, text in enumerate(("<s>", "</s>"))]
    byte = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    return {"added_tokens": special, "normalizer": None, "pre_tokenizer": byte, "model": model, **more}


def pieces(**more: Any) -> dict[str, Any]:
    """A small vocabulary as SentencePiece's are converted: ``▁`` for a space, bytes for what is no token."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{k:02X}>" for k in range(256)), *"▁abcdefghijklmnopqrstuvwxyz.,"]
    merges = ["t h", "th e", "▁ the", "▁ a", "▁ ▁", "e r", "i n"]
    vocabulary = {text: k for k, text in enumerate([*words, *(m.replace(" ", "") for m in merges)])}
    model: dict[str, Any] = {"type": "BPE", "vocab": vocabulary, "merges": [m.split(" ") for m in merges]}
    model |= {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    special = [added(text, k, special=True) for k, text in enumerate(words[:3])]
    steps = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    normalizer = {"type": "Sequence", "normalizers": steps}
    data = {"added_tokens": special, "normalizer": normalizer, "pre_tokenizer": None, "post_processor": template}
    return {**data, "model": model, **more}


def without(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {**data, "model": {key: value for key, value in data["model"].items() if key not in keys}}


def sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


BARE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
META = {"type": "Metaspace", "replacement": "▁"}
FORMS = {
    "gpt2": byte_level(),
    "prefix": byte_level(pre_tokenizer={**BARE, "add_prefix_space": True, "use_regex": True}),
    "llama3": byte_level(pre_tokenizer=sequence({**SPLIT, "pattern": {"Regex": LLAMA3}}, BARE)),
    "qwen2": byte_level(
        normalizer={"type": "NFC"},
        pre_tokenizer=sequence({**SPLIT, "pattern": {"Regex": LLAMA3.replace("{1,3}", "")}}, BARE),
    ),
    "removed": byte_level(
        pre_tokenizer=sequence({**SPLIT, "behavior": "Removed", "invert": True, "pattern": {"Regex": LLAMA3}}, BARE)
    ),
    "cased": byte_level(
        pre_tokenizer=sequence({**SPLIT, "behavior": "Removed", "invert": True, "pattern": {"Regex": O200K}}, BARE)
    ),
    "deepseek": byte_level(
        pre_tokenizer=sequence(*({**SPLIT, "pattern": {"Regex": e}} for e in SPLITS["deepseek-v3"]), BARE)
    ),
    "deepseek-1": byte_level(
        pre_tokenizer=sequence(
            *({**SPLIT, "pattern": {"Regex": e}} for e in SPLITS["deepseek-llm"][:-1]),
            {"type": "Digits", "individual_digits": True},
            BARE,
        )
    ),
    "falcon": byte_level(
        pre_tokenizer=sequence(
            {"type": "Punctuation", "behavior": "Contiguous"},
            {**BARE, "use_regex": True},
            {"type": "Digits", "individual_digits": False},
            {**SPLIT, "pattern": {"Regex": "[0-9][0-9][0-9]"}},
        )
    ),
    "punctuation": byte_level(pre_tokenizer=sequence({"type": "Punctuation", "behavior": "Isolated"}, BARE)),
    "compatible": byte_level(normalizer={"type": "NFKC"}),
    "digits": byte_level(
        pre_tokenizer=sequence({"type": "Digits", "individual_digits": True}, {**BARE, "use_regex": True})
    ),
    "numbers": byte_level(pre_tokenizer=sequence({"type": "Digits", "individual_digits": False}, BARE)),
    "whole-words": byte_level(model={**byte_level()["model"], "ignore_merges": True}),
    "html": byte_level(added_tokens=[*byte_level()["added_tokens"], added("<li>", 270), added("<li>  ", 271)]),
    "stripping": byte_level(added_tokens=[*byte_level()["added_tokens"], added("<li>", 270, lstrip=True)]),
    "llama2": pieces(),
    "no-fallback": without(pieces(), "byte_fallback"),
    "unfused": without(pieces(), "byte_fallback", "fuse_unk"),
    "no-unknown": without(pieces(), "byte_fallback", "fuse_unk", "unk_token"),
    **{
        f"metaspace-{scheme}-{split}": pieces(
            normalizer=None, pre_tokenizer={**META, "prepend_scheme": scheme, "split": split}
        )
        for scheme in ("always", "first", "never")
        for split in (True, False)
    },
}


def compare(data: dict[str, Any], texts: list[str]) -> int:
    """How many tokens; every text has to give the same ones."""
    pytest.importorskip("tokenizers", reason="compares with the tokenizers library")
    ours, theirs = byte_pairs(copy.deepcopy(data)), Library(data)
    count = 0
    for text in texts:
        found = ours.encode(text)
        if isinstance(found, str):  # only what an added token might take part in
            assert any(token in text for token in ours.odd), text
            continue
        there = theirs.encode(text)
        assert isinstance(there, Encoding)
        assert (found.ids, found.counted) == (there.ids, there.counted), text
        count += len(found.ids)
    return count


@pytest.mark.parametrize("form", FORMS)
def test_tokens_are_those_of_the_library(form: str) -> None:
    assert compare(FORMS[form], [*TEXTS[::4], *ODD]) > 1_000


@pytest.mark.shared
def test_published_tokenizers() -> None:
    """Every published ``tokenizer.json`` that is read here is read as the library reads it."""
    read = []
    for file in sorted(shared("artefacts").rglob("tokenizer.json")):
        try:
            data = json.loads(file.read_text("utf-8"))
            byte_pairs(data)
        except (Refused, ValueError):
            continue
        assert compare(data, TEXTS[::8]) >= 64
        read.append(file.parent.name)
    assert {"gpt2", "llama2-rutergpt", "granite-3.1", "phi3-slerp"} <= set(read)


@pytest.mark.shared
@pytest.mark.parametrize("model", ["dev-llama-1", "dev-gpt2-1", "dev-mixtral-1"])
def test_tokenizers_of_trained_models(model: str) -> None:
    compare(json.loads((shared("zoo") / "models" / model / "tokenizer.json").read_text()), [*TEXTS, *ODD])


def test_what_a_tokenizer_adds_is_not_counted() -> None:
    found = byte_pairs(pieces()).encode("the")
    assert isinstance(found, Encoding)
    assert found.ids == (1, pieces()["model"]["vocab"]["▁the"]) and found.counted == (False, True)


def test_unknown_tokens_are_told() -> None:
    found = byte_pairs(without(pieces(), "byte_fallback", "fuse_unk")).encode("aXYb")
    assert isinstance(found, Encoding) and found.unknown == 2


def test_an_odd_added_token_is_told_where_it_occurs() -> None:
    encoder = byte_pairs(byte_level(added_tokens=[added("<b>", 300, lstrip=True)]))
    assert isinstance(encoder.encode("the"), Encoding)
    assert "added token" in str(encoder.encode("the <b>"))


MODEL = byte_level()["model"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"model": None},
        {"model": {"type": "WordPiece", "vocab": {}}},
        {"model": {**MODEL, "vocab": []}},
        {"model": {**MODEL, "vocab": {"a": -1}}},
        {"model": {**MODEL, "vocab": {"a": True}}},
        {"model": {**MODEL, "vocab": {"a": 10**12}}},
        {"model": {**MODEL, "merges": None}},
        {"model": {**MODEL, "merges": ["t h e"]}},
        {"model": {**MODEL, "merges": [["t"]]}},
        {"model": {**MODEL, "merges": [[1, 2]]}},
        {"model": {**MODEL, "merges": ["never seen"]}},
        {"model": {**MODEL, "dropout": 0.1}},
        {"model": {**MODEL, "end_of_word_suffix": "</w>"}},
        byte_level(normalizer={"type": "Lowercase"}),
        byte_level(normalizer=["NFC"]),
        byte_level(normalizer={"type": "Sequence", "normalizers": "NFC"}),
        byte_level(pre_tokenizer={"type": "Whitespace"}),
        byte_level(pre_tokenizer={**SPLIT, "pattern": {"Regex": "(a+)+$"}}),
        byte_level(pre_tokenizer={**SPLIT, "behavior": "MergedWithNext", "pattern": {"Regex": GPT2}}),
        byte_level(pre_tokenizer={**META, "prepend_scheme": "sometimes"}),
        byte_level(post_processor={"type": "BertProcessing"}),
        byte_level(post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}]}),
        byte_level(post_processor={"type": "TemplateProcessing", "single": 3}),
        byte_level(added_tokens={"a": 1}),
        byte_level(added_tokens=[{"content": "a"}]),
        byte_level(added_tokens=[{"content": "a", "id": "0"}]),
        byte_level(added_tokens=[{"content": str(k), "id": k} for k in range(20_001)]),
    ],
    ids=lambda data: json.dumps(data, ensure_ascii=True)[-60:],
)
def test_other_forms_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        byte_pairs(data)
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 200


def test_it_is_the_encoder_of_the_default_install(tmp_path: Path) -> None:
    assert isinstance(byte_pairs(byte_level()), BytePairs)
