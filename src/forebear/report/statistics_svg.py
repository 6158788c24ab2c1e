"""Derivatives by country of their base, month by month, as one SVG: a column of shares for each month.

Three panels, one for each way of knowing; below each month stands how many derivatives it is a share of. Nothing is
loaded from anywhere; every text that comes from data is escaped. Colours are told apart by people who see fewer of them
(Okabe and Ito 2008), and every piece says in words what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from forebear.inspect.statistics import UNKNOWN, Month, Share, Statistics
from forebear.lineage.declared_graph import month_number, month_text
from forebear.report.statistics import SEAT, land

LEFT, TOP, PANEL, GAP, COLUMN, FOOT = 64.0, 92.0, 150.0, 62.0, 26.0, 34.0
MOST_MONTHS = 48
"""The last months of the calendar are drawn; the tables have all."""
MOST_COUNTRIES = 6
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
OTHERS, GREY = "#f0e442", "#9a9a9a"
PANELS = (
    ("declared", "Declared: what cards and listings name as the base"),
    ("measured", "Measured: what the weights depend on, among indexed bases"),
    ("union", "Union: either"),
)
STYLE = (
    "svg{background:#fff}text{font:12px ui-sans-serif,system-ui,sans-serif;fill:#1b1f24}"
    ".title{font-size:15px;font-weight:600}.soft{fill:#57606a;font-size:10px}line{stroke:#d0d7de}"
    "rect{stroke:#fff;stroke-width:.6}"
    "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}"
    "line{stroke:#3d444d}rect{stroke:#0d1117}}"
)


def svg(found: Statistics) -> str:
    """The whole picture."""
    months = _calendar(found.months)
    panels = [p for p in PANELS if found.measured or p[0] == "declared"]
    keys = _keys(found)
    width = max(LEFT + COLUMN * max(1, len(months)) + 40, 720.0)
    height = TOP + len(panels) * (PANEL + GAP) + FOOT
    title = "Derivatives by country of their base"
    said = f"{found.coverage.get('derivatives with a date', 0):,} derivatives with a date"
    if months and found.months[0].month < months[0].month:
        said += f", drawn from {months[0].month}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="t d">',
        f'<title id="t">{title}</title><desc id="d">{_text(_described(found, months, keys))}</desc>',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="28">{title}</text>',
        f'<text class="soft" x="{LEFT}" y="46">{_text(said)}; a country is that {_text(SEAT[found.seat])}</text>',
        *_key(keys),
    ]
    if not months:
        out.append(f'<text x="{LEFT}" y="{TOP + 40}">No derivative has a date: see the tables.</text>')
    for number, (column, name) in enumerate(panels if months else ()):
        out += _panel(column, name, months, keys, TOP + 20 + number * (PANEL + GAP))
    return "\n".join([*out, "</svg>", ""])


def _calendar(found: Sequence[Month]) -> list[Month]:
    """The last months in which something can be drawn, those between them in which nothing was published too."""
    if not found:
        return []
    by_name = {m.month: m for m in found}
    first, last = (month_number(m.month) for m in (found[0], found[-1]))
    names = map(month_text, range(max(first, last - MOST_MONTHS + 1), last + 1))
    return [by_name.get(name, Month(name, ())) for name in names]


def _keys(found: Statistics) -> list[str]:
    """The countries that have a colour of their own."""
    return [s.key for s in found.base_countries if s.key != UNKNOWN][:MOST_COUNTRIES]


def _key(keys: Sequence[str]) -> Iterator[str]:
    """What the colours mean."""
    x = LEFT
    for colour, name in [*zip(COLOURS, map(land, keys), strict=False), (OTHERS, "others"), (GREY, UNKNOWN)]:
        yield f'<rect x="{x:.0f}" y="60" width="12" height="12" fill="{colour}"/>'
        yield f'<text class="soft" x="{x + 16:.0f}" y="70">{_text(name)}</text>'
        x += 36 + 5.8 * len(name)


def _panel(column: str, name: str, months: Sequence[Month], keys: Sequence[str], top: float) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="{top - 6:.0f}">{name}</text>'
    for share in (0.0, 0.5, 1.0):
        y = top + PANEL * (1 - share)
        right = LEFT + COLUMN * len(months)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right:.0f}" y2="{y:.1f}"/>'
        yield f'<text class="soft" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{share:.0%}</text>'
    for number, month in enumerate(months):
        x = LEFT + COLUMN * number
        counts = _counts(month.countries, column, keys)
        total, y = sum(n for _, _, n in counts), top + PANEL
        for colour, what, count in counts:
            if count:
                tall = PANEL * count / total
                y -= tall
                tip = f"{month.month}, {what}: {count:,} of {total:,} ({count / total:.0%})"
                yield (
                    f'<rect x="{x + 3:.1f}" y="{y:.2f}" width="{COLUMN - 6:.1f}" height="{tall:.2f}" '
                    f'fill="{colour}"><title>{_text(tip)}</title></rect>'
                )
        middle = x + COLUMN / 2
        yield _below(middle, top + PANEL + 13, _short(total))
        if number == 0 or (month.month.endswith("-01") and 1 < number < len(months) - 2) or number == len(months) - 1:
            yield _below(middle, top + PANEL + 27, month.month)


def _below(x: float, y: float, content: str) -> str:
    return f'<text class="soft" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{content}</text>'


def _counts(shares: Sequence[Share], column: str, keys: Sequence[str]) -> list[tuple[str, str, int]]:
    """Colour, words and count of each piece of a month, from below."""
    counts = {s.key: int(getattr(s, column)) for s in shares}
    unknown = counts.pop(UNKNOWN, 0)
    own = [(colour, land(key), counts.pop(key, 0)) for colour, key in zip(COLOURS, keys, strict=False)]
    return [*own, (OTHERS, "others", sum(counts.values())), (GREY, UNKNOWN, unknown)]


def _described(found: Statistics, months: Sequence[Month], keys: Sequence[str]) -> str:
    """The picture in words, for who cannot see it."""
    if not months:
        return "No derivative has a date."
    parts = []
    for month in (months[0], months[-1]) if len(months) > 1 else months[:1]:
        counts = _counts(month.countries, "union" if found.measured else "declared", keys)
        total = sum(n for _, _, n in counts)
        said = ", ".join(f"{what} {n / total:.0%}" for _, what, n in counts if n)
        parts.append(f"{month.month}, {total:,} derivatives: {said}")
    return (
        f"Shares of derivatives by country of their base, {months[0].month} to {months[-1].month}. {'; '.join(parts)}."
    )


def _short(count: int) -> str:
    return (
        f"{count}" if count < 1_000 else f"{count / 1_000:.0f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"
    )


def _text(content: str) -> str:
    """Escaped, without characters that XML does not allow."""
    return escape("".join(c for c in content if c.isprintable()))
