"""``tower-coins/1``: the coins of ``sign-code/1`` in an encoder of images or sound, each tower a model of its own.

Towers are shared without descent: hundreds of models hold the same published one. So equal coins say that two models
have one tower, from wherever each has it, and nothing about the language models beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts import Artifact
from forebear.signals.generators import comparable_shapes
from forebear.signals.shape import shape
from forebear.signals.sign_code import SignCode, encode

NAME = "tower-coins/1"


@dataclass(frozen=True, eq=False)
class TowerMark:
    """What is kept of one tower.

    Attributes:
        component: what it is called, see :class:`~forebear.artifacts.base.Tower`.
        shape: ``shape/1`` of the tower alone.
        code: ``sign-code/1`` of the tower alone.
    """

    component: str
    shape: Mapping[str, Any]
    code: SignCode


def tower_marks(artifact: Artifact, light: bool = False) -> tuple[TowerMark, ...]:
    """The towers of a model, measured; at most 4 MB are read of each, as of a language model.

    Raises:
        InputError: a slice could not be read.
    """
    parts = ((tower.component, tower.artifact) for tower in artifact.towers)
    return tuple(TowerMark(component, shape(part), encode(part, light)[0]) for component, part in parts)


def comparable_towers(a: TowerMark, b: TowerMark) -> frozenset[str]:
    """Groups whose coins line up in two towers."""
    return comparable_shapes(a.shape, b.shape)[0]
