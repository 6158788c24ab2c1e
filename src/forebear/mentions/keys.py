"""Fields, arguments and calls that are called after models, in any language's spelling."""

from __future__ import annotations

import re
from functools import lru_cache

from forebear.mentions.base import Kind
from forebear.mentions.words import words

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_AFTER = words("field_after")
"""Words that may follow ``model`` in the name of a field whose value still names one."""
_ITSELF = words("field_ends")
_PAIRS = frozenset({("repo", "id"), ("hf", "repo"), ("hub", "repo"), ("deployment", "name"), ("azure", "deployment")})
_FIRST_ARGUMENT = {
    # what takes a model's name first, and what it leads to
    **dict.fromkeys(
        (
            *("from_pretrained", "hf_hub_download", "snapshot_download", "SentenceTransformer", "CrossEncoder"),
            *("HfApi.model_info", "model_info", "hf_hub_url", "AutoModelForCausalLM", "from_hub", "load_from_hub"),
            *("HuggingFaceEmbeddings", "HuggingFaceHub", "SparseEncoder", "AutoPipelineForText2Image"),
        ),
        Kind.HUB,
    ),
    **dict.fromkeys(("LLM", "AsyncLLM", "from_single_file", "MLX", "LlamaCpp", "Llama"), None),
    **dict.fromkeys(
        ("ollama.pull", "ollama.chat", "ollama.generate", "ollama.embed", "OllamaLLM", "ChatOllama"), Kind.OLLAMA
    ),
    **dict.fromkeys(
        ("encoding_for_model", "init_chat_model", "get_model", "GenerativeModel", "generativeModel"), Kind.NAME
    ),
}
LOADERS = frozenset(_FIRST_ARGUMENT)
"""Calls whose first argument is a model's name."""
HUB_CALLS = frozenset(k for k, kind in _FIRST_ARGUMENT.items() if kind is Kind.HUB) | {"pipeline", "from_pretrained"}
"""Calls that load from the hub, whatever their argument is called."""
MAYBE = frozenset({"LLM", "Llama", "MLX", "get_model", "model_info"})
"""Calls of other programs are called so too: their argument has to look like a name."""


@lru_cache(maxsize=16384)
def names_a_model(key: str) -> bool:
    """Whether a field of this name holds a model's name: ``model``, ``LLM_MODEL``, ``baseModelId``, ``repo_id``."""
    words = [w.lower() for w in _WORDS.findall(key[-80:])]
    if not words or ("served" in words and words[-1] in ("name", "names")):  # what a server calls its model: a label
        return False
    end = len(words)
    while end > 1 and (words[end - 1] in _AFTER or words[end - 1].isdigit()):
        end -= 1
    return words[end - 1] in _ITSELF or tuple(words[-2:]) in _PAIRS


def kind_of(call: str) -> Kind | None:
    """What the model in a call's first argument leads to; None where that is open."""
    return _FIRST_ARGUMENT.get(call)
