"""Licences that a text names without holding them: ``released under the Llama 3.1 Community License``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from forebear.licences.normalise import Text, normalise
from forebear.licences.sketches import known

MAX_MENTIONS = 10
_ALSO = {
    "Apache-2.0": ("Apache License, Version 2.0", "Apache 2.0 license", "Apache-2.0", "Apache License 2.0"),
    "MIT": ("MIT License", "MIT licensed"),
    "GPL-3.0-only": ("GNU General Public License version 3", "GPLv3", "GPL-3.0"),
    "GPL-2.0-only": ("GNU General Public License version 2", "GPLv2", "GPL-2.0"),
    "CC-BY-NC-4.0": ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
    "CC-BY-4.0": ("CC BY 4.0", "CC-BY-4.0"),
    "llama2": ("Llama 2 Community License",),
    "llama3": ("Llama 3 Community License", "META LLAMA 3 COMMUNITY LICENSE"),
    "gemma-tou-2025-03-24": ("Gemma Terms of Use",),
}


@lru_cache(maxsize=1)
def _names() -> Mapping[str, list[tuple[tuple[str, ...], str]]]:
    """Names of licences as words, by their first word, the longest first."""
    names: dict[tuple[str, ...], str] = {}
    for sketch in known().table:
        words = normalise(sketch.name).words
        if len(words) >= 2 and any(
            w.startswith(("licen", "agreement", "terms", "policy")) or w == "rail" for w in words
        ):
            names.setdefault(words, sketch.id)
            if words[-1] == "agreement" and len(words) > 3:
                names.setdefault(words[:-1], sketch.id)
    for identifier, forms in _ALSO.items():
        for form in forms:
            names[normalise(form).words] = identifier
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for words, identifier in sorted(names.items(), key=lambda item: -len(item[0])):
        found.setdefault(words[0], []).append((words, identifier))
    return found


def mentioned(text: Text) -> tuple[str, ...]:
    """Identifiers of the licences whose names stand in a text, in order of their first mention, at most ten."""
    found: dict[str, None] = {}
    names = _names()
    at = 0
    while at < len(text) and len(found) < MAX_MENTIONS:
        for words, identifier in names.get(text.words[at], ()):
            if text.words[at : at + len(words)] == words:
                found.setdefault(identifier)
                at += len(words) - 1
                break
        at += 1
    return tuple(found)
