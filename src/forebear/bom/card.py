"""Facts of a model card's front matter, cleaned and bounded: what somebody says about the model.

Keys are those of the Hugging Face model card (https://huggingface.co/docs/hub/model-cards). A value of another type
than the key has is left out; nothing is guessed from prose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.bom.licences import spdx_id
from forebear.errors import one_line

MAX_TEXT = 200
MAX_ITEMS = 100
"""Entries kept of any list; real cards have a few dozen at most."""
MAX_URL = 2_000
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_URL = re.compile(  # plain ASCII; neither user:password@ nor a query, which may hold a token
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(?:#[A-Za-z0-9._~-]*)?"
)
_ARXIV = re.compile(r"arxiv:([0-9]{4}\.[0-9]{4,5})")
_NO_LICENCE = ("", "unknown", "none")


@dataclass(frozen=True)
class Licence:
    """A licence that the card names: an SPDX identifier where it is one, else a name."""

    name: str
    spdx: str | None = None


@dataclass(frozen=True)
class Card:
    """What the front matter says; empty values were not said.

    Attributes:
        name: the model's name or hub id.
        task: ``pipeline_tag``.
        library: ``library_name``.
        languages, tags, datasets: as listed, without repetitions.
        licences: declared licences.
        links: (CycloneDX type, URL), each a plain http or https address.
        left_out: what was more than is kept, in words.
    """

    name: str = ""
    task: str = ""
    library: str = ""
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    licences: tuple[Licence, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


def read_card(front: Mapping[str, Any]) -> Card:
    """The facts of a front matter, whatever is in it."""
    lists = {key: _texts(front.get(key)) for key in ("language", "tags", "datasets")}
    named = front.get("license_name")
    licences = _texts(named if isinstance(named, str) and named.strip() else front.get("license"))
    links = [("license", url) for url in _texts(front.get("license_link"), MAX_URL) if is_url(url)]
    links += [("citation", f"https://arxiv.org/abs/{m[1]}") for t in lists["tags"] if (m := _ARXIV.fullmatch(t))]
    return Card(
        name=_text(front.get("model_id")) or _text(front.get("model_name")),
        task=_text(front.get("pipeline_tag")),
        library=_text(front.get("library_name")),
        languages=lists["language"][:MAX_ITEMS],
        tags=lists["tags"][:MAX_ITEMS],
        datasets=lists["datasets"][:MAX_ITEMS],
        licences=tuple(Licence(x, spdx_id(x)) for x in licences[:MAX_ITEMS] if x.lower() not in _NO_LICENCE),
        links=tuple(dict.fromkeys(links))[:MAX_ITEMS],
        left_out=tuple(
            f"{len(values) - MAX_ITEMS:,} more {key} of the card" for key, values in lists.items() if values[MAX_ITEMS:]
        ),
    )


def is_url(text: str) -> bool:
    """Whether a text is an http(s) address that can be passed on: of sane length, without credentials or a query."""
    return len(text) <= MAX_URL and _URL.fullmatch(text) is not None


def purl(name: str, version: str = "") -> str:
    """The package URL of a hub id ``owner/name``, empty for any other name.

    Type ``huggingface`` of https://github.com/package-url/purl-spec; the version is a commit in lower case. A hub id
    holds only characters that a package URL leaves as they are.
    """
    if not HUB_ID.fullmatch(name):
        return ""
    return f"pkg:huggingface/{name}" + (f"@{version.lower()}" if version else "")


def _text(value: Any, limit: int = MAX_TEXT) -> str:
    return one_line(value, limit) if isinstance(value, str) else ""


def _texts(value: Any, limit: int = MAX_TEXT) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(t for v in values if (t := _text(v, limit))))
