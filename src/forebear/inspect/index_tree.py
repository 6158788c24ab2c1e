"""The references of an index as a family tree, from what the index keeps: codes and words, no weights.

Two references are next to each other where their codes are dependent, all pairs of the index paid for. Codes tell no
direction: one has a parent only where its own card names it and the codes do not contradict that; elsewhere the edge is
open. Within a group of dependent references the edges are a spanning tree of the closest agreements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from forebear.index import Entry, Index, open_index
from forebear.inspect.audit_rows import unmeasured
from forebear.inspect.share import is_private
from forebear.inspect.ties import Looked, Tie, looked_at
from forebear.lineage.declared_names import plain
from forebear.lineage.tree import Edge, FamilyTree, Member
from forebear.lineage.tree_graph import Components
from forebear.types import Cost, Coverage, Relation, Untested, floored

MOST_MODELS = 2_000
BY_CARD = "its card says so, and the codes are dependent"
BY_CODE = "dependent by code"
_KINDS = {"finetune": "finetune", "quantized": "quantized", "merge": "merge", "adapter": "adapter"}


def index_tree(index: Index | None = None, on_step: Callable[[str], None] = lambda _: None) -> FamilyTree:
    """The family tree of the first :data:`MOST_MODELS` references, by name; guarded ones are not in it.

    Args:
        index: the references; default the one in ``FOREBEAR_HOME``.
        on_step: told what is being done.

    Raises:
        InputError: the index cannot be read.
    """
    index = index if index is not None else open_index()
    total = index.count()
    entries = list(islice((e for e in index.entries() if not is_private(e)), MOST_MODELS))
    names = [e.name for e in entries]
    by_plain = {plain(name): name for name in names}
    pairs = max(1, len(names) * (len(names) - 1))

    def named(entry: Entry) -> Iterable[str]:
        said = entry.fingerprint.declared
        return [by_plain[p] for b in said.base_models if b != said.loaded_from and (p := plain(b)) in by_plain]

    looked: list[Looked] = []
    for done, one in enumerate(looked_at(index, entries, pairs, named), 1):
        looked.append(one)
        if done % 50 == 1:
            on_step(f"holding references against one another: {done:,} of {len(names):,}")
    edges, groups = _edges(looked, {name: k for k, name in enumerate(names)}, len(names))
    number = {members[0]: g for g, members in enumerate(groups.sets())}
    members = tuple(Member(n, group=number[groups.find(k)]) for k, n in enumerate(names))
    untested = [Untested("weights", "codes alone were compared; forebear tree reads the models themselves")]
    if total > len(names) == MOST_MODELS:
        untested.append(Untested(f"{total - len(names):,} references", f"the tree has at most {MOST_MODELS:,} models"))
    return FamilyTree(
        members,
        edges,
        Coverage(
            (f"codes of {len(names):,} references, {pairs:,} ordered pairs, all of them paid for",), tuple(untested)
        ),
        Cost(),
        (
            "An arrow here is what a card says and the codes do not contradict; codes alone tell no direction.",
            *(f"{u.what} are left out: {u.why}." for u in untested[1:]),
        ),
    )


def _edges(looked: list[Looked], place: dict[str, int], count: int) -> tuple[tuple[Edge, ...], Components]:
    """Edges that are declared and measured, then the closest agreements that join what is still apart."""
    groups = Components(count)
    found: list[Edge] = []
    children: set[str] = set()
    for one in looked:
        base = next((t for t in one.named.values() if t.whole and t.name in place), None)
        if base is not None and _join(groups, place, base.name, one.entry.name):
            kind = _KINDS.get(one.entry.fingerprint.declared.relation, "unknown")
            found.append(_edge(base.name, one.entry.name, base, "a_to_b", kind))
            children.add(one.entry.name)
    rest = [(t, one.entry.name) for one in looked for t in one.tied if t.whole and t.name in place]
    for near, name in sorted(rest, key=_nearest):
        if _join(groups, place, near.name, name):
            a, b = (name, near.name) if name not in children and near.name in children else (near.name, name)
            a, b = (b, a) if b in children and a not in children else (a, b)  # nothing is drawn below two, if it can be
            found.append(_edge(a, b, near, "unknown", "unknown"))
            children.add(b)
    return tuple(sorted(found, key=lambda e: (e.a, e.b))), groups


def _join(groups: Components, place: dict[str, int], a: str, b: str) -> bool:
    """Put two references into one group; False where they were in one, as a circle of cards would have it."""
    if groups.find(place[a]) == groups.find(place[b]):
        return False
    groups.join(place[a], place[b])
    return True


def _nearest(one: tuple[Tie, str]) -> tuple[float, float, str, str]:
    tie, name = one
    return floored(tie.log10_e), -(tie.agree / tie.n if tie.n else 0.5), tie.name, name


def _edge(a: str, b: str, tie: Tie, direction: str, kind: str) -> Edge:
    if tie.imported:  # anybody can make up a code, and a card
        direction, kind = "unknown", "unknown"
    words = [BY_CARD if direction == "a_to_b" else BY_CODE, *([unmeasured(tie.imported)] if tie.imported else [])]
    share = f"{tie.agree:,} of {tie.n:,} coins agree"
    return Edge(
        a,
        b,
        direction,
        None,
        tie.verdict,
        floored(min(0.0, tie.log10_e)),
        Relation(kind, direction, details={"in_words": words}),
        why="; ".join((words[0], share, *words[1:])),
    )
