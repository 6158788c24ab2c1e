"""Every model below a folder: which folders and files are one, and what state they are in."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from forebear.artifacts.base import Reader
from forebear.artifacts.formats import READERS
from forebear.artifacts.formats.third_party import third_party_readers
from forebear.errors import InputError, UsageError
from forebear.sources import LocalSource

MAX_FOLDERS = 100_000
"""A tree with more is somebody's whole disk."""
SELF_CONTAINED = "gguf"
"""The format, by suffix and reader, whose files are whole models: several in a folder are several models."""
_PART = re.compile(r"-(\d{5})-of-\d{5}(?=\.[^.]+\Z)")
_ABOUT = ("README.md", "config.json")


@dataclass(frozen=True)
class Found:
    """One model of a tree.

    Attributes:
        path: relative to the root, ``/`` between parts; ``.`` for the root itself. Of a hub the repository's name.
        target: what is scanned: the root as the user wrote it, and the path; of a hub the repository at its commit.
        about: the file, relative to the root, where a reader would look and mend: the card, else the config or the
            weights; the folder itself where there is none of them.
        pinned: whether the target names a commit, under which nothing can change.
    """

    path: str
    target: str
    about: str
    pinned: bool = False


@dataclass(frozen=True)
class Discovery:
    """What lies below a folder, or what a hub lists.

    Attributes:
        models: sorted by path.
        problems: folders that could not be looked into, or where a listing broke off, one line each.
        repeats: snapshots of a hub cache left out, because another one of the repository has the same weight files.
        listed_at: address of the listing; "" for a folder on this machine.
    """

    models: tuple[Found, ...]
    problems: tuple[str, ...]
    repeats: int
    listed_at: str = ""


def discover(
    root: str, readers: Sequence[Reader] | None = None, enter: Callable[[str], bool] = lambda _: True
) -> Discovery:
    """Find every model below a folder, the folder itself included; by default with all readers, plugins' too.

    Hidden folders are left out, and those, by their path from the root, that ``enter`` refuses. Links to folders are
    followed after everything that is really there, and no folder is looked into twice, so that a loop ends and a link
    never takes the place of what it leads to.

    Raises:
        UsageError: the root is not a folder on this machine.
        InputError: it cannot be listed, or has more than :data:`MAX_FOLDERS` folders.
    """
    if not os.path.isdir(root):
        problem = "not a folder" if os.path.lexists(root) else "no such folder"
        raise UsageError(f"{root}: {problem}", "--recursive takes a folder, hf:org or hf:collections/OWNER/SLUG")
    walk = _Walk(root, (*READERS, *third_party_readers()) if readers is None else readers, enter)
    walk.run()
    models = sorted(walk.models, key=lambda m: m.path.split("/"))
    return Discovery(tuple(models), tuple(walk.problems), walk.repeats)


def place(target: str) -> tuple[str | None, Found]:
    """One model as if it had been found below its own folder: that folder, None for a target elsewhere, and the model.

    Nothing is read: what is wrong with the target shows when it is scanned.
    """
    if os.path.isdir(target):
        about = next((n for n in _ABOUT if os.path.isfile(os.path.join(target, n))), "./")
        return os.path.abspath(target), Found(".", target, about)
    if os.path.lexists(target):
        folder, name = os.path.split(os.path.abspath(target))
        return folder, Found(name, target, name)
    return None, Found(target, target, target)


