"""Single files at web addresses, and folders or files in the buckets of cloud stores."""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from forebear.errors import InputError, MissingExtra, UsageError, one_line
from forebear.sources.answers import FORBIDDEN, Refused, changed, host, offline
from forebear.sources.base import File, Range, Traffic
from forebear.sources.cache import RangeCache
from forebear.sources.filesystem import MAX_FILES
from forebear.sources.http import Client
from forebear.sources.ranges import Ranges, together

NEIGHBOURS = ("config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "README.md", "LICENSE")
"""What is looked for beside a file at a web address, which has no list of its neighbours."""
STORES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs")}
"""Scheme of an address: the package that speaks it, and the extra that installs the package."""


SHARD_INDEX = ".index.json"
MAX_INDEX, MAX_SHARDS = 100_000_000, 2_000


class UrlSource:
    """One file at an ``https://`` (or ``http://``) address, with the usual files beside it where they are there.

    Of an index of shards (``….index.json``) the shards are read, which lie beside it.

    A query may be a signature: it is used for the file itself and appears in no name, error, location or cache.

    Raises:
        UsageError: the address is unusable, or the environment forbids the network.
    """

    def __init__(self, target: str, cache: RangeCache | None = None) -> None:
        self.target = public_address(target)
        self._address = target.partition("#")[0]
        folder, _, file = urlsplit(target).path.rpartition("/")
        self.only: str | None = unquote(file)
        self._folder = self.target.removesuffix(file)
        if not file or "/" in self.only or "\0" in self.only:
            raise UsageError(f"{self.target}: not the address of a file", "give the address of a weight file")
        self._file = self.only
        stem = self.only.rpartition(".")[0] or self.only
        if self.only.endswith(SHARD_INDEX):
            self.only, stem = None, "model"
        self.name = stem if stem != "model" else unquote(folder.rpartition("/")[2]) or stem
        self._client = Client(self.target)
        self.traffic: Traffic | None = self._client.traffic
        self._cache = cache or RangeCache()

    def __repr__(self) -> str:
        return f"UrlSource({self.target!r})"

    @property
    def location(self) -> str:
        """The address, without a query."""
        return self.target

    def files(self) -> tuple[File, ...]:
        """The file, and those of :data:`NEIGHBOURS` that are there."""
        return tuple(File(path, size) for path, (size, _) in sorted(self._found.items()))

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read <forebear.sources.base.Source.read>`."""
        return self._ranges.read(path, start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`Source.prefetch <forebear.sources.base.Source.prefetch>`."""
        self._ranges.prefetch(ranges)

    def _url(self, path: str) -> str:
        return self._address if path == self._file else self._folder + quote(path)

    @cached_property
    def _found(self) -> dict[str, tuple[int, str]]:
        """Size and validator of each file."""
        found = {self._file: self._client.size(self._address, self._file)}
        shards = self._shards(*found[self._file]) if self.only is None else []

        def measure(path: str) -> None:
            found[path] = self._client.size(self._url(path), path)

        def look(path: str) -> None:
            try:
                measure(path)
            except Refused as error:
                if error.status == 0 or error.status >= 429:  # no answer is no proof that it is not there
                    raise

        if "?" not in self._address:  # a signature is for one file
            together(look, [p for p in NEIGHBOURS if p != self._file], self._client.halt)
        together(measure, shards, self._client.halt)
        return found

    def _shards(self, size: int, version: str) -> list[str]:
        """Names of the files that the index names; they lie beside it or are refused."""
        if "?" in self._address:
            raise UsageError(
                f"{self.target}: a signed address is for one file, and an index names others",
                "give the folder's address, or download the model",
            )
        if size > MAX_INDEX:
            raise InputError(f"{self._file}: {size:,} bytes, too many for an index", "name a shard")
        raw = self._client.read(self._address, 0, size, self._file, size, version=version)
        try:
            named = set(json.loads(raw)["weight_map"].values())
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            raise InputError(f"{self._file}: has no weight_map of tensor names to file names") from None
        if any(not isinstance(n, str) or not n or n in (".", "..") or set(n) & set("/\\\0") for n in named):
            raise InputError(f"{self._file}: names files that do not lie beside it")
        if len(named) > MAX_SHARDS:
            raise InputError(f"{self._file}: names {len(named):,} files, more than {MAX_SHARDS:,}")
        return sorted(named - {self._file})

    @cached_property
    def _ranges(self) -> Ranges:
        def fetch(path: str, start: int, stop: int) -> bytes:
            size, version = self._found[path]
            return self._client.read(self._url(path), start, stop, path, size, version=version)

        strong = {p: (n, tag) for p, (n, tag) in self._found.items() if tag.startswith('"')}
        contents = {p: repr((self._folder, p, n, tag)) for p, (n, tag) in strong.items()}
        return Ranges(self.target, self.files(), contents, fetch, self._client.halt, self._cache)


MAX_FOLDERS = 1_000_000


def bucket_folders(target: str) -> Iterator[tuple[str, list[tuple[str, int, str]]]]:
    """Every folder of a bucket from this one on, as a target, and its files: name, size, validator. Depth first.

    Raises:
        MissingExtra: the package for this store is not installed.
        UsageError: the environment forbids the network.
        InputError: a folder cannot be listed, or there are too many.
    """
    scheme = target.partition("://")[0]
    store = _open_store(target)
    stack, folders = [target.partition("://")[2].rstrip("/")], 1
    while stack:
        path = stack.pop()
        with _in_words(f"{scheme}://{path}"):
            entries = store.ls(path, detail=True)
        names = {str(e["name"]).rstrip("/"): e for e in entries}
        names.pop(path, None)  # some stores list a folder in itself
        below = sorted(
            (n for n, e in names.items() if e["type"] == "directory" and n.startswith(f"{path}/")), reverse=True
        )
        folders += len(below)
        if folders > MAX_FOLDERS:
            raise InputError(f"{target}: more than {MAX_FOLDERS:,} folders", "name one of them")
        stack += below
        files = [(name.rpartition("/")[2], e) for name, e in sorted(names.items()) if e["type"] == "file"]
        yield (
            f"{scheme}://{path}",
            [(n, int(e["size"] or 0), str(e.get("ETag") or e.get("etag") or "")) for n, e in files if n],
        )


def _open_store(target: str) -> Any:
    scheme = target.partition("://")[0]
    package, extra = STORES[scheme]
    if offline():
        raise UsageError(f"{target}: {FORBIDDEN}", "name a local folder")
    try:
        importlib.import_module(package)
        fsspec = importlib.import_module("fsspec")
    except ImportError:
        raise MissingExtra(extra, f"{scheme}://") from None
    with _in_words(target):
        return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


class BucketSource:
    """A folder, or one file, in a bucket (``s3://bucket/folder``, ``gs://bucket/folder/model.safetensors``).

    Read through fsspec; who may read is decided as the store's own tools do (environment, profile, instance). Requests
    are those that this class makes: what its packages send besides, to sign in, is not counted.

    Raises:
        MissingExtra: the package for this store is not installed.
        UsageError: the environment forbids the network.
        InputError: there is no such folder or file, or it may not be read.
    """

    def __init__(self, target: str, cache: RangeCache | None = None) -> None:
        path = target.partition("://")[2]
        self._store = _open_store(target)
        self.target = self.location = target.rstrip("/")
        self.traffic: Traffic | None = Traffic()
        self._cache = cache or RangeCache()
        self._lock = threading.Lock()
        self._path = path.rstrip("/")
        folder, _, file = self._path.rpartition("/")
        is_file = self._call(self.target, "info", self._path)["type"] == "file"
        self.only: str | None = file if is_file else None
        self.name = file
        if is_file:
            stem = file.rpartition(".")[0] or file
            self.name = stem if stem != "model" else folder.rpartition("/")[2]
            self._path = folder

    def files(self) -> tuple[File, ...]:
        """Files of the folder's first level; beside a single file those of its folder."""
        return tuple(File(path, info["size"]) for path, info in sorted(self._found.items()))

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read <forebear.sources.base.Source.read>`."""
        return self._ranges.read(path, start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`Source.prefetch <forebear.sources.base.Source.prefetch>`."""
        self._ranges.prefetch(ranges)

    @cached_property
    def _found(self) -> dict[str, dict[str, Any]]:
        entries = self._call(self.target, "ls", self._path, detail=True)
        if len(entries) > MAX_FILES:
            raise InputError(f"{self.target}: more than {MAX_FILES:,} files", "name the folder that holds the model")
        files = {e["name"].rpartition("/")[2]: e for e in entries if e["type"] == "file"}
        return {path: info for path, info in files.items() if path and isinstance(info["size"], int)}

    @cached_property
    def _ranges(self) -> Ranges:
        files = self.files()
        tags = {path: str(info.get("ETag") or info.get("etag") or "") for path, info in self._found.items()}
        contents = {f.path: repr((self.target, f.path, f.size, tags[f.path])) for f in files if tags[f.path]}
        return Ranges(self.target, files, contents, self._fetch, lambda: None, self._cache)

    def _fetch(self, path: str, start: int, stop: int) -> bytes:
        data: bytes = self._call(path, "cat_file", f"{self._path}/{path}", start=start, end=stop)
        if len(data) != stop - start:
            raise changed(path)
        self._count(0, len(data))
        return data

    def _count(self, requests: int, size: int) -> None:
        assert self.traffic is not None
        with self._lock:
            self.traffic.requests += requests
            self.traffic.bytes_read += size

    def _call(self, name: str, method: str, *arguments: Any, **more: Any) -> Any:
        self._count(1, 0)
        with _in_words(name):
            return getattr(self._store, method)(*arguments, **more)


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Whatever a store's packages raise is one line."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name}: not found", "check the address") from None
    except PermissionError:
        raise InputError(f"{name}: access denied", "check the credentials of the store's own tools") from None
    except Exception as error:  # every store has errors of its own
        raise InputError(f"{name}: cannot be read ({one_line(str(error), 200)})", "try again later") from None


def public_address(target: str) -> str:
    """An address without query and fragment; ``UsageError`` for one that cannot be used."""
    try:
        parts = urlsplit(target)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{one_line(target.partition('?')[0], 200)}: not a usable address",
            "write https://host/path, s3://bucket/path or gs://bucket/path",
        )
    if parts.username is not None:
        raise UsageError(f"{host(target)}: an address with a user name or password in it", "leave them out")
    return target.partition("#")[0].partition("?")[0]
