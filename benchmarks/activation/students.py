"""Teachers, their students, and who could be taken for a teacher: what has to be trained for questions of distillation.

Teachers come in twos that differ in nothing but the random start, so that whoever is not the teacher was trained on
the same texts in the same order, and has students of its own of the very same making.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from disguise.bases import OTHER, bases
from zoo.recipes import Recipe, config_of, model

TAUGHT: Mapping[str, str] = MappingProxyType(
    {"llama": "qwen3", "mistral": "llama", "qwen2": "gemma", "qwen3": "gpt_neox", "gemma": "mistral", "gpt2": "qwen2"}
)
"""Families of teachers, each with the other family that some of its students are of."""
SMALL: Mapping[str, Any] = MappingProxyType(
    {
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 128,
    }
)
DEEP: Mapping[str, Any] = MappingProxyType({"num_hidden_layers": 7})
KINDS = ("same", "other-text", "other-family", "smaller", "deeper")
"""Of students: as the teacher; on another text; another family; narrower with fewer layers; with more layers."""
LONG: Mapping[str, Any] = MappingProxyType({"steps": 240, "rate": 3e-3, "decay": 0.1})
CONTROL_SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType({"small": SMALL, "deep": DEEP})


@dataclass(frozen=True)
class School:
    """A teacher, its students by kind, and its twin: the same in all but the random start."""

    teacher: Recipe
    students: Mapping[str, Recipe]
    twin: Recipe


def schools(brief: bool = False) -> tuple[School, ...]:
    """All of them, two of every family; ``brief``: of two families, hardly trained."""
    named = {b.recipe.name: b.recipe for b in bases()}
    if brief:
        named = {name: replace(one, steps=12) for name, one in named.items()}
    out = []
    for k, family in enumerate(list(TAUGHT)[: 2 if brief else None]):
        two = named[f"{family}-a"], named[f"{family}-b"]
        for turn, teacher in enumerate(two):
            students = {kind: _student(teacher, kind, 20_000 + 100 * k + 10 * turn + n) for n, kind in enumerate(KINDS)}
            if brief:
                students = {kind: replace(one, steps=4) for kind, one in list(students.items())[:2]}
            out.append(School(teacher, MappingProxyType(students), two[1 - turn]))
    return tuple(out)


def controls(brief: bool = False) -> tuple[Recipe, ...]:
    """Independent models of other sizes, with the tokenizer and the text of every teacher."""
    return tuple(replace(one, steps=4) if brief else one for one in _controls())


def _controls() -> Iterator[Recipe]:
    for k, corpus in enumerate(("code", "prose")):
        for n, (size, sizes) in enumerate(CONTROL_SIZES.items()):
            for turn in range(2):
                seed = 21_000 + 100 * k + 10 * n + turn
                config = config_of("llama", **sizes)
                yield model(f"{size}-{corpus}-{'ab'[turn]}", "llama", seed, corpus, config=config, order_seed=1)


def _student(teacher: Recipe, kind: str, seed: int) -> Recipe:
    family = TAUGHT[teacher.family] if kind == "other-family" else teacher.family
    sizes = SMALL if kind == "smaller" else DEEP if kind == "deeper" else {}
    if family == "gpt2" and sizes:
        sizes = {**sizes, "n_inner": sizes.get("intermediate_size", teacher.config["n_inner"])}
    tied = teacher.config["tie_word_embeddings"]
    made = model(f"{teacher.name}-taught-{kind}", family, seed, teacher.corpus, tokenizer=teacher.tokenizer)
    return replace(
        made,
        config=config_of(family, tie_word_embeddings=tied, **sizes),
        corpus=OTHER[teacher.corpus] if kind == "other-text" else teacher.corpus,
        objective="imitation",
        teacher=teacher,
        **LONG,
    )
