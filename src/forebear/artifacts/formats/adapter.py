"""PEFT adapters: ``adapter_config.json`` beside ``adapter_model.safetensors`` or any other format that is read.

An adapter is a change to a model and no model: its tensors are read as they are, and
:class:`~forebear.artifacts.adapter.Adapter` says what they would change in which base.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from forebear.artifacts.adapter import CONFIG, Adapter, low_rank, parse_config
from forebear.artifacts.base import Reader, Weights
from forebear.artifacts.text import load_json, read_whole
from forebear.errors import FormatError, InputError, one_line
from forebear.sources import File, Range, Source

STEM = "adapter_model."
MAX_CONFIG = 1_000_000
_LEFTOVERS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state(_\d+)?)\.(bin|pt|pth)")
"""What training programs leave beside an adapter under the suffixes of weights."""


class PeftAdapter:
    """The reader of adapters; the tensors themselves are read by the formats of models."""

    name = "PEFT adapter"

    def __init__(self, formats: tuple[Reader, ...]) -> None:
        self._formats = formats

    def handles(self, source: Source) -> bool:
        """True where an adapter is all there is: of a folder with a model, the model is read."""
        if source.only is not None:
            return _is_adapter_file(source.only)
        if not adapter_files(source):
            return False
        beside = (f for f in source.files() if not _is_adapter_file(f.path) and not _LEFTOVERS.fullmatch(f.path))
        rest = _View(source, tuple(beside))
        model = next((r for r in self._formats if r.handles(rest)), None)
        return model is None or self._misnamed(source, model)

    def read(self, source: Source) -> Weights:
        """Config and tensors.

        Raises:
            InputError: the weights are missing or in a format that is not read; config or tensors contradict
                themselves.
        """
        names = {f.path for f in source.files()}
        stated = parse_config(load_json(read_whole(source, CONFIG, MAX_CONFIG), CONFIG)) if CONFIG in names else None
        weights = self._tensors(source)
        changes, others = low_rank(weights.tensors.values())
        if stated is None:
            adapter = Adapter("LORA" if changes else "")
            notes: tuple[str, ...] = (f"{CONFIG} is missing: base and scale are not stated",)
        else:
            adapter, notes = stated, _contradictions(stated, {c.rank for c in changes.values()})
            if adapter.peft_type == "LORA" and not changes:
                raise FormatError(weights.files[0], f"{CONFIG} says LORA, and it holds no lora_A and lora_B")
        adapter = replace(adapter, changes=changes, others=others)
        return replace(
            weights,
            format=f"{adapter.title} ({weights.format})",
            notes=(*weights.notes, *notes),
            adapter=adapter,
        )

    def _tensors(self, source: Source) -> Weights:
        """What the format of the adapter's one weight file makes of it."""
        files = {f.path: f for f in source.files()}
        own = [n for n in sorted(adapter_files(source), reverse=True) if n != CONFIG]  # safetensors before bin
        if source.only not in (None, CONFIG):
            own = [str(source.only)]
        if not own:
            rest = _View(source, source.files())
            model = next((r for r in self._formats if r.handles(rest)), None)
            if model is not None and self._misnamed(source, model):
                return model.read(source)
            raise InputError(
                f"{source.target}: {CONFIG} without the adapter's weights", f"fetch {STEM}safetensors beside it"
            )
        if own[0] not in files:
            raise InputError(f"{own[0]}: not in {source.target}", "was it moved or deleted just now?")
        view = _View(source, (files[own[0]],), own[0])
        reader = next((r for r in self._formats if r.handles(view)), None)
        if reader is None:
            raise InputError(
                f"{one_line(own[0], 200)}: an adapter in a format that this version cannot read yet",
                f"save it as {STEM}safetensors",
            )
        return reader.read(view)

    def _misnamed(self, source: Source, model: Reader) -> bool:
        """Whether an adapter's tensors lie in a file named like a model's, as some training programs leave them."""
        names = adapter_files(source)
        if names != [CONFIG]:
            return False
        return all(".lora_" in name for name in model.read(source).tensors)


def adapter_files(source: Source) -> list[str]:
    """The files of a source that belong to an adapter, sorted; none where the user named another file."""
    if source.only is not None and not _is_adapter_file(source.only):
        return []
    return sorted(f.path for f in source.files() if _is_adapter_file(f.path))


def _is_adapter_file(name: str) -> bool:
    return name == CONFIG or name.startswith(STEM)


def _contradictions(stated: Adapter, ranks: set[int]) -> tuple[str, ...]:
    if stated.rank is None or not ranks or stated.rank in ranks:
        return ()
    found = ", ".join(str(r) for r in sorted(ranks)[:5])
    return (f"{CONFIG} says rank {stated.rank}, the tensors have {found}",)


class _View:
    """A source of which only some files are seen, or one is meant."""

    def __init__(self, inner: Source, files: tuple[File, ...], only: str | None = None) -> None:
        self._inner, self._files = inner, files
        self.target, self.name, self.only, self.traffic = inner.target, inner.name, only, inner.traffic

    @property
    def location(self) -> str:
        return self._inner.location

    def files(self) -> tuple[File, ...]:
        return self._files

    def read(self, path: str, start: int, stop: int) -> bytes:
        return self._inner.read(path, start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        self._inner.prefetch(ranges)