class _Walk:
    """One pass through a tree, depth first and in order of names; a stack, since trees can be deeper than calls."""

    def __init__(self, root: str, readers: Sequence[Reader], enter: Callable[[str], bool]) -> None:
        self.root, self.readers, self.enter = root, readers, enter
        self.models: list[Found] = []
        self.problems: list[str] = []
        self.repeats = 0
        self._seen: set[tuple[int, int]] = set()
        self._weights: set[tuple[str, frozenset[tuple[int, int]]]] = set()

    def run(self) -> None:
        stack, links = [""], deque[str]()
        while stack or links:
            path = stack.pop() if stack else links.popleft()
            try:
                if not self._first_visit(path):
                    continue
                folders, linked = self._enter(path)
            except InputError as error:
                if not path:
                    raise
                self.problems.append(str(error))
                continue
            try:
                self._take(path)
            except InputError as error:
                self.problems.append(str(error))
            stack += reversed(folders)
            links += linked

    def _first_visit(self, path: str) -> bool:
        try:
            info = os.stat(self._at(path))
        except OSError as error:
            raise InputError(f"{self._at(path)}: cannot be looked into ({error.strerror})") from None
        identity = (info.st_dev, info.st_ino)
        new = identity not in self._seen
        self._seen.add(identity)
        return new

    def _enter(self, path: str) -> tuple[list[str], list[str]]:
        """The folders to go on with, and those that are links, both sorted."""
        folders: list[str] = []
        links: list[str] = []
        try:
            with os.scandir(self._at(path)) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not _is_folder(entry):
                        continue
                    if self.enter(below := _below(path, entry.name)):
                        (links if entry.is_symlink() else folders).append(below)
                    if len(self._seen) + len(folders) + len(links) > MAX_FOLDERS:
                        raise UsageError(f"{self.root}: more than {MAX_FOLDERS:,} folders", "name one of them")
        except OSError as error:
            raise InputError(f"{self._at(path)}: cannot be looked into ({error.strerror})") from None
        if os.path.basename(path or os.path.abspath(self.root)).startswith("models--"):
            folders = [f for f in folders if os.path.basename(f) == "snapshots"] or folders
        return _current_first(self._at(path), sorted(folders)), sorted(links)

    def _take(self, path: str) -> None:
        source = LocalSource(self._at(path))
        names = [f.path for f in source.files()]
        formats = {r.name.lower() for r in self.readers if r.handles(source)}
        if not formats:
            return
        files = one_of_each(n for n in names if n.lower().endswith(f".{SELF_CONTAINED}"))
        alone = SELF_CONTAINED in formats and (len(files) > 1 or len(formats) > 1)
        if (not alone or len(formats) > 1) and self._is_new(path, names):
            about = next((n for n in _ABOUT if n in names), "")
            self.models.append(Found(path or ".", self._at(path), _below(path, about) if about else f"{path or '.'}/"))
        if alone:
            self.models += (Found(_below(path, n), self._at(_below(path, n)), _below(path, n)) for n in files)

    def _is_new(self, path: str, names: Iterable[str]) -> bool:
        """False for a hub snapshot whose weight files are those of another snapshot of the same repository."""
        repository, folder = os.path.split(os.path.dirname(os.path.abspath(self._at(path))))
        if folder != "snapshots" or not os.path.basename(repository).startswith("models--"):
            return True
        weights = set()
        for name in names:
            file = os.path.join(self._at(path), name)
            if any(r.handles(LocalSource(file)) for r in self.readers):
                info = os.stat(file)
                weights.add((info.st_dev, info.st_ino))
        key = (repository, frozenset(weights))
        new = key not in self._weights
        self._weights.add(key)
        self.repeats += not new
        return new

    def _at(self, path: str) -> str:
        return os.path.join(self.root, path) if path else self.root


def one_of_each(names: Iterable[str]) -> tuple[str, ...]:
    """Of files in parts (``x-00001-of-00003.gguf``) the first that is there; every other file as it is."""
    first: dict[str, str] = {}
    for name in sorted(names):
        first.setdefault(_PART.sub("-of-", name), name)
    return tuple(first.values())


def stamp(target: str) -> tuple[tuple[str, int, int, int, int], ...]:
    """The state of every file that an answer about a target can rest on: a changed, replaced or new file changes it.

    Name, size, inode and both times of every file beside the weights; the time of the last change of status cannot
    be set back by the tools that set back the time of modification.

    Raises:
        InputError: the folder cannot be listed.
    """
    folder = Path(target) if os.path.isdir(target) else Path(target).parent
    return tuple(_stamps(folder, (f.path for f in LocalSource(folder).files())))


def _stamps(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, int, int, int, int]]:
    for name in names:
        try:
            info = os.stat(folder / name)
        except OSError:  # deleted just now: another state than any that was kept
            yield name, -1, 0, 0, 0
        else:
            yield name, info.st_size, info.st_ino, info.st_mtime_ns, info.st_ctime_ns


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a loop
        return False


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _current_first(at: str, folders: list[str]) -> list[str]:
    """The snapshots of a hub cache with the one that ``refs/main`` names in front: it is the one that loads."""
    if os.path.basename(at) != "snapshots":
        return folders
    try:
        with open(os.path.join(os.path.dirname(at), "refs", "main"), encoding="ascii") as stream:
            commit = stream.read(200).strip()
    except (OSError, ValueError):
        return folders
    return sorted(folders, key=lambda f: os.path.basename(f) != commit)
