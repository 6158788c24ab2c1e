"""Makes what the documentation shows: runs its commands, and writes its lists from the code.

    python docs/regenerate.py            rewrites what is out of date
    python docs/regenerate.py --check    says what is, and exits 1

A ``console`` block under ``<!-- run -->`` is run: every line that begins with ``$`` in turn, in a folder that holds the
four demo models (base, finetune, permuted, twin), with an index of its own for each page, without a network. A line
``[…]`` in a block stands for lines that are left out. Times, memory and dates are not compared. A block that cannot be
run says why: ``<!-- not run: … -->``. A picture under ``<!-- picture: tree … -->`` is drawn by that command. What is
between ``<!-- generated: NAME -->`` and ``<!-- /generated -->`` is written by ``written_lists.py``. ``tests/docs``
holds every page against this script.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from written_lists import LISTS

from forebear.cli import app
from forebear.errors import ForebearError

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
DEMO = ROOT / "src" / "forebear" / "data" / "demo"
MODELS = ("base", "finetune", "permuted", "twin")
LEFT_OUT = "[…]"
BLOCK = re.compile(r"(<!-- run -->\n```console\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
LIST = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- /generated -->)", re.DOTALL)
PICTURE = re.compile(r"^<!-- picture: (.+) -->\n!\[[^\]]*\]\(([^)]+)\)", re.MULTILINE)
VARYING = (
    (re.compile(r"\b\d[\d,.]* (ms|s)\b"), "TIME"),
    (re.compile(r"\b\d+:\d\d with|[\d.]+ models/s"), "TIME"),
    (re.compile(r"\b[\d.,]+ [kMG]B memory"), "MEMORY"),
    (re.compile(r"\b20\d\d-\d\d-\d\d(T[\d:]+Z)?"), "DATE"),
    (re.compile(r"\b[\d.,]+ [kMG]?B in [\d,]+ reads?"), "READS"),
)
FIRST_COMMAND = 1_790_000_000
"""When the first command of a page is run, in seconds since 1970."""
ENVIRONMENT = {
    "FOREBEAR_OFFLINE": "1",
    "FOREBEAR_PLUGINS": "none",
    "NO_COLOR": "1",
    "COLUMNS": "100",
}


def pages() -> list[Path]:
    """Every page, the README first."""
    return [ROOT / "README.md", *sorted(p for p in DOCS.rglob("*.md"))]


def regenerated(page: Path) -> str:
    """A page with its blocks run and its lists written; what only varies in times stays as it is."""
    text = page.read_text("utf-8")
    text = LIST.sub(lambda m: f"{m[1]}{LISTS[m[2]]()}{m[4]}", text)
    if not BLOCK.search(text):
        return text
    with world() as run:
        return BLOCK.sub(lambda m: f"{m[1]}{_block(m[2], run)}{m[3]}", text)


def pictures(page: Path) -> Iterator[tuple[Path, str]]:
    """The pictures that a page has commands for, each with what its command draws."""
    for command, file in PICTURE.findall(page.read_text("utf-8")):
        with world() as run:
            run(f"forebear {command} --format svg --output picture.svg --no-progress")
            yield page.parent / file, Path("picture.svg").read_text("utf-8")


def _block(old: str, run: Callable[[str], str]) -> str:
    commands = [line for line in old.splitlines() if line.startswith("$ ")]
    new = "".join(f"{line}\n{run(line[2:])}" for line in commands)
    return old if same(old, new) else new


def same(old: str, new: str) -> bool:
    """Whether two blocks say the same, up to times and to what ``old`` leaves out."""
    lines = [_plain(line) for line in old.splitlines()]
    wanted = "".join(r"(?:.*\n)*" if line == LEFT_OUT else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(wanted, "".join(f"{_plain(line)}\n" for line in new.splitlines())) is not None


def _plain(line: str) -> str:
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return re.sub(r"  +", "  ", line.rstrip())  # columns are as wide as their times


@contextlib.contextmanager
def world() -> Iterator[Callable[[str], str]]:
    """A folder with the demo models and a function that runs a command line in it, and gives what it prints."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for model in MODELS:
            shutil.copytree(DEMO / model, model)
        own = {**ENVIRONMENT, "FOREBEAR_HOME": f"{name}/.home", "FOREBEAR_CACHE": f"{name}/.cache"}
        code = [0, FIRST_COMMAND]
        with mock.patch.dict(os.environ, own):
            yield lambda line: _shell(line, code).replace(f"{name}/", "")


def _shell(line: str, code: list[int]) -> str:
    """One line: ``forebear …``, or one of the three words that show a file or an exit code.

    Args:
        line: as it is typed.
        code: the last exit code, and the time in seconds since 1970; both are changed.
    """
    words = shlex.split(line, comments=True)
    code[1] += 60
    os.environ["SOURCE_DATE_EPOCH"] = str(code[1])  # a minute between commands: what came first is told by it
    if words == ["echo", "$?"]:
        return f"{code[0]}\n"
    if words[0] == "cat":
        return Path(words[1]).read_text("utf-8")
    if words[0] == "head":
        return "".join(Path(words[-1]).read_text("utf-8").splitlines(keepends=True)[: int(words[-2])])
    if words[0] != "forebear":
        raise ValueError(f"{line}: only forebear, cat, head -n N and echo $? are run")
    out = _Both()
    with mock.patch("sys.stdout", out), mock.patch("sys.stderr", out), mock.patch("sys.argv", words):
        code[0] = _run(words[1:], out)
    return out.getvalue()


def _run(arguments: list[str], out: io.StringIO) -> int:
    """The exit code of a command; what it raises is shown as the program shows it."""
    try:
        app(arguments, standalone_mode=True)
    except ForebearError as error:
        out.write(f"forebear: {error}\n")
        return error.exit_code
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    return 0


class _Both(io.StringIO):
    """Standard output and errors in the order in which they come; no terminal, so without colour."""

    def isatty(self) -> bool:
        return False


def main() -> int:
    """Rewrite, or with ``--check`` only tell."""
    stale = 0
    for page in pages():
        new = regenerated(page)
        if new != page.read_text("utf-8"):
            stale += 1
            sys.stderr.write(f"{page.relative_to(ROOT)}: out of date\n")
            if "--check" not in sys.argv:
                page.write_text(new, "utf-8")
        for file, drawn in pictures(page):
            if not file.exists() or not same(file.read_text("utf-8"), drawn):
                stale += 1
                sys.stderr.write(f"{file.relative_to(ROOT)}: out of date\n")
                if "--check" not in sys.argv:
                    file.write_text(drawn, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
