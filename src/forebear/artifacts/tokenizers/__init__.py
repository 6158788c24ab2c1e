"""Vocabularies in every format that model folders carry: one interface, one file per format, one visible list.

**The canonical string of a token** is the one that ``tokenizer.json`` of the Hugging Face tokenizers library writes, so
that one vocabulary gives equal strings, and equal digests, in whichever file it is found:

- byte-level BPE (``tokenizer.json``, ``vocab.json``, tiktoken, tekken, RWKV): every byte as one character of GPT-2's
  table (:data:`BYTES`), so that `` the`` is ``Ġthe``; where a file holds raw bytes they are sent through that table;
- SentencePiece: pieces as they are, ``▁`` (U+2581) for a space and ``<0x0A>`` for a byte;
- WordPiece and special tokens: as written.

Strings are never normalised: right-to-left text, combining characters and control characters stay what they are.

**What is odd is read and noted** (:attr:`Tokenizer.oddities`): ids that name no token, two strings with one id, a
string that stands twice (its last id counts, as in the libraries), an added token that moves, CRLF and byte order marks
in line-based files, the empty string. **What cannot be right is refused**: ids that are negative, no integers or at
least :data:`MAX_ID`, text that is not UTF-8 or holds half a character, NULs in line-based files, duplicate JSON keys,
empty or truncated files, Git LFS pointers.
"""

from __future__ import annotations

from forebear.artifacts.tokenizers.base import MAX_ID, MAX_TOKENIZER, Tokenizer, TokenizerFormat
from forebear.artifacts.tokenizers.gguf import Gguf
from forebear.artifacts.tokenizers.huggingface import HuggingFace
from forebear.artifacts.tokenizers.rwkv import Rwkv
from forebear.artifacts.tokenizers.sentencepiece import SentencePiece
from forebear.artifacts.tokenizers.tekken import Tekken
from forebear.artifacts.tokenizers.tiktoken import Tiktoken
from forebear.artifacts.tokenizers.vocab_merges import VocabMerges
from forebear.artifacts.tokenizers.vocab_txt import VocabTxt
from forebear.sources import Source

__all__ = ["FORMATS", "MAX_ID", "MAX_TOKENIZER", "Tokenizer", "TokenizerFormat", "find_tokenizer", "read_tokenizer"]

FORMATS: tuple[TokenizerFormat, ...] = (
    HuggingFace(),
    Tekken(),
    Tiktoken(),
    SentencePiece(),
    VocabMerges(),
    Rwkv(),
    VocabTxt(),
    Gguf(),
)
"""Every tokenizer format, in order of preference: where a model has several, the first is read."""


def find_tokenizer(source: Source) -> tuple[TokenizerFormat, str] | None:
    """The file that the vocabulary is read from, and its format; None where there is none.

    Raises:
        InputError: a file cannot be looked into.
    """
    return next(((known, path) for known in FORMATS if (path := known.find(source)) is not None), None)


def read_tokenizer(source: Source) -> Tokenizer | None:
    """The vocabulary of a source, None where it has no tokenizer file.

    Raises:
        FormatError: the file is too large, damaged, a Git LFS pointer or not a tokenizer. Nothing else is read in its
            place: a less preferred file could be that of another model.
        InputError: a file cannot be read.
    """
    found = find_tokenizer(source)
    return found[0].read(source, found[1]) if found is not None else None
