"""Quantised weights that are not read: known by what stands beside the codes, told, and taken for nothing else.

Codes that look like plain integers of the right shape would otherwise be taken for weights in an order, or under a
rotation, that they do not have. The forms are those that the programs of these names write (HQQ, AQLM arXiv 2401.06118,
torchao, optimum-quanto, EETQ, BitNet arXiv 2402.17764, MLX, ExLlamaV2 and V3, VPTQ arXiv 2409.17066, SpQR
arXiv 2306.03078, HIGGS arXiv 2411.17525, AMD Quark).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from forebear.artifacts.kinds import Kinds

BYTES, WORDS = ("I8", "U8"), ("I16", "U16", "I32", "U32")


@dataclass(frozen=True)
class Form:
    """How a program stores a matrix that is not read here.

    Attributes:
        title: the program or method.
        endings: what stands behind the module's name; the codes first, then what every matrix has beside them.
        dtypes: of the codes, where their name alone says nothing; empty for any.
    """

    title: str
    endings: tuple[str, ...]
    dtypes: tuple[str, ...] = ()


FORMS = (
    Form("HQQ", (".W_q",)),
    Form("AQLM", (".codes", ".codebooks", ".scales")),
    Form("torchao", ("._weight_qdata", "._weight_scale")),
    Form("torchao", (".weight:qdata", ".weight:scale")),
    Form("quanto", (".weight._data", ".weight._scale")),
    Form("ExLlamaV2", (".q_weight", ".q_scale")),
    Form("ExLlamaV3", (".trellis", ".svh")),
    Form("VPTQ", (".indices", ".centroids.weight")),
    Form("SpQR", (".dense_weights", ".row_offsets")),
    Form("HIGGS", (".weight", ".scales", ".tables"), WORDS),
    Form("MLX", (".weight", ".scales", ".biases"), WORDS),
    Form("EETQ", (".weight", ".weight_scales"), BYTES),
    Form("BitNet", (".weight", ".weight_scale"), BYTES),
    Form("Quark", (".weight", ".weight_scale"), WORDS),
)
"""Asked in turn, of what the schemes that are read have left."""


@dataclass(frozen=True)
class Unread:
    """What was found: which tensors, of which program, and the sentence for the reader."""

    title: str
    names: frozenset[str]
    note: str


def unread(tensors: Kinds) -> Unread | None:
    """The tensors of the first form that is there, with what stands beside their codes; None where there is none."""
    for form in FORMS:
        modules = list(_modules(tensors, form))
        if modules:
            names = frozenset(module + ending for module in modules for ending in form.endings)
            note = (
                f"{len(modules)} weights are stored as {form.title} stores them ({modules[0]}{form.endings[0]}), which "
                "is not read: nothing of them is compared; scan the model that they were made from"
            )
            return Unread(form.title, names, note)
    return None


def _modules(tensors: Kinds, form: Form) -> Iterator[str]:
    """Names of modules that have a tensor of every ending."""
    codes, *beside = form.endings
    for kind in tensors.kinds:
        if kind.like.name.endswith(codes) and (not form.dtypes or kind.like.dtype in form.dtypes):
            for module in (name.removesuffix(codes) for name in kind.names):
                if all(module + ending in tensors for ending in beside):
                    yield module
