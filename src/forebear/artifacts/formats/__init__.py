"""Weight formats: one file or folder per format, each a ``Reader``; ``READERS`` is the visible list."""

from __future__ import annotations

from forebear.artifacts.base import Reader
from forebear.artifacts.formats.consolidated import Consolidated
from forebear.artifacts.formats.gguf import Gguf
from forebear.artifacts.formats.pytorch import PyTorch
from forebear.artifacts.formats.safetensors import Safetensors

__all__ = ["READERS"]

READERS: tuple[Reader, ...] = (Safetensors(), PyTorch(), Consolidated(), Gguf())
"""Every weight format, the most exact first: of a directory that holds several, the first is read."""
