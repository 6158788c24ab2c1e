"""Texts cut as a model's own tokenizer cuts them, whatever file describes it."""

from __future__ import annotations

from forebear.tokenization.base import Encoder, Encoding, count
from forebear.tokenization.counting import baseline_count, broken_seams, count_vector
from forebear.tokenization.encoding import encoder_of, json_encoder_of
from forebear.tokenization.named import named
from forebear.tokenization.patterns import SPLITS

__all__ = [
    "SPLITS",
    "Encoder",
    "Encoding",
    "baseline_count",
    "broken_seams",
    "count",
    "count_vector",
    "encoder_of",
    "json_encoder_of",
    "named",
]
