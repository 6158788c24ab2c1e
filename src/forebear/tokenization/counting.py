"""How many tokens a tokenizer makes of the battery: what an endpoint's counts are compared with."""

from __future__ import annotations

from forebear.catalogue.tokenizers import BASELINE, CountProbe, battery, guarded
from forebear.tokenization.base import Encoder, count


def baseline_count(encoder: Encoder) -> int | str:
    """Tokens of the guarded baseline, or a clause that says why there are none."""
    return count(encoder, guarded(BASELINE))


def count_vector(encoder: Encoder) -> tuple[int, ...] | str:
    """Tokens of every guarded text of the battery, in its order; or a clause that says which cannot be counted and why.

    Special tokens that the tokenizer puts around a text are not counted.
    """
    counts: list[int] = []
    for probe in battery().probes:
        found = count(encoder, probe.guarded)
        if isinstance(found, str):
            return f"{probe.id}: {found}"
        counts.append(found)
    return tuple(counts)


def broken_seams(encoder: Encoder, before: str, after: str) -> tuple[CountProbe, ...]:
    """Probes whose count, less that of the baseline, is another one where something stands around the guards.

    Raises:
        ValueError: a text cannot be counted.
    """

    def extra(text: str, around: bool) -> int:
        found = count(encoder, before + guarded(text) + after if around else guarded(text))
        if isinstance(found, str):
            raise ValueError(found)
        return found

    shift = extra(BASELINE, True) - extra(BASELINE, False)
    return tuple(probe for probe in battery().probes if extra(probe.text, True) - extra(probe.text, False) != shift)
