"""The files of a repository: links out of it are not followed, what git ignores is left out, and all of it is bounded.

A repository is a stranger's: its links could lead anywhere, its folders have no end, its ignore files be huge.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from forebear.errors import InputError, UsageError
from forebear.mentions.ignore import MAX_RULES, Ignored, Rules, rules_of
from forebear.mentions.words import words

MAX_FILES = 500_000
MAX_FOLDERS = 100_000
MAX_IGNORE = 200_000
"""Bytes of an ignore file that is honoured."""
MAX_DEPTH = 200
MAX_PATH = 4_096
"""Characters of a path that git tracks: no system opens a longer one."""
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
        problems: folders that could not be listed, rules of ignore files that are not honoured, one line each.
        outside: links that lead out of the repository, which were not followed.
        ignored: files and folders that git ignores.
    """

    files: list[Entry] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    ignored: int = 0


@dataclass(frozen=True)
class _Place:
    """A folder to be entered: what git ignores in it, and whether only what git tracks is taken."""

    path: str
    rules: tuple[Rules, ...] = ()
    tracked_alone: bool = False


@dataclass(frozen=True)
class _Tracked:
    """What git tracks, and the folders above it."""

    paths: frozenset[str]
    folders: frozenset[str]


def walk(root: str, ignored_too: bool = False, tracked: Collection[str] = ()) -> Walk:
    """Every file of a repository.

    Args:
        root: its folder.
        ignored_too: look at what git ignores as well.
        tracked: paths that git tracks, relative to the root: rules of ignore files do not hide them.

    Raises:
        UsageError: it is no folder, or has too many files or folders.
        InputError: it cannot be listed.
    """
    if not os.path.isdir(root):
        problem = "not a folder" if os.path.lexists(root) else "no such folder"
        raise UsageError(f"{root}: {problem}", "forebear check takes the folder of a repository")
    found = Walk()
    top = os.path.realpath(root)
    kept = _Tracked(frozenset(tracked), frozenset(above for path in tracked for above in _above(path)))
    ignored = Ignored()
    stack = [_Place("")]
    while stack:
        place = stack.pop()
        folder = place.path
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
            place = replace(place, rules=(*place.rules, *_rules(found, place, entries)))
        below = list(_enter(found, top, place, entries, kept, ignored))
        if len(found.files) > MAX_FILES or len(found.folders) + len(stack) + len(below) > MAX_FOLDERS:
            raise UsageError(f"{root}: more than {MAX_FILES:,} files or {MAX_FOLDERS:,} folders", "name a folder in it")
        stack += reversed(below)
    if ignored.left < 0:
        found.problems.append(".gitignore: too many rules for so many files; from some file on none is honoured")
    found.files.sort(key=lambda f: f.path.split("/"))
    return found


def _above(path: str) -> Iterator[str]:
    """The folders above a path, for a few thousand characters of it."""
    folder = path[:MAX_PATH]
    while folder := folder.rpartition("/")[0]:
        yield folder


def _enter(
    found: Walk,
    top: str,
    place: _Place,
    entries: list[os.DirEntry[str]],
    kept: _Tracked,
    ignored: Ignored,
) -> Iterator[_Place]:
    """Take the files of a folder, and yield the folders in it that are to be entered."""
    for entry in entries:
        path = f"{place.path}/{entry.name}" if place.path else entry.name
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
        if directory and path in kept.paths:  # a repository in this one: the rules of this one are not for its files
            yield _Place(path)
            continue
        hidden = path not in kept.paths and (place.tracked_alone or ignored(path, directory, place.rules))
        if hidden and not (directory and path in kept.folders):
            found.ignored += 1
            continue
        if directory:
            yield _Place(path, place.rules, hidden)
        elif stat.S_ISREG(info.st_mode):
            found.files.append(Entry(path, info.st_size, link))


def _rules(found: Walk, place: _Place, entries: list[os.DirEntry[str]]) -> Iterator[Rules]:
    """The ignore file of a folder; of one that is huge or cannot be read no rule is honoured, and that is told."""
    entry = next((e for e in entries if e.name == ".gitignore"), None)
    if entry is None or place.tracked_alone or not entry.is_file(follow_symlinks=False):
        return
    path = f"{place.path}/{entry.name}" if place.path else entry.name
    try:
        if (size := entry.stat(follow_symlinks=False).st_size) > MAX_IGNORE:
            found.problems.append(f"{path}: {size:,} bytes, more than {MAX_IGNORE:,}; not honoured")
            return
        text = Path(entry.path).read_bytes()[:MAX_IGNORE].decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        found.problems.append(f"{path}: cannot be read ({getattr(error, 'strerror', error)})")
        return
    rules, problem = rules_of(place.path, text, MAX_RULES - sum(len(above.rules) for above in place.rules))
    if problem:
        found.problems.append(f"{path}: {problem}")
    yield rules
