"""The words of the page: plain ones, and none that says more than the evidence does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from forebear.lineage.chain import Access, Edge, EdgeKind, ParentState, Standing
from forebear.policy.answer import Decision, Severity

DECISIONS: Mapping[Decision, tuple[str, str]] = MappingProxyType(
    {
        Decision.PASS: ("Pass", "The policy is met."),
        Decision.DENY: ("No", "The policy is not met."),
        Decision.INCONCLUSIVE: ("Not decided", "What is known does not suffice for a decision."),
    }
)
STANDINGS: Mapping[Standing, str] = MappingProxyType(
    {
        Standing.MEASURED: "measured on the weights",
        Standing.PROBABLE: "probable",
        Standing.DECLARED: "stated by its maker, not tested",
        Standing.CATALOGUED: "public knowledge, with a source",
        Standing.POSSIBLE: "possible, not established",
    }
)
STEPS: Mapping[EdgeKind, str] = MappingProxyType(
    {
        EdgeKind.IDENTICAL: "the same weights",
        EdgeKind.QUANTIZED: "quantised",
        EdgeKind.CONVERTED: "converted to another format",
        EdgeKind.FINETUNE: "fine-tuned",
        EdgeKind.RL: "trained with reinforcement learning",
        EdgeKind.ADAPTER: "an adapter on it",
        EdgeKind.CONTINUED_PRETRAINING: "trained further",
        EdgeKind.MERGE: "merged with others",
        EdgeKind.PRUNED: "pruned",
        EdgeKind.DEPTH_UPSCALED: "layers repeated, then trained",
        EdgeKind.UPCYCLED: "turned into a mixture of experts",
        EdgeKind.VOCABULARY_CHANGED: "given another vocabulary",
        EdgeKind.COMPONENT: "a part of it taken over",
        EdgeKind.SAME_MODEL: "the same model under another name",
        EdgeKind.DISTILLED: "its outputs taught the next one",
        EdgeKind.TRAINED_ON_OUTPUTS: "its outputs were training data",
        EdgeKind.ARCHITECTURE: "its design used, no weights",
        EdgeKind.UNKNOWN: "related in a way that is not known",
    }
)
PARENTS: Mapping[ParentState, str] = MappingProxyType(
    {
        ParentState.DECLARED: "Its own papers name what it was made from.",
        ParentState.FROM_SCRATCH: "Its own papers say that it was trained from scratch.",
        ParentState.WITHHELD: "Its papers say that it has a base model, and withhold which.",
        ParentState.ABSENT: "Nothing that was read states what it was made from.",
    }
)
ACCESS: Mapping[Access, str] = MappingProxyType(
    {
        Access.WEIGHTS: "The weights themselves were examined.",
        Access.PAPERS: "Only its papers were read; its weights could not be, so nothing was tested.",
        Access.ENDPOINT: "Only the running service was asked; its weights could not be examined, so nothing measured "
        "here is more than probable.",
        Access.TRAFFIC: "Only recorded traffic was read: a name in it is somebody's word, and nothing tested it.",
        Access.DOCUMENTS: "Only documents were read; nothing was tested.",
        Access.NAME: "Only its name is known; nothing of the model itself was looked at.",
    }
)
_BY_A_BILL = (Standing.MEASURED, Standing.PROBABLE)


def standing(known: Standing, access: Access) -> str:
    """How a step is known; what only a bill of materials says was measured is not said to be measured."""
    said = STANDINGS[known]
    return f"{known.value} by the word of its bill of materials" if _told(known, access) else said


def _told(known: Standing, access: Access) -> bool:
    return access is Access.DOCUMENTS and known in _BY_A_BILL


DUTIES: Mapping[str, str] = MappingProxyType(
    {
        "include_licence_copy": "Include a copy of the licence",
        "retain_copyright": "Keep the copyright notice",
        "notice_file": "Include a notice file",
        "state_changes": "State what was changed",
        "provide_source": "Hand over the model's source",
        "display_ui": "Show {text} in the product's interface",
        "display_docs": "Show {text} on the web site or in the documentation",
        "name_prefix": "Begin the model's name with {text}",
        "name_public_statement": "Name it in public statements: {text}",
        "aup_passthrough": "Pass the licence's use restrictions on",
        "registration": "Register with the licensor",
        "separate_agreement": "Have an agreement of your own with the licensor",
        "territory": "Use it only where the licence grants rights",
        "military_use": "No military use",
        "commercial_use": "No commercial use",
        "public_administration": "No use by public administration",
        "train_other_models": "No training of other models on its outputs",
        "relicensing": "Keep it under the licence's terms",
    }
)
NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "include_licence_copy": "a copy of the licence",
        "retain_copyright": "the copyright notice",
        "notice_file": "a notice file",
        "state_changes": "a statement of what was changed",
        "provide_source": "the model's source",
        "display_ui": "a display in the product's interface",
        "display_docs": "a display on the web site or in the documentation",
        "name_prefix": "a name that begins with",
        "name_public_statement": "words in public statements",
        "aup_passthrough": "passing the use restrictions on",
        "registration": "a registration with the licensor",
        "separate_agreement": "an agreement with the licensor",
        "military_use": "military use",
        "commercial_use": "commercial use",
        "public_administration": "use by public administration",
        "train_other_models": "training other models on outputs",
        "between_parents": "those of its ancestors",
        "declared_against_text": "the declared one is not the text",
        "declarations_differ": "declarations differ",
        "relicensing": "keeping the licence's terms",
    }
)
"""Duties and conflicts as rules name them, for a sentence."""
_KINDS = re.compile(rf"(?<![\w.-])({'|'.join(NOUNS)})(?![\w-])")
STATUSES: Mapping[str, str] = MappingProxyType({"met": "met", "unmet": "not met", "conditional": "depends"})
SEVERITIES: Mapping[Severity, str] = MappingProxyType(
    {
        Severity.ERROR: "rules it out",
        Severity.REVIEW: "needs a recorded decision",
        Severity.WARNING: "warning",
        Severity.NOTE: "note",
    }
)
CONFLICTS: Mapping[str, str] = MappingProxyType(
    {
        "relabelled": "Another licence than an ancestor's",
        "between_parents": "Licences that cannot both be met",
        "declared_against_text": "The declared licence is not the text",
        "declarations_differ": "Declarations differ",
    }
)
FOOT = (
    "This page states facts with their sources and what a written policy makes of them. It is no legal advice, and it "
    "accuses nobody: what is not established may have a good explanation."
)


def duty(kind: str, text: str) -> str:
    """What a duty asks for: ``Show “Kimi K2.5” in the product's interface``."""
    said = DUTIES.get(kind, kind.replace("_", " "))
    if "{text}" in said:
        return said.replace("{text}", f"“{text}”" if text else "the words of the licence")
    return f"{said}: “{text}”" if text and len(text) <= 80 else said


LONG = 30
"""Characters of a model's name from which on sentences call it "the model", after its name has stood in the title."""


def plain(text: str, model: str = "") -> str:
    """A sentence of a rule: duties by their words, a model with a long name as "the model"."""
    said = _KINDS.sub(lambda kind: NOUNS[kind[0]], text)
    if len(model) <= LONG:
        return said
    short = said.replace(model, "the model")
    return short[:1].upper() + short[1:] if said.startswith(model) else short


def step(edge: Edge) -> str:
    """How the child was made from the parent, said as firmly as it is known."""
    said = STEPS[edge.kind] + (f" ({edge.component})" if edge.component else "")
    if edge.standing is not Standing.POSSIBLE:
        return said
    return "perhaps " + (said if edge.kind is not EdgeKind.UNKNOWN else "related")


def joined(items: tuple[str, ...], limit: int = 4) -> str:
    """``a, b and 3 more``."""
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
