"""tiktoken files: a line per token, its bytes in base64 and its rank, which is the id.

``*.tiktoken`` and ``tiktoken.model``; also the ``tokenizer.model`` of Llama 3, which has SentencePiece's name and is
recognised by its content. Special tokens are not in the file: they come from the files beside it, where those list
them.
"""

from __future__ import annotations

import binascii
import re
from itertools import chain

from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.base import (
    Tokenizer,
    assemble,
    byte_string,
    parse_id,
    plain_text,
    read_file,
)
from forebear.artifacts.tokenizers.sentencepiece import model_files
from forebear.errors import FormatError
from forebear.sources import Source

_FIRST_LINE = re.compile(rb"(\xef\xbb\xbf)?[A-Za-z0-9+/]+={0,2} [0-9]+\r?\n")
_HEAD = 1_000


class Tiktoken:
    """See :class:`TokenizerFormat`."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        sizes = {f.path: f.size for f in source.files()}
        by_name = [path for path in sizes if path.lower().endswith(".tiktoken") or path == "tiktoken.model"]
        by_content = (
            path for path in model_files(source) if _FIRST_LINE.match(source.read(path, 0, min(sizes[path], _HEAD)))
        )
        return next(chain(by_name, by_content), None)

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        pairs, notes = parse_ranks(read_file(source, path), path)
        return assemble("BPE", pairs, read_additions(source), byte_level=True, notes=notes)


def parse_ranks(raw: bytes, path: str) -> tuple[list[tuple[str, int]], list[str]]:
    """The tokens of a file in canonical form with their ranks, and what is odd about it.

    Raises:
        FormatError: a line is not a token and a rank; the line is named.
    """
    raw, notes = plain_text(raw, path)
    pairs: list[tuple[str, int]] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line:
            continue
        token, _, rank = line.partition(b" ")
        try:
            # a lone "=" is how Whisper writes the empty token; nothing else that base64 does not produce is let pass
            text = "" if token == b"=" else byte_string(binascii.a2b_base64(token, strict_mode=True))
        except ValueError:
            text = None
        if text is None or not token or not rank.isdigit():
            raise FormatError(path, f"line {number:,} is not a token in base64 and a rank", "fetch the file again")
        pairs.append((text, int(rank) if len(rank) < 7 else parse_id(path, text, rank)))  # six digits are always an id
    if not pairs:
        raise FormatError(path, "holds no tokens")
    return pairs, notes
