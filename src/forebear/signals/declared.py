"""``declared/1``: what card and config say about descent and licence. Claims, to be confirmed or contradicted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts import Artifact
from forebear.artifacts.adapter import Adapter
from forebear.artifacts.documents import Documents
from forebear.types import Verdict

NAME = "declared/1"
MAX_CLAIMS = 20
_SCRATCH = re.compile(r"\b(?:pre-?)?(?:trained|built|developed)\s+(?:\w+ly )?from[\s-]scratch", re.IGNORECASE)
_SOMETHING_ELSE = re.compile(
    r"\b(?:not|never|no|nor|rather|unlike|instead|without|than|which|whether|claim\w*|tokeni[sz]er|baseline|base)\b|n't",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Declared:
    """What a model says about itself.

    Attributes:
        base_models: ids named as base models: by an adapter's config, then in the order of the card.
        relation: ``base_model_relation`` of the card, else ``adapter`` for an adapter, else "".
        licence: licence id or name of the card, or "".
        licence_files: names of licence and notice files.
        from_scratch: whether the card plainly says that this model was trained from scratch, and names no base.
        loaded_from: the one of ``base_models`` that ``_name_or_path`` of the config alone names: what was loaded from
            there may have been the configuration without weights.
    """

    base_models: tuple[str, ...] = ()
    relation: str = ""
    licence: str = ""
    licence_files: tuple[str, ...] = ()
    from_scratch: bool = False
    loaded_from: str = ""


def declared(artifact: Artifact) -> Declared:
    """The claims of a model's documents."""
    return declared_in(artifact.documents, artifact.config, artifact.adapter)


def declared_in(documents: Documents, config: Mapping[str, Any], adapter: Adapter | None = None) -> Declared:
    """The claims of a card, a config and what an adapter says of its base."""
    front = documents.front_matter
    bases = list(_texts(front.get("base_model")))
    origin = config.get("_name_or_path")
    loaded = ""
    if isinstance(origin, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", origin) and origin not in bases:
        loaded = origin[:200]
        bases.append(origin)
    if adapter is not None and adapter.base and adapter.base not in bases:
        bases.insert(0, adapter.base)  # what is loaded beside the adapter, whatever the card tells
    licence = front.get("license_name") or front.get("license") or ""
    return Declared(
        tuple(b[:200] for b in bases[:MAX_CLAIMS]),
        str(front.get("base_model_relation") or ("adapter" if adapter is not None else ""))[:80],
        ", ".join(_texts(licence))[:200],
        tuple(sorted(documents.licences)),
        not [base for base in bases if base[:200] != loaded] and claims_scratch(documents.card),
        loaded,
    )


def claims_scratch(card: str) -> bool:
    """Whether a sentence says that the model was trained from scratch; sentences about anything else do not count."""
    sentences = re.split(r"(?<=[.!?])\s+|\n\s*\n|\n(?=[#*|>-])", card)
    return any(_SCRATCH.search(s) and not _SOMETHING_ELSE.search(s) for s in sentences)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, list):
        return tuple(v for v in value if isinstance(v, str) and v.strip())
    return ()


def names_match(claim: str, name: str) -> bool:
    """Whether a claimed id and a reference's name mean the same model; organisations count where both are given."""

    def norm(text: str) -> str:
        return text.strip().lower().removeprefix("hf:").split("@")[0]

    a, b = norm(claim), norm(name)
    both = "/" in a and "/" in b
    return a == b if both else a.rsplit("/", 1)[-1] == b.rsplit("/", 1)[-1]


def is_itself(own: str, reference: str, verdict: object) -> bool:
    """Whether a reference is the model in question itself: equal in every value, and called the same."""
    return verdict == Verdict.IDENTICAL and names_match(own, reference)
