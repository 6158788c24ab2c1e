"""Markup that is safe by construction: text is escaped when it goes in, and only :class:`Html` goes in as it is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from forebear.report.words import clean

VOID = frozenset({"br", "circle", "line", "path", "rect"})
"""Elements that are written without an end tag of their own."""


class Html(str):
    """A piece of markup. A plain ``str`` is text from anywhere and is escaped wherever it meets markup."""

    __slots__ = ()


def safe(text: str) -> Html:
    """A text as markup: escaped, without control characters and marks that turn the reading direction."""
    return text if isinstance(text, Html) else Html(escape(clean(text)))


def joined(parts: Iterable[str | None], between: str = "") -> Html:
    """Pieces one after the other; None is nothing."""
    return Html(safe(between).join(safe(part) for part in parts if part is not None))


def element(tag: str, *children: str | None, **attributes: str | float | bool | None) -> Html:
    """One element.

    Args:
        tag: its name.
        children: text, which is escaped, or markup; None is nothing.
        attributes: ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False are left out, True is
            an attribute without a value, numbers are written with at most two decimals.
    """
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{safe(_plain(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID and not children:
        return Html(f"<{tag}{said}>" if tag == "br" else f"<{tag}{said}/>")
    return Html(f"<{tag}{said}>{joined(children)}</{tag}>")


def named(name: str, most: int = 80) -> Html:
    """A stranger's name: cut in its middle, and kept from turning the words beside it around."""
    flat = " ".join(clean(name).split())
    shown = shortened(flat, most)
    return element("bdi", shown, title=shortened(flat, 300) if shown != flat else None)


def shortened(text: str, most: int) -> str:
    """A text with its middle left out where it is longer: its start and its end tell most."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def link(text: str, address: str) -> Html:
    """A link to another site; only ``https://`` is one, anything else stays text."""
    if not address.startswith("https://") or len(address) > 2_000 or not address.isprintable() or '"' in address:
        return safe(text)
    return element("a", text, href=address, rel="noreferrer noopener")


def _plain(value: str | float | bool) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
