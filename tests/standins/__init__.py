"""Stand-ins for public incidents: small models, cards, captures, servers and bills of materials of ours.

    play("sakura_mended", Stage(folder))          # the document that a command printed, or a bill of materials

What is expected of each is in ``tests/data/incidents.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from standins.papers import PAPERS
from standins.servers import SERVERS
from standins.stage import Stage
from standins.weights import MODELS

__all__ = ["STANDINS", "Stage", "play"]

STANDINS: Mapping[str, Callable[[Stage], Path]] = MappingProxyType(
    {make.__name__: make for make in (*MODELS, *PAPERS, *SERVERS)}
)
"""Every stand-in by name: it makes the files, runs its command and says where the document is."""


def play(name: str, stage: Stage) -> Path:
    """The document of a stand-in.

    Raises:
        KeyError: there is no such stand-in.
    """
    return STANDINS[name](stage)
