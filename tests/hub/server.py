"""The hub's two servers: API and ``resolve`` on one port, large files behind signed URLs on another.

    with Hub() as hub:
        hub.add("org/model", folder_files(folder))
        hub.fault(Fault("model.safetensors", status=503, times=2))
        ...                       # HF_ENDPOINT=hub.endpoint
        assert hub.log[0].status == 200

Everything that goes wrong between a reader and a real hub can be asked for with :class:`Fault`.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from hub.faults import Fault, Request
from hub.link import Link
from hub.repository import Content, Entry, Repository, Stored

_ID = r"(?P<id>[^/]+(?:/[^/]+)?)"
_MODELS = "/api/models"
_COLLECTION = re.compile(r"/api/collections/(?P<slug>[^/]+/[^/]+)\Z")
_INFO = re.compile(rf"/api/models/{_ID}(?:/revision/(?P<revision>[^/]+))?\Z")
_TREE = re.compile(rf"/api/models/{_ID}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?\Z")
_COMMITS = re.compile(rf"/api/models/{_ID}/commits/(?P<revision>[^/]+)\Z")
_RESOLVE = re.compile(rf"/{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)\Z")
_CACHED = re.compile(rf"/api/resolve-cache/models/{_ID}/(?P<revision>[0-9a-f]{{40}})/(?P<path>.+)\Z")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_CHUNK = 65_536
NONE: Mapping[str, str] = MappingProxyType({})


class Hub:
    """A running hub; close it, or use it in ``with``.

    Args:
        token: the only valid one.
        page: entries on a page of the tree API.
    """

    def __init__(self, token: str = "hf_test-token", page: int = 1_000) -> None:
        self.token, self.page = token, page
        self.models_page = 1_000
        """Most entries on a page of the list of models."""
        self.link = Link()
        """What lies between hub and reader: nothing, until it is replaced."""
        self.granted: set[str] = set()
        """Gated repositories that the token may read."""
        self.repositories: dict[str, Repository] = {}
        self.collections: dict[str, list[tuple[str, str]]] = {}
        """Kind and id of every item, by ``owner/slug``."""
        self.log: list[Request] = []
        self.most_at_once = 0
        self.faults: list[Fault] = []
        self.signature = "signed-1"
        """Changing it makes all URLs given out so far invalid."""
        self._lock = threading.Lock()
        self._busy = 0
        self._large: dict[str, Entry] = {}
        self._servers = [_Server(self, "hub"), _Server(self, "lfs")]
        self.endpoint, self.storage = (f"http://127.0.0.1:{s.server_address[1]}" for s in self._servers)

    def add(
        self, name: str, files: Mapping[str, bytes | Content], *, gated: bool = False, private: bool = False
    ) -> Repository:
        """A repository with one commit on ``main``, or another commit of one that is there."""
        repository = self.repositories.setdefault(name, Repository(name))
        repository.gated, repository.private = gated, private
        commit = repository.push(files)
        self._large.update((e.oid, e) for e in repository.commits[commit].values() if e.large)
        return repository

    def fault(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self.faults.append(fault)

    def forget(self) -> None:
        """Empty the log and call off all faults."""
        self.log.clear()
        self.faults.clear()

    def close(self) -> None:
        """Stop both servers and end all connections."""
        for server in self._servers:
            server.stop()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, request: Request) -> list[Fault]:
        """Log a request; the faults that hit it."""
        with self._lock:
            self.log.append(request)
            self._busy += 1
            self.most_at_once = max(self.most_at_once, self._busy)
            return [f for f in self.faults if f.strikes(request.host + request.path)]

    def end(self) -> None:
        """A request was answered."""
        with self._lock:
            self._busy -= 1

    def large(self, oid: str) -> Entry | None:
        """The large file with this hash."""
        if (known := self._large.get(oid)) is not None:
            return known
        commits = (c for r in list(self.repositories.values()) for c in list(r.commits.values()))
        found = next((e for c in commits for e in c.values() if e.large and e.oid == oid), None)
        if found is not None:
            self._large[oid] = found
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: Hub, host: str) -> None:
        self.hub, self.host = hub, host
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), {"hub": _Front, "lfs": _Storage}[host])
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                continue
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    faults: list[Fault]
    entry: Request

    def setup(self) -> None:
        super().setup()
        self.server.hub.link.connect()

    def log_message(self, format: str, *args: Any) -> None:
        """The log is :attr:`Hub.log`."""

    def do_GET(self) -> None:
        h = self.headers
        self.entry = Request(
            self.server.host,
            self.command,
            self.path,
            h.get("Range", ""),
            h.get("Authorization", ""),
            self.client_address[1],
        )
        self.faults = self.server.hub.begin(self.entry)
        self.server.hub.link.ask()
        try:
            broken = next((f for f in self.faults if f.status is not None), None)
            if broken is not None and broken.status is not None:
                self.answer(broken.status, broken.body or b"")
            else:
                self.respond()
        finally:
            self.server.hub.end()

    do_HEAD = do_GET

    def respond(self) -> None:
        raise NotImplementedError

    def answer(
        self, status: int, body: bytes | Content = b"", more: Mapping[str, str] = NONE, start: int = 0, stop: int = -1
    ) -> None:
        """Send a whole answer: bytes ``[start, stop)`` of the body; ``more`` are its other headers."""
        content = Stored(body) if isinstance(body, bytes) else body
        stop = content.size if stop < 0 else stop
        headers = {"Content-Length": str(stop - start)} | dict(more)
        for fault in self.faults:
            headers |= fault.headers
        self.entry.status = status
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._body(content, start, stop)

    def _body(self, content: Content, start: int, stop: int) -> None:
        after = min((f.after for f in self.faults if f.after is not None), default=None)
        end = stop if after is None else min(stop, start + after)
        pause = max((f.pause for f in self.faults), default=0.0)
        for at in range(start, end, _CHUNK):
            if pause:
                time.sleep(pause)
            chunk = content.read(at, min(end, at + _CHUNK))
            self.server.hub.link.carry(len(chunk))
            self.entry.sent += len(chunk)
            self.wfile.write(chunk)
        self.wfile.flush()
        if after is not None:
            self.close_connection = True
            if any(f.reset for f in self.faults):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

    def ranged(self, entry: Entry, more: Mapping[str, str] = NONE) -> None:
        """A file, whole or the part that ``Range`` asks for."""
        content = entry.content
        oid = entry.oid
        for fault in self.faults:
            if fault.content is not None:
                content, oid = Stored(fault.content), "changed"
        headers = {"ETag": f'"{oid}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"} | dict(
            more
        )
        asked = None if any(f.whole for f in self.faults) else _RANGE.match(self.entry.range)
        if not asked or asked[0] == "bytes=-":
            self.answer(200, content, headers)
            return
        if asked[1]:
            start, stop = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else content.size, content.size)
        else:
            start, stop = max(0, content.size - int(asked[2])), content.size
        if start >= stop:
            self.answer(416, b"", headers | {"Content-Range": f"bytes */{content.size}"})
            return
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
        self.answer(206, content, headers, start, stop)


class _Storage(_Handler):
    """Large files by hash, for whoever has a valid signature and shows no other credentials."""

    def respond(self) -> None:
        hub, url = self.server.hub, urlsplit(self.path)
        if self.entry.authorization:
            self.answer(400, b"Only one auth mechanism allowed")
        elif parse_qs(url.query).get("X-Signature") != [hub.signature]:
            self.answer(403, b"AccessDenied: Request has expired")
        elif (entry := hub.large(url.path.rsplit("/", 1)[-1])) is None:
            self.answer(404, b"NoSuchKey")
        else:
            self.ranged(entry)


class _Front(_Handler):
    """The API, and ``resolve``, which sends on to where the bytes are."""

    INVALID: ClassVar[str] = "Invalid credentials in Authorization header"

    def respond(self) -> None:
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if self.entry.authorization and not self._known:
            self._refuse(401, "", self.INVALID)
            return
        if url.path == _MODELS:
            self._models(parse_qs(url.query))
            return
        if found := _COLLECTION.match(url.path):
            self._collection(unquote(found["slug"]))
            return
        for pattern, serve in (
            (_INFO, self._info),
            (_TREE, self._tree),
            (_COMMITS, self._commits),
            (_CACHED, self._small),
            (_RESOLVE, self._file),
        ):
            if found := pattern.match(url.path):
                parts = {k: unquote(v or "") for k, v in found.groupdict().items()}
                if (opened := self._open(parts["id"], parts["revision"] or "main")) is not None:
                    serve(*opened, parts.get("path", ""), query)
                return
        self._refuse(404, "", "Sorry, we can't find the page you are looking for.")

    @property
    def _known(self) -> bool:
        return self.entry.authorization == f"Bearer {self.server.hub.token}"

    def _open(self, name: str, revision: str) -> tuple[Repository, str] | None:
        """A repository at a commit, or None after a refusal."""
        repository = self.server.hub.repositories.get(name)
        if repository is None or (repository.private and not self._known):
            if self._known:
                self._refuse(404, "RepoNotFound", "Repository not found")
            else:  # the hub does not tell strangers what exists
                self._refuse(401, "", "Invalid username or password.")
            return None
        commit = repository.find(revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository, commit

    def _models(self, query: Mapping[str, list[str]]) -> None:
        """The list of models, in pages: filters, order and cursor as the official client asks for them."""
        hub, asked = self.server.hub, {key: values[0] for key, values in query.items()}
        tags = [tag for value in query.get("filter", []) for tag in value.split(",")]
        found = [
            r
            for r in list(hub.repositories.values())
            if (self._known or not r.private)
            and r.id.startswith(f"{asked['author']}/" if "author" in asked else "")
            and asked.get("search", "").lower() in r.id.lower()
            and set(tags) <= set(r.tags)
        ]
        order = {"lastModified": "changed", "createdAt": "created", "downloads": "downloads"}
        if "sort" in asked:
            if asked["sort"] not in order:
                self._refuse(400, "", "sort: unknown")
                return
            found.sort(key=lambda r: getattr(r, order[asked["sort"]]), reverse=True)
        first, size = int(asked.get("cursor", "0")), min(hub.models_page, int(asked.get("limit", "1000")))
        more = {}
        if first + size < len(found):
            rest = urlencode([(k, v) for k, values in query.items() if k != "cursor" for v in values])
            more["Link"] = f'<{hub.endpoint}{_MODELS}?{rest}&cursor={first + size}>; rel="next"'
        full = asked.get("full", "").lower() in ("true", "1")
        self._json([r.entry(full) for r in found[first : first + size]], more)

    def _collection(self, slug: str) -> None:
        if (items := self.server.hub.collections.get(slug)) is None:
            self._refuse(404, "", "Collection not found")
            return
        entries = [
            {"_id": f"{k:024x}", "position": k, "type": kind, "id": name, "repoType": kind}
            for k, (kind, name) in enumerate(items)
        ]
        owner = {"name": slug.partition("/")[0], "type": "org"}
        self._json({"slug": slug, "title": slug, "owner": owner, "private": False, "items": entries})

    def _info(self, repository: Repository, commit: str, path: str, query: Mapping[str, str]) -> None:
        self._json(repository.info(commit, query.get("blobs", "").lower() == "true"))

    def _tree(self, repository: Repository, commit: str, path: str, query: Mapping[str, str]) -> None:
        hub = self.server.hub
        entries = repository.tree(commit, path, query.get("recursive", "").lower() in ("true", "1"))
        if path and not entries:
            self._refuse(404, "EntryNotFound", f"{path} does not exist on {commit}")
            return
        first = int(query.get("cursor", "0"))
        more = {}
        if first + hub.page < len(entries):
            rest = "&".join(f"{k}={quote(v)}" for k, v in query.items() if k != "cursor")
            following = f"{hub.endpoint}{urlsplit(self.path).path}?{rest}&cursor={first + hub.page}"
            more["Link"] = f'<{following}>; rel="next"'
        self._json(entries[first : first + hub.page], more)

    def _commits(self, repository: Repository, commit: str, path: str, query: Mapping[str, str]) -> None:
        hub, page = self.server.hub, int(query.get("p", "0"))
        line = repository.line(commit)
        more = {}
        if (page + 1) * hub.page < len(line):
            more["Link"] = f'<{hub.endpoint}{urlsplit(self.path).path}?p={page + 1}>; rel="next"'
        entries = [{"id": one, "title": f"commit {one[:7]}"} for one in line[page * hub.page : (page + 1) * hub.page]]
        self._json(entries, more)

    def _file(self, repository: Repository, commit: str, path: str, query: Mapping[str, str]) -> None:
        if (entry := self._entry(repository, commit, path)) is None:
            return
        about = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if entry.large:
            about |= {"X-Linked-Size": str(entry.content.size), "X-Linked-ETag": f'"{entry.oid}"'}
            place = f"{self.server.hub.storage}/store/{entry.oid}?X-Signature={self.server.hub.signature}"
            self.answer(302, b"Found. Redirecting", about | {"Location": place})
        else:
            place = f"/api/resolve-cache/models/{repository.id}/{commit}/{quote(path)}"
            self.answer(307, b"Temporary Redirect", about | {"Location": place, "ETag": f'"{entry.oid}"'})

    def _small(self, repository: Repository, commit: str, path: str, query: Mapping[str, str]) -> None:
        if (entry := self._entry(repository, commit, path)) is not None:
            self.ranged(entry, {"X-Repo-Commit": commit})

    def _entry(self, repository: Repository, commit: str, path: str) -> Entry | None:
        """A file that the client may read, or None after a refusal."""
        if repository.gated and not self._known:
            self._refuse(401, "GatedRepo", f"Access to model {repository.id} is restricted.")
        elif repository.gated and repository.id not in self.server.hub.granted:
            self._refuse(403, "GatedRepo", f"Access to model {repository.id} is restricted.")
        elif (entry := repository.commits[commit].get(path)) is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
        else:
            return entry
        return None

    def _json(self, document: Any, more: Mapping[str, str] = NONE) -> None:
        changed = next((f.body for f in self.faults if f.body is not None), None)
        body = json.dumps(document).encode() if changed is None else changed
        about = {"Content-Type": "application/json; charset=utf-8", "ETag": f'W/"{hashlib.sha1(body).hexdigest()}"'}
        self.answer(200, body, about | dict(more))

    def _refuse(self, status: int, code: str, message: str) -> None:
        more = {"X-Error-Message": message, "Content-Type": "application/json"}
        more |= {"X-Error-Code": code} if code else {}
        self.answer(status, json.dumps({"error": message}).encode(), more)
