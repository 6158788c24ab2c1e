"""Which strings are tokens of which known tokenizer, for a sample of longer ones, in a bit for each of eight places.

A filter in the manner of Bloom (1970) with one hash: a token is always known, another string is taken for one in about
one of nine cases. So that a string is *not* known is certain, and that is all it is used for. One in four strings of
five characters and more is kept, the same ones for all tokenizers; spaces around a string do not count, because servers
differ in what they do with them. No vocabulary can be had back from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib import resources

LEAST = 5
"""Characters; shorter strings are tokens of nearly every vocabulary."""
SAMPLED = 4
"""One of so many strings is kept."""
PLACES = 8
"""Bits for each string that is kept."""
_FILES = ("strings.json", "strings.bin")


def sampled(text: str) -> int | None:
    """The hash of a string that is kept, None for one that is not."""
    plain = text.strip(" ")
    if len(plain) < LEAST or not plain.isprintable() or " " in plain:
        return None
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    return number // SAMPLED if number % SAMPLED == 0 else None


def packed(texts: Iterable[str]) -> bytes:
    """The filter of a vocabulary's strings; empty where none is kept."""
    kept = {number for text in texts if (number := sampled(text)) is not None}
    bits = bytearray(len(kept) * PLACES // 8)
    for number in kept:
        place = number % (8 * len(bits)) if bits else 0
        bits[place // 8] |= 1 << place % 8
    return bytes(bits)


def is_known(filter_: bytes, text: str) -> bool | None:
    """Whether a string may be a token; None where it is not of the sample."""
    number = sampled(text)
    if number is None or not filter_:
        return None
    place = number % (8 * len(filter_))
    return bool(filter_[place // 8] >> place % 8 & 1)


@cache
def filters() -> dict[str, bytes]:
    """The filter of every known tokenizer that has one, by name.

    Raises:
        ValueError: the data files do not belong together (a bug of ours).
    """
    folder = resources.files("forebear") / "data" / "tokenizers"
    sizes = json.loads((folder / _FILES[0]).read_text("utf-8"))
    raw = (folder / _FILES[1]).read_bytes()
    if sum(sizes.values()) != len(raw):
        raise ValueError(f"{_FILES[0]} and {_FILES[1]} do not belong together")
    found: dict[str, bytes] = {}
    at = 0
    for name, size in sizes.items():
        found[name] = raw[at : at + size]
        at += size
    return found
