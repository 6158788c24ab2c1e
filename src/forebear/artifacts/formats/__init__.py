"""Weight formats: one file or folder per format, each a ``Reader``; ``READERS`` is the visible list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from forebear.artifacts.base import Reader, Weights
from forebear.artifacts.formats.adapter import PeftAdapter
from forebear.sources import Source

__all__ = ["READERS"]


@dataclass(frozen=True)
class OnDemand:
    """A reader that is imported when a source has a file that it could be for: most folders have one format of six.

    Attributes:
        name: of the format.
        place: module below this one, and class.
        files: pattern of names, in small letters, that files of this format have; of another name only a single file
            can be that the user named.
    """

    name: str
    place: str
    files: str

    @cached_property
    def _reader(self) -> Reader:
        module, _, kind = self.place.partition(":")
        reader: Reader = getattr(import_module(f"{__name__}.{module}"), kind)()
        return reader

    def handles(self, source: Source) -> bool:
        """See :meth:`Reader.handles`."""
        possible = source.only is not None or any(re.search(self.files, f.path.lower()) for f in source.files())
        return possible and self._reader.handles(source)

    def read(self, source: Source) -> Weights:
        """See :meth:`Reader.read`."""
        return self._reader.read(source)


MODELS: tuple[Reader, ...] = (
    OnDemand("safetensors", "safetensors:Safetensors", r"\.safetensors(\.index\.json)?\Z"),
    OnDemand("PyTorch", "pytorch:PyTorch", r"\.(bin|pt|pth|ckpt|bin\.index\.json)\Z"),
    OnDemand("consolidated checkpoint", "consolidated:Consolidated", r"\Aconsolidated\b"),
    OnDemand("GGUF", "gguf:Gguf", r"\.gguf\Z"),
    OnDemand("Keras", "keras:Keras", r"\.(h5|hdf5|keras)\Z"),
    OnDemand("ONNX", "onnx:Onnx", r"\.onnx\Z"),
)
"""Every format of model weights, the most exact first: of a directory that holds several, the first is read."""
READERS: tuple[Reader, ...] = (PeftAdapter(MODELS), *MODELS)
"""All formats. An adapter is asked for first, because its files have the suffixes of models' files."""
