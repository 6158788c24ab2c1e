"""What nobody promised to undo: never called unrelated, never laid at the door of an innocent, proved where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from disguises import disguise, disguised
from disguises.network import Network, heads_of, write
from disguises.network import read as taken_apart
from documents import check_document
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.types import Comparison, Evidence, Scan, Verdict
from models import tiny, tiny_llama

F32 = NDArray[np.float32]

PROVED, NOMINATED, SILENT = "proved", "nominated", "silent"
FLIPS = ("flip-neurons?", "flip-values", "flip-planes")
CASES: dict[tuple[str, ...], str] = {
    ("turn-layers",): SILENT,
    ("permute-neurons", *FLIPS, "turn-layers"): SILENT,
    ("slice-layers",): SILENT,
    ("slice-layers", "rename"): SILENT,
    ("latent-attention",): SILENT,
    ("latent-attention", "rotate", "permute-neurons"): SILENT,
    ("group-heads",): PROVED,
    ("group-heads", "rotate", "permute-neurons"): PROVED,
    ("repeat-heads",): PROVED,
    ("repeat-heads", "rotate", "permute-heads"): PROVED,
    ("split-neurons",): PROVED,
    ("split-neurons", "rotate"): PROVED,
    ("split-neurons", *FLIPS, "rotate"): NOMINATED,
    ("widen-neurons", "rotate"): PROVED,
    ("widen-neurons", *FLIPS, "rotate"): NOMINATED,
    ("clone-width",): PROVED,
    ("clone-width", "permute-residual"): PROVED,
    ("split-neurons", "repeat-heads?", "clone-width", "rotate"): PROVED,
    ("clone-width", *FLIPS, "rotate"): NOMINATED,
}
"""Steps, and what becomes of them. Silent ones may be answered better one day, and never worse."""
WORN: dict[str, list[tuple[str, ...]]] = {
    "llama": list(CASES),
    "mixtral": [s for s in CASES if s[0] in ("turn-layers", "group-heads", "widen-neurons") or len(s) == 4],
    "gpt2": [s for s in CASES if s[0].startswith(("split", "widen", "clone")) and s != ("clone-width",)],
}
ALL = [pytest.param(family, steps, id=f"{family}-{'+'.join(steps)}") for family in WORN for steps in WORN[family]]


@dataclass(frozen=True)
class Family:
    """A base, two innocents that differ from it in the seed alone, and an index of the three."""

    base: Path
    innocents: tuple[Path, ...]
    index: LocalIndex


def small(family: str, folder: Path, seed: int) -> Path:
    if family == "mixtral":
        return tiny_llama(folder, seed, family=family, layers=3, experts=2, intermediate=64)
    return tiny(family, folder, seed)


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Family]:
    made = {}
    for family in WORN:
        root = tmp_path_factory.mktemp(family)
        names = ("base", "innocent1", "innocent2")
        base, *innocents = (small(family, root / name, k + 1) for k, name in enumerate(names))
        index = LocalIndex(root / "home")
        for folder in (base, *innocents):
            enrol(str(folder), index, f"org/{folder.name}")
        made[family] = Family(base, tuple(innocents), index)
    return made


def evidence(result: Comparison, signal: str) -> Evidence | None:
    return next((e for e in result.evidence if e.signal == signal), None)


def scrambled(result: Comparison | Scan) -> list[str]:
    return [f.message for f in result.findings if f.id == "coordinates-scrambled"]


def judged(family: Family, child: Path) -> tuple[Comparison, Scan]:
    """The child against its base and against the index, once it is clear that no innocent is accused of it."""
    for innocent in family.innocents:
        other = forebear.compare(str(innocent), str(child))
        assert other.related is None and other.findings == ()
    result, scan = forebear.compare(str(family.base), str(child)), forebear.scan(str(child), family.index)
    for document in (result, scan):
        check_document(document.to_json())
        assert document.related is not False
        assert "innocent" not in " ".join([document.why, *(f.message for f in document.findings)])
    assert {a.name for a in scan.ancestors} <= {"org/base"}
    return result, scan


def outcome(result: Comparison, scan: Scan) -> str:
    """What was made of the base; proved and nominated, a comparison and a scan have to say the same."""
    if result.related:
        assert [a.name for a in scan.ancestors] == ["org/base"]
        return PROVED
    assert scan.ancestors == () and scan.verdict is Verdict.INCONCLUSIVE
    if not scrambled(result):
        assert scrambled(scan) == []
        return SILENT
    assert result.verdict is Verdict.INCONCLUSIVE
    assert all("not established" in text for text in scrambled(result) + scrambled(scan))
    assert "resembles base" in scrambled(result)[0] and "resembles org/base" in scrambled(scan)[0]
    return NOMINATED


def nothing_established(result: Comparison) -> None:
    """No exact p below the level, the verdict open, and what was not excluded said."""
    assert result.verdict in (Verdict.INCONCLUSIVE, Verdict.SAME_ARCHITECTURE) and result.related is None
    assert all(e.supports != "related" and (e.log10_p is None or e.log10_p > -6) for e in result.evidence)
    gaps = {gap.what: gap.why for gap in result.coverage.not_tested}
    assert "others are possible" in gaps["permuted or rotated coordinates"]


@pytest.mark.sweep(6)
@pytest.mark.parametrize(("family", "steps"), ALL)
def test_no_innocent_is_accused_and_nothing_is_called_unrelated(
    family: str, steps: tuple[str, ...], families: dict[str, Family], tmp_path: Path
) -> None:
    known = families[family]
    found = outcome(*judged(known, disguise(known.base, tmp_path / "child", list(steps), 1)))
    assert found == CASES[steps] or CASES[steps] == SILENT


def test_a_model_with_matrices_on_its_shortcuts_is_read_as_far_as_it_goes(
    families: dict[str, Family], tmp_path: Path
) -> None:
    """Its layers are those of its family, and coins are counted: in coordinates that fit no layer but the first."""
    base = families["llama"].base
    result = forebear.compare(str(base), str(disguise(base, tmp_path / "child", ["turn-layers"], 1)))
    aligned = evidence(result, "aligned-coins/1")
    assert aligned is not None and aligned.n is not None and aligned.n > 200
    nothing_established(result)


# Bad input: fine-tuning that pushes agreement to one half


def half_turned(child: Network, base: Network, seed: int = 5) -> Network:
    """The child with the sign of every other coin's inner product with the base's row turned: row - 2 * projection."""
    rng = np.random.default_rng(seed)

    def turned(x: F32, of: F32) -> F32:
        """Half of the entries of the first axis, at random, mirrored in the base's."""
        rows, axis = (v.reshape(len(v), -1) for v in (x, of))
        share = (rows * axis).sum(axis=1) / (axis * axis).sum(axis=1) * (rng.permutation(len(rows)) % 2)
        return np.asarray(rows - 2 * share[:, None] * axis, dtype=np.float32).reshape(x.shape)

    def planes(x: F32) -> F32:
        """``(heads x planes, 2, width)``."""
        each = heads_of(x, child.kv_heads).reshape(child.kv_heads, 2, -1, x.shape[1])
        return each.swapaxes(1, 2).reshape(-1, 2, x.shape[1])

    made = dict(child.weights)
    for role, x in child.weights.items():
        of = base.weights[role]
        if role.endswith((".up", "attn.v")):
            made[role] = turned(x, of)
        elif role == "embed":
            made[role] = turned(x.T, of.T).T
        elif role.endswith("attn.k"):
            back = turned(planes(x), planes(of)).reshape(child.kv_heads, -1, 2, x.shape[1]).swapaxes(1, 2)
            made[role] = back.reshape(x.shape)
    return child.with_(made)


