"""A reference of the index in a comparison: by its files where they are here, else by the code that is kept."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from documents import check_document
from forebear.errors import UsageError
from forebear.index import LocalIndex
from forebear.inspect import compare, enrol

DEMO = Path(str(resources.files("forebear"))) / "data" / "demo"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """Three references, one of which has lost its files since."""
    home = tmp_path_factory.mktemp("index")
    shutil.copytree(DEMO / "base", home / "moved")
    found = LocalIndex(home)
    enrol(str(home / "moved"), found, "org/lost")
    shutil.rmtree(home / "moved")
    enrol(str(DEMO / "finetune"), found, "org/tuned")
    enrol(str(DEMO / "twin"), found, "org/twin")
    return found


def test_files_that_are_here_are_read_as_if_they_had_been_named(index: LocalIndex) -> None:
    plain = compare(str(DEMO / "base"), str(DEMO / "finetune"))
    found = compare(str(DEMO / "base"), "index:org/tuned", index=index)
    assert (found.verdict, found.relation.kind, found.log10_p) == (plain.verdict, plain.relation.kind, plain.log10_p)
    assert (found.b.name, found.b.target, found.b.digest) == ("org/tuned", "index:org/tuned", plain.b.digest)
    assert [e.signal for e in found.evidence] == [e.signal for e in plain.evidence]
    check_document(found.to_json())


@pytest.mark.parametrize(
    ("a", "b", "related"),
    [
        ("index:org/lost", str(DEMO / "finetune"), True),
        (str(DEMO / "finetune"), "index:org/lost", True),
        ("index:org/lost", "index:org/tuned", True),
        ("index:org/lost", "index:org/twin", None),
        (str(DEMO / "twin"), "index:org/lost", None),
    ],
)
def test_without_its_files_the_code_that_is_kept_is_compared(
    index: LocalIndex, a: str, b: str, related: bool | None
) -> None:
    found = compare(a, b, index=index)
    assert found.verdict.related is related or (related is None and not found.verdict.related)
    (gap,) = [g for g in found.coverage.not_tested if g.what == "rows of org/lost"]
    assert "its stored code was used" in gap.why and str(index.where) not in gap.why and "moved" not in gap.why
    assert [m.target for m in (found.a, found.b)] == [a, b]
    sign = found.evidence[0]
    assert (
        sign.signal.startswith("sign-code")
        and (found.log10_p is not None)
        and (found.log10_p < -9) is (related is True)
    )
    check_document(found.to_json())


def test_a_reference_that_is_not_there_is_told(index: LocalIndex) -> None:
    for pair in (("index:org/none", str(DEMO / "base")), (str(DEMO / "base"), "index:")):
        with pytest.raises(UsageError, match="there is no such reference") as raised:
            compare(*pair, index=index)
        assert raised.value.hint
