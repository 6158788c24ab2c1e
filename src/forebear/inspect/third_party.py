"""What signals of other packages say about a pair: shown as their own word, after the verdict is settled."""

from __future__ import annotations

import math

from forebear.artifacts import Artifact
from forebear.errors import PluginError, one_line
from forebear.plugins import Plugin, Remark, plugins
from forebear.types import Evidence, Test, Untested


def third_party_remarks(a: Artifact, b: Artifact) -> tuple[tuple[Evidence, ...], tuple[Untested, ...]]:
    """The remarks of every installed signal, and which of them failed and why.

    They come as evidence that supports nothing and has no p-value, whatever they say. A verdict, its p-value and its
    relation are concluded before they are asked, and so cannot rest on them.

    Args:
        a: the reference.
        b: the model in question.
    """
    said: list[Evidence] = []
    unheard: list[Untested] = []
    for one in plugins("signals"):
        try:
            if (found := _remark(one, a, b)) is not None:
                said.append(found)
        except PluginError as error:
            unheard.append(Untested(f"signal {one.title}", error.message))
    return tuple(said), tuple(unheard)


def _remark(one: Plugin, a: Artifact, b: Artifact) -> Evidence | None:
    """One signal's remark; ``PluginError`` where it raises or says what no remark is."""
    found = one.run(lambda: one.entry.load().compare(a, b))
    if found is None:  # it has nothing to say about these two
        return None
    if not isinstance(found, Remark) or not isinstance(found.summary, str):
        raise one.failure(f"compare returned {type(found).__name__}, not forebear.plugins.Remark")
    if found.score is not None and not (isinstance(found.score, (int, float)) and one.run(math.isfinite, found.score)):
        raise one.failure("its score is no finite number")
    return Evidence(
        f"plugin:{one.package}/{one.name}",
        "declared",
        "nothing",
        None if found.score is None else float(found.score),
        Test.NONE,
        None,
        0,
        None,
        f"{one.party}, not counted: {one_line(found.summary, 400)}",
        details={"package": one.package, "version": one.version},
    )
