"""The files of a repository: links out of it are not followed, what git ignores is left out, and all of it is bounded.

A repository is a stranger's: its links could lead anywhere, its folders have no end, its ignore files be huge.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from forebear.errors import InputError, UsageError
from forebear.mentions.words import words

MAX_FILES = 500_000
MAX_FOLDERS = 100_000
MAX_IGNORE = 200_000
"""Bytes of an ignore file that is honoured."""
MAX_RULES = 2_000
MAX_DEPTH = 200
SKIPPED = words("skipped_folders")
"""Folders of tools and of other people's code that came with packages."""


@dataclass(frozen=True)
class Entry:
    """A file: path relative to the root, size in bytes, and whether it is a link to within the repository."""

    path: str
    size: int
    link: bool = False


@dataclass
class Walk:
    """What a pass through a repository came to.

    Attributes:
        files: in order of paths.
        folders: that were entered, relative to the root, "" for the root.
        problems: folders that could not be listed, one line each.
        outside: links that lead out of the repository, which were not followed.
        ignored: files and folders that git ignores.
    """

    files: list[Entry] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    ignored: int = 0


def walk(root: str, ignored_too: bool = False) -> Walk:
    """Every file of a repository.

    Args:
        root: its folder.
        ignored_too: look at what git ignores as well.

    Raises:
        UsageError: it is no folder, or has too many files or folders.
        InputError: it cannot be listed.
    """
    if not os.path.isdir(root):
        problem = "not a folder" if os.path.lexists(root) else "no such folder"
        raise UsageError(f"{root}: {problem}", "forebear check takes the folder of a repository")
    found = Walk()
    top = os.path.realpath(root)
    stack: list[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]] = [("", ())]
    while stack:
        folder, rules = stack.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as scanned:
                entries = sorted(scanned, key=lambda e: e.name)
        except OSError as error:
            if not folder:
                raise InputError(f"{root}: {error.strerror}") from None
            found.problems.append(f"{folder}: cannot be looked into ({error.strerror})")
            continue
        found.folders.append(folder)
        if not ignored_too:
            rules = (*rules, *_rules(root, folder, entries))
        below = list(_enter(found, top, folder, entries, rules))
        if len(found.files) > MAX_FILES or len(found.folders) + len(stack) + len(below) > MAX_FOLDERS:
            raise UsageError(f"{root}: more than {MAX_FILES:,} files or {MAX_FOLDERS:,} folders", "name a folder in it")
        stack += [(path, rules) for path in reversed(below)]
    found.files.sort(key=lambda f: f.path.split("/"))
    return found


def _enter(
    found: Walk, top: str, folder: str, entries: list[os.DirEntry[str]], rules: tuple[tuple[str, GitIgnoreSpec], ...]
) -> Iterator[str]:
    """Take the files of a folder, and yield the folders in it that are to be entered."""
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        try:
            info = entry.stat(follow_symlinks=False)
            link = stat.S_ISLNK(info.st_mode)
            if link:
                target = os.path.realpath(entry.path)
                if os.path.commonpath((top, target)) != top:
                    found.outside.append(path)
                    continue
                info = os.stat(target)
                if not stat.S_ISREG(info.st_mode):  # a folder within is met by its own name
                    continue
        except (OSError, ValueError):  # deleted just now, a loop of links
            continue
        directory = stat.S_ISDIR(info.st_mode)
        if directory and (entry.name in SKIPPED or path.count("/") >= MAX_DEPTH):
            continue
        if _ignored(path + ("/" if directory else ""), rules):
            found.ignored += 1
            continue
        if directory:
            yield path
        elif stat.S_ISREG(info.st_mode):
            found.files.append(Entry(path, info.st_size, link))


def _rules(root: str, folder: str, entries: list[os.DirEntry[str]]) -> Iterator[tuple[str, GitIgnoreSpec]]:
    """The ignore file of a folder; one that is huge or damaged is none."""
    entry = next((e for e in entries if e.name == ".gitignore"), None)
    if entry is None or not entry.is_file(follow_symlinks=False):
        return
    try:
        if entry.stat(follow_symlinks=False).st_size > MAX_IGNORE:
            return
        text = Path(entry.path).read_bytes().decode("utf-8", "replace")
        yield folder, GitIgnoreSpec.from_lines(text.splitlines()[:MAX_RULES])
    except (OSError, ValueError):
        return


def _ignored(path: str, rules: tuple[tuple[str, GitIgnoreSpec], ...]) -> bool:
    """Whether git ignores a path: the innermost ignore file that says anything decides."""
    for folder, spec in reversed(rules):
        said = spec.check_file(path[len(folder) + 1 :] if folder else path).include
        if said is not None:
            return said
    return False
