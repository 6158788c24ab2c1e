"""What a hub keeps: repositories, their commits, and files that may be computed as they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

LARGE = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".h5", ".onnx", ".model")
"""Files of these kinds, and all above ``LARGE_SIZE``, are kept behind the second port, as by Git LFS."""
LARGE_SIZE = 10_000_000
_SAMPLE = 4_096


class Content(Protocol):
    """The bytes of a file: held, or computed for any range (a terabyte can be served that way)."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)``; both lie within the file."""
        ...


@dataclass(frozen=True)
class Stored:
    """Bytes that are there."""

    data: bytes

    @property
    def size(self) -> int:
        """See :attr:`Content.size`."""
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        """See :meth:`Content.read`."""
        return self.data[start:stop]


def folder_files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path there, ready for :meth:`hub.Hub.add`."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@dataclass(frozen=True)
class Entry:
    """One file of a commit.

    Attributes:
        content: its bytes.
        large: kept behind the second port.
        oid: SHA-256 of a large file, Git's blob hash of a small one; of a computed file a hash of samples.
    """

    content: Content
    large: bool
    oid: str


@dataclass
class Repository:
    """A model repository: commits by hash, branches by name, who may read it, and what the hub's lists say of it."""

    id: str
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()
    created: str = "2026-01-01T00:00:00.000Z"
    changed: str = "2026-01-01T00:00:00.000Z"
    downloads: int = 0
    commits: dict[str, dict[str, Entry]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The commit of ``main``."""
        return self.branches["main"]

    def push(self, files: Mapping[str, bytes | Content], branch: str = "main") -> str:
        """A new commit on a branch; earlier ones stay. Returns its hash."""
        entries = {path: self._entry(path, data) for path, data in sorted(files.items())}
        listing = repr((self.id, len(self.commits), [(path, e.oid) for path, e in entries.items()]))
        commit = hashlib.sha1(listing.encode()).hexdigest()
        self.commits[commit] = entries
        self.branches[branch] = commit
        return commit

    def line(self, commit: str) -> list[str]:
        """Commits up to one, newest first, as the hub lists them; here all branches are one line."""
        known = list(self.commits)
        return known[known.index(commit) :: -1]

    def find(self, revision: str) -> str | None:
        """The commit that a revision (branch or hash) names."""
        return self.branches.get(revision, revision if revision in self.commits else None)

    def _entry(self, path: str, data: bytes | Content) -> Entry:
        content = Stored(data) if isinstance(data, bytes) else data
        large = path.endswith(LARGE) or content.size > LARGE_SIZE
        if not isinstance(content, Stored):
            identity = hashlib.sha256(f"{self.id}/{path}/{content.size}".encode())
            for start in (0, content.size // 2, max(0, content.size - _SAMPLE)):
                identity.update(content.read(start, min(content.size, start + _SAMPLE)))
            return Entry(content, large, identity.hexdigest())
        if large:
            return Entry(content, large, hashlib.sha256(content.data).hexdigest())
        return Entry(content, large, hashlib.sha1(b"blob %d\0" % content.size + content.data).hexdigest())

    def info(self, commit: str, blobs: bool) -> dict[str, Any]:
        """The answer of the model API."""
        siblings: list[dict[str, Any]] = []
        for path, entry in self.commits[commit].items():
            sibling: dict[str, Any] = {"rfilename": path}
            if blobs:
                sibling |= {"size": entry.content.size, "blobId": entry.oid[:40]}
                if entry.large:
                    sibling["lfs"] = {"sha256": entry.oid, "size": entry.content.size, "pointerSize": 134}
            siblings.append(sibling)
        return {
            "_id": "0" * 24,
            "id": self.id,
            "modelId": self.id,
            "sha": commit,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "disabled": False,
            "tags": list(self.tags),
            "downloads": self.downloads,
            "likes": 0,
            "lastModified": self.changed,
            "createdAt": self.created,
            "siblings": siblings,
        }

    def entry(self, full: bool) -> dict[str, Any]:
        """What a list of models says of this one."""
        short = ("_id", "id", "modelId", "private", "tags", "downloads", "likes", "createdAt")
        info = self.info(self.commit, blobs=False)
        return {**info, "author": self.id.rpartition("/")[0]} if full else {key: info[key] for key in short}

    def tree(self, commit: str, under: str, recursive: bool) -> list[dict[str, Any]]:
        """The answer of the tree API, whole: files and folders of a folder, those below it only on demand."""
        prefix = f"{under}/" if under else ""
        files: list[dict[str, Any]] = []
        folders: dict[str, dict[str, Any]] = {}
        for path, entry in self.commits[commit].items():
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                name = prefix + "/".join(parts[:depth])
                folders[name] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": name}
            if len(parts) > 1 and not recursive:
                continue
            file: dict[str, Any] = {"type": "file", "oid": entry.oid[:40], "size": entry.content.size, "path": path}
            if entry.large:
                file["lfs"] = {"oid": entry.oid, "size": entry.content.size, "pointerSize": 134}
            files.append(file)
        return [*folders.values(), *files]
