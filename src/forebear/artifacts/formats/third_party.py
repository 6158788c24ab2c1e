"""Readers that other packages bring. They say where values lie; the values themselves Forebear reads.

A plugin names files, offsets, shapes and dtypes. Each is held against the source before it is used, so that a reader
can neither make values up nor point outside the model. What it read is marked: its coins are not relied on, and it is
never called identical to anything.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.tokenizers import Tokenizer
from forebear.errors import ForebearError, FormatError, PluginError, one_line
from forebear.plugins import Plugin, plugins
from forebear.sources import Source

MOST_TENSORS = 2_000_000
MOST_DIMENSIONS = 16
MOST_NOTES = 20
MOST_CONFIG = 1_000_000
"""Characters; what is cut is no JSON any more."""


class ThirdParty:
    """A plugin as a :class:`~forebear.artifacts.base.Reader`."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.name = plugin.title

    def handles(self, source: Source) -> bool:
        """Whether the plugin says so. One that does not work handles nothing, and a line on stderr says why."""
        try:
            return self.plugin.run(lambda: self.plugin.entry.load().handles(source)) is True
        except PluginError as error:
            _tell(str(error))
            return False

    def read(self, source: Source) -> Weights:
        """What the plugin found, after it was held against the source.

        Raises:
            InputError: the plugin raised one: the files are damaged.
            PluginError: it raised anything else, or what it returned is no weights of this source.
        """
        try:
            found = self.plugin.run(lambda: self.plugin.entry.load().read(source))
        except PluginError as error:
            if isinstance(error.__cause__, ForebearError):
                raise error.__cause__ from None
            raise
        if not isinstance(found, Weights):
            raise self.plugin.failure(f"read returned {type(found).__name__}, not forebear.artifacts.Weights")
        try:
            return self._weights(found, source)
        except ForebearError:
            raise
        except Exception as error:  # of values that are not what their types say
            raise self.plugin.failure(f"what read returned is no usable Weights ({type(error).__name__})") from None

    def _weights(self, found: Weights, source: Source) -> Weights:
        """What was returned, checked and made anew."""
        if isinstance(found.tensors, Mapping):
            found = replace(found, tensors=dict(found.tensors))  # one that answers otherwise later is a plain one now
        self._check(found, source)
        try:
            config = json.loads(json.dumps(dict(found.config))[:MOST_CONFIG])
        except (TypeError, ValueError):
            raise self.plugin.failure("the config that it returned is no JSON object of a usual size") from None
        note = f"read by {self.plugin.title}: its own coins are not relied on, and it is never called identical"
        return Weights(
            f"{one_line(str(found.format), 80)} ({self.plugin.party})",
            found.tensors,
            tuple(sorted({t.path for t in found.tensors.values()})),
            config,
            found.tokenizer if isinstance(found.tokenizer, Tokenizer) else None,
            (note, *(one_line(str(n)) for n in found.notes[:MOST_NOTES])),
            third_party=self.plugin.title,
        )

    def _check(self, found: Weights, source: Source) -> None:
        """Every tensor lies in a file of the source, whole."""
        sizes = {f.path: f.size for f in source.files()}
        if not isinstance(found.tensors, Mapping) or len(found.tensors) > MOST_TENSORS or found.adapter is not None:
            raise self.plugin.failure(f"read has to return a mapping of at most {MOST_TENSORS:,} tensors of a model")
        for name, tensor in found.tensors.items():
            if not isinstance(name, str) or type(tensor) is not Tensor or tensor.source is not source:
                raise self.plugin.failure(f"{one_line(str(name), 80)} is no Tensor of the source that was given")
            fits = len(tensor.shape) <= MOST_DIMENSIONS and all(type(n) is int and n >= 0 for n in tensor.shape)
            if not fits or tensor.dtype not in DTYPES or type(tensor.start) is not int or tensor.start < 0:
                raise self.plugin.failure(f"{one_line(name, 80)} has no shape, dtype or offset that is known")
            if tensor.start + tensor.nbytes > sizes.get(tensor.path, -1):
                raise FormatError(one_line(str(tensor.path), 200), f"tensor {one_line(name, 80)} ends behind the file")


def third_party_readers() -> tuple[ThirdParty, ...]:
    """All that are installed, by name."""
    return tuple(ThirdParty(plugin) for plugin in plugins("readers"))


@cache
def _tell(line: str) -> None:
    """A line on stderr, once: a scan of many folders asks every reader about each."""
    logging.getLogger("forebear").warning("%s; it was left out", line)
