"""A whole repository: what is read, what is passed over, and that nothing leads out of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.mentions import search
from forebear.mentions.search import MAX_TEXT

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


def test_pipes_large_files_and_data_are_passed_over(tmp_path: Path, deadline: None) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "data.py").write_bytes(b"\0" + NAMING.encode())
    (tmp_path / "large.json").write_text('{"model": "gpt-4o"}' + " " * MAX_TEXT)
    result = search(str(tmp_path))
    assert result.mentions == ()
    assert [line.split(":")[0] for line in result.skipped] == ["large.json"]


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
    assert not result.complete and [line.split(":")[0] for line in result.skipped] == ["a.json", "b.py"]
    monkeypatch.setattr(sys.modules[search.__module__], "MAX_HITS", 100)
    assert search(str(tmp_path)).complete


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
