"""What the licences along a chain demand of a model and of who uses it: met, unmet, or conditional on what.

``grounds`` says which licences bear on it, ``files``, ``naming``, ``dealings`` and ``use`` judge one group of duties each,
``base`` keeps every judgement within what it rests on. Adding an ancestor can only add duties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forebear.licences.answer import Duty
from forebear.licences.duties import dealings, files, naming, use
from forebear.licences.duties.base import CONDITIONAL, MET, Case, Ground, Group
from forebear.licences.duties.grounds import Facts, grounds, inherited, reaches_students

__all__ = ["GROUPS", "Case", "Facts", "Ground", "duties_of", "grounds", "inherited", "licence_answer"]

GROUPS: tuple[Group, ...] = (files.duties, naming.duties, dealings.duties, use.duties)
"""Every group of duties."""

_LIMITS_OF_TRAINING = (use.OUTPUTS,)


def duties_of(found: tuple[Ground, ...], case: Case) -> tuple[Duty, ...]:
    """Every duty of every ground, in their order."""
    return tuple(dict.fromkeys(duty for ground in found for duty in _of(ground, case)))


def _of(ground: Ground, case: Case) -> Iterator[Duty]:
    """The duties of one ground; of a licence that only outputs lead to, those that reach a student of outputs."""
    reaches = True if ground.weights else reaches_students(ground.licence)
    for group in GROUPS:
        for duty in group(ground, case):
            if reaches or duty.kind in _LIMITS_OF_TRAINING:
                yield duty
            elif reaches is None and duty.status is not MET:
                on = (*duty.on, "whether a model that was trained on outputs counts as a derivative")
                yield replace(duty, status=CONDITIONAL, on=on)


def __getattr__(name: str) -> object:
    if name == "licence_answer":  # the whole answer needs conflicts, which need the words of this package
        from forebear.licences.conclude import licence_answer

        return licence_answer
    raise AttributeError(name)
