"""The probes as tokens of a model, and which of them its tokenizer cannot cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forebear.activations.base import Ids
from forebear.activations.probes import Probe
from forebear.tokenization import Encoder


@dataclass(frozen=True)
class LeftOut:
    """A probe that a model was not asked, or whose states are no numbers: its place in the set, and why."""

    probe: int
    why: str


@dataclass(frozen=True)
class Span:
    """A probe as tokens: its place in the set, the tokens' ids, and the positions of those that stand for its text."""

    probe: int
    ids: Ids
    counted: Ids


def spans_of(
    encoder: Encoder, probes: Sequence[Probe], rows: int, positions: int
) -> tuple[tuple[Span, ...], tuple[LeftOut, ...]]:
    """Probes as tokens of a model, and those that it cannot be asked.

    Args:
        encoder: of the model's tokenizer.
        probes: in order.
        rows: of the embedding; an id beyond it has none.
        positions: the most tokens that a span may have.
    """
    spans: list[Span] = []
    left_out: list[LeftOut] = []
    for number, probe in enumerate(probes):
        found = encoder.encode(probe.text)
        if isinstance(found, str):
            left_out.append(LeftOut(number, found))
            continue
        ids, counted = np.array(found.ids, dtype=np.int64), np.flatnonzero(found.counted)
        if not counted.size:
            why = "its tokenizer finds no token in it"
        elif 2 * found.unknown > counted.size:
            why = "its tokenizer knows less than half of it"
        elif len(ids) > positions:
            why = f"it is {len(ids):,} tokens, more than {positions:,}"
        elif ids.max() >= rows:
            why = f"token {ids.max():,} has no embedding"
        else:
            spans.append(Span(number, ids, counted))
            continue
        left_out.append(LeftOut(number, why))
    return tuple(spans), tuple(left_out)
