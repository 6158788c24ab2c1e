"""Renderers of other packages: a saved result to a text of any kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from forebear.plugins import Plugin, plugins

LARGEST = 100_000_000
"""Characters of what a renderer may return."""


def render(plugin: Plugin, document: Mapping[str, Any]) -> str:
    """What a renderer makes of a result, of which it is given a copy.

    Raises:
        PluginError: it cannot be imported, raises, or returns no text.
    """
    text = plugin.run(lambda: plugin.entry.load()(json.loads(json.dumps(document))))
    if not isinstance(text, str) or len(text) > LARGEST:
        raise plugin.failure(f"it has to return a text of at most {LARGEST:,} characters")
    return text


def renderers() -> str:
    """Those that are installed, for a message."""
    return ", ".join(plugin.title for plugin in plugins("renderers"))
