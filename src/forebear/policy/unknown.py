"""What is not known, in words: fields of the input as somebody would ask for them who has never seen the input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

OWNERS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {"subject": ("its", "its developer", "is"), "ancestors": ("its ancestors'", "its ancestors' developers", "are")}
)
"""Whose licences and whose developer the fields of these two are about."""
OF_A_MODEL: Mapping[str, str] = MappingProxyType(
    {
        "developer": "who {maker} {is_}",
        "licences": "which {whose} licences are",
        "incorporated_in": "in which countries {maker} {is_} incorporated",
        "engineering_in": "where the engineering of {maker} is",
        "controlled_from": "from where {maker} {is_} controlled",
        "engineering_elsewhere": "whether {maker} {is_} incorporated where the engineering is",
        "territory_excluded": "where {whose} licences grant nothing",
        "territory_excluded_multimodal": "where {whose} licences grant nothing for multimodal models",
        "military": "whether {whose} licences allow military use",
        "public_administration": "whether {whose} licences allow use by public administration",
        "commercial": "whether {whose} licences allow commercial use",
        "outputs": "whether {whose} licences allow training other models on outputs",
        "restrictive": "whether {whose} licences have conditions beyond notices",
        "factors": "which laws and lists concern {maker}",
    }
)
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "ancestors": "which ancestors it has",
        "duties": "which duties follow",
        "conflicts": "which licences conflict",
        "claim_contradicted": "whether evidence contradicts what is claimed about its lineage",
        "from_scratch_claimed": "whether somebody says that it was trained from scratch",
        "lineage_known": "whether it has ancestors that nobody named",
        "bom.present": "whether there is a bill of materials",
        "bom.signed": "whether its bill of materials is signed",
        "bom.signature": "whether a signature over its bill of materials verifies",
        "bom.hashes": "whether its files are those of its bill of materials",
        "licence.changed": "whether its licence texts were altered",
        "licence.missing": "whether a licence file is missing",
        "compute.ratio": "how much compute the modification took, by that of the base",
        "parent.state": "what its papers say of a base model",
        "ancestors.disclosed": "whether its papers lead to every ancestor",
        "ancestors.kinds": "how it was made from its ancestors",
        "ancestors.weights": "whether weights of its ancestors went into it",
        "documents.model_card": "whether there is a model card",
        "documents.training_data_summary": "whether there is a summary of the training data",
        "documents.copyright_policy": "whether there is a copyright policy",
        "documents.acceptable_use_policy": "whether there is an acceptable use policy",
        "documents.end_user_resources": "whether there are resources for end users",
        "documents.feedback_channel": "whether there is a channel for feedback",
        "documents.training_evidence": "whether there are training logs or hashes of intermediate checkpoints",
        "documents.role_attestations": "whether developer, operator and integrator signed who they are",
        "documents.provider_documentation": "whether there is documentation of a provider of a general-purpose model",
        "org.country": "where the organisation is established",
        "org.intelligence": "whether the organisation is an intelligence body",
        "org.own_release": "whether the model is the organisation's own release",
        "runtime.country": "where inference runs",
        "runtime.provider": "who serves it",
        "runtime.relay": "whether another party passes requests on",
        "runtime.relay_declared": "whether that party is declared",
    }
)


def in_words(path: str) -> str:
    """What is not known where a field is null, the field's own path where there are no words for it."""
    first, _, rest = path.partition(".")
    if first in OWNERS and rest in OF_A_MODEL:
        whose, maker, is_ = OWNERS[first]
        return OF_A_MODEL[rest].format(whose=whose, maker=maker, is_=is_)
    return WORDS.get(path, path)


def listed(paths: Iterable[str]) -> str:
    """Several of them for a sentence, each once."""
    return "; ".join(dict.fromkeys(in_words(path) for path in paths))
