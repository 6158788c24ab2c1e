"""What ``compare`` makes of independent models whose coordinates it puts together, and of the better of two frames.

Where tokens do not help, a second frame comes from the bodies (:mod:`forebear.signals.circuits`). Independent models
hardly ever have one. So two are forced on every pair: one from however few neurons are recognised, and one from every
guess, whether or not anything confirms it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np

from forebear.artifacts import Artifact
from forebear.inspect import disguise
from forebear.inspect.disguise import Undone, better, undo
from forebear.lineage import Counts
from forebear.signals import circuits, frames
from forebear.signals.experts import expert_map
from forebear.signals.layers import layer_map
from forebear.signals.match import Match, match_neurons
from null.experiments import Located
from null.pairs import Model

UNDONE, RECOGNISED, GUESSED = SEEN = ("undone", "recognised", "guessed")
"""What the product returns, and the forced second frames: of neurons that pass, however few, and of all guesses."""
FORCED: Mapping[str, Mapping[str, Any]] = {
    RECOGNISED: {"FEWEST_PAIRS": 1},
    GUESSED: {"confirmed": lambda one, two, pairs: pairs},
}
"""What is replaced in :mod:`forebear.signals.circuits`."""
FEWEST_OF_FAMILY = 8
BETWEEN = {("plain",): 100, ("gated",): 500, ("gated", "plain"): 100}
"""Random pairs between families, by the kinds of neurons that the two have."""


@dataclass(frozen=True, eq=False)
class Looked:
    """Two independent models as ``compare`` sees them, and in frames that were forced on them.

    Attributes:
        one, two: names; the first is the reference.
        families: of both.
        same_tokens: whether they have the same vocabulary.
        second: whether there is a second frame without force.
        verdict, related: of the comparison.
        findings: ids of its findings.
        by_frame: coins after alignment by :data:`SEEN`; none where there is no frame or no group in common.
        better: which is taken of the product's frame and the guessed one, empty where there is neither.
        matches: neurons of the second model held against the first, and the other way round.
    """

    one: str
    two: str
    families: tuple[str, str]
    same_tokens: bool
    second: bool
    verdict: str
    related: bool
    findings: tuple[str, ...]
    by_frame: Mapping[str, Counts]
    better: str
    matches: tuple[Match | None, Match | None]

    def of(self, method: str) -> Counts:
        """The counts by one of :data:`SEEN`."""
        return self.by_frame[method]


def drawn_pairs(
    models: Sequence[Located], seed: int, fewest: int = FEWEST_OF_FAMILY, families: Sequence[str] = ()
) -> list[tuple[Located, Located]]:
    """Every pair within families of at least ``fewest`` models, and random ones between them.

    Of ``families``, where some are named, every pair within and between them, and no other.
    """
    if families:
        return list(combinations([(model, folder) for model, folder in models if model.family in families], 2))
    families = [model.family for model, _ in models]
    usable = [(model, folder) for model, folder in models if families.count(model.family) >= fewest]
    pairs = list(combinations(usable, 2))
    kept = [k for k, ((a, _), (b, _)) in enumerate(pairs) if a.family == b.family]
    rng = np.random.default_rng(seed)
    for kinds, most in BETWEEN.items():
        between = [
            k for k, ((a, _), (b, _)) in enumerate(pairs) if a.family != b.family and {_kind(a), _kind(b)} == set(kinds)
        ]
        kept += rng.permutation(between)[:most].tolist()
    return [pairs[k] for k in sorted(kept)]


def _kind(model: Model) -> str:
    """Whether its neurons have gates."""
    return "gated" if any(role.endswith(".gate") for role in model.artifact.names) else "plain"


def look(one: Located, two: Located) -> Looked:
    """One pair through the whole ``compare``, as a user would, and then in the forced frames."""
    (a, folder_a), (b, folder_b) = one, two
    comparing = import_module("forebear.inspect.compare")  # the package has a function of that name
    with recorded(comparing, "undo") as undone, recorded(disguise, "circuit_frame") as seconds:
        found = comparing.compare(str(folder_a), str(folder_b))
    plain = next((u for u in undone if isinstance(u, Undone)), None)
    seen = {UNDONE: plain, **{name: _forced(a, b, changes) for name, changes in FORCED.items()}}
    there = {name: u for name in (UNDONE, GUESSED) if (u := seen[name]) is not None}
    taken = better(*there.values()) if len(there) == 2 else next(iter(there.values()), None)
    return Looked(
        a.name,
        b.name,
        (a.family, b.family),
        _tokens(a) == _tokens(b),
        any(frame is not None for frame in seconds),
        found.verdict.value,
        bool(found.related),
        tuple(f.id for f in found.findings),
        {name: u.counts if u is not None else Counts(()) for name, u in seen.items()},
        next((name for name, u in there.items() if u is taken), ""),
        (plain.match if plain is not None else None, neurons_of(b.artifact, a.artifact)),
    )


def _forced(a: Model, b: Model, changes: Mapping[str, Any]) -> Undone | None:
    """What ``undo`` finds in the second frame alone, with changes to what makes it; None where it makes none."""
    with ExitStack() as patches:
        patches.enter_context(patch.object(disguise, "token_frame", lambda a, b: None))
        for name, value in changes.items():
            patches.enter_context(patch.object(circuits, name, value))
        found = undo(a.artifact, b.artifact, (a.code, b.code))
    return found if isinstance(found, Undone) else None


def neurons_of(a: Artifact, b: Artifact) -> Match | None:
    """``match/1`` of B against A in the frame of their tokens, without the coins that ``undo`` counts on the way."""
    if (frame := frames.token_frame(a, b)) is None:
        return None
    pairs = layer_map(a, b, frame)
    experts = {j: found for i, j in pairs if (found := expert_map(a, i, b, j, frame)) is not None}
    return match_neurons(a, b, frame, pairs, experts)


@contextmanager
def recorded(module: Any, name: str) -> Iterator[list[Any]]:
    """What a function of a module returns, call by call."""
    returned: list[Any] = []
    real: Callable[..., Any] = getattr(module, name)

    def record(*args: Any) -> Any:
        returned.append(real(*args))
        return returned[-1]

    with patch.object(module, name, record):
        yield returned


def _tokens(model: Model) -> frozenset[str]:
    return frozenset(model.artifact.tokenizer.ids if model.artifact.tokenizer is not None else ())
