"""The vocabulary inside a GGUF file, under ``tokenizer.ggml.*``.

Byte-level tokens (``gpt2``) and SentencePiece's (``llama``, ``t5``) stand in it as in their own files. WordPiece tokens
(``bert``) begin with U+2581 where a word begins, and lack the ``##`` where one goes on; both is taken back. Rows of
the embedding that no token has are filled up with ``[PAD123]``, which is left out.
"""

from __future__ import annotations

import numpy as np

from forebear.artifacts.gguf import SUFFIX, Header, read_header
from forebear.artifacts.tokenizers.base import MAX_ID, Additions, Tokenizer, assemble
from forebear.artifacts.tokenizers.sentencepiece import Kind
from forebear.errors import FormatError, one_line
from forebear.sources import Source

_MODELS = {"gpt2": "BPE", "llama": "BPE", "t5": "Unigram", "bert": "WordPiece"}
_SPECIALS = (Kind.UNKNOWN, Kind.CONTROL)
_WORD = "\N{LOWER ONE EIGHTH BLOCK}"


class Gguf:
    """See :class:`TokenizerFormat`. Files with a vocabulary alone; a model's own comes with its weights."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        names = (f.path for f in source.files())
        return next((n for n in names if n.lower().endswith(SUFFIX) and "vocab" in n.lower()), None)

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        file = next(f for f in source.files() if f.path == path)
        tokenizer = tokenizer_of(read_header(source, file))
        if tokenizer is None:
            raise FormatError(path, "holds no vocabulary")
        return tokenizer


def tokenizer_of(header: Header) -> Tokenizer | None:
    """The tokenizer in a file's metadata, None where there is none.

    Raises:
        FormatError: the tokens are no texts, or of another number than their types.
    """
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if tokens is None:
        return None
    if not isinstance(tokens, list) or not tokens or not all(isinstance(t, str) for t in tokens):
        raise FormatError(header.path, "its tokenizer.ggml.tokens are not texts")
    if len(tokens) >= MAX_ID:
        raise FormatError(header.path, f"its vocabulary has {len(tokens):,} tokens, more than {MAX_ID:,}")
    kinds = header.metadata.get("tokenizer.ggml.token_type", np.full(len(tokens), Kind.NORMAL))
    if not isinstance(kinds, np.ndarray) or kinds.shape != (len(tokens),):
        raise FormatError(header.path, "its tokenizer.ggml.token_type does not give each token a type")
    said = header.text("tokenizer.ggml.model")
    notes = [] if said in _MODELS else [f"tokens of the model {one_line(said, 40) or 'of no name'}, as written"]
    if said == "bert":
        tokens = [_word_piece(t) for t in tokens]
    padding = {k for k in np.flatnonzero(kinds != Kind.NORMAL).tolist() if tokens[k] == f"[PAD{k}]"}
    pairs = [(t, k) for k, t in enumerate(tokens) if k not in padding]
    specials = [tokens[k] for k in np.flatnonzero(np.isin(kinds, _SPECIALS)).tolist() if k not in padding]
    merges = header.metadata.get("tokenizer.ggml.merges")
    return assemble(
        _MODELS.get(said, "BPE"),
        pairs,
        Additions({}, tuple(specials)),
        merges=len(merges) if isinstance(merges, list) else 0,
        byte_level=said == "gpt2",
        notes=notes,
    )


def _word_piece(token: str) -> str:
    if token.startswith("[") and token.endswith("]"):
        return token
    return token.removeprefix(_WORD) if token.startswith(_WORD) else f"##{token}"
