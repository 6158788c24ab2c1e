"""Pictures of numbers: that they show the numbers, and can be drawn of any."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from forebear.report import svg
from forebear.report.markup import Html, element, link, named, safe


def drawn(picture: Html) -> ElementTree.Element:
    """A picture that is whole, with its text alternative, and with no number that is none."""
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img" and root[0].tag == "title" and root[0].text
    assert "nan" not in picture and "inf" not in picture.replace("info", "")
    return root


def marker(root: ElementTree.Element) -> float:
    """Where the count that was seen is drawn, 0 to 1."""
    (dot,) = [c for c in root.iter("circle") if c.get("class") == "seen"]
    return (float(dot.get("cx") or "nan") - 24) / (svg.NARROW - 48)


@pytest.mark.parametrize(("agree", "n"), [(0, 1), (1, 1), (288, 576), (576, 576), (5_000_001, 10_000_000), (3, 10**12)])
def test_the_count_lies_where_it_belongs(agree: int, n: int) -> None:
    root = drawn(svg.coins(agree, n, "what"))
    assert marker(root) == pytest.approx(agree / n, abs=1e-3)
    assert f"seen: {agree:,} of {n:,}" in "".join(root.itertext())


def test_the_curve_is_the_binomial_distribution() -> None:
    n = 100
    root = drawn(svg.coins(70, n, "what"))
    (path,) = [p for p in root.iter("path") if p.get("class") == "chance"]
    points = [(float(x), float(y)) for x, y in re.findall(r"L([\d.]+) ([\d.]+)", path.get("d") or "")][:-1]
    for x, y in points[20:60:4]:
        count = (x - 24) / (svg.NARROW - 48) * n
        exact = math.exp(2 * math.lgamma(51) - math.lgamma(count + 1) - math.lgamma(n - count + 1))
        assert (126 - y) / 92 == pytest.approx(exact, abs=0.01)
    assert max(points, key=lambda p: -p[1])[0] == pytest.approx(svg.NARROW / 2, abs=1)


def test_bars_are_as_high_as_their_values() -> None:
    values = [svg.Bar(str(k), k / 4, f"layer {k}") for k in range(5)]
    root = drawn(svg.bars(values, "what", "0%", "100%", height=100))
    heights = [float(r.get("height") or 0) for r in root.iter("rect") if (r.get("class") or "").startswith("bar")]
    assert heights == [0, 25, 50, 75, 100]
    assert len(list(drawn(svg.bars(values * 1_000, "what", "0", "1")).iter("rect"))) == 2 * svg.MOST_CELLS
    drawn(svg.bars([], "nothing", "0", "1"))


def test_a_map_has_a_cell_for_each_number() -> None:
    cells = {(0, 0): 0.98, (0, 1): 0.02, (1, 1): -0.4, (1, 0): 2.0}
    root = drawn(svg.grid(("0", "1"), ("0", "1"), cells, "what", "across, down"))
    shades = [float(r.get("fill-opacity") or 9) for r in root.iter("rect") if r.get("fill-opacity")]
    assert shades == [0.49, 0.01, 0, 0.5]
    drawn(svg.grid([str(k) for k in range(64)], ["0"], {(63, 0): 0.5}, "what", "x"))


def test_dots_and_the_line_lie_on_one_scale() -> None:
    root = drawn(svg.dots([0.0, 0.1, 0.2], 0.4, "what", "it"))
    dots = [float(c.get("cx") or 0) for c in root.iter("circle")]
    assert dots == sorted(dots) and dots[0] == 24 and dots[2] == pytest.approx(svg.NARROW / 2, abs=0.01)
    drawn(svg.dots([], 0.0, "what", "it"))


def test_text_is_escaped_and_markup_is_not_escaped_twice() -> None:
    hostile = '<b onclick="x">&\u202e\x1b'
    assert (
        element("p", hostile, title=hostile)
        == '<p title="&lt;b onclick=&quot;x&quot;&gt;&amp;">' + safe(hostile) + "</p>"
    )
    assert element("p", element("b", "a & b"), None, hidden=True, class_=None) == "<p hidden><b>a &amp; b</b></p>"
    assert named("x" * 500, 20).startswith("<bdi title=") and len(re.sub("<[^>]*>", "", named("x" * 500, 20))) == 20


def test_only_https_is_linked() -> None:
    assert link("a", "https://example.org/x").startswith("<a href=")
    for address in (
        "javascript:alert(1)",
        "http://x.org",
        "data:text/html,x",
        "https://x\n",
        'https://x"y',
        " https://x",
    ):
        assert link("a", address) == "a"
