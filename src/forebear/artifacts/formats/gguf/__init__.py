"""GGUF, the format of llama.cpp and Ollama: one file, or one model split over several.

A folder often holds one model in several quantisations; the largest is the most exact and is read. What the file says
of its architecture, tokenizer and origin stands in for a ``config.json``, a tokenizer and a card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.gguf.blocks import KINDS, UNREAD
from forebear.artifacts.formats.gguf.config import card_of, config_of, experts, sigmoid_router
from forebear.artifacts.formats.gguf.names import CONVERSIONS, DEEPSEEK_V3, MIXTRAL, Conversion
from forebear.artifacts.formats.gguf.undo import undo
from forebear.artifacts.gguf import SUFFIX, Header, begins_as_gguf, read_header
from forebear.artifacts.tokenizers import Tokenizer
from forebear.artifacts.tokenizers.gguf import tokenizer_of
from forebear.errors import FormatError, InputError, one_line
from forebear.sources import File, Source

_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
MAX_PARTS = 1_000
_NO_MODEL = {
    "adapter": ("an adapter, no model", "scan the base model; adapters cannot be tested on their own yet"),
    "mmproj": ("a projector for images or sound, no language model", "scan the model that it belongs to"),
    "imatrix": ("statistics for a quantiser, no model", "scan the model itself"),
}
"""What else is kept in this format, by ``general.type``."""


@dataclass(frozen=True)
class Model:
    """The files of one model: a single one, or all parts of a split in order; the parts that are not there."""

    files: tuple[File, ...]
    missing: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.size for f in self.files)

    @property
    def name(self) -> str:
        """The first file's name."""
        return self.files[0].path


class Gguf:
    """The reader of ``*.gguf``, and of files that begin as such."""

    name = "GGUF"

    def handles(self, source: Source) -> bool:
        """True for a directory with such a file, or for one file by its name or its first bytes."""
        if source.only is None:
            return any(f.path.lower().endswith(SUFFIX) for f in source.files())
        if source.only.lower().endswith(SUFFIX):
            return True
        return any(f.path == source.only and begins_as_gguf(source, f) for f in source.files())

    def read(self, source: Source) -> Weights:
        """Headers of all parts; the tensors as the model had them before it was converted."""
        model, notes = choose(source)
        if model.missing:
            listed = ", ".join(model.missing[:3]) + (f" and {len(model.missing) - 3} more" if model.missing[3:] else "")
            raise InputError(f"{model.name}: parts of its model are not there: {listed}", "fetch the missing parts")
        headers = [read_header(source, file) for file in model.files]
        header = headers[0]
        check_split(headers)
        stored: dict[str, Tensor] = {}
        for part, file in zip(headers, model.files, strict=True):
            found, trailing = tensors_of(part, file, source)
            notes += (trailing,) if trailing else ()
            for name, tensor in found.items():
                if name in stored:
                    raise FormatError(file.path, f"tensor {name} is also in {stored[name].path}", "fetch it again")
                stored[name] = tensor
        kind = header.text("general.type")
        if kind in _NO_MODEL or not stored:
            what, hint = _NO_MODEL.get(kind, ("a vocabulary without weights", "give the file with the model itself"))
            raise FormatError(model.name, f"holds {what}", hint)
        conversion = conversion_of(header)
        if conversion is None:
            arch = one_line(header.text("general.architecture"), 60) or "of no name"
            notes += (f"what llama.cpp changes in architecture {arch} is not known here and not undone",)
        tensors = stored if conversion is None else undo(stored, header, conversion)
        tokenizer: Tokenizer | None = None
        try:
            tokenizer = tokenizer_of(header)
        except FormatError as error:  # the weights still answer
            notes += (f"its tokenizer was not read: {error.problem}",)
        return Weights(
            f"GGUF ({main_type(stored)})",
            tensors,
            tuple(f.path for f in model.files),
            config_of(header, conversion),
            tokenizer,
            notes,
            card=card_of(header),
            own_names=conversion is None,
        )


def choose(source: Source) -> tuple[Model, tuple[str, ...]]:
    """The model that is read, and a note where a folder holds several.

    Raises:
        InputError: the file that was named is not there.
    """
    files = {f.path: f for f in source.files()}
    if source.only is not None and source.only not in files:
        raise InputError(f"{source.only}: not in {source.target}", "was it moved or deleted just now?")
    models = models_of({p: f for p, f in files.items() if p.lower().endswith(SUFFIX) or p == source.only})
    if source.only is not None:
        return next(m for m in models if any(f.path == source.only for f in m.files)), ()
    models = [m for m in models if not m.name.lower().startswith("mmproj")] or models
    best = min(models, key=lambda m: (bool(m.missing), -m.size, m.name))
    if len(models) == 1:
        return best, ()
    return best, (f"of {len(models)} GGUF models in the folder the largest was read, {one_line(best.name, 120)}",)


