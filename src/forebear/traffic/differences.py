"""Whether two names can be those of one model, by their words alone."""

from __future__ import annotations

from forebear.catalogue.names import ModelName

CLASSES = frozenset(
    {"mini", "nano", "micro", "lite", "flash", "pro", "max", "ultra", "haiku", "sonnet", "opus", "small"}
)
"""Words for models of one version that are not one model."""


def differ(asked: ModelName, said: ModelName) -> bool:
    """Whether a name is that of another model than the one that was asked for.

    What only one of them tells is no difference: ``gpt-4o`` may answer as ``gpt-4o-2024-08-06``, an alias as what it
    stands for, a name as the end of a path. Families, versions, sizes, variants, lines and dates that both tell have to
    agree; and a size class (``mini``) that only one tells is another model.
    """
    if _within(asked.identifier, said.identifier) or _within(said.identifier, asked.identifier):
        return False
    if asked.family is None or said.family is None:
        return True
    if asked.family != said.family:
        return True
    pairs = (
        (_plain(asked.version), _plain(said.version)),
        (asked.size, said.size),
        (asked.variant, said.variant),
        (asked.line, said.line),
        (asked.date, said.date),
    )
    if _class(asked) != _class(said):
        return True
    return any(a is not None and b is not None and a != b for a, b in pairs)


def _class(name: ModelName) -> frozenset[str]:
    """The size classes that a name tells: siblings under one version."""
    return frozenset((name.variant or "").split("+")) & CLASSES


def _plain(version: str | None) -> str | None:
    """A version without a trailing zero: what is 4.0 in one name is 4 in another."""
    return version.removesuffix(".0") if version else None


def _within(short: str, long: str) -> bool:
    """Whether a name is the other's last part, its beginning up to a date, or the same in other letters."""
    a, b = short.lower(), long.lower()
    if a == b or b.endswith(("/" + a, "." + a, ":" + a)):
        return True
    rest = b.removeprefix(a)
    digits = rest[1:].replace("-", "").replace(":", "")
    return rest != b and rest[:1] in ("-", "@", ":") and digits.isdigit() and len(digits) >= 3  # a date, or 001
