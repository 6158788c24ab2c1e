"""Weight formats: one file or folder per format, each a ``Reader``; ``READERS`` is the visible list."""

from __future__ import annotations

from forebear.artifacts.base import Reader
from forebear.artifacts.formats.adapter import PeftAdapter
from forebear.artifacts.formats.consolidated import Consolidated
from forebear.artifacts.formats.gguf import Gguf
from forebear.artifacts.formats.keras import Keras
from forebear.artifacts.formats.onnx import Onnx
from forebear.artifacts.formats.pytorch import PyTorch
from forebear.artifacts.formats.safetensors import Safetensors

__all__ = ["READERS"]

MODELS: tuple[Reader, ...] = (Safetensors(), PyTorch(), Consolidated(), Gguf(), Keras(), Onnx())
"""Every format of model weights, the most exact first: of a directory that holds several, the first is read."""
READERS: tuple[Reader, ...] = (PeftAdapter(MODELS), *MODELS)
"""All formats. An adapter is asked for first, because its files have the suffixes of models' files."""
