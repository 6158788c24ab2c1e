"""What servers answer: a hub, and endpoints of models. The document is their answers as they stand on the wire.

A socket of ours says them again: for every path the answers that the document has for it, one after the other.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from api import Model, serve
from forebear.crawl.listing.base import Filters
from forebear.crawl.listing.collection import CollectionLister
from forebear.crawl.listing.hub import HubLister
from forebear.endpoints import Live, Patience, discover, live
from forebear.sources import Source, http
from forebear.sources.cache import RangeCache
from forebear.sources.hub import HubSource
from forebear.sources.remote import UrlSource
from fuzzed import Paper

END = b"\n\0\0\0\n"
"""Between two answers; before each stands the path that it is for."""
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
COMMIT = "c0ffee" + "0" * 34
OID = "a" * 64
KEPT = ("content-type", "server", "x-request-id")
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For all clients: to read the authorities takes longer than all answers, and nothing here speaks TLS."""
FOUND = socket.getaddrinfo
QUICK = Patience(connect=5, silence=5, document=5, total=10, pause=0, vain=20)


class Reciter:
    """A socket on loopback that recites answers; a connection for each, so that nobody waits for what does not come."""

    def __init__(self) -> None:
        self._answers: dict[bytes, list[bytes]] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def learn(self, document: bytes) -> None:
        """What to say from now on."""
        self._answers = {}
        for part in document.split(END):
            path, _, answer = part.partition(b"\n")
            self._answers.setdefault(path, []).append(answer)

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(5)
                try:
                    connection.sendall(self._answer(_asked(connection)))
                except (OSError, IndexError):  # the other side has hung up, or what it asks is no request
                    continue

    def _answer(self, path: bytes) -> bytes:
        answers = self._answers.get(path, [NOT_FOUND])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _asked(connection: socket.socket) -> bytes:
    """The path of a request, without its query. All of it is read, or hanging up would reset the connection."""
    raw = bytearray()
    while b"\r\n\r\n" not in raw:
        if not (piece := connection.recv(65_536)):
            return b""
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    stated = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    left = int(stated[1]) - len(body) if stated else 0
    while left > 0 and (piece := connection.recv(65_536)):
        left -= len(piece)
    return bytes(head).split(b" ")[1].partition(b"?")[0]


@cache
def _reciter() -> Reciter:
    return Reciter()


