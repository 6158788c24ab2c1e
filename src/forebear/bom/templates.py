"""Chat templates that stand inside of another file, by their digests: whoever changes one changes what a model says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from forebear.artifacts.gguf import SUFFIX, read_header
from forebear.artifacts.text import load_json, read_whole
from forebear.bom.values import Setting
from forebear.errors import InputError
from forebear.sources import Source

FILE = "tokenizer_config.json"
KEY = "tokenizer.chat_template"
MAX_CONFIG = 20_000_000
MOST = 20


def embedded_templates(source: Source) -> tuple[Setting, ...]:
    """``chat_template.sha256: FILE`` with the SHA-256 of the template's UTF-8, one per template inside of a file.

    A file that cannot be read has none here; that it is damaged is told by the reader whose file it is.
    """
    found: list[Setting] = []
    for file in source.files():
        if file.path == FILE:
            found += [_digest(f"{FILE}{name}", text) for name, text in _of_tokenizer(source)]
        elif file.path.endswith(SUFFIX) and source.only in (None, file.path) and source.traffic is None:
            with suppress(InputError):
                if text := read_header(source, file).text(KEY):
                    found.append(_digest(file.path, text))
    return tuple(found[:MOST])


def _of_tokenizer(source: Source) -> Iterator[tuple[str, str]]:
    data: Any = None
    with suppress(InputError):
        data = load_json(read_whole(source, FILE, MAX_CONFIG), FILE)
    stated = data.get("chat_template") if isinstance(data, dict) else None
    if isinstance(stated, str):
        yield "", stated
    for entry in stated if isinstance(stated, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("template"), str):
            yield f"#{entry.get('name')}", entry["template"]


def _digest(place: str, text: str) -> Setting:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Setting(name=f"chat_template.sha256: {place}", value=digest)
