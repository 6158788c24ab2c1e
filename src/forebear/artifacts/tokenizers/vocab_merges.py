"""``vocab.json`` with ``merges.txt``, as GPT-2 and its successors write a BPE; or ``vocab.json`` alone."""

from __future__ import annotations

from collections.abc import Mapping

from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.base import BYTES, Tokenizer, assemble, check_id, read_file, read_lines
from forebear.errors import FormatError
from forebear.sources import Source

VOCAB = "vocab.json"
MERGES = "merges.txt"


class VocabMerges:
    """See :class:`TokenizerFormat`."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        present = {f.path for f in source.files()}
        return next((path for path in (VOCAB, MERGES) if path in present), None)

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        if path == MERGES:
            read_file(source, path)  # a pointer or an empty file is the first thing to say
            raise FormatError(path, "merges without the vocabulary that gives them ids", f"fetch {VOCAB} too")
        data = load_json(read_file(source, path), path)
        if not isinstance(data, dict):
            raise FormatError(path, "is not a JSON object of tokens and ids")
        ids = {text: check_id(path, text, number) for text, number in data.items()}
        notes: list[str] = []
        merges = 0
        has_merges = MERGES in {f.path for f in source.files()}
        if has_merges:
            merges, notes = _merges(source, ids)
        return assemble(
            "BPE" if has_merges else "WordLevel",
            ids,
            read_additions(source),
            merges=merges,
            byte_level=has_merges and BYTES[ord(" ")] in ids,  # no other kind of vocabulary has a reason to hold it
            notes=notes,
        )


def _merges(source: Source, ids: Mapping[str, int]) -> tuple[int, list[str]]:
    """The number of merges and what is odd about them; ``FormatError`` where a line is not two tokens."""
    lines, notes = read_lines(source, MERGES)
    count = strange = 0
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.partition(" ")
        if not left or not right or " " in right:
            raise FormatError(MERGES, f"line {number:,} is not two tokens", "fetch the file again")
        count += 1
        strange += left + right not in ids
    if strange:
        notes.append(f"{strange:,} of {count:,} merges make a token that {VOCAB} does not have")
    return count, notes
