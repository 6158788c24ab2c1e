"""The tokenizers library, for vocabularies that our own encoder does not read; from the extra ``tokenizers``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from forebear.errors import MissingExtra, one_line
from forebear.tokenization.base import Encoding, Refused

EXTRA = "tokenizers"


class Library:
    """See :class:`~forebear.tokenization.base.Encoder`.

    Args:
        data: a parsed ``tokenizer.json``.

    Raises:
        MissingExtra: the library is not installed.
        Refused: it does not accept the file, or would cut the same text differently each time.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        try:
            import tokenizers
        except ImportError:
            raise MissingExtra(EXTRA, "this tokenizer") from None
        model = data.get("model")
        if isinstance(model, Mapping) and model.get("dropout"):
            raise Refused("its tokenizer cuts at random")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(data))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        except BaseException as error:  # its panics are no exceptions
            raise Refused(f"the tokenizers library does not read it ({_said(error)})") from None
        self._unknown = model.get("unk_token") if isinstance(model, Mapping) else None

    def encode(self, text: str) -> Encoding | str:
        """See :meth:`Encoder.encode`."""
        try:
            found = self._tokenizer.encode(text)
        except BaseException as error:
            return f"the tokenizers library fails on it ({_said(error)})"
        counted = tuple(mark == 0 for mark in found.special_tokens_mask)
        unknown = sum(token == self._unknown for token, here in zip(found.tokens, counted, strict=True) if here)
        return Encoding(tuple(found.ids), counted, unknown)


def _said(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
        raise error
    return one_line(str(error), 120)
