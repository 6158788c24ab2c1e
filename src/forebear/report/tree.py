"""A family tree as text, Markdown and Graphviz' DOT: roots first, every edge with what is known of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from forebear.lineage.tree import Edge, FamilyTree, Member
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.terminal import COLOUR
from forebear.types import Verdict

ARROW, LINE = "→", "—"
KEY = (
    "→ comes from the one above it; — next to it, which came first is not settled; ? another neighbour is possible",
    "support: share of bootstrap replicates that have the edge, no probability",
)
GHOST_WORDS = "a model that is not among these"


def lines(tree: FamilyTree) -> Iterator[tuple[str, Edge | None, Member]]:
    """Every member below its parent: the branch to draw before it, the edge to the one above, and the member.

    A merge stands below each of its parents; what descends from it stands below the first of them alone.
    """
    members = {m.name: m for m in tree.members}
    shown: set[str] = set()
    for root in tree.roots():
        stack: list[tuple[str, Edge | None, str]] = [("", None, root.name)]
        while stack:
            branch, edge, name = stack.pop()
            yield branch, edge, members[name]
            if name in shown:
                continue
            shown.add(name)
            below = sorted(tree.children(name), key=lambda e: (bool(tree.children(e.b)), e.b))
            stem = branch.replace("├", "│").replace("└", " ")
            for k, child in enumerate(reversed(below)):
                stack.append((f"{stem}{'└' if k == 0 else '├'}", child, child.b))


def edge_words(edge: Edge) -> str:
    """What is known of an edge, in a few words."""
    said = [_short(words.relation(edge.relation)) or edge.relation.kind.replace("_", " ")]
    if edge.verdict is Verdict.SAME_INIT_OR_DERIVED and edge.relation.kind in ("unknown", "same_init"):
        said = ["dependent by code" if edge.log10_p is None else "dependent, perhaps a shared start"]
    if edge.coefficient is not None:
        said.append(f"coefficient {edge.coefficient:.2f}")
    if edge.support is not None:
        said.append(f"support {edge.support:.0%}")
    return ", ".join(said)


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"


def mark(edge: Edge) -> str:
    """Its direction, and whether another neighbour is possible."""
    return (ARROW if edge.directed else LINE) + ("?" if edge.uncertain else "")


def show(console: Console, tree: FamilyTree, quiet: bool = False, verbose: bool = False) -> None:
    """The tree at a terminal."""
    for branch, edge, member in lines(tree):
        if edge is None:
            console.print()
        line = Text(" ".join(branch), "dim")
        if edge is not None:
            line.append(f"{mark(edge)} ", "bold" if edge.directed else "dim")
        line.append_text(words.text(flat(member.name), "italic dim" if member.ghost else "bold"))
        if edge is not None:
            line.append_text(words.text(f"  {edge_words(edge)}"))
            line.append_text(words.text(f"  [{edge.verdict}]", COLOUR.get(edge.verdict, "dim")))
        elif not tree.children(member.name) and not member.ghost:
            adapter = "adapter" in member.shape
            line.append("  an adapter: its base is a claim" if adapter else "  no relative among these", "dim")
        console.print(line, soft_wrap=True)
        for more in _details(edge) if verbose and edge is not None else ():
            console.print(words.text(f"{' ' * (2 * len(branch) + 2)}{flat(more)}", "dim"), soft_wrap=True)
    for problem in tree.problems:
        console.print(words.text(f"\nunreadable: {flat(problem)}", "bold red"), soft_wrap=True)
    if quiet:
        return
    console.print()
    for note in tree.notes:
        console.print(words.text(f"  {flat(note)}"), soft_wrap=True)
    for text in (*KEY, *(f"tested: {t}" for t in tree.coverage.tested if verbose)):
        console.print(words.text(f"  {text}", "dim"), soft_wrap=True)
    gaps = tree.coverage.not_tested
    for gap in gaps if verbose else gaps[:3]:
        console.print(words.text(f"  not tested: {flat(gap.what)}: {flat(gap.why)}", "dim"), soft_wrap=True)
    if len(gaps) > 3 and not verbose:
        console.print(words.text(f"  and {len(gaps) - 3} more (--verbose)", "dim"))
    console.print(words.text(f"  {summary(tree)} · {words.cost(tree.cost)}", "dim"), soft_wrap=True)


def _details(edge: Edge) -> Iterator[str]:
    odds = "" if edge.log_odds is None else f"log-odds of this direction {edge.log_odds:+.1f}; "
    yield f"{words.p_value(edge.log10_p)}; {odds}{edge.why}"
    for reason in edge.relation.details.get("direction", {}).get("reasons", ()):
        yield f"direction: {reason['text']} ({reason['log_odds']:+.1f})"
    if edge.rival is not None:
        yield f"instead: {edge.rival[0]} next to {edge.rival[1]}, support {edge.rival[2]:.0%}"


def summary(tree: FamilyTree) -> str:
    """How much it is, in a line."""
    read = [m for m in tree.members if not m.ghost and not m.problem]
    alone = sum(len(members) == 1 for members in tree.groups.values())
    families, edges = len(tree.groups) - alone, len(tree.edges)
    parts = [f"{len(read):,} model{'' if len(read) == 1 else 's'}"]
    parts += [f"{families:,} famil{'y' if families == 1 else 'ies'}", f"{alone:,} alone"]
    named = sum(e.directed for e in tree.edges)
    return ", ".join([*parts, f"{edges:,} edge{'' if edges == 1 else 's'}, {named:,} with a direction"])


def flat(name: str) -> str:
    """A name on one line, without characters that move a cursor or hide a word."""
    return " ".join(words.clean(name).split())


def markdown(tree: FamilyTree) -> str:
    """For pull requests and tickets: a nested list, then what could not be read."""
    out = ["# Family tree", ""]
    for branch, edge, member in lines(tree):
        name = f"*{escape(flat(member.name))}*" if member.ghost else f"**{escape(flat(member.name))}**"
        told = f" {escape(edge_words(edge))} (`{edge.verdict}`)" if edge else ""
        out.append(f"{'  ' * len(branch)}- {mark(edge) + ' ' if edge else ''}{name}{told}")
    out += ["", *(f"_{escape(line)}_  " for line in KEY)]
    for title, texts in (("Notes", tree.notes), ("Could not be read", tree.problems)):
        out += ["", f"## {title}", "", *(f"- {escape(flat(text))}" for text in texts)] if texts else []
    gaps = [f"- {escape(flat(g.what))}: {escape(flat(g.why))}" for g in tree.coverage.not_tested]
    out += ["", "## Not tested", "", *gaps] if gaps else []
    return "\n".join([*out, "", f"_{summary(tree)}; {words.cost(tree.cost)}_", ""])


def dot(tree: FamilyTree) -> str:
    """For Graphviz: a directed graph, edges without a direction without an arrowhead."""
    out = ["digraph forebear {", "  rankdir=LR;", '  node [shape=box, style="rounded", fontname="sans-serif"];']
    number = {m.name: f"m{k}" for k, m in enumerate(tree.members)}
    for member in tree.members:
        style = ', style="rounded,dashed"' if member.ghost else ', color="red"' if member.problem else ""
        out.append(f"  {number[member.name]} [label={quoted(member.name)}{style}];")
    for edge in tree.edges:
        told = [f"label={quoted(edge_words(edge))}"]
        told += [] if edge.directed else ["dir=none"]
        told += ["style=dashed"] if edge.uncertain else []
        out.append(f"  {number[edge.a]} -> {number[edge.b]} [{', '.join(told)}];")
    return "\n".join([*out, "}", ""])


def quoted(text: str) -> str:
    """A string of the DOT language."""
    return '"' + flat(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
