"""Signatures inside of a bill."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.check.walk import Things
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """An enveloped signature (JSF) is said to be there and not to be checked; a detached one is checked elsewhere."""
    for thing, pointer in things:
        if "signature" in thing:
            said = "It carries a signature inside (JSF), which is not checked; sign the file with forebear attest."
            yield Check("signature/enveloped", CheckStatus.UNKNOWN, said, pointer + "/signature")
            return
