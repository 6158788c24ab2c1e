"""RWKV's World vocabulary: a line per token, ``id literal length``, the literal a Python string or bytes."""

from __future__ import annotations

import ast
import re

from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.base import Tokenizer, assemble, byte_string, parse_id, read_lines
from forebear.errors import FormatError
from forebear.sources import Source

_NAME = re.compile(r"rwkv_vocab_\w+\.txt")
_ESCAPE = r"""\\[\\'"nrtxuU]"""
_LINE = re.compile(rf"""([0-9]+) (b?(?:'(?:[^'\\]|{_ESCAPE})*'|"(?:[^"\\]|{_ESCAPE})*")) ([0-9]+)""")
_HEAD = 100
_LONGEST = 1_000


class Rwkv:
    """See :class:`TokenizerFormat`. Newer repositories call the file ``vocab.txt``, as BERT's do."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        for file in source.files():
            if _NAME.fullmatch(file.path):
                return file.path
            if file.path == "vocab.txt":
                head = source.read(file.path, 0, min(file.size, _HEAD)).decode("utf-8", "replace")
                if _LINE.fullmatch(head.split("\n", 1)[0].rstrip("\r")):
                    return file.path
        return None

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        lines, notes = read_lines(source, path)
        pairs: list[tuple[str, int]] = []
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line) if len(line) <= _LONGEST else None
            try:
                # only ever the literal of one string: the pattern admits no other expression
                value = ast.literal_eval(match[2]) if match else None
                raw = value.encode("utf-8") if isinstance(value, str) else value
            except (SyntaxError, ValueError):
                raw = None
            if match is None or raw is None or match[3] != str(len(raw)):
                raise FormatError(path, f"line {number:,} is not an id, a token and its length", "fetch it again")
            text = byte_string(raw)
            pairs.append((text, parse_id(path, text, match[1])))
        return assemble("Trie", pairs, read_additions(source), byte_level=True, notes=notes)
