"""What Tab completes beside commands and options: names that the program knows. Nothing here may be slow or fail."""

from __future__ import annotations


def policies(incomplete: str) -> list[str]:
    """The packs that ship; a plugin's are left out, because finding them would load code at the press of a key."""
    from forebear.policy.load import packs

    return [name for name in packs() if name.startswith(incomplete)]


def topics(incomplete: str) -> list[str]:
    """What ``forebear explain`` explains."""
    from forebear.catalogue import topics as words
    from forebear.signals import SIGNALS

    return [name for name in (*words(), *(s.name for s in SIGNALS)) if name.startswith(incomplete)]
