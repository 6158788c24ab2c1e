"""From a model's name to an edge: which model it says it is, or is made from, and by which training.

A name is somebody's word. What standing it gives is for the reader of the document to say, who knows whose word it is.
"""

from __future__ import annotations

from forebear.catalogue.names import ModelName
from forebear.catalogue.names.families import owners
from forebear.lineage.blackbox_tokenizer import PLAIN_VARIANTS, WHOLE
from forebear.lineage.chain import Edge, EdgeKind, Standing
from forebear.lineage.chains.base import sentences

_STAGES = {
    **dict.fromkeys(("rl", "rlhf", "rlvr", "grpo", "ppo", "dapo", "gspo"), EdgeKind.RL),
    **dict.fromkeys(("sft", "dpo", "orpo", "kto", "simpo", "rft", "finetune"), EdgeKind.FINETUNE),
    **dict.fromkeys(("abliterated", "uncensored", "roleplay"), EdgeKind.FINETUNE),
    **dict.fromkeys(("lora", "qlora", "adapter"), EdgeKind.ADAPTER),
    "distill": EdgeKind.FINETUNE,  # the family of such a name is that of the weights, not of the teacher
    "cpt": EdgeKind.CONTINUED_PRETRAINING,
    "merge": EdgeKind.MERGE,
}
"""Stages that are trainings, or edits, of the model that a name names; others are versions of its developer's own."""


def title_of(name: ModelName) -> str:
    """Family, version, size and variant as a name that the grammar reads again; "" for no known family."""
    if name.family is None:
        return ""
    variants = [v for v in (name.variant or "").split("+") if v and v not in PLAIN_VARIANTS]
    return " ".join(filter(None, (name.family, name.version, name.size, *variants)))


def kind_named_by(name: ModelName) -> EdgeKind:
    """How the model of a name was made from the model of its family: ``same_model`` where it is that one itself."""
    for stage in (name.stage or "").split("+"):
        if stage in _STAGES:
            return _STAGES[stage]
    if name.line or name.step is not None or not _by_its_owner(name) or not _understood(name):
        return EdgeKind.UNKNOWN
    return EdgeKind.SAME_MODEL


def named_edge(
    name: ModelName, child: str, standing: Standing, *evidence: str, contradicted: bool = False
) -> Edge | None:
    """The edge that a name gives, None where it names no known family.

    Args:
        name: as decoded.
        child: the model that goes by it.
        standing: whose word it is; a name that says plainly which model this is, and is declared, is a declaration.
        evidence: sentences.
        contradicted: whether the model is claimed to be another one.
    """
    parent = title_of(name)
    if not parent:
        return None
    kind = kind_named_by(name)
    declared = standing is Standing.DECLARED and kind is EdgeKind.SAME_MODEL
    if standing is Standing.DECLARED and not declared:
        standing = Standing.POSSIBLE  # a name of one's own that has a base's in it declares nothing
    return Edge(parent, child, kind, standing, declared, contradicted, sentences((*evidence, f"{_said(name)}.")))


def _by_its_owner(name: ModelName) -> bool:
    """Whether the account in a path is the developer's or the provider's own, or there is none."""
    account = (name.account or "").lower()
    if not account or account == (name.provider or "").lower():
        return True
    owned = owners().get(account)
    return owned is not None and name.family in owned[1]


def _understood(name: ModelName) -> bool:
    return name.confidence is None or name.confidence >= WHOLE


def _said(name: ModelName) -> str:
    return f"{name.identifier}: {name.explanation}" if name.explanation else name.identifier
