"""Formats: bytes become one :class:`Artifact`, a model with lazy tensors, config, tokenizer and documents."""

from forebear.artifacts.base import Artifact, Reader, Tensor, Weights
from forebear.artifacts.formats import READERS
from forebear.artifacts.read import read_artifact

__all__ = ["READERS", "Artifact", "Reader", "Tensor", "Weights", "read_artifact"]
