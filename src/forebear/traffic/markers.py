"""Control tokens and reasoning tags in texts (``data/traffic/markers.toml``): they tell a template's family.

A marker in traffic means that somebody's program wrote it: a client that renders prompts by itself, a server that did
not strip a model's output, or a person who talks about templates. It is never the name of a model.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Marker:
    """A control token or tag.

    Attributes:
        text: as it stands in a text.
        families: known families with it in their template.
        shared: whether many others have it too.
        meaning: what it marks.
    """

    text: str
    families: tuple[str, ...]
    shared: bool
    meaning: str

    @property
    def family(self) -> str | None:
        """The only known family with it; None where several have it."""
        return self.families[0] if len(self.families) == 1 and not self.shared else None

    @property
    def explanation(self) -> str:
        """A sentence for people."""
        users = ", ".join(self.families) + (" and many others" if self.shared else "")
        alone = "no other family is known to have it" if self.family else "it does not tell which"
        return f"marks {self.meaning}; used by {users}: {alone}. A template's token, not a model's name"


@cache
def markers() -> dict[str, Marker]:
    """Every marker by its text."""
    text = (resources.files("forebear") / "data" / "traffic" / "markers.toml").read_text("utf-8")
    return {
        spelled: Marker(spelled, tuple(entry["families"]), entry.get("more", False), entry["meaning"])
        for entry in tomllib.loads(text)["marker"]
        for spelled in entry["texts"]
    }


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(text) for text in sorted(markers(), key=len, reverse=True)))


def markers_in(text: str) -> Iterator[Marker]:
    """The markers of a text in order, each as often as it stands there."""
    for found in _pattern().finditer(text):
        yield markers()[found.group()]


def literals() -> frozenset[str]:
    """Strings of which a text with a marker has one, in lower case: markers as they are and as JSON escapes them."""
    out = set[str]()
    for text in markers():
        escaped = json.dumps(text)[1:-1]
        out |= {text, escaped, escaped.replace("<", "\\u003c").replace(">", "\\u003e")}
    return frozenset(text.lower() for text in out)
