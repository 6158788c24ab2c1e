"""``vocab.txt`` of BERT and its kin: a token per line, the id is the line."""

from __future__ import annotations

from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.base import Tokenizer, assemble, read_lines
from forebear.sources import Source

VOCAB = "vocab.txt"


class VocabTxt:
    """See :class:`TokenizerFormat`."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        return VOCAB if VOCAB in {f.path for f in source.files()} else None

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        lines, notes = read_lines(source, path)
        kind = "WordPiece" if any(line.startswith("##") for line in lines) else "WordLevel"
        return assemble(kind, [(line, k) for k, line in enumerate(lines)], read_additions(source), notes=notes)
