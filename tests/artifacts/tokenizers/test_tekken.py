"""tekken.json: special tokens first, then ranks, as far as the model reaches."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.tekken import parse_tekken
from models import Memory, refused

TOKENS = [b"a", b" the", b"\xff", b"beyond"]


def tekken(size: int = 8, specials: int = 5, **more: Any) -> dict[str, Any]:
    vocab = [{"rank": k, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for k, t in enumerate(TOKENS)]
    listed = [{"rank": k, "token_str": t, "is_control": True} for k, t in enumerate(("<unk>", "<s>", "</s>"))]
    config = {"default_vocab_size": size, "default_num_special_tokens": specials, "version": "v11"}
    return {"config": config, "vocab": vocab, "special_tokens": listed, **more}


def test_ranks_follow_the_special_tokens_and_end_with_the_model() -> None:
    found = parse_tekken(tekken())
    assert found.ids == {
        **{"<unk>": 0, "<s>": 1, "</s>": 2, "<SPECIAL_3>": 3, "<SPECIAL_4>": 4},
        **{"a": 5, "Ġthe": 6, "ÿ": 7},
    }
    assert (found.model, found.byte_level, found.oddities) == ("BPE", True, ())
    assert found.specials == ("<unk>", "<s>", "</s>", "<SPECIAL_3>", "<SPECIAL_4>")


def test_the_first_versions_do_not_list_their_special_tokens() -> None:
    found = parse_tekken(tekken(30, 22, special_tokens=None))
    assert [t for t, k in found.ids.items() if k in (0, 3, 11, 19, 20, 21)] == [
        *("<unk>", "[INST]", "<pad>", "[TOOL_CONTENT]", "<SPECIAL_20>", "<SPECIAL_21>"),
    ]
    assert found.ids["a"] == 22
    assert list(parse_tekken(tekken(6, 2, special_tokens=None)).ids) == ["a", "Ġthe", "ÿ", "beyond", "<unk>", "<s>"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no config and vocabulary"),
        ({"config": {}}, "no config and vocabulary"),
        ({**tekken(), "vocab": {}}, "no config and vocabulary"),
        ({**tekken(), "config": {}}, "no usable vocabulary size"),
        (tekken(size=-1), "no usable vocabulary size"),
        (tekken(specials=10**9), "no usable vocabulary size"),
        (tekken(vocab=["a"]), "a token without bytes"),
        (tekken(vocab=[{"rank": 0, "token_bytes": None}]), "a token without bytes"),
        (tekken(vocab=[{"rank": 0, "token_bytes": "a"}]), "the token 'a' is not base64"),
        (tekken(vocab=[{"rank": 0, "token_bytes": "é"}]), "is not base64"),
        (tekken(vocab=[{"rank": "0", "token_bytes": "YQ=="}]), "token 'a' has no usable id"),
        (tekken(vocab=[{"token_bytes": "YQ=="}]), "token 'a' has no usable id"),
        (tekken(special_tokens={}), "special_tokens are not a list"),
        (tekken(special_tokens=[{"rank": 0}]), "a special token without text"),
        (tekken(special_tokens=[{"token_str": "<s>"}]), "token '<s>' has no usable id"),
    ],
)
def test_what_is_no_tekken_file_is_refused_with_the_reason(data: Any, words: str) -> None:
    with refused("tekken.json: ", words):
        parse_tekken(data)


def test_the_file_is_found_by_name() -> None:
    with refused("tekken.json: its file is not valid JSON"):
        read_tokenizer(Memory({"tekken.json": b"{"}))