def models_of(files: Mapping[str, File]) -> list[Model]:
    """Files put together by the names that llama.cpp gives to the parts of a split."""
    splits: dict[tuple[str, int], dict[int, File]] = {}
    models = []
    for path, file in sorted(files.items()):
        part = _PART.fullmatch(path)
        number, count = (int(part[2]), int(part[3])) if part else (0, 0)
        if part and 1 <= number <= count <= MAX_PARTS:
            splits.setdefault((part[1], count), {})[number] = file
        else:
            models.append(Model((file,)))
    for (stem, count), parts in splits.items():
        absent = tuple(f"{stem}-{k:05d}-of-{count:05d}.gguf" for k in range(1, count + 1) if k not in parts)
        models.append(Model(tuple(parts[k] for k in sorted(parts)), absent))
    return models


def check_split(headers: list[Header]) -> None:
    """Raise ``FormatError`` unless the parts of a model are those that they say they are."""
    for k, header in enumerate(headers):
        count, number = header.number("split.count"), header.number("split.no")
        if (count is None or count == 1) and len(headers) == 1:
            continue
        if count != len(headers):
            said = f"{count:,} parts" if count is not None else "no split"
            raise FormatError(header.path, f"belongs to {said}, {len(headers)} are here", "give it all parts by name")
        if number != k:
            raise FormatError(header.path, f"says it is part {number}, its name says {k}", "fetch it again")
    total, whole = headers[0].number("split.tensors.count"), sum(len(h.tensors) for h in headers)
    if len(headers) > 1 and total is not None and total != whole:
        raise FormatError(
            headers[0].path, f"says its parts hold {total:,} tensors, they hold {whole:,}", "fetch it again"
        )


def tensors_of(header: Header, file: File, source: Source) -> tuple[dict[str, Tensor], str]:
    """The tensors of one file as they are stored, and a note where bytes follow the last of them.

    Raises:
        FormatError: a type is unknown, or a tensor ends outside the file, inside another, or far from the next.
    """
    found: dict[str, Tensor] = {}
    position, before = header.data, "the header"
    for info in sorted(header.tensors, key=lambda i: (i.start, i.name)):
        kind = KINDS.get(info.kind)
        if kind is None:
            known = UNREAD.get(info.kind)
            what = f"type {known}, which is not read" if known else f"unknown type {info.kind}"
            hint = "scan another quantisation of the model" if known else ""
            raise FormatError(file.path, f"tensor {info.name} has the {what} (offset {info.stated:,})", hint)
        if not DTYPES[kind].divides(info.size) or (info.shape and info.shape[-1] % DTYPES[kind].block):
            raise FormatError(file.path, f"tensor {info.name} of shape {list(info.shape)} is no whole blocks of {kind}")
        stop = info.start + DTYPES[kind].nbytes(info.size)
        if stop > file.size:
            raise FormatError(
                file.path,
                f"tensor {info.name} ends at byte {stop:,}, the file at {file.size:,}",
                "the file is truncated: fetch it again",
            )
        if info.start < position:
            raise FormatError(file.path, f"tensor {info.name} (offset {info.start:,}) overlaps {before}")
        if info.start - position >= header.alignment:
            raise FormatError(file.path, f"{info.start - position:,} unclaimed bytes before tensor {info.name}")
        found[info.name] = Tensor(info.name, kind, info.shape, file.path, info.start, source)
        position, before = stop, info.name
    left = file.size - position
    return found, f"{left:,} bytes after its last tensor were not read" if found and left >= header.alignment else ""


def conversion_of(header: Header) -> Conversion | None:
    """What is known of how the file's architecture is converted."""
    name = header.text("general.architecture")
    if name == "llama" and experts(header):
        return MIXTRAL
    return DEEPSEEK_V3 if name == "deepseek2" and sigmoid_router(header) else CONVERSIONS.get(name)


def main_type(tensors: Mapping[str, Tensor]) -> str:
    """The number format that holds most values."""
    totals: dict[str, int] = {}
    for tensor in tensors.values():
        totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.size
    return max(totals, key=lambda t: (totals[t], t))
