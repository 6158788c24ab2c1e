"""vocab.txt: the line is the id, and BERT's file is told from RWKV's."""

from __future__ import annotations

import pytest

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.base import byte_string
from models import Memory, refused

RWKV = "1 '\\x00' 1\n2 'a' 1\n3 b'\\xe2\\x96' 2\n4 \"it's\" 4\n5 '\\'\"' 2\n6 ' é' 3\n7 '한국' 6\n8 '\u2028' 3\n"


def test_the_line_is_the_id() -> None:
    found = read_tokenizer(Memory({"vocab.txt": "[PAD]\n[UNK]\nthe\n##s\n한\n".encode()}))
    assert found is not None
    assert found.ids == {"[PAD]": 0, "[UNK]": 1, "the": 2, "##s": 3, "한": 4}
    assert (found.model, found.byte_level, found.oddities) == ("WordPiece", False, ())


def test_a_list_of_words_is_no_wordpiece() -> None:
    found = read_tokenizer(Memory({"vocab.txt": b"<cls>\nA\nC"}))
    assert found is not None and (found.model, found.ids) == ("WordLevel", {"<cls>": 0, "A": 1, "C": 2})


def test_special_tokens_come_from_beside() -> None:
    files = {"vocab.txt": b"[PAD]\n##a\n", "special_tokens_map.json": b'{"pad_token": "[PAD]"}'}
    found = read_tokenizer(Memory(files))
    assert found is not None and (found.specials, found.added) == (("[PAD]",), ())


def test_oddities_of_lines_are_noted() -> None:
    found = read_tokenizer(Memory({"vocab.txt": b"\xef\xbb\xbfa\r\n\r\na\r\n"}))
    assert found is not None and found.ids == {"a": 2, "": 1}
    assert found.oddities == (
        "vocab.txt begins with a byte order mark, left out",
        "vocab.txt has CRLF line ends",
        "1 token repeated, 'a' for one; the last counts",
        "1 id up to 2 without a token, 0 the first",
        "the empty string is a token (1)",
    )


@pytest.mark.parametrize("name", ["rwkv_vocab_v20230424.txt", "vocab.txt"])
def test_an_rwkv_vocabulary_is_read_as_bytes(name: str) -> None:
    found = read_tokenizer(Memory({name: RWKV.encode()}))
    assert found is not None and (found.model, found.byte_level) == ("Trie", True)
    tokens = [b"\0", b"a", b"\xe2\x96", b"it's", b"'\"", " é".encode(), "한국".encode(), "\u2028".encode()]
    assert found.ids == {byte_string(token): k for k, token in enumerate(tokens, 1)}
    assert found.oddities == ("1 id up to 8 without a token, 0 the first",)


@pytest.mark.parametrize(
    "line",
    [
        "2 'a' 2",
        "2 'a'",
        "2 a 1",
        "2 'a' + 'b' 2",
        "2 __import__('os').system('true') 1",
        "2 f'{1}' 1",
        "2 '\\ud800' 3",
        "2 '\\x' 1",
        "2 '\\d' 2",
        "2 b'é' 2",
        "2 '" + "a" * 5_000 + "' 5000",
        "-1 'a' 1",
        "99999999 'a' 1",
    ],
)
def test_rwkv_lines_are_literals_of_one_string_or_refused(line: str) -> None:
    with refused("rwkv_vocab_x.txt: ", "token 'a' has no usable id" if line.startswith("999") else "line 2 is not"):
        read_tokenizer(Memory({"rwkv_vocab_x.txt": f"1 'x' 1\n{line}\n".encode()}))
