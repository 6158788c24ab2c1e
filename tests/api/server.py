"""The server: routes, habits and faults."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from api.faults import Fault
from api.model import Model
from api.speech import GEMINI, SPEAKERS, Json, Reply, Said, asked, counted, routed, write


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class Address(str):
    """The address of a running server, which can be asked about what it saw."""

    server: _Server

    @property
    def requests(self) -> list[Asked]:
        """All requests so far."""
        return self.server.requests

    def fault(self, *faults: Fault) -> None:
        """Let these go wrong from now on; without any, nothing."""
        self.server.faults = list(faults)


@contextmanager
def serve(model: Model, *faults: Fault) -> Iterator[Address]:
    """Serve a model on loopback; the address has no ``/v1`` at its end."""
    server = _Server(model, list(faults))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = Address(f"http://127.0.0.1:{server.server_address[1]}")
    address.server = server
    try:
        yield address
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, model: Model, faults: list[Fault]) -> None:
        self.model, self.faults = model, faults
        self.requests: list[Asked] = []
        self.answers = 0
        self.seen: set[str] = set()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.rng = np.random.default_rng(model.seed)
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def now(self) -> Model:
        """The model that answers this time."""
        model = self.model
        self.answers += 1
        while model.swap and self.answers > model.swap[0]:
            model = model.swap[1]
        return model


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self._handle(json.loads(raw))
        except ValueError:
            self._send(400, b'{"error": {"message": "not JSON"}}', "application/json")

    def _handle(self, body: Any) -> None:
        server, path = self.server, self.path.partition("?")[0]
        with server.lock:
            server.requests.append(Asked(self.command, self.path, dict(self.headers), body))
            fault = next((f for f in server.faults if f.strikes(path)), None)
            reply, model = (Reply(), server.model) if fault and fault.kind.isdigit() else self._reply(path, body)
        if fault:
            self._fail(fault, reply, model)
        elif reply.stream:
            self._stream(reply, model)
        else:
            self._send(reply.status, json.dumps(reply.content).encode(), "application/json")

    def _reply(self, path: str, body: Any) -> tuple[Reply, Model]:
        model = self.server.model
        path, body = routed(path, body)
        if model.key and model.key not in " ".join(self.headers.values()):
            return Reply(401, {"error": {"message": "Incorrect API key provided"}}), model
        if body is None:
            return self._document(path, model), model
        if path == "/api/show" and "/api/show" in model.documents:
            return Reply(content=model.documents[path]), model
        if path not in SPEAKERS or SPEAKERS[path][0] not in model.dialects:
            return counted(model, path, body, self.server.rng), model
        model = self.server.now()
        if model.route and isinstance(body, dict):
            model = model.route(asked(body)[1])
        if model.forbidden and model.forbidden(asked(body)[1]):
            return Reply(403, {"error": {"message": "blocked"}}), model
        return self._answer(path, body, model), model

    def _document(self, path: str, model: Model) -> Reply:
        if path in model.documents:
            return Reply(content=model.documents[path])
        if path == "/v1/models" and any(d.startswith("openai") for d in model.dialects):
            return Reply(content={"object": "list", "data": [{"id": model.name, "object": "model"}]})
        if path == "/api/tags" and "ollama-chat" in model.dialects:
            return Reply(content={"models": [{"name": model.name}]})
        if path == "/props" and "llama-cpp" in model.dialects:
            return Reply(content={"model_path": f"/models/{model.name}.gguf"})
        if path == "/info" and "tgi" in model.dialects:
            return Reply(content={"model_id": model.name})
        return Reply(404, {"detail": "Not Found"})

    def _answer(self, path: str, body: Json, model: Model) -> Reply:
        dialect, speak = SPEAKERS[path]
        name = str(body.get("model", model.name))
        if model.strict_name and name != model.name:
            return Reply(404, {"error": {"message": f"The model {name} does not exist; this server has {model.name}"}})
        if refusal := _refusal(dialect, body, model):
            return Reply(400, {"error": {"message": refusal}})
        system, text, n, bias, temperature = asked(body)
        templated = dialect not in ("openai-completions", "llama-cpp", "tgi")
        prompt = model.prompt(system, text, templated)
        stream = bool(body.get("stream")) or path in ("/generate_stream", f"{GEMINI}streamGenerateContent")
        bias = bias if "logit_bias" in model.extras else {}
        tokens = model.prompt_tokens(prompt, stream, self.server.rng)
        cached = max(0, tokens - 1) if model.caches and prompt in self.server.seen else 0
        self.server.seen.add(prompt)
        steps = model.say(text, n, bias, temperature, self.server.rng)
        said = Said(model, name if model.echo_name else model.name, text, prompt, steps, tokens, cached, body)
        return speak(said, stream)

    def _stream(self, reply: Reply, model: Model) -> None:
        self._head(200, "application/x-ndjson" if reply.lines else "text/event-stream; charset=utf-8", None)
        raw = b"".join(write(reply, model))
        size = 7 if model.crlf else len(raw)  # pieces that cut characters in two
        for at in range(0, len(raw), size):
            self._chunk(raw[at : at + size])
        self._chunk(b"")

    def _head(self, status: int, kind: str, length: int | None, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in {**self.server.model.headers, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self._head(status, kind, len(data), headers)
        self.wfile.write(data)

    def _fail(self, fault: Fault, reply: Reply, model: Model) -> None:
        good = b"".join(write(reply, model)) if reply.stream else json.dumps(reply.content).encode()
        kind = "text/event-stream" if reply.stream and not reply.lines else "application/json"
        headers = dict(fault.headers)
        match fault.kind:
            case "hang":
                self.server.stopping.wait(30)
            case "drip":
                self._head(200, kind, None)
                self._drip([b"1\r\n" + bytes([b]) + b"\r\n" for b in good * 100])
            case "drip-headers":
                self._drip([bytes([b]) for b in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000])
            case "html":
                self._send(200, b"<!DOCTYPE html><html><body>Sign in</body></html>", "text/html", headers)
            case "nothing":
                self._send(200, b"", kind)
            case "half":
                self._send(200, good[: len(good) // 2], kind)
            case "cut":
                self._head(200, kind, len(good))
                self.wfile.write(good[: len(good) // 2])
                self.close_connection = True
            case "drop":
                self.close_connection = True
            case "bomb":
                self._send(200, gzip.compress(b"0" * 12_000_000, 9), kind, {"Content-Encoding": "gzip"})
            case "gzip":
                self._send(200, gzip.compress(good), kind, {"Content-Encoding": "gzip"})
            case "deflate":
                self._send(200, zlib.compress(good), kind, {"Content-Encoding": "deflate"})
            case "raw-deflate":
                self._send(200, zlib.compress(good)[2:-4], kind, {"Content-Encoding": "deflate"})
            case "br":
                self._send(200, b"\x0b\x02\x80{}\x03", kind, {"Content-Encoding": "br"})
            case "huge":
                self._head(200, kind, None)
                for _ in range(200):
                    self._chunk(b" " * 100_000)
            case "loop":
                self._send(307, b"", kind, {"Location": self.path})
            case "elsewhere":
                self._send(307, b"", kind, {"Location": "http://127.0.0.2:9/v1/chat/completions"} | headers)
            case "text":
                self._send(200, good, "text/plain")
            case "error-in-stream":
                self._send(200, b'data: {"error": {"message": "out of memory"}}\n\n', "text/event-stream")
            case status:
                error = fault.body or json.dumps({"error": {"message": "something went wrong", "type": "server_error"}})
                self._send(int(status), error.encode(), "application/json", headers)

    def _drip(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            if self.server.stopping.wait(0.02):
                return
            self.wfile.write(piece)
            self.wfile.flush()


def _refusal(dialect: str, body: Json, model: Model) -> str:
    """Why a request is not accepted; empty if it is."""
    if dialect == "openai-responses" and int(body.get("max_output_tokens", 16)) < model.least:
        return f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {model.least}"
    if dialect == "openai-chat" and model.limit and model.limit not in body:
        return f"Unsupported parameter: 'max_tokens' is not supported with this model. Use '{model.limit}' instead."
    return ""
