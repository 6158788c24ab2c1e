"""Models on this machine: a directory, or one file in a directory."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from forebear.errors import ForebearError, InputError, UsageError
from forebear.sources.base import File, Range, Traffic

MAX_FILES = 20_000
"""A model has at most a few hundred files; a directory with more is somebody's home directory."""


class LocalSource:
    """A directory of model files, not searched below its first level.

    Symbolic links to files are followed (hub caches are made of them). Paths that come from inside a model,
    such as shard names, are resolved by :meth:`read` and never leave the directory by name.

    Args:
        path: a directory, or one file whose neighbours (config, tokenizer, card) belong to it.

    Raises:
        UsageError: there is no such file or directory.
        InputError: it exists but cannot be read.
    """

    traffic: Traffic | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.target = os.fspath(path)
        if not self.target:  # an unset variable in a script would otherwise name the current directory
            raise UsageError("an empty target", "give a folder with a model, or a model file")
        try:
            root = Path(path)
            exists, is_file = root.exists(), root.is_file()
            absolute = root.resolve(strict=exists)
        except PermissionError as error:
            raise _denied(self.target, error, "folder") from None
        except (OSError, RuntimeError, ValueError):  # symlink loops raise either, by Python version
            raise InputError(f"{self.target}: cannot be followed", "is it a symbolic link in a loop?") from None
        if not exists:
            if root.is_symlink():
                raise InputError(f"{self.target}: a symbolic link that leads nowhere or in a loop")
            raise UsageError(f"{self.target}: no such file or directory", "give a folder with a model, or a model file")
        if not is_file and not root.is_dir():
            raise UsageError(
                f"{self.target}: neither a file nor a directory", "give a folder with a model, or a model file"
            )
        self.root = absolute.parent if is_file else absolute
        self.only = absolute.name if is_file else None
        if is_file and root.name != absolute.name:  # a link: keep the name the user sees, and its neighbours
            self.root, self.only = root.absolute().parent, root.name
        self.name = (
            Path(self.only).stem if self.only not in (None, "model.safetensors") else folder_name(self.root)
        ) or "model"
        self._sizes: dict[str, int] | None = None
        self._seen: dict[str, tuple[int, int]] = {}

    @property
    def location(self) -> str:
        """The absolute path by which the model can be found again."""
        return str(self.root / self.only) if self.only else str(self.root)

    def files(self) -> tuple[File, ...]:
        """Regular files of the directory's first level; entries that cannot be examined are left out."""
        if self._sizes is None:
            self._sizes = self._list()
        return tuple(File(name, size) for name, size in sorted(self._sizes.items()))

    def folders(self) -> tuple[str, ...]:
        """Names of the folders in the directory that are not hidden, at most as many as are listed of files."""
        try:
            with os.scandir(self.root) as entries:
                seen = itertools.islice(entries, MAX_FILES)
                return tuple(sorted(e.name for e in seen if not e.name.startswith(".") and e.is_dir()))
        except OSError:
            return ()

    def _list(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        try:
            with os.scandir(self.root) as entries:
                for count, entry in enumerate(entries):
                    if count >= MAX_FILES:
                        raise InputError(
                            f"{self.target}: more than {MAX_FILES:,} files",
                            "name the folder that holds the model",
                        )
                    try:
                        if entry.is_file():
                            info = entry.stat()
                            sizes[entry.name] = info.st_size
                            self._seen.setdefault(entry.name, (info.st_size, info.st_mtime_ns))
                    except OSError:  # a link in a loop, or a file deleted meanwhile
                        continue
        except PermissionError as error:
            raise _denied(self.target, error, "folder") from None
        except OSError as error:
            raise InputError(f"{self.target}: cannot be listed ({error.strerror})") from None
        return sizes

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of a file of this directory, which must stay as it was when it was first seen."""
        if os.path.basename(path) != path or path in ("", ".", ".."):
            raise InputError(f"{path}: a file name that leads out of the model's folder", "do not use this model")
        try:
            descriptor = os.open(self.root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                self._check_unchanged(path, os.fstat(descriptor))
                data = os.pread(descriptor, stop - start, start) if stop > start else b""
                while 0 < len(data) < stop - start:  # pread may stop early (signals, 2 GiB limit)
                    more = os.pread(descriptor, stop - start - len(data), start + len(data))
                    if not more:
                        break
                    data += more
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise InputError(f"{path}: not in {self.target}", "fetch the missing file again") from None
        except PermissionError as error:
            raise _denied(path, error, "file") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, OverflowError):  # a name that no file can have, a position beyond 64 bits
            raise InputError(f"{path}: cannot be read") from None
        if len(data) != max(0, stop - start):
            raise InputError(
                f"{path}: ends at byte {start + len(data):,}, expected {stop:,}",
                "the file is truncated: fetch it again",
            )
        return data

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """Nothing: the system reads ahead better than we could."""

    def _check_unchanged(self, path: str, info: os.stat_result) -> None:
        """Headers of one file and rows of another would make a model that never was."""
        if not stat.S_ISREG(info.st_mode):  # a named pipe put in a file's place would be waited for
            raise InputError(f"{path}: not a regular file")
        now = (info.st_size, info.st_mtime_ns)
        if self._seen.setdefault(path, now) != now:
            raise InputError(f"{path}: changed while it was being read", "wait until it is complete, then start again")


def _denied(path: str, error: PermissionError, kind: str) -> InputError:
    """What may not be read; whoever confines this process, as the service does its jobs, says by itself what to do."""
    if isinstance(error, ForebearError):
        return InputError(f"{path}: {error.message}", error.hint)
    return InputError(f"{path}: permission denied", f"check the rights of the {kind}")


def folder_name(folder: Path) -> str:
    """A folder's own name; of a snapshot in a hub cache the repository's, since its own is a commit."""
    repository = folder.parent.parent.name
    parts = repository.split("--")
    if folder.parent.name == "snapshots" and parts[0] == "models" and len(parts) in (2, 3):  # no hub id has two dashes
        return "/".join(parts[1:])
    return folder.name
