"""Family trees as text, Markdown, DOT and SVG: order, marks, and names that want to be code."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from documents import check_document
from forebear.cli.options import rendered
from forebear.lineage.tree import NOT_HERE, Edge, FamilyTree, Member
from forebear.report import tree as report
from forebear.report.tree_svg import svg
from forebear.types import Cost, Coverage, Relation, Untested, Verdict

EVIL = 'a"b\\c<script>alert(1)</script>&\x1b[31m\nd]]>'


def edge(a: str, b: str, directed: bool = True, support: float | None = 1.0, **more: object) -> Edge:
    relation = Relation("finetune", "unknown", None, {"in_words": ["fine-tuned (relative drift 6%)"]})
    way, odds = ("a_to_b", 3.0) if directed else ("unknown", 0.5)
    made = Edge(a, b, way, odds, Verdict.DEPENDENT, -30.0, relation, support, why="They share training.")
    return replace(made, **more)  # type: ignore[arg-type]


def tree(*edges: Edge, alone: tuple[str, ...] = (), ghost: str = "", problem: str = "") -> FamilyTree:
    names = list(dict.fromkeys(n for e in edges for n in (e.a, e.b)))
    members = [Member(n, f"/models/{n}", "d" * 40, 0, ghost=n == ghost) for n in names]
    members += [Member(n, f"/models/{n}", "d" * 40, k + 1) for k, n in enumerate(alone)]
    members += [Member("bad", "/models/bad", problem=problem)] if problem else []
    problems = (f"/models/bad: {problem}",) if problem else ()
    coverage = Coverage(("kinship/1: 3 models",), (Untested("disguises", "not asked for"),))
    return FamilyTree(tuple(members), edges, coverage, Cost(1_000, 3, 0.5, 0), ("a note",), problems)


MERGE = edge("one", "merged", coefficient=0.6, support=None, verdict=Verdict.MERGE)
WHOLE = tree(
    edge("base", "one"),
    edge("base", "two", directed=False),
    edge("two", "three", support=0.4, rival=("base", "three", 0.35)),
    MERGE,
    replace(MERGE, a="two", coefficient=0.4),
    alone=("lonely",),
    problem="cut off",
)


def shown(found: FamilyTree, **how: bool) -> str:
    return rendered(lambda console: report.show(console, found, **how))


def test_the_text_has_roots_first_and_every_mark() -> None:
    lines = shown(WHOLE, quiet=True).splitlines()
    at = {name: k for k, line in enumerate(lines) for name in ("one", "two", "three", "lonely") if f" {name} " in line}
    first = next(k for k, line in enumerate(lines) if line.startswith("base"))
    assert first < min(at[n] for n in ("one", "two", "three")) and at["two"] < at["three"]
    assert "→ one " in lines[at["one"]] and "[dependent]" in lines[at["one"]]
    assert "— two " in lines[at["two"]]
    assert "→? three " in lines[at["three"]] and "support 40%" in lines[at["three"]]
    assert sum("merged" in line and "coefficient" in line for line in lines) == 2
    text = shown(WHOLE)
    assert "no relative among these" in text and "cut off" in text and "a note" in text
    assert "4 models" not in text and "6 models, 1 family, 1 alone" in text


def test_quiet_is_the_tree_alone_and_verbose_has_rivals_and_p_values() -> None:
    assert "support: share" not in shown(WHOLE, quiet=True) and "cut off" in shown(WHOLE, quiet=True)
    told = shown(WHOLE, verbose=True)
    assert "p ≤ 1e-30" in told and "instead: base next to three, support 35%" in told
    assert "They share training." in told


def test_markdown_nests_and_escapes() -> None:
    text = report.markdown(tree(edge("base", EVIL)))
    assert "- **base**" in text and "  - → **" in text
    assert "<script>" not in text and "\x1b" not in text
    assert all(line.count("**") % 2 == 0 for line in text.splitlines())


def test_dot_is_quoted_as_graphviz_wants_it() -> None:
    text = report.dot(tree(edge("base", EVIL, directed=False, support=0.3)))
    inner = re.findall(r'label="((?:[^"\\]|\\.)*)"', text)
    assert len(inner) == 3  # two models and an edge, and no quote ends early
    assert r"a\"b\\c<script>" in inner[1] and "\n" not in inner[1] and "\x1b" not in text
    assert "dir=none" in text and "style=dashed" in text
    assert text.count("{") == text.count("}") == 1


@pytest.mark.parametrize("name", [EVIL, "x" * 400, "模型" * 40, "", "\ud800"])
def test_svg_is_well_formed_whatever_a_model_is_called(name: str) -> None:
    text = svg(tree(edge("base", name), alone=(f"{name}2",), problem=name))
    root = ElementTree.fromstring(text.encode("utf-8", "replace"))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "text", "path", "g", "rect"}
    assert not any(key.startswith("on") or "href" in key for element in root.iter() for key in element.attrib)


def test_svg_draws_everybody_once_and_inside_of_the_picture() -> None:
    root = ElementTree.fromstring(svg(WHOLE))
    space = {"s": "http://www.w3.org/2000/svg"}
    boxes = root.findall(".//s:rect", space)
    assert len(boxes) == len(WHOLE.members)
    width, height = (float(root.attrib[k]) for k in ("width", "height"))
    places = [tuple(float(b.attrib[k]) for k in ("x", "y", "width", "height")) for b in boxes]
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in places)
    assert len({(x, y) for x, y, _, _ in places}) == len(places)
    for k, (x, y, w, h) in enumerate(places):  # no box lies on another
        assert not any(abs(y - b) < h and x < a + c and a < x + w for a, b, c, _ in places[k + 1 :])


def test_svg_has_colours_that_every_program_knows() -> None:
    """Printers and editors know no variables; browsers take the second set where the reader likes it dark."""
    drawn = svg(WHOLE)
    assert "var(" not in drawn
    light, dark = drawn.split("@media(prefers-color-scheme:dark)")
    assert "rect{fill:#f6f8fa" in light and "rect{fill:#161b22" in dark


def test_two_hundred_models_are_drawn() -> None:
    edges = [edge(f"m{(k - 1) // 4}", f"m{k}") for k in range(1, 200)]
    root = ElementTree.fromstring(svg(tree(*edges)))
    assert len(root.findall(".//{http://www.w3.org/2000/svg}rect")) == 200
    assert float(root.attrib["width"]) < 4_000
    assert len(shown(tree(*edges), quiet=True).splitlines()) == 201


def test_a_ghost_is_said_to_be_one_and_the_document_fits_its_schema() -> None:
    ghost = f"ghost 1 {NOT_HERE}"
    found = tree(
        edge(ghost, "one", False, verdict=Verdict.SIBLINGS, log10_p=None),
        edge(ghost, "two", False, verdict=Verdict.SIBLINGS, log10_p=None),
        ghost=ghost,
    )
    assert "not among these" in shown(found) and 'class="ghost"' in svg(found)
    check_document(found.to_json())
    check_document(WHOLE.to_json())
    assert WHOLE.to_json()["edges"][2]["rival"] == {"a": "base", "b": "three", "support": 0.35}


def test_an_empty_tree_is_told() -> None:
    nothing = FamilyTree((), (), Coverage(), Cost())
    assert "0 models" in shown(nothing)
    ElementTree.fromstring(svg(nothing))
    assert report.dot(nothing).startswith("digraph")
