"""Weight formats: one file or folder per format, each a ``Reader``; ``READERS`` is the visible list."""

from __future__ import annotations

from forebear.artifacts.base import Reader
from forebear.artifacts.formats.keras import Keras
from forebear.artifacts.formats.onnx import Onnx
from forebear.artifacts.formats.safetensors import Safetensors

__all__ = ["READERS"]

READERS: tuple[Reader, ...] = (Safetensors(), Keras(), Onnx())
"""Every weight format, the most exact first: of a directory that holds several, the first is read."""
