"""How a model was made, from the files beside it: a training declaration, mergekit, PEFT, trainers, quantisers, card.

Every statement keeps the file that it is from. Nothing is executed and nothing guessed; two files that contradict each
other are both told.
"""

from __future__ import annotations

from forebear.bom.stages import axolotl, card, gguf, llama_factory, mergekit, peft, quantization, trainer
from forebear.bom.stages.base import Papers, Reader
from forebear.bom.stages.combine import combined
from forebear.bom.stages.declaration import Declaration
from forebear.bom.stages.declaration_file import declaration_beside, read_declaration
from forebear.bom.training import Training
from forebear.errors import FormatError
from forebear.sources import Source

READERS: tuple[Reader, ...] = (
    mergekit.READER,
    peft.READER,
    axolotl.READER,
    llama_factory.READER,
    trainer.READER,
    quantization.READER,
    gguf.READER,
    card.READER,
)
"""Every kind of file that says how a model was made; a declaration of ours is read before them."""


def training_of(source: Source) -> Training:
    """What the files beside a model say about its making.

    Args:
        source: the model's files.

    Returns:
        Statements, each with its file; files that cannot be read are in ``problems``.

    Raises:
        InputError: the source cannot be listed.
    """
    problems: list[str] = []
    try:
        beside = declaration_beside(source)
    except FormatError as error:
        beside, problems = None, [str(error)]
    return training_with(source, beside, problems)


def training_with(source: Source, declaration: tuple[str, Declaration] | None, problems: list[str]) -> Training:
    """The same with a declaration that was read already.

    Args:
        source: the model's files.
        declaration: its file's name and what it says, None for none.
        problems: what could not be read before.
    """
    papers = Papers(source, list(problems))
    found = [declaration[1].training(declaration[0])] if declaration is not None else []
    found += [reader.read(papers) for reader in READERS]
    return combined(found, papers.problems)


__all__ = [
    "READERS",
    "Declaration",
    "Papers",
    "Reader",
    "declaration_beside",
    "read_declaration",
    "training_of",
    "training_with",
]
