"""Where the sign code is silent: put the coordinates of two models together, and count again.

Whether it was worth trying is decided by cost alone. A wrong frame makes fair coins, so it accuses nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forebear.artifacts import Artifact
from forebear.catalogue import raise_finding
from forebear.lineage import Counts
from forebear.lineage.counts import LOG10_ALIGNED, LOG10_ALPHA
from forebear.lineage.resemblance import Resemblance
from forebear.signals.aligned import Aligned, align
from forebear.signals.circuits import circuit_frame
from forebear.signals.frames import Frame, token_frame
from forebear.signals.match import NAME as MATCH
from forebear.signals.match import Match, match_neurons
from forebear.signals.sign_code import SignCode, relies_on
from forebear.types import Finding

ALIGNABLE = frozenset({"residual", "glu", "experts", "value_output", "query_key"})
SETTLED = -20.0
"""log10 p from which on a second frame is not tried, whatever is still to be multiplied with it."""
MOVED = 0.05
"""Share that has to be out of its place before an order is called another one."""


@dataclass(frozen=True)
class Undone:
    """Two models with their coordinates put together, the coins that this gave, and how much their neurons match."""

    counts: Counts
    frame: Frame
    aligned: Aligned
    match: Match | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What was moved and had to be put back, as parts show whose coins agree: elsewhere maps mean nothing."""
        found: list[str] = []
        layers = set(self.counts.agreeing_layers)
        if self.frame.dims is None and layers:
            found.append("the residual stream is rotated")
        elif self.frame.dims is not None and (layers or "residual" in self.counts.agreeing_groups):
            if _reordered(self.frame.dims):
                found.append("dimensions of the residual stream are in another order")
            if self.frame.signs is not None and float((self.frame.signs < 0).mean()) > MOVED:
                found.append("signs of the residual stream are flipped")
        if _reordered(np.array([pair for pair in self.aligned.layers if pair[1] in layers])):
            found.append("layers are in another order")
        for what, pairs in (("neurons", self.aligned.neurons), ("attention heads", self.aligned.heads)):
            there = [p for layer, p in pairs.items() if layer in layers]
            if sum(_reordered(p) for p in there) > len(there) / 2:
                found.append(f"{what} are in another order")
        return tuple(found)

    def details(self) -> dict[str, object]:
        """What was measured on the way, for the evidence."""
        return {
            "undone": list(self.words),
            "frame": {"made_from": self.frame.made_from, "points": self.frame.points, "dims": self.frame.a.shape[1]},
            "gate_cosine": {str(layer): round(value, 4) for layer, value in self.aligned.fit.items()},
            "matched_neurons": {str(layer): len(pairs) for layer, pairs in self.aligned.neurons.items()},
        }


def undo(a: Artifact, b: Artifact, codes: tuple[SignCode, SignCode]) -> Undone | str:
    """Count coins after alignment, or say in a clause why there are none.

    Args:
        a: the reference.
        b: the model in question.
        codes: theirs; they say which of the two is relied on.

    Raises:
        InputError: rows could not be read.
    """
    groups = alignable(a, b)
    if not groups:
        return "the two families have no coins in common that survive an alignment"
    depth = max((m.geometry.layers for m in (a, b) if m.geometry), default=0)
    found: Undone | None = None
    for make in (token_frame, circuit_frame):  # two looks, both paid for whether or not the second is taken
        if (frame := make(a, b)) is None:
            continue
        aligned = align(a, b, frame, groups, relies_on(*codes))
        match = match_neurons(a, b, frame, aligned.layers, aligned.experts)
        undone = Undone(Counts(aligned.cells, depth, LOG10_ALIGNED), frame, aligned, match)
        found = undone if found is None else better(found, undone)
        if found.counts.log10_p <= SETTLED:
            break
    return found or "the two have too few tokens in common, and their layers do not resemble each other"


def better(one: Undone, two: Undone) -> Undone:
    """The one of two frames that shows more; where coins settle nothing, their p is luck, and matching neurons tell."""
    coins = [undone.counts.log10_p for undone in (one, two)]
    if min(coins) <= LOG10_ALPHA:
        return one if coins[0] <= coins[1] else two
    shares = [undone.match.share if undone.match is not None else 0.0 for undone in (one, two)]
    return one if shares[0] >= shares[1] else two


def alignable(a: Artifact, b: Artifact) -> frozenset[str]:
    """Coin groups that can be counted after an alignment, whatever the sizes of the two models are."""
    if a.architecture is None or b.architecture is None or a.geometry is None or b.geometry is None:
        return frozenset()
    ours, theirs = (frozenset(m.architecture.coins) & ALIGNABLE for m in (a, b) if m.architecture)
    groups = ours & theirs
    if a.architecture.rope != b.architecture.rope:
        groups -= {"query_key"}
    mlp = frozenset({"glu", "experts"})
    if ours & mlp and theirs & mlp and not groups & mlp:
        groups |= {"upcycled"}
    return groups


def _reordered(pairs: np.ndarray) -> bool:
    """Whether the second of each pair does not ascend with the first."""
    if len(pairs) < 2:
        return False
    ascending = pairs[np.argsort(pairs[:, 0]), 1]
    return float((np.diff(ascending) < 0).mean()) > MOVED


def resemblance_only(reference: str) -> str:
    """Why a resemblance settles nothing."""
    return (
        f"Neuron by neuron it resembles {reference}, but its coins do not agree: that is not established, and a shared "
        "random initialisation would look the same."
    )


def nominating(reference: str, resemblance: Resemblance) -> Finding:
    """The finding that a reference is resembled where nothing is established."""
    beside, controls = resemblance.most_beside, len(resemblance.controls)
    number = "there was no other reference as a control"
    if beside is not None:
        number = f"of {controls} other reference{'s' * (controls > 1)} at most {beside:.1%}"
    return raise_finding(
        "coordinates-scrambled",
        f"Neuron by neuron the model resembles {reference}, although its sign coins do not agree, as after flipped "
        "signs under a rotation. That is a resemblance, and not established.",
        (f"{MATCH} against {reference}: {resemblance.match.share:.0%} of neurons (heuristic: {number})",),
    )
