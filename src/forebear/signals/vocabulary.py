"""``vocabulary/1``: which tokens two models share. Routing only; a tokenizer can be copied without any weights."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from heapq import nsmallest

from forebear.artifacts import Artifact
from forebear.types import Evidence, Test

NAME = "vocabulary/1"
SKETCH = 256


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary in fixed size.

    Attributes:
        size: number of token strings.
        digest: equal for equal vocabularies with equal ids.
        smallest: the 256 smallest CRC-32 of the token strings, ascending (bottom-k MinHash, Broder 1997).
    """

    size: int
    digest: str
    smallest: tuple[int, ...]


def vocabulary(artifact: Artifact) -> Vocabulary | None:
    """The sketch of a model's vocabulary, None without a readable tokenizer."""
    if artifact.tokenizer is None:
        return None
    ids = artifact.tokenizer.ids
    hashes = {zlib.crc32(text.encode("utf-8", "surrogatepass")) for text in ids}
    return Vocabulary(len(ids), artifact.tokenizer.digest, tuple(nsmallest(SKETCH, hashes)))


def same_vocabulary(a: Vocabulary | None, b: Vocabulary | None) -> bool:
    """Equal token strings with equal ids; False where one is missing."""
    return a is not None and b is not None and a.digest == b.digest


def jaccard(a: Vocabulary, b: Vocabulary) -> float:
    """Estimated share of common token strings, exact when both vocabularies fit into the sketch."""
    union = sorted(set(a.smallest) | set(b.smallest))[:SKETCH]
    if not union:
        return 0.0
    both = set(a.smallest) & set(b.smallest)
    return sum(h in both for h in union) / len(union)


def compare(a: Vocabulary | None, b: Vocabulary | None) -> Evidence | None:
    """What the vocabularies have in common; supports nothing. None where one is missing."""
    if a is None or b is None:
        return None
    share = 1.0 if a.digest == b.digest else jaccard(a, b)
    same = "the same vocabulary" if a.digest == b.digest else f"about {share:.0%} of their token strings in common"
    text = f"The tokenizers have {same}; independent models often share a tokenizer."
    return Evidence(NAME, "tokenizer", "nothing", share, Test.NONE, None, a.size, None, text)