def at_one_half(result: Comparison) -> None:
    """Of the groups of coins in their places and of those after alignment, none departs from one half."""
    for signal in ("sign-code/1", "aligned-coins/1"):
        counted = evidence(result, signal)
        assert counted is not None
        for tail in counted.details["groups"].values():
            assert abs(2 * tail["agree"] - tail["n"]) < 4.5 * np.sqrt(tail["n"])


@pytest.mark.sweep(3)
@pytest.mark.parametrize("family", ["llama", "mixtral"])
@pytest.mark.parametrize(
    "steps",
    [(), ("permute-residual", "permute-neurons"), ("rotate", "permute-neurons", "permute-heads")],
    ids=["in place", "permuted", "rotated"],
)
def test_coins_that_were_turned_until_half_agree_prove_nothing_and_the_base_is_named(
    family: str, steps: tuple[str, ...], families: dict[str, Family], tmp_path: Path
) -> None:
    known = families[family]
    base = taken_apart(known.base)
    child = half_turned(disguised(base, ["noise:0.2"], 1), base)
    ups = [role for role in child.weights if role.endswith(".up")]
    share = np.mean([((child.weights[r] * base.weights[r]).sum(axis=1) > 0).mean() for r in ups])
    assert share == pytest.approx(0.5, abs=0.01)
    result, scan = judged(known, write(disguised(child, steps, 2), tmp_path / "child"))
    at_one_half(result)
    nothing_established(result)
    assert outcome(result, scan) == NOMINATED  # rows agree but for the sign, which match/1 does not look at


@pytest.mark.sweep(3)
@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
@pytest.mark.parametrize("steps", [(), ("permute-residual", "permute-neurons")], ids=["in place", "permuted"])
def test_a_model_that_computes_the_same_with_half_of_its_signs_turned_is_nominated(
    family: str, steps: tuple[str, ...], families: dict[str, Family], tmp_path: Path
) -> None:
    """Against the rows of the trusted reference, and for nothing: every flip that the network does not feel."""
    known = families[family]
    flips = ["flip-residual?", *FLIPS, *steps]
    result, scan = judged(known, disguise(known.base, tmp_path / "child", flips, 1))
    at_one_half(result)
    nothing_established(result)
    assert outcome(result, scan) == NOMINATED


@pytest.mark.sweep(3)
@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
@pytest.mark.parametrize("steps", [(), ("permute-residual", "permute-neurons")], ids=["in place", "permuted"])
def test_a_drift_after_which_half_agree_leaves_nothing_to_say(
    family: str, steps: tuple[str, ...], families: dict[str, Family], tmp_path: Path
) -> None:
    known = families[family]
    result, scan = judged(known, disguise(known.base, tmp_path / "child", ["noise:300", *steps], 1))
    at_one_half(result)
    nothing_established(result)
    assert outcome(result, scan) == SILENT and result.verdict is Verdict.SAME_ARCHITECTURE


def test_a_drift_is_proved_as_long_as_coins_lean_and_never_turned_into_a_denial(
    families: dict[str, Family], tmp_path: Path
) -> None:
    known = families["llama"]
    found = []
    for size in (1, 10, 100, 1000):
        result, _ = judged(known, disguise(known.base, tmp_path / f"{size}", [f"noise:{size}"], 1))
        found.append(result.related)
    assert found == [True, True, None, None]