def _answer(path: str, body: bytes, *headers: str, status: int = 200) -> bytes:
    """Without a length: a body ends where the connection does, so that a damaged one is not refused for its length."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", *headers))
    return f"{path}\n{head}\r\n".encode() + body


def _json(path: str, content: Any, *headers: str) -> bytes:
    return _answer(path, json.dumps(content).encode(), "Content-Type: application/json", *headers)


def _said(*answers: bytes) -> Callable[[Path], bytes]:
    return lambda folder: END.join(answers)


def _near(host: Any, *more: Any, **named: Any) -> Any:
    """Addresses of this machine alone: where else a damaged redirect leads is not asked for."""
    if host not in ("127.0.0.1", b"127.0.0.1"):
        raise socket.gaierror("not here")
    return FOUND(host, *more, **named)


@contextmanager
def _reciting(path: Path) -> Iterator[str]:
    """The address where the document is recited, for clients that wait for nobody."""
    reciter = _reciter()
    reciter.learn(path.read_bytes())
    near = {"HF_ENDPOINT": reciter.url, "FOREBEAR_OFFLINE": "", "HF_HUB_OFFLINE": "", "NO_PROXY": "127.0.0.1"}
    with (
        mock.patch.dict(os.environ, near),
        mock.patch.multiple(http, FIRST_PAUSE=0.0, LONGEST_PAUSE=0.0, ATTEMPTS=3),
        mock.patch.object(live, "FIRST_PAUSE", 0.0),
        mock.patch.object(socket, "getaddrinfo", _near),
        mock.patch.object(ssl, "create_default_context", lambda **_: PLAIN),
    ):
        yield reciter.url


def _read(source: Source) -> None:
    for file in source.files():
        source.read(file.path, 0, min(file.size, 1_000))


# a hub

CARD = b"---\nlicense: mit\n---\n# M\n"
TREE = [
    {"type": "directory", "path": "onnx", "size": 0, "oid": "1" * 40},
    {"type": "file", "path": "README.md", "size": len(CARD), "oid": "2" * 40},
    {
        "type": "file",
        "path": "model.safetensors",
        "size": 8,
        "oid": "3" * 40,
        "lfs": {"oid": OID, "size": 8, "pointerSize": 130},
    },
]
MODEL = {
    "id": "org/m",
    "sha": COMMIT,
    "createdAt": "2026-01-31T12:00:00.000Z",
    "lastModified": "2026-02-01T12:00:00.000Z",
    "downloads": 12,
    "tags": ["license:mit", "base_model:org/b", "base_model:finetune:org/b"],
    "siblings": [{"rfilename": "README.md"}, {"rfilename": "model.safetensors"}],
}


def _hub(path: Path) -> tuple[str, ...]:
    with _reciting(path), tempfile.TemporaryDirectory() as folder:
        source = HubSource("hf:org/m", RangeCache(Path(folder)))
        _read(source)
        assert set(source.digests) <= set(source.hashes)
        source.commits(3)
    return ()


def _models(path: Path) -> tuple[str, ...]:
    with _reciting(path):
        list(HubLister().models("hf:org", Filters(since="2020-01-01")))
    return ()


def _collection(path: Path) -> tuple[str, ...]:
    with _reciting(path):
        list(CollectionLister().models("hf:collections/org/c", Filters()))
    return ()


def _file(path: Path) -> tuple[str, ...]:
    with _reciting(path) as url, tempfile.TemporaryDirectory() as folder:
        _read(UrlSource(f"{url}/m/model.safetensors.index.json", RangeCache(Path(folder))))
    return ()


def _hub_answers() -> Iterator[bytes]:
    here = f"/org/m/resolve/{COMMIT}"
    yield _json("/api/models/org/m/revision/main", MODEL)
    tree = f"/api/models/org/m/tree/{COMMIT}"
    yield _json(tree, TREE[:2], f'Link: <https://hub.example{tree}?cursor=2>; rel="next"')
    yield _json(tree, TREE[2:])
    mark = f"X-Repo-Commit: {COMMIT}"
    size = len(CARD)
    yield _answer(f"{here}/README.md", CARD, mark, f"Content-Range: bytes 0-{size - 1}/{size}", 'ETag: "2"', status=206)
    yield _answer(
        f"{here}/model.safetensors", b"", mark, "Location: /blob?sig=1", f'X-Linked-ETag: "{OID}"', status=302
    )
    yield _answer("/blob", b"\0" * 8, "Content-Range: bytes 0-7/8", f'ETag: "{OID}"', status=206)
    yield _json(f"/api/models/org/m/commits/{COMMIT}", [{"id": COMMIT, "title": "x"}, {"id": "b" * 40}])


def _file_answers() -> Iterator[bytes]:
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}).encode()
    for name, content in (
        ("model.safetensors.index.json", index),
        *((f"model-{k}.safetensors", b"x" * 9) for k in (1, 2)),
    ):
        size, path = len(content), f"/m/{name}"
        said = ('ETag: "1"', "Last-Modified: Mon, 05 Jan 2026 00:00:00 GMT")
        yield _answer(path, content[:1], f"Content-Range: bytes 0-0/{size}", *said, status=206)
        yield _answer(path, content, f"Content-Range: bytes 0-{size - 1}/{size}", *said, status=206)


# endpoints


def _offer(path: Path) -> tuple[str, ...]:
    with _reciting(path) as url, Live(url, patience=QUICK) as transport:
        discover(transport, "toy-1")
    return ()


def _recorded(*dialects: str) -> Callable[[Path], bytes]:
    """What a server of ours answers to all that discovery asks."""

    def write(folder: Path) -> bytes:
        with serve(Model(dialects=frozenset(dialects), fingerprint="fp")) as url, Live(url) as transport:
            discover(transport, "toy-1")
            said = [
                _answer(e.path, e.body, *(f"{k}: {v}" for k, v in e.headers.items() if k in KEPT), status=e.status)
                for e in transport.exchanges
            ]
        return END.join(said)

    return write


def _servers() -> Iterator[tuple[str, Paper]]:
    yield "answers-hub", Paper("hub", _said(*_hub_answers()), _hub)
    yield "answers-models", Paper("hub", _said(_json("/api/models", [MODEL, {**MODEL, "id": "org/n"}])), _models)
    collection = {"items": [{"type": "model", "id": "org/m"}, {"type": "dataset", "id": "org/d"}]}
    said = _said(_json("/api/collections/org/c", collection), _json("/api/models/org/m", MODEL))
    yield "answers-collection", Paper("hub", said, _collection)
    yield "answers-files", Paper("site", _said(*_file_answers()), _file)
    yield "answers-openai", Paper("api", _recorded("openai-chat", "openai-completions", "openai-responses"), _offer)
    yield "answers-anthropic", Paper("api", _recorded("anthropic-messages"), _offer)
    yield "answers-google-cohere", Paper("api", _recorded("gemini", "cohere-chat"), _offer)
    yield "answers-local", Paper("api", _recorded("ollama-chat", "ollama-generate", "llama-cpp", "tgi"), _offer)


SERVERS: dict[str, Paper] = dict(_servers())
"""Every kind of server, by the name under which what was found of it is kept in ``tests/corpus``."""
