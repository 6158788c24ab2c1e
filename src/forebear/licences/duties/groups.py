"""Every group of duties, and which of them a ground brings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forebear.licences.answer import Duty
from forebear.licences.duties import dealings, files, naming, source, use
from forebear.licences.duties.base import CONDITIONAL, MET, Case, Group
from forebear.licences.grounds import Ground, reaches_students
from forebear.licences.limits import OUTPUTS

GROUPS: tuple[Group, ...] = (files.duties, source.duties, naming.duties, dealings.duties, use.duties)
"""Every group of duties."""


def duties_of(found: tuple[Ground, ...], case: Case) -> tuple[Duty, ...]:
    """Every duty of every ground, in their order."""
    return tuple(dict.fromkeys(duty for ground in found for duty in _of(ground, case)))


def _of(ground: Ground, case: Case) -> Iterator[Duty]:
    """The duties of one ground; of a licence that only outputs lead to, those that reach a student of outputs."""
    reaches = True if ground.weights else reaches_students(ground.licence)
    for group in GROUPS:
        for duty in group(ground, case):
            if reaches or duty.kind == OUTPUTS:
                yield duty
            elif reaches is None and duty.status is not MET:
                on = (*duty.on, "whether a model that was trained on outputs counts as a derivative")
                yield replace(duty, status=CONDITIONAL, on=on)
