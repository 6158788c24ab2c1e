"""Repositories of a Hugging Face hub, read by byte ranges at one commit.

The parts of the hub's interface that are used: ``GET /api/models/{id}/revision/{revision}`` (which commit),
``GET /api/models/{id}/tree/{commit}`` (files and sizes, in pages) and ``GET /{id}/resolve/{commit}/{file}``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from forebear.errors import InputError, UsageError
from forebear.sources.answers import Refused, origin
from forebear.sources.base import File, Range, Traffic
from forebear.sources.cache import RangeCache
from forebear.sources.filesystem import MAX_FILES
from forebear.sources.http import Client
from forebear.sources.ranges import Ranges

ENDPOINT = "https://huggingface.co"
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".onnx", ".ckpt", ".msgpack")
MAX_PAGES = 100
_PART = r"[A-Za-z0-9][\w.-]*"
_FOLDER = r"(?:/[\w-][\w .+-]*)*"
_TARGET = re.compile(
    rf"(?:hf:{_PART}(?:/{_PART}{_FOLDER})?|{_PART}/{_PART})(?:@[A-Za-z0-9][\w./-]*)?\Z",
    re.ASCII,
)
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_NEXT = re.compile(r'<([^<>]{1,2000})>;\s*rel="next"')
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}\Z")


def is_hub(target: str) -> bool:
    """Whether a target is spelled like a hub repository: ``org/name``, ``hf:org/name[/folder]``, ``…@revision``."""
    return _TARGET.match(target) is not None


@dataclass(frozen=True)
class _Remote:
    """One file as the tree lists it; ``oid`` is its content's hash, SHA-256 where it is large.

    ``path`` is the name by which it is read, ``where`` its place in the repository.
    """

    path: str
    where: str
    size: int
    oid: str
    large: bool


class HubSource:
    """One folder of a repository, pinned to the commit that its revision had when it was first asked for.

    The folder is the first level, unless another one is named or all weights lie in one other folder; card, config,
    tokenizer and licence of the first level then stand in for what that folder lacks.

    Nothing is sent before the first question. ``HF_ENDPOINT``, ``HF_TOKEN`` (or the token file of the hub's own
    tools) are honoured; the token is shown to the endpoint only and appears in no name, error or entry of the cache.

    Raises:
        UsageError: the environment forbids the network, or ``HF_ENDPOINT`` or ``HF_TOKEN`` is unusable.
    """

    only: str | None = None

    def __init__(self, target: str, cache: RangeCache | None = None) -> None:
        self.target = target
        path, _, revision = target.removeprefix("hf:").partition("@")
        self.name = path
        self._id, self._asked_folder = "/".join(path.split("/")[:2]), "/".join(path.split("/")[2:])
        self._revision = revision or "main"
        self._endpoint = endpoint()
        token = find_token()
        self._has_token = bool(token)
        self._client = Client(self._endpoint, token)
        self.traffic: Traffic | None = self._client.traffic
        self._cache = cache or RangeCache()

    def __repr__(self) -> str:
        return f"HubSource({self.target!r})"

    @property
    def location(self) -> str:
        """The repository at its commit, as a target."""
        folder = f"/{self._folder}" if self._folder else ""
        return f"hf:{self._id}{folder}@{self._commit}"

    @property
    def digests(self) -> Mapping[str, str]:
        """``sha256:…`` of every large file, as the hub states it."""
        return {f.path: f"sha256:{f.oid}" for f in self._listing if f.large and _SHA256.match(f.oid)}

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hash of every file's content, as the hub states it."""
        return {f.path: f.oid for f in self._listing}

    def commits(self, limit: int) -> tuple[tuple[str, ...], bool]:
        """Commits up to the one that is read, newest first, at most ``limit``; and whether there are more."""
        url = f"{self._endpoint}/api/models/{self._id}/commits/{self._commit}"
        found: list[str] = []
        for _ in range(MAX_PAGES):
            page, following = self._ask(url)
            entries = page if isinstance(page, list) else [None]
            listed = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
            if not all(isinstance(one, str) and _COMMIT.match(one) for one in listed):
                raise self._nonsense("its list of commits is none")
            found += [str(one) for one in listed]
            if len(found) > limit or not following or not listed:
                break
            url = f"{self._endpoint}{following}"
        return tuple(dict.fromkeys(found))[:limit], len(found) > limit

    def at(self, commit: str) -> HubSource:
        """The same folder at another commit."""
        folder = f"/{self._asked_folder}" if self._asked_folder else ""
        return HubSource(f"hf:{self._id}{folder}@{commit}", self._cache)

    def files(self) -> tuple[File, ...]:
        """Files of the folder; ``InputError`` names the folders where the weights lie in several others."""
        return tuple(File(f.path, f.size) for f in self._listing)

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read <forebear.sources.base.Source.read>`."""
        return self._ranges.read(path, start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`Source.prefetch <forebear.sources.base.Source.prefetch>`."""
        self._ranges.prefetch(ranges)

    @cached_property
    def _commit(self) -> str:
        url = f"{self._endpoint}/api/models/{self._id}/revision/{quote(self._revision, safe='')}"
        answer, _ = self._ask(url)
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(commit, str) or not _COMMIT.match(commit):
            raise InputError(f"{self.target}: the hub names no commit for {self._revision}", "is HF_ENDPOINT a hub?")
        return commit

    @cached_property
    def _folder(self) -> str:
        """The folder that is read, without slashes around it; empty for the first level."""
        if self._asked_folder:
            return self._asked_folder
        holding = {f.where.rpartition("/")[0] for f in self._tree if f.where.endswith(WEIGHTS)}
        if "" in holding or not holding:
            return ""
        if len(holding) > 1:
            first, *more = sorted(holding)
            listed = ", ".join([first, *more[:2]]) + (f" and {len(more) - 2} more folders" if len(more) > 2 else "")
            raise InputError(f"{self.target}: its weights lie in {listed}", f"name one: hf:{self._id}/{first}")
        return holding.pop()

    @cached_property
    def _listing(self) -> tuple[_Remote, ...]:
        """The files that are shown: those of the folder, and papers of the first level that it lacks."""
        here: dict[str, _Remote] = {}
        for f in self._tree:
            folder, _, name = f.where.rpartition("/")
            if folder == self._folder or (not folder and not name.endswith(WEIGHTS) and name not in here):
                here[name] = replace(f, path=name)
        if self._asked_folder and not any(f.where.startswith(f"{self._folder}/") for f in here.values()):
            raise InputError(f"{self.target}: there is no folder {self._asked_folder} in it", "see its list of files")
        return tuple(here[name] for name in sorted(here))

    @cached_property
    def _tree(self) -> tuple[_Remote, ...]:
        url = f"{self._endpoint}/api/models/{self._id}/tree/{self._commit}?recursive=true"
        found: list[_Remote] = []
        for _ in range(MAX_PAGES):
            page, following = self._ask(url)
            if not isinstance(page, list):
                raise self._nonsense("its list of files is none")
            found += [self._entry(e) for e in page if not (isinstance(e, dict) and e.get("type") == "directory")]
            if len(found) > MAX_FILES:
                raise InputError(f"{self.target}: more than {MAX_FILES:,} files", "this is no model repository")
            if not following:
                break
            url = f"{self._endpoint}{following}"
        else:
            raise self._nonsense(f"its list of files has more than {MAX_PAGES} pages")
        outside = {"", ".", ".."}  # no part of any path of a repository
        return tuple(sorted((f for f in found if outside.isdisjoint(f.where.split("/"))), key=lambda f: f.where))

    def _entry(self, entry: Any) -> _Remote:
        """One file of the tree, checked."""
        file = entry if isinstance(entry, dict) else {}
        large = isinstance(file.get("lfs"), dict)
        about = file["lfs"] if large else file
        path, size, oid = file.get("path"), about.get("size"), about.get("oid")
        if not isinstance(path, str) or not isinstance(oid, str) or not isinstance(size, int) or isinstance(size, bool):
            raise self._nonsense("its list of files has an entry without path, size or hash")
        if not 0 <= size < 2**63 or len(oid) > 100 or _SURROGATE.search(path):
            raise self._nonsense("its list of files has an entry with an impossible path, size or hash")
        return _Remote(path, path, size, oid, large)

    @cached_property
    def _ranges(self) -> Ranges:
        known = {f.path: f for f in self._listing}

        def fetch(path: str, start: int, stop: int) -> bytes:
            url = f"{self._endpoint}/{self._id}/resolve/{self._commit}/{quote(known[path].where)}"
            mark = {"X-Repo-Commit": self._commit}
            if known[path].large:
                mark["X-Linked-ETag"] = known[path].oid
            with self._in_words():
                return self._client.read(url, start, stop, path, known[path].size, mark)

        where = origin(self._endpoint)
        contents = {f.path: repr((where, "" if f.large else self._id, f.oid, f.size)) for f in self._listing}
        return Ranges(self.target, self.files(), contents, fetch, self._client.halt, self._cache)

    def _ask(self, url: str) -> tuple[Any, str]:
        """A document of the API, and path and query of its next page; mirrors name the original's host there."""
        with self._in_words():
            raw, headers = self._client.document(url, self.target)
        try:
            following = _NEXT.search(headers.get("Link", ""))
            parts = urlsplit(following[1]) if following else None
            return json.loads(raw), f"{parts.path}?{parts.query}" if parts else ""
        except (ValueError, RecursionError):
            raise self._nonsense("its answer is not JSON") from None

    def _nonsense(self, what: str) -> InputError:
        return InputError(f"{self.target}: the hub does not answer as a hub does: {what}", "check HF_ENDPOINT")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What the hub refuses, as a person can act on it."""
        try:
            yield
        except Refused as error:
            page = f"{self._endpoint}/{self._id}"
            of = (error.status, error.code, error.wait)
            if error.code == "GatedRepo":
                then = "" if self._has_token else ", then set HF_TOKEN"
                raise Refused(f"{self.target}: gated", f"accept its terms on the hub ({page}){then}", *of) from None
            if error.code == "RevisionNotFound":
                raise Refused(f"{self.target}: there is no revision {self._revision}", f"see {page}", *of) from None
            if error.code == "EntryNotFound":
                raise Refused(str(error), "it is listed and cannot be had: try again", *of) from None
            if error.status == 401 and self._has_token:
                raise Refused(f"{self.target}: the hub refuses HF_TOKEN", "it is wrong or has expired", *of) from None
            if error.status in (401, 403, 404):
                hint = "HF_TOKEN may lack the right to read it" if self._has_token else "set HF_TOKEN"
                hint += "" if self.target.startswith("hf:") else "; there is no such local folder either"
                raise Refused(f"{self.target}: not found or gated", hint, *of) from None
            if error.status == 429:
                more = "" if self._has_token else ", or set HF_TOKEN"
                raise Refused(error.message, f"{error.hint}{more}", *of) from None
            raise


def page_target(address: str) -> str:
    """The repository whose page on the hub this address is, as a target; empty for any other address."""
    page = re.escape(endpoint()) + rf"/({_PART}/{_PART})(?:/tree/([A-Za-z0-9][\w.-]*)({_FOLDER}))?/?"
    found = re.fullmatch(page, address, re.ASCII)
    return "" if not found else f"hf:{found[1]}{found[3]}@{found[2]}" if found[2] else f"hf:{found[1]}"


def hub_answers(seconds: float = 3.0) -> bool:
    """Whether the hub takes a connection at all, for what is better left undone than waited for.

    True where a proxy stands between, since only a request would tell.
    """
    scheme, name, port = origin(endpoint())
    if urllib.request.getproxies().keys() & {scheme, "all"} and not urllib.request.proxy_bypass(name):
        return True
    try:
        with socket.create_connection((name, port), seconds):
            return True
    except OSError:
        return False


def endpoint() -> str:
    """``HF_ENDPOINT``, else the public hub; without a slash at its end."""
    chosen = os.environ.get("HF_ENDPOINT", "").rstrip("/") or ENDPOINT
    try:
        scheme, host, _ = origin(chosen)
        usable = scheme in ("http", "https") and bool(host) and not urlsplit(chosen).username
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("HF_ENDPOINT is not the address of a hub", f"it looks like {ENDPOINT}")
    return chosen


def find_token() -> str:
    """``HF_TOKEN``, else the token that the hub's own tools have kept; empty without one."""
    token = os.environ.get("HF_TOKEN", "").strip()
    if not token:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
        try:
            token = Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError, RuntimeError):
            return ""
    if token and not _TOKEN.match(token):
        raise UsageError("HF_TOKEN holds characters that no token has", "copy it again from the hub's settings")
    return token
