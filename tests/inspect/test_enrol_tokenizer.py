"""A user's tokenizer for probes: counted on the battery, kept once, and refused where it cannot be run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forebear.artifacts.tokenizers.base import BYTES
from forebear.errors import InputError, UsageError
from forebear.index import BlackBoxIndex
from forebear.inspect.enrol_tokenizer import enrol_tokenizer
from shared import shared
from toy_tokenizers import counts_of


def tokenizer(folder: Path, merges: tuple[str, ...] = ()) -> str:
    """A folder with one whose tokens are bytes, and what is merged."""
    vocabulary = {token: k for k, token in enumerate((*BYTES, *(m.replace(" ", "") for m in merges)))}
    model = {"type": "BPE", "vocab": vocabulary, "merges": list(merges)}
    folder.mkdir()
    written = {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(written))
    return str(folder)


def test_its_counts_on_the_battery_are_kept(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path / "home")
    done = enrol_tokenizer(tokenizer(tmp_path / "bytes"), models=("acme/m",), index=index)
    assert done.added and done.twins == ()
    assert done.tokenizer.counts == counts_of(lambda text: len(text.encode()))
    assert (done.tokenizer.name, done.tokenizer.size, done.tokenizer.models) == ("bytes", 256, ("acme/m",))
    (kept,) = index.tokenizers()
    assert kept.counts == done.tokenizer.counts and kept.digest == done.tokenizer.digest
    merged = enrol_tokenizer(tokenizer(tmp_path / "merged", ("t h",)), "with th", index=index)
    assert merged.tokenizer.counts == counts_of(lambda text: len(text.encode()) - text.count("th"))
    assert merged.tokenizer.digest != done.tokenizer.digest


def test_a_name_is_one_tokenizers(tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path / "home")
    first, other = tokenizer(tmp_path / "first"), tokenizer(tmp_path / "other", ("t h",))
    assert enrol_tokenizer(first, "x", index=index).added
    assert not enrol_tokenizer(first, "x", index=index).added
    with pytest.raises(UsageError, match="x is already among the tokenizers"):
        enrol_tokenizer(other, "x", index=index)
    assert enrol_tokenizer(other, "x", replace=True, index=index).added
    assert len(index.tokenizers()) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "has no tokenizer file"),
        ('{"model": {"type": "Unheard", "vocab": {"a": 0}}}', "broken: "),
        ("{", "tokenizer.json: its file is not valid JSON"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(text: str | None, why: str, tmp_path: Path) -> None:
    index = BlackBoxIndex(tmp_path / "home")
    (tmp_path / "broken").mkdir()
    if text is not None:
        (tmp_path / "broken" / "tokenizer.json").write_text(text)
    with pytest.raises(InputError, match=why):
        enrol_tokenizer(str(tmp_path / "broken"), index=index)
    assert index.tokenizers() == ()


@pytest.mark.shared
def test_known_tokenizers_that_count_alike_are_named(tmp_path: Path) -> None:
    folder = shared("artefacts") / "tokenizers" / "gpt2"
    done = enrol_tokenizer(str(folder), index=BlackBoxIndex(tmp_path / "home"))
    assert any("gpt2" in twin or "r50k" in twin for twin in done.twins), done.twins
