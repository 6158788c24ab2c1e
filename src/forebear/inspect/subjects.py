"""Which model a statement is about: digests of the files that are here."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from forebear.attest.statements import MANIFEST, Subject
from forebear.bom.files import FileRecord, describe_files, manifest_digests
from forebear.errors import InputError, UsageError, one_line
from forebear.sources import LocalSource, Source, open_source

Step = Callable[[str], None]
PAPERS = ("model.sig", ".dsse.json", ".zip")
"""How files are called that are about the model and no part of it: they are in no digest of it."""


def local(target: str) -> Path:
    """The folder or file that a target names; ``UsageError`` where it is on no disk of this machine."""
    source = open_source(target)
    if not isinstance(source, LocalSource):
        raise UsageError(f"{target}: not a folder or a file on this machine", "signing reads every byte: download it")
    return Path(source.location)


def files_of(target: str, beside: Collection[str] = (), on_step: Step = lambda _: None) -> tuple[FileRecord, ...]:
    """The model's files with their digests; papers about it left out.

    Args:
        target: the model.
        beside: further papers, by path on this machine.
        on_step: told what is being done.

    Raises:
        InputError: one cannot be read: a digest of the rest would be that of another model.
    """
    source = open_source(target)
    found, unreadable = describe_files(_Papers(source, beside), on_step)
    if unreadable:
        raise InputError(unreadable[0])
    if not found:
        raise UsageError(f"{target}: no files to sign", "give a folder with a model, or a file")
    return found


def manifest_of(files: tuple[FileRecord, ...], name: str) -> Subject:
    """The model as a subject: SHA-256 of what ``sha256sum`` prints for its files, in byte order of their names."""
    return Subject(name, manifest_digests(files)["SHA-256"], MANIFEST)


class _Papers:
    """A source without the papers about the model that lie beside its files."""

    def __init__(self, inner: Source, beside: Collection[str]) -> None:
        self._inner = inner
        self._beside = {os.path.realpath(path) for path in beside}
        self.target, self.name, self.only, self.traffic = inner.target, inner.name, inner.only, inner.traffic
        self.location, self.read, self.prefetch = inner.location, inner.read, inner.prefetch

    def files(self) -> tuple[Any, ...]:
        """All files that are the model's."""
        location = self._inner.location
        folder = os.path.dirname(location) if self.only else location

        def paper(path: str) -> bool:
            return path.endswith(PAPERS) or os.path.realpath(os.path.join(folder, path)) in self._beside

        return tuple(f for f in self._inner.files() if not paper(f.path))


def contradicted(stated: Mapping[str, str], files: tuple[FileRecord, ...]) -> str | None:
    """The first file that a document gives another SHA-256 than it has, as a clause; None where there is none."""
    for file in files:
        if stated.get(file.path, file.sha256) != file.sha256:
            return f"{one_line(file.path, 200)} has another SHA-256 than it says"
    return None
