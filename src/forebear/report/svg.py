"""Small pictures of numbers: bars by layer, a map of layers against layers, where a count lies among chance's.

Each is a function from numbers to one ``<svg>`` with a text alternative. Colours are classes that the page's style
fills in (``data/page/report.css``), so the pictures are light, dark or printed as the page is; a colour never tells
anything alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from forebear.report.markup import Html, element, joined

WIDTH, NARROW = 640.0, 460.0
"""The widest picture that a page has room for, and one that a phone still shows whole."""
MOST_CELLS = 512
"""Layers that a picture has room for."""


@dataclass(frozen=True)
class Bar:
    """A bar: what stands below it, how high it is (0 to 1), what a reader who points at it is told, and its class."""

    name: str
    height: float
    told: str
    tone: str = ""


def picture(alternative: str, height: float, *parts: Html, width: float = WIDTH) -> Html:
    """The frame of a picture with its text alternative."""
    return element(
        "svg",
        element("title", alternative),
        *parts,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=width,
        height=height,
        role="img",
        class_="chart",
    )


def bars(values: Sequence[Bar], alternative: str, low: str, high: str, height: float = 76.0) -> Html:
    """Bars side by side between two lines, the lower one being ``low`` and the upper one ``high``."""
    shown = values[:MOST_CELLS]
    left, top = 62.0, 8.0
    step = min(46.0, (WIDTH - left - 4) / max(1, len(shown)))
    every = max(1, math.ceil(_room(bar.name for bar in shown) / step))
    wide = max(0.5, step - (2.0 if step > 6 else 0.4))
    parts = [
        _line(left, top, left + step * len(shown), top, "grid"),
        _line(left, top + height, left + step * len(shown), top + height, "axis"),
        _text(left - 6, top + 4, high, "end"),
        _text(left - 6, top + height + 4, low, "end"),
    ]
    for k, bar in enumerate(shown):
        tall = height * min(1.0, max(0.0, bar.height))
        x = left + k * step + (step - wide) / 2
        column = element("rect", x=x, y=top, width=wide, height=height, class_="ground")
        filled = element("rect", x=x, y=top + height - tall, width=wide, height=tall, class_=f"bar {bar.tone}".strip())
        parts.append(element("g", element("title", bar.told), column, filled))
        if k % every == 0:
            parts.append(_text(left + (k + 0.5) * step, top + height + 16, bar.name, "middle"))
    return picture(alternative, height + top + 22, *parts, width=left + step * len(shown) + 8)


def grid(
    rows: Sequence[str], columns: Sequence[str], cells: Mapping[tuple[int, int], float], alternative: str, axes: str
) -> Html:
    """Rows against columns, each cell the darker the nearer its share is to 1.

    Args:
        rows, columns: names, from top and from left.
        cells: a share between 0 and 1 by number of row and column; what is missing stays empty.
        alternative: what the picture shows, in words.
        axes: what stands along the columns and along the rows.
    """
    left, top = 62.0, 20.0
    size = min(34.0, (WIDTH - left - 4) / max(1, len(columns)), max(3.0, 520.0 / max(1, len(rows))))
    every, across = (max(1, math.ceil(least / size)) for least in (18.0, _room(columns)))
    parts = [element("text", axes, x=4.0, y=11.0, class_="note")]
    numbered = size >= 26
    for (row, column), share in cells.items():
        kept = min(1.0, max(0.0, share)) * (0.5 if numbered else 1.0)  # a number has to be read on it
        x, y = left + column * size, top + row * size
        told = element("title", f"{rows[row]} and {columns[column]}: {share:.2f}")
        ground = element("rect", x=x, y=y, width=size - 0.6, height=size - 0.6, class_="ground")
        square = element("rect", x=x, y=y, width=size - 0.6, height=size - 0.6, fill_opacity=kept, class_="bar")
        said = f"{share:.2f}".removeprefix("0") if share < 1 else f"{share:.1f}"
        number = _text(x + size / 2, y + size / 2 + 4, said, "middle", "strong") if numbered else None
        parts.append(element("g", told, ground, square, number))
    parts += [_text(left - 6, top + (k + 0.5) * size + 4, n, "end") for k, n in enumerate(rows) if k % every == 0]
    bottom = top + size * len(rows)
    parts += [
        _text(left + (k + 0.5) * size, bottom + 14, n, "middle") for k, n in enumerate(columns) if k % across == 0
    ]
    return picture(alternative, bottom + 22, *parts, width=max(NARROW, left + size * len(columns) + 8))


def coins(agree: int, n: int, alternative: str) -> Html:
    """How many of ``n`` fair coins show the same side by chance, as a curve, and the count that was seen.

    The curve is the probability of each count under Binomial(n, 1/2), in units of the likeliest.
    """
    left, right, top, height = 24.0, NARROW - 24.0, 34.0, 92.0
    base, room = top + height, right - left
    spread = 0.5 / math.sqrt(n)

    def at(share: float) -> float:
        return left + room * share

    steps = [0.5 + spread * 4.5 * (k / 40 - 1) for k in range(81)]
    points = [(at(s), base - height * _likelihood(s * n, n)) for s in steps if 0.0 <= s <= 1.0]
    outline = " ".join(f"L{x:.1f} {y:.1f}" for x, y in points)
    curve = element(
        "path", d=f"M{points[0][0]:.1f} {base:.1f} {outline} L{points[-1][0]:.1f} {base:.1f}Z", class_="chance"
    )
    seen = at(agree / n)
    low, high = (at(min(1.0, max(0.0, 0.5 + side * spread * 3.891))) for side in (-1, 1))
    edge = "end" if agree / n > 0.8 else "start" if agree / n < 0.2 else "middle"
    parts = [
        curve,
        _line(left, base, right, base, "axis"),
        _line(seen, top - 12, seen, base, "seen"),
        element("circle", cx=seen, cy=base, r=4.5, class_="seen"),
        _text(seen, top - 18, f"seen: {agree:,} of {n:,}", edge, "strong"),
        _line(low, base + 7, high, base + 7, "grid"),
        *[_text(at(s / 4), base + 20, f"{s * 25}%", "middle") for s in range(5)],
        _text(at(0.5), base + 34, "what independent models do", "middle"),
    ]
    return picture(alternative, base + 42, *parts, width=NARROW)


def dots(values: Sequence[float], seen: float, alternative: str, word: str) -> Html:
    """A dot for each value of a null, and a line for the one that was seen."""
    shown = sorted(values)[:MOST_CELLS]
    low, high = min([*shown, seen, 0.0]), max([*shown, seen])
    left, room, base = 24.0, NARROW - 48.0, 56.0
    scale = room / (high - low) if high > low else 0.0

    def at(value: float) -> float:
        return left + (value - low) * scale

    parts = [
        _line(left, base, left + room, base, "axis"),
        *[element("circle", cx=at(v), cy=base - 7, r=3.5, class_="null") for v in shown],
        _line(at(seen), 26, at(seen), base, "seen"),
        _text(at(seen), 18, f"{word}: {seen:.2f}", "end" if at(seen) > NARROW * 0.7 else "start", "strong"),
        *[_text(at(v), base + 15, f"{v:.2f}", "middle") for v in ([low, high] if high > low else [low])],
    ]
    return picture(alternative, base + 22, *parts, width=NARROW)


def _room(names: Iterable[str]) -> float:
    """What the longest name needs along an axis."""
    return 8.0 + 7.5 * max(map(len, names), default=0)


def _likelihood(count: float, n: int) -> float:
    """The probability of a count of fair coins over that of the likeliest, by the gamma function."""
    log = 2 * math.lgamma(n / 2 + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    return math.exp(min(0.0, log))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", class_=kind)


def _text(x: float, y: float, said: str, anchor: str, kind: str = "note") -> Html:
    return element("text", said, x=x, y=y, text_anchor=anchor, class_=kind)


def figure(drawing: Html, caption: str, *more: Html, kind: str = "") -> Html:
    """A picture with what it shows in words; wide ones scroll by themselves, also with the keyboard."""
    frame = element("div", drawing, class_="wide", tabindex=0, role="group", aria_label=f"Picture: {caption}"[:200])
    return element("figure", frame, element("figcaption", caption), joined(more), class_=kind or None)
