"""Texts that tokenizers disagree about, for comparing one implementation with another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from forebear.activations.probes import probe_set
from forebear.catalogue.tokenizers import battery
from forebear.tokenization import Encoder, Encoding

ODD = ["", " ", "\n", "  two  spaces ", "a\n\n\nb", "\tx", "I'LL it's", "\uff11\uff12\uff13 \u0663\u0664 \u2167"]
ODD += ["e\u0301", "\u2028", "aaaa", "x\x85y", "\u4e2d\u4e2d \U0001f999\U0001f999"]
COMPOSED = ("all", "again", "relatives")
"""Kinds of probes that are made of others and are no texts of their own."""
STORED = [*ODD, *(probe.text for probe in battery().probes if probe.kind not in COMPOSED)]
"""The texts of ``vectors.json``, where the numbers of other people's code are kept."""
TEXTS = [*STORED, *(probe.text for probe in probe_set().probes[::8])]


def ids_of(encoder: Encoder, text: str) -> list[int]:
    """The ids that stand for a text."""
    found = encoder.encode(text)
    assert isinstance(found, Encoding), found
    return [number for number, counts in zip(found.ids, found.counted, strict=True) if counts]


def digest(encoder: Encoder, texts: Sequence[str] = STORED) -> list[int | str]:
    """How many ids all texts have, and a digest of them, as ``vectors.json`` has it."""
    state = hashlib.blake2b(digest_size=16)
    total = 0
    for text in texts:
        ids = ids_of(encoder, text)
        total += len(ids)
        state.update((",".join(map(str, ids)) + ";").encode())
    return [total, state.hexdigest()]
