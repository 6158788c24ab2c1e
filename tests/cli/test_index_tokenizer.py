"""``forebear index add-tokenizer`` as a user meets it, and the probe that knows the tokenizer afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from api import Model, serve
from documents import check_document
from forebear.artifacts.tokenizers.base import BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer whose tokens are bytes."""
    (tmp_path / "bytes").mkdir()
    model = {"type": "BPE", "vocab": {token: k for k, token in enumerate(BYTES)}, "merges": []}
    written = {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}, "model": model}
    (tmp_path / "bytes" / "tokenizer.json").write_text(json.dumps(written))
    return tmp_path / "bytes"


def forebear(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "forebear", *args], capture_output=True, text=True, env=env, timeout=300
    )


def test_a_tokenizer_is_added_and_found_by_a_probe(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = forebear(home, "index", "add-tokenizer", str(folder), "--used-by", "kimi-k9", "-f", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    check_document(document)
    assert (document["name"], document["status"], document["tokens"]) == ("bytes", "added", 256)
    assert document["used_by"] == ["kimi-k9"] and document["counts_like"] == []
    again = forebear(home, "index", "add-tokenizer", str(folder), "--used-by", "kimi-k9")
    assert again.returncode == 0 and "already there" in again.stdout
    with serve(Model("kimi-k9", dialects=frozenset({"openai-chat"}), count=lambda text: len(text.encode()))) as url:
        probed = forebear(home, "probe", url, "--model", "kimi-k9", "-f", "json")
    assert probed.returncode == 0, probed.stderr
    assert "bytes" in json.dumps(json.loads(probed.stdout)["tokenizer"])


def test_bad_input_is_one_line(folder: Path, tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    assert forebear(home, "index", "add-tokenizer", str(folder), "--name", "x").returncode == 0
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "tokenizer.json").write_text('{"model": {"type": "Unheard", "vocab": {"a": 0}}}')
    for target, name, code, why in (
        (tmp_path / "nowhere", "y", 2, "no such file or directory"),
        (other, "y", 4, "has no tokenizer file"),
        (tmp_path / "odd", "y", 4, "odd: "),
        (folder, "a/../b\n", 2, "name"),
    ):
        done = forebear(home, "index", "add-tokenizer", str(target), "--name", name)
        assert done.returncode == code and why in done.stderr and done.stderr.count("\n") == 1, done.stderr
        if find_spec("tokenizers"):
            assert "pip install" not in done.stderr, "the library is there, and no remedy"
