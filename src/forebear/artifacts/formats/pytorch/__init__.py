"""PyTorch checkpoints (``.bin``, ``.pt``, ``.pth``, ``.ckpt``), read without torch and without executing anything."""

from __future__ import annotations

from forebear.artifacts.formats.pytorch.dangers import pickle_dangers
from forebear.artifacts.formats.pytorch.reader import PyTorch, candidates, read_tensors

__all__ = ["PyTorch", "candidates", "pickle_dangers", "read_tensors"]
