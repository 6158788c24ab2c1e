"""Damaged inputs that are kept (``tests/corpus``): each is refused, or costs a part, in one line that names the file.

``benchmarks/fuzz.py --grow`` finds more; an input that a reader has failed on belongs here once the reader is mended.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz_papers import PAPERS
from fuzz_seeds import SEEDS, STORE, Made, base_of, check, refusal

CORPUS = Path(__file__).parents[1] / "corpus"
TOKENIZERS = ("tokenizer", "tokenizer-config", "sentencepiece", "tekken", "tiktoken", "wordpiece", "vocab", "rwkv")


@pytest.fixture
def made(reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / STORE))
    if reader.startswith("keras"):
        pytest.importorskip("h5py", reason="writes HDF5 files")
    return SEEDS[reader](tmp_path, base_of(tmp_path))


@pytest.mark.parametrize("reader", SEEDS)
def test_what_is_damaged_is_a_model_before(reader: str, made: Made) -> None:
    artifact = check(made)
    assert artifact.problems == () and artifact.weights.tensors and made.file.is_file()
    if reader in TOKENIZERS:
        assert artifact.tokenizer is not None


@pytest.mark.parametrize("reader", sorted({p.name for p in CORPUS.iterdir()} - PAPERS.keys()))
def test_every_kept_input_comes_out_as_it_did(reader: str, made: Made) -> None:
    inputs = sorted((CORPUS / reader).iterdir())
    assert inputs and all(path.stat().st_size <= 4_096 for path in inputs)
    for path in inputs:
        made.file.write_bytes(path.read_bytes())
        what, told = refusal(made)
        assert what == path.name.split("-")[0], (path, told)
        assert (made.target if reader == "ollama" else made.file.name) in told, (path, told)
