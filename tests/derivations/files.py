"""Models as quantisers write them: a folder with packed matrices, a folder with one GGUF file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

import ggufs
from quantise import quantised

ENCODERS: Mapping[str, Callable[[NDArray[Any]], ggufs.Stored]] = MappingProxyType(
    {"q8_0": ggufs.q8_0, "q4_0": ggufs.q4_0}
)
PAPERS = ("README.md", "LICENSE")


def packed(folder: Path, out: Path, scheme: str, plain: bool = False) -> Path:
    """The BF16 model of a folder with its matrices in a scheme of :data:`quantise.SCHEMES`.

    Args:
        folder: of the model.
        out: where the quantised one goes; must not be there, and nothing called ``<out>-plain`` either.
        scheme: a name.
        plain: the values that the integers stand for, as floats, instead of the integers.

    Raises:
        KeyError: there is no such scheme.
    """
    shutil.copytree(folder, out)
    made, values = out.with_name(f"{out.name}-made"), out.with_name(f"{out.name}-made-plain")
    quantised(out, made.name, scheme)
    shutil.rmtree(out)
    (values if plain else made).rename(out)
    shutil.rmtree(made if plain else values)
    return out


def gguf(folder: Path, out: Path, kind: str) -> Path:
    """The model of a folder as one GGUF file, with card and licence beside it.

    Raises:
        KeyError: there is no such encoder, or a tensor has no name there.
    """
    out.mkdir(parents=True)
    ggufs.convert(folder, out / "model.gguf", ENCODERS[kind])
    for name in PAPERS:
        if (folder / name).is_file():
            shutil.copy(folder / name, out / name)
    return out
