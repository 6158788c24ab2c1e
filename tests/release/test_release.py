"""What a release is made of: the lock files, our own bill of materials, and builds that are the same twice."""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("packaging", reason="the lock files are made with packaging")

sys.path.insert(0, str(Path(__file__).parents[2] / "release"))
import build
import lock
import sbom
from lock import EXTRAS, FILES, ROOT, Locked

from boms import check_bom

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def distribution(name: str, *requires: str, version: str = "1.0", extras: tuple[str, ...] = ()) -> dict[str, Any]:
    """A package in pip's report."""
    return {
        "metadata": {"name": name, "version": version, "requires_dist": list(requires)},
        "download_info": {"archive_info": {"hashes": {"sha256": f"{len(name):064x}"}}},
        "requested_extras": list(extras),
    }


REPORT = {
    "install": [
        distribution("forebear", "Base_Lib>=1", "signer[more]>=2 ; extra == 'sign'", "never ; extra == 'other'"),
        distribution("base-lib", "old ; python_version < '3'"),
        distribution("signer", "deep ; extra == 'more'", "base-lib"),
        distribution("deep"),
    ]
}


def test_the_lock_says_who_needs_what() -> None:
    found = lock.packages(REPORT, frozenset({"sign"}))
    assert [(e.name, e.version, e.via) for e in found] == [
        ("base-lib", "1.0", ("forebear", "signer")),
        ("deep", "1.0", ("signer",)),
        ("signer", "1.0", ("forebear[sign]",)),
    ]
    assert lock.read(lock.written(found, ("sign",))) == found


@pytest.mark.parametrize("damage", ["x", "\nx==1\n", "    --hash=sha256:zz\n"])
def test_no_other_text_is_read_as_a_lock(damage: str) -> None:
    text = lock.written(lock.packages(REPORT, frozenset()), ())
    with pytest.raises(ValueError, match="not a lock file"):
        lock.read(text + damage)
    with pytest.raises(ValueError, match="not a lock file"):
        lock.read(text.replace("sha256:0", "sha256:g", 1))


@pytest.mark.parametrize("name", FILES)
def test_the_locks_satisfy_the_project(name: str) -> None:
    text = (ROOT / name).read_text()
    assert lock.unmet(text, FILES[name]) == []
    assert {"numpy", "pydantic", "typer"} <= {e.name for e in lock.read(text)}
    assert ("cryptography" in text) is bool(FILES[name])
    gone = lock.written([e for e in lock.read(text) if e.name != "numpy"], ())
    assert lock.unmet(gone, ()) == ["numpy>=2.1: the lock has none"]
    old = [replace(e, version="1.26") if e.name == "numpy" else e for e in lock.read(text)]
    assert lock.unmet(lock.written(old, ()), ()) == ["numpy>=2.1: the lock has 1.26"]


def test_the_default_install_is_part_of_the_larger_lock() -> None:
    small, large = ({e.name: e for e in lock.read((ROOT / name).read_text())} for name in FILES)
    assert small.keys() < large.keys()
    assert all((large[n].version, large[n].sha256) == (e.version, e.sha256) for n, e in small.items())
    assert not {"torch", "scipy"} & large.keys() and set(EXTRAS) >= {"sign", "serve", "postgres"}


def test_our_bill_is_valid_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    bill = sbom.ours()
    check_bom(copy.deepcopy(bill))
    assert json.dumps(bill) == json.dumps(sbom.ours())
    every = [e for name in FILES for e in lock.read((ROOT / name).read_text())]
    assert {c["name"] for c in bill["components"]} == {e.name for e in every}
    needed = {ref for d in bill["dependencies"] for ref in d["dependsOn"]}
    assert needed == {c["bom-ref"] for c in bill["components"]}  # nothing is there that nobody needs


def test_a_bill_tells_default_and_extras_apart() -> None:
    base = Locked("base", "1", "a" * 64, ("forebear",))
    extra = Locked("extra", "2", "b" * 64, ("base", "forebear[sign]"))
    bill = sbom.document("3.0", [base], [base, extra], DAY)
    assert [(c["name"], c["scope"]) for c in bill["components"]] == [("base", "required"), ("extra", "optional")]
    needs = {d["ref"]: d["dependsOn"] for d in bill["dependencies"]}
    assert needs["pkg:pypi/forebear@3.0"] == ["pkg:pypi/base@1", "pkg:pypi/extra@2"]
    assert needs["pkg:pypi/base@1"] == ["pkg:pypi/extra@2"] and needs["pkg:pypi/extra@2"] == []
    other = sbom.document("3.0", [base], [base, replace(extra, sha256="c" * 64)], DAY)
    assert other["serialNumber"] != bill["serialNumber"]


def test_two_builds_are_the_same_to_the_byte(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="builds the packages")
    if not (ROOT / ".git").exists():
        pytest.skip("what belongs to the project is asked of git")
    names = build.tracked()
    rest = ("tests/", "docs/", "benchmarks/", "src/forebear/data/")  # which is built likewise
    few = [n for n in names if not n.startswith(rest)]
    files, wrong = build.twice(few, tmp_path, 1_700_000_000)
    assert wrong == [] and sorted(Path(n).suffix for n in files) == [".gz", ".whl"]
    assert all(len(raw) > 100_000 for raw in files.values())


def test_an_unequal_build_is_noticed() -> None:
    assert build.unequal({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b""}) == ["b", "c"]
    assert build.unequal({"a": b"1"}, {"a": b"1"}) == []
