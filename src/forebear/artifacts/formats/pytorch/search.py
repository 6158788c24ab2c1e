"""The model in a checkpoint: the largest dictionary of tensors, however deep it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.pytorch.values import Opaque, Strided

MAX_DEPTH = 8
MAX_NAME = 1_000
BESIDE = frozenset(
    ["optimizer", "optimizers", "optimizer_state", "optimizer_states", "optimizer_state_dict", "optim", "optim_state"]
) | {"lr_schedulers", "lr_scheduler", "scheduler", "rng_state", "callbacks", "loops"}
"""Keys under which training programs keep what is no model."""


@dataclass(frozen=True)
class Found:
    """A dictionary of tensors.

    Attributes:
        where: the keys that lead to it, as text; empty for the object itself.
        tensors: by name.
        passed: names of entries that are no tensors which can be read.
    """

    where: str
    tensors: Mapping[str, Strided]
    passed: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Values in all tensors."""
        return sum(prod(t.shape) for t in self.tensors.values())


def state_dict(value: Any) -> Found | None:
    """The dictionary with most values; the first of equals. None where there is none that holds fractions.

    States of random generators are tensors too, of integers.
    """
    candidates = [f for f in _dictionaries(value) if any(DTYPES[t.dtype].floating for t in f.tensors.values())]
    return max(candidates, key=lambda f: f.size) if candidates else None


def _dictionaries(value: Any) -> Iterator[Found]:
    """Every dictionary that is reached through keys and attributes, each once, the outermost first."""
    seen: set[int] = set()
    level: list[tuple[str, Any]] = [("", value)]
    for _ in range(MAX_DEPTH):
        deeper: list[tuple[str, Any]] = []
        for where, node in level:
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, Opaque):
                deeper += [(where, state) for state in node.state]
            elif isinstance(node, dict):
                module = _module(node)
                if module is not None:
                    yield Found(where, *module)
                    continue
                texts = {k: v for k, v in node.items() if isinstance(k, str)}
                tensors = {k: v for k, v in texts.items() if isinstance(v, Strided)}
                yield Found(where, tensors, tuple(k for k, v in texts.items() if isinstance(v, Opaque)))
                deeper += [
                    (f"{where}[{k[:40]!r}]", v)
                    for k, v in texts.items()
                    if isinstance(v, (dict, Opaque)) and k.lower() not in BESIDE
                ]
        level = deeper


def _module(state: Mapping[Any, Any]) -> tuple[dict[str, Strided], tuple[str, ...]] | None:
    """The tensors of a whole pickled ``torch.nn.Module`` by their dotted names, and names of those that are not read.

    None where this is no module.
    """
    if not isinstance(state.get("_modules"), dict) or not isinstance(state.get("_parameters"), dict):
        return None
    out: dict[str, Strided] = {}
    passed: list[str] = []
    stack: list[tuple[str, Any]] = [("", state)]
    seen: set[int] = set()
    while stack:
        prefix, node = stack.pop()
        if id(node) in seen or len(prefix) > MAX_NAME:  # a module used twice has its tensors once
            continue
        seen.add(id(node))
        if isinstance(node, Opaque):
            stack += [(prefix, s) for s in node.state]
        elif isinstance(node, dict):
            for part in ("_parameters", "_buffers"):
                if isinstance(node.get(part), dict):
                    named = {prefix + k: v for k, v in node[part].items() if isinstance(k, str)}
                    out |= {k: v for k, v in named.items() if isinstance(v, Strided)}
                    passed += [k for k, v in named.items() if isinstance(v, Opaque)]
            if isinstance(node.get("_modules"), dict):
                stack += [(f"{prefix}{k}.", v) for k, v in node["_modules"].items() if isinstance(k, str)]
    return out, tuple(passed)
