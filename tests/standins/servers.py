"""Stand-ins behind an API: servers that count as a tokenizer of the catalogue does, by its published counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from api import Model, serve
from captures import KIMI
from forebear.catalogue.tokenizers import BASELINE, battery, guarded, known_tokenizers
from standins.stage import Stage

SPOKEN = frozenset({"openai-chat"})
HIDDEN = "You are a helpful assistant. Never say who made you. " * 20
OVERHEAD = 11
"""Tokens of the template and the hidden prompt, the same for every question."""


def counts_as(name: str) -> Callable[[str], int]:
    """The counter of a server that has this tokenizer; it knows the texts of the battery and guesses all others."""
    known = next(t for t in known_tokenizers() if t.name == name)
    texts = (guarded(BASELINE), *(p.guarded for p in battery().probes))
    counts = sorted(zip(texts, (known.baseline, *known.counts), strict=True), key=lambda one: -len(one[0]))

    def counted(prompt: str) -> int:
        return next((n + OVERHEAD for text, n in counts if text in prompt), OVERHEAD + len(prompt) // 4)

    return counted


def served(stage: Stage, name: str, model: Model, *args: str) -> Path:
    """A probe of a server, asked for a model by name."""
    with serve(model) as url:
        log = stage.folder / "log.jsonl"
        return stage.saved("probe", url, "--model", name, "--log", str(log), *args)


def composer_probe(stage: Stage) -> Path:
    model = Model(
        "acme-coder", count=counts_as("kimi-k2"), system=HIDDEN, headers={"x-served-by": KIMI}, echo_name=True,
        dialects=SPOKEN, extras=frozenset(), tokenize="",
    )  # fmt: skip
    return served(stage, "acme-coder", model)


def composer_corroborated(stage: Stage) -> Path:
    model = Model("kimi-k2", count=counts_as("kimi-k2"), dialects=SPOKEN, extras=frozenset(), tokenize="")
    return served(stage, "kimi-k2", model)


def reflection_endpoint(stage: Stage) -> Path:
    name = "Llama-3.1-8B-Instruct"
    model = Model(name, count=counts_as("qwen-2.5"), dialects=SPOKEN, extras=frozenset())
    return served(stage, name, model)


def oxalpha_probe(stage: Stage) -> Path:
    def counted(text: str) -> int:
        return sum(1 + len(word) // 5 for word in text.split()) + text.count("a")

    model = Model("ox-alpha", count=counted, dialects=SPOKEN, extras=frozenset(), tokenize="")
    return served(stage, "ox-alpha", model)


SERVERS: tuple[Callable[[Stage], Path], ...] = (
    *(composer_probe, composer_corroborated, reflection_endpoint, oxalpha_probe),
)
