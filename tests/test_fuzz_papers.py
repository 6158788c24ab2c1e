"""Documents of every kind, whole and damaged: read, or refused in one line; what was found before comes out as it did.

``benchmarks/fuzz.py --grow`` finds more, ``benchmarks/fuzz_atheris.py`` looks where no input has been.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="signed documents need the [sign] extra")

from fuzz_papers import PAPERS
from fuzzed import Paper, refusal

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every document as it is written."""
    return {name: paper.write(tmp_path_factory.mktemp(name)) for name, paper in PAPERS.items()}


def at(folder: Path, paper: Paper, raw: bytes) -> Path:
    path = folder / paper.file
    path.write_bytes(raw)
    return path


@pytest.mark.sweep(4)
@pytest.mark.parametrize("name", PAPERS)
def test_what_is_damaged_is_read_before(name: str, whole: dict[str, bytes], tmp_path: Path) -> None:
    paper = PAPERS[name]
    assert refusal(paper, at(tmp_path, paper, whole[name])) == ("read", "")


@pytest.mark.parametrize("name", PAPERS)
def test_cut_off_or_changed_it_is_read_or_refused_in_one_line(
    name: str, whole: dict[str, bytes], tmp_path: Path
) -> None:
    rng, paper, raw = random.Random(name), PAPERS[name], whole[name]
    changed = [raw[: rng.randrange(len(raw))], b"", b"\xff\xfe" + raw, b"[" * 100_000]
    place = rng.randrange(len(raw))
    changed.append(raw[:place] + bytes([rng.randrange(256)]) + raw[place + 1 :])
    for data in changed:
        assert refusal(paper, at(tmp_path, paper, data))[0] in ("read", "told", "refused")


@pytest.mark.parametrize("name", sorted({p.name for p in CORPUS.iterdir()} & PAPERS.keys()))
def test_every_kept_input_comes_out_as_it_did(name: str, tmp_path: Path) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs and all(path.stat().st_size <= 4_096 for path in inputs)
    for path in inputs:
        what, told = refusal(PAPERS[name], at(tmp_path, PAPERS[name], path.read_bytes()))
        assert what == path.name.split("-")[0], (path, told)
