"""Facts and words: known base models, and what findings and verdicts mean."""

from forebear.catalogue.explanations import (
    Explanation,
    explanation,
    finding_text,
    nearest,
    raise_finding,
    relation_text,
    topics,
    verdict_text,
)
from forebear.catalogue.models import KnownModel, LookAlike, known_models, look_alikes

__all__ = [
    "Explanation",
    "KnownModel",
    "LookAlike",
    "explanation",
    "finding_text",
    "known_models",
    "look_alikes",
    "nearest",
    "raise_finding",
    "relation_text",
    "topics",
    "verdict_text",
]
