"""Rules of ignore files: held against git itself, and that no rule takes without end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forebear.mentions import ignore, search
from forebear.mentions.ignore import Ignored, rules_of

RULES = r"""
*.log
!keep.log
/top.py
build/
a/**/z.py
**/deep/*.txt
logs/**
[ab]?.md
[^x]1.c
\!odd
\#odd
star\*s
a*b*c*d
mid/dle
docs/*.html
/**/q
***
!*.py
!*/
"""
LINES = [*(line for line in RULES.split("\n") if line), "trail\\ "]
PATHS = (
    *("x.log", "keep.log", "top.py", "s/top.py", "build/o.txt", "s/build/o.txt", "a/z.py", "a/1/2/z.py", "b/a/z.py"),
    *("deep/x.txt", "1/deep/x.txt", "1/deep/2/x.txt", "logs/1/2", "a1.md", "c1.md", "y1.c", "x1.c", "!odd", "#odd"),
    *(
        "trail ",
        "star*s",
        "starxs",
        "abcd",
        "axbxcxdx",
        "axbxcxd",
        "mid/dle",
        "s/mid/dle",
        "docs/a.html",
        "docs/b/a.html",
    ),
    *("q", "1/q", "1/2/q", "plain"),
)


@pytest.mark.parametrize("rule", LINES)
def test_a_rule_means_what_it_means_to_git(rule: str, git_says: dict[str, set[str]]) -> None:
    rules, problem = rules_of("", f"{rule}\n", 10)
    assert not problem
    ours = set()
    for path in PATHS:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            if Ignored()("/".join(parts[:depth]), depth < len(parts), [rules]):
                ours.add(path)
                break
    assert ours == git_says[rule]


@pytest.fixture(scope="module")
def git_says(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    root = tmp_path_factory.mktemp("git")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    asked = "\0".join(PATHS).encode()
    found = {}
    for rule in LINES:
        (root / ".gitignore").write_text(f"{rule}\n")
        done = subprocess.run(
            ["git", "-C", str(root), "check-ignore", "--no-index", "--stdin", "-z"],
            input=asked,
            capture_output=True,
            check=False,
        )
        found[rule] = set(done.stdout.decode().split("\0")) - {""}
    return found


def test_stars_that_could_match_in_many_ways_end() -> None:
    """In a process of its own, by its time on the processor: the search for a match went on without end."""
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "from forebear.mentions.ignore import Ignored, rules_of\n"
        "for rule, path in [('*a*a*a*a*a*a*a*a*b', 'a' * 200),\n"
        "                   ('/'.join(['*a*'] * 9) + '/b', '/'.join(['a' * 200] * 10)),\n"
        "                   ('**/a/' * 40 + 'b', 'a/' * 190 + 'c')]:\n"
        "    assert not Ignored()(path, False, [rules_of('', rule, 9)[0]])\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_rules_that_are_not_honoured_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b.py").write_text('model = "gpt-4o"\n')
    (tmp_path / ".gitignore").write_text("a.py\n" * ignore.MAX_RULES + "b.py\n")
    found = search(str(tmp_path))
    assert [m.path for m in found.mentions] == ["b.py"] and "more than 2,000 rules" in found.walk.problems[0]
    (tmp_path / ".gitignore").write_text(f"b.py\n{'x' * 2_000}\n")
    assert "1,000 characters" in search(str(tmp_path)).walk.problems[0]
    (tmp_path / ".gitignore").write_text("b.py\n")
    assert not search(str(tmp_path)).walk.problems and not search(str(tmp_path)).mentions
    monkeypatch.setattr(ignore, "MAX_WORK", 0)
    found = search(str(tmp_path))
    assert len(found.mentions) == 1 and "too many rules" in found.walk.problems[0]


def test_what_git_tracks_is_not_hidden(tmp_path: Path) -> None:
    for path in ("app.py", "other.py", "build/in.py", "build/out.py", "sub/x.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text('model = "gpt-4o"\n')
    (tmp_path / ".gitignore").write_text("*\nbuild/\n")
    (tmp_path / "build" / ".gitignore").write_text("!out.py\n")
    assert not search(str(tmp_path)).mentions
    found = search(str(tmp_path), tracked={"app.py", "build/in.py", "sub"})
    assert [m.path for m in found.mentions] == ["app.py", "build/in.py", "sub/x.py"]
