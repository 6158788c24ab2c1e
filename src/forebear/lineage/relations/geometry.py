"""What the geometry of a change tells about direction; weaker than facts that cannot be reversed, and open to forgery.

Whoever holds a model can shrink rows, add noise or move gains at will. So geometry names a direction between two models
that are what they say, and never makes one of them ``derived``. Decay and gains tell which of two siblings was trained
for longer, too, so they name none by themselves; a sibling of an adapter's base would leave a difference of full rank.
"""

from __future__ import annotations

import numpy as np

from forebear.lineage.direction import Reason
from forebear.lineage.relations.base import Observed, toward
from forebear.lineage.relations.values import by_rounding, lora, pruned
from forebear.signals.still_rows import FEWEST_STILL, StillRows

DECAYED, ORTHOGONAL, ADVANCED = 3.0, 3.0, 1.0
"""Log-odds of rows that decayed, of norm gains that moved on, and the most that a change's orientation is given."""
DECAY = 1e-3
"""Relative decay from which on it is one: half a step of bfloat16 shows a smaller one in no row."""
MOVED = 0.02
"""Share of rows that has to have moved: where all rows shrank alike, somebody scaled the embedding."""
FEWEST_TENSORS = 8
SYSTEMATIC = 0.2
"""Standard deviation that a training's own tendency (weights grow, or shrink) is given in a change's orientation."""
UPRIGHT = 0.25
"""How far from 1/2 the orientation may lie; from here on something else than an addition has happened."""
FURTHER = 1.25
"""How many times further from one the gains of the later model have to be."""


def geometry(observed: Observed) -> tuple[Reason, ...]:
    """Reasons for a direction in what lies between two models; none from decay and gains where a start may be all."""
    reasons = [orthogonal(observed)]
    if observed.excludes:
        reasons += [decayed(observed.still), advanced(observed.gains)]
    return tuple(reason for reason in reasons if reason is not None)


def decayed(still: StillRows | None) -> Reason | None:
    """Embedding rows that a training did not touch shrink by its weight decay, all by one factor."""
    if still is None or still.still < FEWEST_STILL or still.moved < MOVED or abs(1 - still.factor) < DECAY:
        return None
    later = still.factor < 1
    share = 1 - (still.factor if later else 1 / still.factor)
    who, other = ("model", "reference") if later else ("reference", "model")
    return toward(
        "decay",
        later,
        DECAYED,
        f"{still.still:,} embedding rows of the {who} are the {other}'s, decayed by {share:.2%}, and the others moved",
    )


def orthogonal(observed: Observed) -> Reason | None:
    """What was added to a model at random is orthogonal to it: |B|² = |A|² + |B − A|².

    The orientation (|B|² − |A|²) / 2 |B − A|² over all tensors is 1/2 where B is A with something orthogonal added (the
    update of an adapter, noise), −1/2 in the reverse, and 0 for siblings that went equally far. The log-odds are of 1/2
    against 0, the nearer of the two others, for an error that is normal: jackknife over tensors, and what a training
    may do to the size of weights by itself. Weight decay and much training move the orientation anywhere. What rounding
    or zeros took away, and directions that were removed, are orthogonal to what is left: there it would tell the
    reverse, and nothing is said.
    """
    if by_rounding(observed) or pruned(observed) is not None:
        return None
    low = lora(observed)
    if low is not None and "lora_rank" not in low.details:
        return None
    body = [c for c in observed.changes.body if c.square and not c.untouched] if observed.changes else []
    n = len(body)
    if n < FEWEST_TENSORS:
        return None
    grown = np.array([c.square_b - c.square_a for c in body])
    size = np.array([2 * c.square for c in body])
    without = (grown.sum() - grown) / (size.sum() - size)
    variance = float((n - 1) / n * ((without - without.mean()) ** 2).sum()) + SYSTEMATIC**2
    middle = float(grown.sum() / size.sum())
    later = middle > 0
    odds = min(ORTHOGONAL, (abs(middle) - 0.25) / (2 * variance))
    if not odds > 0 or abs(abs(middle) - 0.5) > UPRIGHT:
        return None
    one, two = ("reference", "model") if later else ("model", "reference")
    return toward(
        "orthogonal change",
        later,
        odds,
        f"what lies between them is orthogonal to the {one} in {len(body)} matrices (orientation "
        f"{abs(middle):.2f}; 0.50 where the {two} is the {one} with something added, or the {one} is the {two} with "
        "something taken away)",
        no_siblings=low is not None,
    )


def advanced(gains: tuple[float, float] | None) -> Reason | None:
    """Norm gains start at one and go on from there."""
    if gains is None or min(gains) <= 0:
        return None
    later = gains[1] > gains[0]
    ratio = max(gains) / min(gains)
    if ratio < FURTHER:
        return None
    who = "model" if later else "reference"
    return toward("gains", later, ADVANCED, f"norm gains of the {who} are {ratio:.1f} times as far from their start")
