"""What an identifier says, as one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelName:
    """What the identifier of a model says; nothing here is more than its words.

    Attributes:
        identifier: the part of the text that names the model, as found: of an address neither host nor query.
        family: whose weights it has by its name, lower case (``kimi``, ``gpt``, ``llama``); None when no known family
            is named. A descendant that names its base has the base's (Hermes-3-Llama-3.1-8B is ``llama``), a line of
            a developer's main family has that (Codestral is ``mistral``, o3 is ``gpt``); Mixtral and gpt-oss are their
            own.
        version: as the family writes it (``k2.5``, ``v3.1``, ``3.1``, ``4o``).
        size: parameters, lower case: ``8b``, ``8x7b``, ``480b-a35b``, ``17b-16e``.
        stage: how it was trained or for what, several joined by ``+`` in the name's order (``distill``,
            ``instruct+dpo``).
        date: as ISO as the name allows: ``2024-08-06``, ``2026-03``, ``03-17`` where no year is said.
        step: the training step.
        variant: tier, size class or modality, several joined by ``+`` (``fast``, ``vl``, ``sonnet``).
        quantization: number format, several joined by ``+``, lower case (``q4_k_m``, ``fp8``, ``awq``).
        provider: whose path or naming the identifier has (``fireworks``, ``bedrock``, ``huggingface``, …).
        account: account, organisation, project or resource in the path.
        developer: of the family, by the catalogue.
        revision: branch, commit, tag or cut: ``main``, ``v1:0``, ``latest``, ``002``.
        line: the name of its own that a descendant or a line has: ``hermes 3``, ``deepseek r1``, ``codestral``.
        base: what the family descends from, where that is a fact of the catalogue and not in the name.
        confidence: share of identifiers of this grade whose family and version were right on an independent
            corpus (the lower 95 % bound); None where it was not measured.
        explanation: one sentence for a reader who knows no naming scheme.
    """

    identifier: str
    family: str | None = None
    version: str | None = None
    size: str | None = None
    stage: str | None = None
    date: str | None = None
    step: int | None = None
    variant: str | None = None
    quantization: str | None = None
    provider: str | None = None
    account: str | None = None
    developer: str | None = None
    revision: str | None = None
    line: str | None = None
    base: str | None = None
    confidence: float | None = None
    explanation: str = ""
