"""The script that counts: what it finds, what it keeps, and what it refuses to write."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

import pytest
import token_catalogue

from forebear.catalogue.tokenizers import battery, parse


def ranks(*words: bytes) -> bytes:
    tokens = [*(bytes([k]) for k in range(256)), *words]
    return b"".join(base64.b64encode(token) + b" %d\n" % k for k, token in enumerate(tokens))


def entry(name: str, *files: bytes, split: str = "gpt2") -> str:
    listed = "".join(
        f'{{ kind = "tiktoken", sha256 = "{hashlib.sha256(raw).hexdigest()}", origin = "o", licence = "l" }}, '
        for raw in files
    )
    return f'[[tokenizer]]\nname = "{name}"\nsplit = "{split}"\nfile = [{listed}]\n'


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of its own to write into."""
    return tmp_path_factory.mktemp("data")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["token_catalogue.py", *map(str, arguments)])
    return token_catalogue.main()


def test_a_folder_is_counted_and_a_second_run_reads_what_the_first_kept(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files, work = tmp_path / "files" / "deep", tmp_path / "work.jsonl"
    files.mkdir(parents=True)
    one, two = ranks(), ranks(b"th", b"the")
    (files / "a.tiktoken").write_bytes(one)
    (files / "b.tiktoken").write_bytes(two)
    (files / "unknown.tiktoken").write_bytes(ranks(b"xy"))
    (files / "pointer.model").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (data / "known.toml").write_text(entry("bytes", one) + entry("words", two))
    assert run(monkeypatch, tmp_path / "files", "--work", work, "--data", data, "--write") == 0
    said = capsys.readouterr().out
    assert "2 tokenizers, 2 told apart" in said and said.count("UNKNOWN") == 1 and "pointer" not in said
    written = (data / "counts.json").read_text()
    probes = battery()
    counts = json.loads(written)["tokenizers"]["bytes"]
    assert counts["counts"] == [len(probe.guarded.encode()) for probe in probes.probes]
    assert [known.name for known in parse((data / "known.toml").read_text(), written, probes)] == ["bytes", "words"]

    def again(*_: object) -> None:
        raise AssertionError("was counted already")

    monkeypatch.setattr(token_catalogue, "count_vector", again)
    (files / "unknown.tiktoken").unlink()
    assert run(monkeypatch, tmp_path / "files", "--work", work, "--data", data, "--write") == 0
    assert (data / "counts.json").read_text() == written


def test_files_of_one_name_that_disagree_are_told_and_nothing_is_written(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = ranks(), ranks(b"th", b"the")
    (tmp_path / "a.tiktoken").write_bytes(one)
    (tmp_path / "b.tiktoken").write_bytes(two)
    (data / "known.toml").write_text(entry("both", one, two))
    assert run(monkeypatch, tmp_path, "--data", data, "--write") == 1
    assert "contradicting themselves: ['both']" in capsys.readouterr().out
    assert not (data / "counts.json").exists()


def test_what_is_named_and_not_found_is_told(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "known.toml").write_text(entry("gone", ranks()))
    assert run(monkeypatch, tmp_path, "--data", data, "--write") == 1
    assert "not found: ['gone']" in capsys.readouterr().out and not (data / "counts.json").exists()
