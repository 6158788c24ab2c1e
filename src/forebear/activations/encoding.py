"""A model's own tokenizer on the probes: what cuts them, and which of them it cannot cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebear.activations.base import Encoder, Ids
from forebear.activations.bpe import byte_pairs
from forebear.activations.library import Library
from forebear.activations.probes import Probe
from forebear.activations.settings import Refused
from forebear.artifacts import Artifact
from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.base import read_file
from forebear.artifacts.tokenizers.huggingface import TOKENIZER
from forebear.errors import ForebearError

ENCODERS = (byte_pairs, Library)
"""Every way to cut texts by a parsed ``tokenizer.json``, in order of preference; each refuses what it cannot read."""


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


def encoder_of(artifact: Artifact) -> Encoder | str:
    """What cuts texts as the model's own tokenizer does, or a clause that says why nothing does."""
    if TOKENIZER not in {f.path for f in artifact.source.files()}:
        return f"it has no {TOKENIZER}"
    try:
        data = load_json(read_file(artifact.source, TOKENIZER), TOKENIZER)
    except ForebearError as error:
        return str(error)
    return _first(data) if isinstance(data, Mapping) else f"its {TOKENIZER} is no object"


def _first(data: Mapping[str, Any]) -> Encoder | str:
    why = ""
    for encoder in ENCODERS:
        try:
            return encoder(data)
        except Refused as refusal:
            why = str(refusal)
        except ForebearError as error:
            why = f"{why}: {error}" if why else str(error)
    return why


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
