"""A family tree as one SVG: columns by generation, a family below the other, light and dark as the reader has it.

Nothing is loaded from anywhere and no script runs; every text that comes from a model is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from unicodedata import east_asian_width

from forebear.lineage.tree import Edge, FamilyTree, Member
from forebear.report.tree import edge_words, flat, summary
from forebear.report.words import p_value

ROW, BOX, GAP, LEFT, TOP = 42.0, 20.0, 64.0, 24.0, 84.0
NAME_PX, SMALL_PX, PAD = 7.2, 5.6, 10.0
"""Widths of a letter in the two sizes, and what a box has to either side."""
LONGEST, TOLD = 34, 300
"""Letters of a name, and of a tooltip; longer ones lose their middle."""
BETWEEN = 18.0
LEAST = 730.0
"""Width that the key needs."""
TALL = 60
"""Models from which on a drawing in a page is scrolled."""
COLUMN = 200.0
"""Width that a column has at least where p-values stand below its boxes."""
KEY = (
    ("", True, "comes from"),
    ("", False, "which came first is open"),
    ("uncertain", False, "another neighbour is possible"),
    ("merge", True, "merged from"),
)
LIGHT = ("#fff", "#1b1f24", "#57606a", "#8c959f", "#f6f8fa", "#ddf4ff", "#8250df", "#cf222e")
DARK = ("#0d1117", "#e6edf3", "#9198a1", "#6e7681", "#161b22", "#0c2d4d", "#b392f0", "#ff7b72")
"""Colours of paper, ink, soft ink, lines, boxes, roots, merges and failures."""
PAGE = (
    "var(--paper)",
    "var(--ink)",
    "var(--soft)",
    "var(--edge)",
    "var(--wash)",
    "var(--root)",
    "var(--merge)",
    "var(--deny)",
)
"""The same as names that a page gives its colours."""


def rules(paper: str, ink: str, soft: str, line: str, box: str, root: str, merge: str, bad: str, at: str = "") -> str:
    """Rules for one set of colours, without variables: programs that print a file know none.

    ``at`` stands before every selector, for a drawing within a page that has other drawings.
    """
    parts = (
        ("text", f"fill:{ink}"),
        (".soft", f"fill:{soft}"),
        (".note", f"fill:{soft}"),
        (".ghost text", f"fill:{soft}"),
        ("rect", f"fill:{box};stroke:{line}"),
        (".root rect", f"fill:{root}"),
        (".bad rect", f"stroke:{bad}"),
        ("path", f"stroke:{line}"),
        ("path.merge", f"stroke:{merge}"),
        ("path.head", f"fill:{line};stroke:none"),
        ("path.head.merge", f"fill:{merge};stroke:none"),
    )
    return f"{at or 'svg'}{{background:{paper}}}" + "".join(f"{at} {name}{{{said}}}".lstrip() for name, said in parts)


def shapes(at: str = "") -> str:
    """Rules for letters and lines."""
    parts = (
        ("text", "font:12px ui-sans-serif,system-ui,sans-serif"),
        (".title", "font-size:15px;font-weight:600"),
        (".note", "font-size:10px"),
        (".ghost rect", "fill:none;stroke-dasharray:4 3"),
        (".ghost text", "font-style:italic"),
        ("path", "fill:none;stroke-width:1.4"),
        (".uncertain", "stroke-dasharray:5 4"),
    )
    return "".join(f"{at} {name}{{{said}}}".lstrip() for name, said in parts)


STYLE = f"\n{shapes()}{rules(*LIGHT)}\n@media(prefers-color-scheme:dark){{{rules(*DARK)}}}\n"
IN_PAGE = f"\n{shapes('.family')}{rules(*PAGE, at='.family')}\n"
"""For :func:`drawing` in a page that names its colours."""


@dataclass(frozen=True)
class _Box:
    """Where a member is drawn: left edge, middle and width of its box."""

    member: Member
    x: float
    y: float
    width: float
    root: bool


@dataclass(frozen=True)
class _Layout:
    """Boxes by name, the height of the picture, the widths of the columns, and where the lonely ones begin."""

    boxes: dict[str, _Box]
    height: float
    widths: list[float]
    alone: float | None


def svg(tree: FamilyTree) -> str:
    """The whole picture, as a file of its own."""
    return _drawn(tree, f"<style>{STYLE}</style>", 'xmlns="http://www.w3.org/2000/svg"', False)


def drawing(tree: FamilyTree) -> str:
    """The same within a page whose style has :data:`IN_PAGE`, with the p-value on every edge."""
    return _drawn(tree, "", 'class="family"', True)


def _drawn(tree: FamilyTree, style: str, attributes: str, tested: bool) -> str:
    layout = _placed(tree, COLUMN if tested else 0.0, tested and len(tree.members) > TALL)
    boxes, height, widths = layout.boxes, layout.height, layout.widths
    width = max([LEFT + sum(w + GAP for w in widths) + 40, LEAST])
    top = 0.0 if style else 34.0  # a page has a heading of its own
    size = f'width="{width:.0f}" height="{height - top:.0f}" viewBox="0 {top:.0f} {width:.0f} {height - top:.0f}"'
    heading = f'<text class="title" x="{LEFT}" y="30">Family tree</text>' if style else ""
    out = [
        f'<svg {attributes} {size} role="img">',
        f"<title>Family tree: {_text(summary(tree))}</title>{style}",
        heading,
        f'<text class="soft" x="{LEFT}" y="48">{_text(summary(tree))}</text>',
        *_key(),
    ]
    out += [part for edge in tree.edges for part in _edge(edge, boxes, tested)]
    out += [_box(box) for box in boxes.values()]
    if layout.alone is not None:
        out.append(f'<text class="note" x="{LEFT}" y="{layout.alone:.1f}">no relative found among these</text>')
    return "\n".join([*out, "</svg>", ""])


def _placed(tree: FamilyTree, least: float, hanging: bool) -> _Layout:
    """A column by generation, a family below the other, and at the end those that have no relative.

    ``hanging``: a parent stands beside its first child, not in the middle of all: who scrolls reads it from the top.
    """
    below = {m.name: _own(tree, m.name) for m in tree.members}
    depth: dict[str, int] = {}
    row: dict[str, float] = {}
    top, first = TOP + ROW / 2, True
    families = [r for r in tree.roots() if below[r.name]]
    alone = [r for r in tree.roots() if not below[r.name]]
    for root in families:
        top += 0 if first else BETWEEN
        first = False
        for name, level in _walk(root.name, below):
            depth[name] = level
            if not below[name]:
                row[name] = top
                top += ROW
        for name, _ in reversed(list(_walk(root.name, below))):
            if below[name]:
                row[name] = (row[below[name][0]] + row[below[name][0 if hanging else -1]]) / 2
    members = {m.name: m for m in tree.members}
    widths = [
        max([least, *(_width(members[n]) for n, level in depth.items() if level == k)])
        for k in range(max(depth.values(), default=-1) + 1)
    ]
    left = [LEFT + sum(widths[:k]) + k * GAP for k in range(len(widths))]
    boxes = {n: _Box(members[n], left[level], row[n], _width(members[n]), level == 0) for n, level in depth.items()}
    rest = [*alone, *(m for m in tree.members if m.problem)]
    line = max(640.0, sum(widths) + GAP * len(widths))
    x, top = LEFT, top + (BETWEEN if families and rest else 0)
    told = top - ROW / 2 + 4
    top += BETWEEN if rest else 0
    for member in rest:
        own = _width(member)
        if x > LEFT and x + own > line:
            x, top = LEFT, top + ROW
        boxes[member.name] = _Box(member, x, top, own, False)
        x += own + PAD
    return _Layout(boxes, top + ROW, widths, told if rest else None)


def _own(tree: FamilyTree, name: str) -> list[str]:
    """Members drawn below this one: a merge only below the first of its parents."""
    children = [e.b for e in tree.children(name) if next(o.a for o in tree.edges if o.b == e.b) == name]
    return sorted(children, key=lambda n: (len(tree.children(n)), n))


def _walk(root: str, below: dict[str, list[str]]) -> Iterator[tuple[str, int]]:
    """Every member of a family once, parents first, with its generation."""
    stack, seen = [(root, 0)], set[str]()
    while stack:
        name, level = stack.pop()
        if name not in seen:
            seen.add(name)
            yield name, level
            stack += [(child, level + 1) for child in reversed(below[name])]


def _key() -> Iterator[str]:
    """What the lines mean."""
    x, y = LEFT, 66.0
    for style, head, words in KEY:
        yield f'<path class="{style}" d="M{x:.0f} {y}h30"/>'
        if head:
            yield _head(x + 36, y, style)
        yield f'<text class="note" x="{x + 42:.0f}" y="{y + 3.5}">{words}</text>'
        x += 70 + SMALL_PX * len(words)


def _edge(edge: Edge, boxes: dict[str, _Box], tested: bool) -> Iterator[str]:
    if edge.a not in boxes or edge.b not in boxes:
        return
    one, two = boxes[edge.a], boxes[edge.b]
    x1, y1, x2, y2 = one.x + one.width, one.y, two.x - (6 if edge.directed else 0), two.y
    bend = max(24.0, abs(x2 - x1) / 2)
    style = "merge" if edge.coefficient is not None else "uncertain" if edge.uncertain else ""
    parent, child = (_cut(flat(name), TOLD // 3) for name in (edge.a, edge.b))
    said = f"{parent} {'to' if edge.directed else 'and'} {child}: {edge_words(edge)} [{edge.verdict}]"
    said += f"; {p_value(edge.log10_p)}" if tested and edge.log10_p is not None else ""
    way = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    yield f'<path class="{style}" d="{way}"><title>{_text(said)}</title></path>'
    if edge.directed:
        yield _head(x2 + 6, y2, style)
    if edge.coefficient is None:
        note = _note(edge, int((max(two.width, COLUMN if tested else 150) + GAP / 2) / SMALL_PX), tested)
        yield f'<text class="note" x="{two.x:.1f}" y="{two.y + BOX / 2 + 11:.1f}">{_text(note)}</text>'


def _note(edge: Edge, most: int, tested: bool) -> str:
    """What stands below a box: the relation, and the support where it is not nearly full."""
    support = f" · support {edge.support:.0%}" if edge.support is not None and edge.support < 0.95 else ""
    if tested and edge.log10_p is not None:
        support += f" · {p_value(edge.log10_p)}"
    said, room = edge_words(replace(edge, support=None)), most - len(support)
    return (said if len(said) <= room else f"{said[: room - 1].rstrip(' ,;(')}…") + support


def _head(x: float, y: float, style: str) -> str:
    return f'<path class="head {style}" d="M{x:.1f} {y:.1f}l-8 -4v8z"/>'


def _box(box: _Box) -> str:
    member = box.member
    kind = "ghost" if member.ghost else "bad" if member.problem else "root" if box.root else ""
    about = member.problem or member.target or ("its models meet here" if member.ghost else "a reference of the index")
    y = box.y - BOX / 2
    return (
        f'<g class="{kind}"><title>{_text(_cut(flat(member.name), TOLD))}: {_text(_cut(flat(about), TOLD))}</title>'
        f'<rect x="{box.x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{BOX:.1f}" rx="6"/>'
        f'<text x="{box.x + PAD:.1f}" y="{y + 14:.1f}">{_text(_cut(flat(member.name), LONGEST))}</text></g>'
    )


def _width(member: Member) -> float:
    name = _cut(flat(member.name), LONGEST)
    return 2 * PAD + NAME_PX * sum(2 if east_asian_width(c) in "WF" else 1 for c in name)


def _cut(text: str, most: int) -> str:
    """A text with its middle left out where it is too long."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def _text(content: str) -> str:
    """Escaped, without characters that XML does not allow."""
    return escape("".join(c for c in content if c.isprintable()))
