"""A whole repository: what is read, what is passed over, and that nothing leads out of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.mentions import search

NAMING = 'model = "gpt-4o"\n'


def written(root: Path, *paths: str, text: str = NAMING) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def found(root: Path, ignored_too: bool = False) -> list[str]:
    return [m.path for m in search(str(root), ignored_too).mentions]


def test_files_in_order_without_those_of_tools(tmp_path: Path) -> None:
    written(tmp_path, "b/a.py", "a/z.py", "a.py", "node_modules/x/a.js", ".git/a.py", ".venv/lib/a.py", ".github/a.py")
    assert found(tmp_path) == [".github/a.py", "a/z.py", "a.py", "b/a.py"]


def test_what_git_ignores_is_left_out_and_the_innermost_file_decides(tmp_path: Path) -> None:
    written(tmp_path, "build/a.py", "src/x.py", "src/y.py", "src/keep/y.py", "z.py")
    written(tmp_path, ".gitignore", text="build/\ny.py\n/z.py\n")
    written(tmp_path, "src/keep/.gitignore", text="!y.py\n")
    assert found(tmp_path) == ["src/keep/y.py", "src/x.py"]
    assert search(str(tmp_path)).walk.ignored == 3
    assert found(tmp_path, ignored_too=True) == ["build/a.py", "src/keep/y.py", "src/x.py", "src/y.py", "z.py"]


def test_links_out_of_the_repository_are_not_followed(tmp_path: Path) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret"
    written(root, "a.py")
    written(secret, "s.py")
    (root / "out.py").symlink_to(secret / "s.py")
    (root / "out").symlink_to(secret)
    (root / "in").symlink_to(root)
    (root / "in.py").symlink_to(root / "a.py")
    (root / "loop").symlink_to(root / "loop")
    result = search(str(root))
    assert [m.path for m in result.mentions] == ["a.py"]
    assert sorted(result.walk.outside) == ["out", "out.py"]


def test_pipes_and_data_are_passed_over(tmp_path: Path, deadline: None) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "film.ts").write_bytes(b"G\0" + NAMING.encode())
    result = search(str(tmp_path))
    assert result.mentions == () and result.unread == ()
    assert result.skipped == ("film.ts: data, no text",)


def test_large_files_are_read_to_their_end(tmp_path: Path) -> None:
    """Settings without line breaks, a notebook with pictures, a table in code; each names its model at the end."""
    settings = {f"key{k:05}": "%" * 20_000 for k in range(101)} | {"model": "acme/settings-7b"}
    (tmp_path / "a.json").write_text(json.dumps(settings, separators=(",", ":")))
    picture = {"cell_type": "code", "source": [], "outputs": [{"data": {"image/png": "QUJD" * 501_000}}]}
    code = {"cell_type": "code", "source": ['m = A.from_pretrained("acme/notebook-7b")\n'], "outputs": []}
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": [picture, code]}, indent=1))
    (tmp_path / "c.py").write_text(
        "T = [\n" + f"    {'1.25, ' * 300}\n" * 1_110 + ']\nm = A.from_pretrained("acme/code-7b")\n'
    )
    result = search(str(tmp_path))
    assert all((tmp_path / name).stat().st_size > 2_000_000 for name in ("a.json", "b.ipynb", "c.py"))
    assert [m.model for m in result.mentions] == ["acme/settings-7b", "acme/notebook-7b", "acme/code-7b"]
    assert [m.line for m in result.mentions][2] == 1_113 and not result.unread


def test_what_is_behind_the_bound_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[search.__module__], "MAX_TEXT", 30_000)
    (tmp_path / "a.json").write_text('{"model": "gpt-4o"}\n' + " " * 30_000 + '{"model": "gpt-4.1"}')
    (tmp_path / "b.json").write_text('{"model": "gpt-4.1"}'.ljust(30_000))
    result = search(str(tmp_path))
    assert [m.model for m in result.mentions] == ["gpt-4o", "gpt-4.1"]
    assert [(u.path, "the first 30,000 were read" in u.why) for u in result.unread] == [("a.json", True)]


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a.py", "b.py")

    def refusing(path: str, flags: int) -> int:
        if path.endswith("a.py"):
            raise PermissionError(13, "Permission denied", path)
        return os.open(path, flags)

    monkeypatch.setattr(sys.modules[search.__module__], "_without_links", refusing)
    result = search(str(tmp_path))
    assert [m.path for m in result.mentions] == ["b.py"]
    assert [(u.path, u.why) for u in result.unread] == [("a.py", "cannot be read (Permission denied)")]


def test_text_of_two_bytes_a_letter_is_read(tmp_path: Path) -> None:
    """As a shell of Windows writes what is sent to a file."""
    (tmp_path / "env.yaml").write_bytes("model: gpt-4o\r\n".encode("utf-16"))
    assert [(m.model, m.line, m.column) for m in search(str(tmp_path)).mentions] == [("gpt-4o", 1, 8)]


def test_only_some_files(tmp_path: Path) -> None:
    written(tmp_path, "a.py", "b.py")
    assert [m.path for m in search(str(tmp_path), only={"b.py"}).mentions] == ["b.py"]


def test_more_mentions_than_are_kept_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a.py", "b.py", "c.py")
    monkeypatch.setattr(sys.modules[search.__module__], "MAX_MENTIONS", 1)
    result = search(str(tmp_path))
    assert len(result.mentions) == 1 and not result.complete


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        search(str(tmp_path / "none"))
    written(tmp_path, "a.py")
    with pytest.raises(UsageError, match="not a folder"):
        search(str(tmp_path / "a.py"))


def test_too_many_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a/a.py", "b/a.py")
    monkeypatch.setattr("forebear.mentions.walk.MAX_FOLDERS", 2)
    with pytest.raises(UsageError, match="more than"):
        search(str(tmp_path))


def test_a_file_with_more_strings_than_are_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a.json", text='{"model": "gpt-4o"}\n' * 3)
    written(tmp_path, "b.py", text='m = ["gpt-4o", "a", "b", "c"]\n')
    monkeypatch.setattr(sys.modules[search.__module__], "MAX_HITS", 2)
    result = search(str(tmp_path))
    assert [(u.path, "more than 2 strings" in u.why) for u in result.unread] == [("a.json", True), ("b.py", True)]
    monkeypatch.setattr(sys.modules[search.__module__], "MAX_HITS", 100)
    assert not search(str(tmp_path)).unread


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ('{\n "schema": "forebear.check-baseline/1",\n "known": [{"model": "gpt-4o"}]}', True),
        ('{"bomFormat": "CycloneDX", "components": [{"model": "gpt-4o"}]}', True),
        ('{"spdxVersion": "SPDX-2.3", "model": "gpt-4o"}', True),
        ('{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Forebear"}}, "model": "gpt-4o"}]}', True),
        (f'[{{"description": "x", "check_name": "y", "fingerprint": "{"a" * 64}", "model": "gpt-4o"}}]', True),
        ('{"schema": "else.check/1", "model": "gpt-4o"}', False),
        ('{"model": "gpt-4o", "schema": "forebear.check/1"}', False),
    ],
)
def test_outputs_of_ours_are_no_uses(tmp_path: Path, text: str, ours: bool) -> None:
    written(tmp_path, "kept.json", text=text)
    result = search(str(tmp_path))
    assert (not result.mentions, len(result.skipped)) == (ours, int(ours))
    assert not search(str(tmp_path), without={"kept.json"}).mentions
