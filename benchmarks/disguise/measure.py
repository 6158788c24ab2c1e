"""One disguised model through Forebear, as a user would: compared with its base, scanned, compared with innocents."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo.recipes import Recipe

from disguise.rows import Pair
from disguises import disguise
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.inspect.compare import compare
from forebear.types import Comparison, Scan, Test, Verdict

SCRAMBLED = "coordinates-scrambled"
"""The finding of a scan that recognises a family and cannot prove it."""
EQUAL = (Verdict.IDENTICAL, Verdict.DERIVED)
"""Verdicts that rest on values themselves, not on a p-value."""


@dataclass(frozen=True)
class Result:
    """What became of one pair.

    Attributes:
        key, row, base, family, kind: which pair.
        verdict, log10_p: of the comparison with its base.
        proved: it says related, by an exact p-value or by equal values.
        named: models that the scan names, first the proved ancestors, then the nominated ones.
        nominated: the base is the first of them.
        others: innocent bases that it was compared with one by one.
        scanned: bases in the index that the scan was held against, its own left out.
        accused: names of innocents, from the scan and from those comparisons.
        compare, scan: seconds of the comparison with its base, and of the scan.
    """

    key: str
    row: str
    base: str
    family: str
    kind: str
    verdict: str
    log10_p: float | None
    proved: bool
    named: tuple[str, ...]
    nominated: bool
    others: int
    scanned: int
    accused: tuple[str, ...]
    compare: float
    scan: float


def make_index(place: Path, folders: Iterable[tuple[str, Path]]) -> None:
    """An index of the bases in a folder.

    Raises:
        InputError: a base cannot be read.
    """
    index = LocalIndex(place)
    for name, folder in folders:
        enrol(str(folder), index, name)


def proves(found: Comparison) -> bool:
    """Whether a comparison says related, and says so by an exact p-value or by equal values."""
    exact = any(e.test is Test.EXACT and e.supports == "related" for e in found.evidence)
    return found.related is True and (exact or found.verdict in EQUAL)


def named_by(found: Scan, references: Sequence[str]) -> tuple[str, ...]:
    """References that a scan names: its ancestors, then those that a finding of scrambled coordinates mentions."""
    names = [a.name for a in found.ancestors]
    for finding in found.findings:
        if finding.id == SCRAMBLED:
            text = " ".join((finding.message, *finding.evidence))
            spots = {r: re.search(rf"(?<![\w-]){re.escape(r)}(?![\w-])", text) for r in references}
            names += [name for _, name in sorted((at.start(), r) for r, at in spots.items() if at)]
    return tuple(dict.fromkeys(names))


def measure(pair: Pair, cache: Path, index: Path, references: Sequence[tuple[str, Path]], others: int) -> Result:
    """Make the disguised model in a temporary folder, and ask Forebear about it.

    Args:
        pair: which.
        cache: of the builder, with all models that the pair needs.
        index: folder of the index of all bases.
        references: name and folder of every base.
        others: with how many innocent bases it is compared, those of its own family first.

    Raises:
        Inapplicable: the row does not fit the model.
        ForebearError: a model cannot be read.
    """
    recipe, before = pair.base.wearer(pair.kind)
    donor = donor_of(pair)
    folders = dict(references)
    names = list(folders)
    at = names.index(pair.base.name)
    innocent = sorted((n for n in names if n != pair.base.name), key=lambda n: abs(names.index(n) - at))[:others]
    with TemporaryDirectory() as place:
        out = Path(place) / "model"
        disguise(cache / recipe.digest, out, [*before, *pair.row.steps], pair.seed, cache / donor.digest)
        start = time.perf_counter()
        found = compare(str(folders[pair.base.name]), str(out))
        middle = time.perf_counter()
        seen = scan(str(out), LocalIndex(index), fetch=False)
        end = time.perf_counter()
        wrong = [n for n in innocent if compare(str(folders[n]), str(out)).related]
    named = named_by(seen, names)
    return Result(
        pair.key,
        pair.row.name,
        pair.base.name,
        pair.base.recipe.family,
        pair.kind,
        found.verdict.value,
        found.log10_p,
        proves(found),
        named,
        named[:1] == (pair.base.name,),
        len(innocent),
        len(names) - 1,
        tuple(dict.fromkeys([*wrong, *(n for n in named if n != pair.base.name)])),
        round(middle - start, 3),
        round(end - middle, 3),
    )


def donor_of(pair: Pair) -> Recipe:
    """The independent model that a step may take something from; another tokenizer where that is what is taken."""
    return pair.base.stranger if "replace-tokenizer" in pair.row.steps else pair.base.outsider
