"""Low-rank adapters on the matrices of a model, trained as LoRA trains them (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

ATTENTION = ("q_proj", "v_proj", "qkv_proj", "c_attn", "query_key_value")
_MLP = ("gate_proj", "up_proj", "down_proj", "gate_up_proj", "c_fc", "c_proj", "dense_h_to_4h", "dense_4h_to_h")
ALL = (*ATTENTION, *_MLP, "k_proj", "o_proj", "dense")
TARGETS: Mapping[str, Sequence[str]] = MappingProxyType({"few": ATTENTION, "all": ALL})
"""Names of the modules that an adapter is put on: queries and values, or every matrix."""
SCALE = 2.0
"""Alpha over rank."""


class LowRank(torch.nn.Module):  # type: ignore[misc]
    """A frozen matrix plus B·A, as LoRA begins: A random, B zero; alpha is twice the rank."""

    def __init__(self, frozen: torch.nn.Module, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.frozen = frozen
        self.A = torch.nn.Parameter(torch.empty(rank, inputs))
        self.B = torch.nn.Parameter(torch.zeros(outputs, rank))
        torch.nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The matrix's own output and the change."""
        changed: torch.Tensor = self.frozen(x) + SCALE * (x @ self.A.T) @ self.B.T
        return changed


def adapted(network: Any, targets: Sequence[str], rank: int) -> dict[str, LowRank]:
    """Freeze a model and put adapters on its modules of these names; the adapters by module name."""
    network.requires_grad_(False)
    changes: dict[str, LowRank] = {}
    for name, module in list(network.named_modules()):
        if name.rpartition(".")[2] in targets and getattr(module, "weight", None) is not None:
            first, second = module.weight.shape
            shape = (first, second) if turned(module) else (second, first)
            changes[name] = LowRank(module, *shape, rank)
            _put(network, name, changes[name])
    return changes


def merge(network: Any, changes: Mapping[str, LowRank]) -> None:
    """Add every adapter to its matrix, and take the adapters off."""
    for name, change in changes.items():
        update = SCALE * (change.B @ change.A).detach()
        change.frozen.weight += update.T if turned(change.frozen) else update
        _put(network, name, change.frozen)


def turned(module: torch.nn.Module) -> bool:
    """Whether the module keeps its matrix as (inputs, outputs)."""
    return type(module).__name__ == "Conv1D"


def _put(network: Any, name: str, module: torch.nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)
