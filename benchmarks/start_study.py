"""What an indexed random start tells: shared training, or the start alone? Writes a table of docs/relations.md.

    python benchmarks/start_study.py [--cache DIR] [--output FILE.md]

Needs: pip install 'forebear[bench]'. Takes the models of the relation study (built first where they are not in the
cache). For every base, an index holds its random start and the base; its children and the twins of its start are
scanned against it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from null.tables import fill, markdown
from relation.kin import Kin, kin
from relation_study import DOCUMENT
from zoo.build import CACHE, build_all

from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.types import Verdict

CHILDREN = ("light", "plain", "long", "decayed", "heavy", "lora-4-all", "reward")


@dataclass(frozen=True)
class Seen:
    """What was said of the base when one model was scanned.

    Attributes:
        model: ``twin, same data``, ``twin, other data`` or the child's name.
        cosine: of the two changes from the start; None where it was not measured.
        shared: whether shared training was said.
        apart: whether it was said that they share the start alone.
        derived: whether anything was called derived.
    """

    model: str
    cosine: float | None
    shared: bool
    apart: bool
    derived: bool


def looks(one: Kin, cache: Path) -> Iterator[Seen]:
    """Scan everybody of one base."""
    named = dict(zip(("twin, same data", "twin, other data"), one.twins, strict=True))
    named |= {name: one.children[name] for name in CHILDREN}
    with TemporaryDirectory() as place:
        index = LocalIndex(Path(place))
        for name, recipe in (("start", one.start), ("base", one.base)):
            enrol(str(cache / recipe.digest), index, name)
        for name, recipe in named.items():
            found = scan(str(cache / recipe.digest), index, fetch=False)
            base = next((a for a in found.ancestors if a.name == "base"), None)
            if base is None:
                yield Seen(name, None, False, False, False)
                continue
            yield Seen(
                name,
                (base.relation.details.get("start") or {}).get("cosine"),
                base.verdict in (Verdict.DEPENDENT, Verdict.DERIVED),
                base.relation.kind == "same_init",
                any(a.verdict is Verdict.DERIVED for a in found.ancestors),
            )


def table(seen: list[Seen]) -> str:
    """One line per kind of model."""
    rows = []
    for name in dict.fromkeys(s.model for s in seen):
        some = [s for s in seen if s.model == name]
        cosines = [s.cosine for s in some if s.cosine is not None]
        span = f"{min(cosines):.2f} to {max(cosines):.2f}" if cosines else ""
        counts = (sum(getattr(s, what) for s in some) for what in ("shared", "apart", "derived"))
        rows.append((name, len(some), span, *counts))
    head = ("scanned", "models", "cosine of the changes", "shared training said", "start alone said", "`derived` said")
    return markdown(head, rows)


def main() -> None:
    """Build what is missing, scan, print and write."""
    parser = argparse.ArgumentParser(description="What an indexed random start tells.")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    everybody = [k for k in kin() if k.twins]
    recipes = [r for k in everybody for r in (k.base, k.start, *k.twins, *(k.children[c] for c in CHILDREN))]
    for turn, model in enumerate(build_all(recipes, given.cache, given.jobs), 1):
        print(f"{turn:3}  {model.line}", file=sys.stderr, flush=True)
    seen: list[Seen] = []
    for one in everybody:
        seen += looks(one, given.cache)
        print(one.base.name, file=sys.stderr, flush=True)
    made = table(seen)
    print(made)
    given.output.write_text(fill(given.output.read_text("utf-8"), {"starts": made}), "utf-8")


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
