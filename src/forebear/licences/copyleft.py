"""Which copyleft licences may go together, or be exchanged for another, by their own words.

By SPDX identifier, and of texts that were read: GPL-3.0 and AGPL-3.0 (13 of each: a combined work of both), LGPL-3.0
(2(b): under the GPL), LGPL-2.1 (3: under the GPL, version 2 or newer), MPL-2.0 (1.12, 3.3: secondary licences),
EPL-2.0 (1, 3.2(a) and exhibit A: the GPL from version 2 on, where the first contributor's notice names it), EUPL-1.2
(5 and its appendix; CC-BY-SA-3.0 "for works other than software"), CC-BY-SA-3.0 and CC-BY-NC-SA-3.0 (4(b)(ii): a later
version with the same elements), the Fair AI Public License 1.0 (alternatives: AGPL-3.0); and the list that CC-BY-SA-4.0
refers to (1(c), creativecommons.org/compatiblelicenses: GPL-3.0, one way, since 2015-10-08).
"""

from __future__ import annotations

from collections.abc import Mapping

_GNU = frozenset({"GPL-2.0-only", "GPL-3.0-only", "LGPL-2.1-only", "LGPL-3.0-only", "AGPL-3.0-only"})
_EXCHANGED: Mapping[str, frozenset[str]] = {
    "LGPL-2.1-only": frozenset({"GPL-2.0-only", "GPL-3.0-only"}),
    "LGPL-3.0-only": frozenset({"GPL-3.0-only"}),
    "MPL-2.0": _GNU,
    "LicenseRef-scancode-fair-ai-public-1.0": frozenset({"AGPL-3.0-only"}),
    "EUPL-1.2": _GNU | {"MPL-2.0", "OSL-3.0", "CC-BY-SA-3.0"},
    "CC-BY-SA-3.0": frozenset({"CC-BY-SA-4.0"}),
    "CC-BY-NC-SA-3.0": frozenset({"CC-BY-NC-SA-4.0"}),
    "CC-BY-SA-4.0": frozenset({"GPL-3.0-only"}),
}
_TOGETHER = frozenset({"GPL-3.0-only", "AGPL-3.0-only", "LGPL-3.0-only"})
_BY_NOTICE: Mapping[str, frozenset[str]] = {
    "GPL-2.0-only": frozenset({"GPL-3.0-only"}),
    "LGPL-2.1-only": frozenset({"LGPL-3.0-only"}),
    "EPL-2.0": frozenset({"GPL-2.0-only", "GPL-3.0-only"}),
}
"""A notice in the sources may say "or any later version", or name a secondary licence; neither the text nor the hub's
tag tells whether it does."""


def may_become(one: str, other: str) -> bool:
    """Whether what is under one licence may be passed on under another, or may be by a notice that we do not see."""
    return other in _EXCHANGED.get(one, ()) or other in _BY_NOTICE.get(one, ())


def together(one: str, other: str) -> bool:
    """Whether one work may hold parts under both licences: where both may come to one, or to two that combine.

    Of a licence without an identifier nothing is known here.
    """
    if not one or not other:
        return False
    ours, theirs = _within_reach(one), _within_reach(other)
    return bool(ours & theirs) or bool(ours & _TOGETHER and theirs & _TOGETHER)


def _within_reach(licence: str) -> frozenset[str]:
    """What a work under a licence may come to be under, step by step."""
    found, new = {licence}, [licence]
    while new:
        one = new.pop()
        more = (_EXCHANGED.get(one, frozenset()) | _BY_NOTICE.get(one, frozenset())) - found
        found |= more
        new += more
    return frozenset(found)
