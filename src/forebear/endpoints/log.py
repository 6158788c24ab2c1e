"""The evidence log: every exchange on a line of JSON, each line bound to the one before it.

The first line says whose log it is (``forebear.exchanges/1``). Every further line holds one exchange and, as
``previous``, the BLAKE2b-256 of the line before, so that nothing can be changed, left out or put in between without
changing the digest of the last line, which a report can state. What cannot be seen from the file alone is that its end
is missing. Lines are written in one piece and handed to the disk at once: what is lost by a kill is the exchange under
way. Exchanges come here without secrets (:mod:`~forebear.endpoints.redaction`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from forebear.artifacts.text import load_json
from forebear.endpoints.base import Budget, Exchange, Json
from forebear.errors import ForebearError, FormatError, InputError, UsageError
from forebear.types import created
from forebear.version import __version__

SCHEMA = "forebear.exchanges/1"
MAX_LINE = 64_000_000
"""Bytes; a body has at most eight million, and escapes make it longer."""
MAX_EXCHANGES = 100_000
MAX_LOG = 700_000_000
_DIGEST = 32


@dataclass(frozen=True)
class Header:
    """Whose log it is.

    Attributes:
        url: of the endpoint, without secrets.
        model: the name that is asked for.
        seed: of everything that is drawn.
        settings: whatever else decides which questions are asked.
        version: of Forebear.
        created: when, in RFC 3339.
    """

    url: str
    model: str
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__
    created: str = field(default_factory=created)


@dataclass(frozen=True)
class Recorded:
    """A log as it was read.

    Attributes:
        path: of the file.
        header: whose it is.
        budget: the last that was stated: a rerun may state another.
        exchanges: in order.
        digest: BLAKE2b-256 of the last line, in hexadecimal.
        whole: length in bytes up to the end of the last whole line; what follows was cut off while it was written.
        cut: whether anything follows.
    """

    path: str
    header: Header
    budget: Budget
    exchanges: tuple[Exchange, ...]
    digest: str
    whole: int
    cut: bool


def read_log(path: Path) -> Recorded:
    """A log, with its chain checked.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no log, or a line does not follow from the one before it.
    """
    header: Header | None = None
    budget = Budget()
    exchanges: list[Exchange] = []
    digest, whole, cut = "", 0, False
    for number, line in enumerate(_lines(path), 1):
        if not line.endswith(b"\n"):
            cut = True
            break
        content = _parsed(line, path.name, number)
        if header is None:
            header = _header(content, path.name)
        elif content.get("previous") != digest:
            raise FormatError(path.name, f"line {number} does not follow from the line before it; it was changed")
        elif "budget" in content:
            budget = _budget(content["budget"], path.name, number)
        else:
            exchanges.append(_exchange(content, path.name, number))
            if exchanges[-1].number != len(exchanges):
                raise FormatError(path.name, f"line {number} is not exchange {len(exchanges)}")
        digest = _digest(line)
        whole += len(line)
    if header is None:
        raise FormatError(path.name, "not a log of exchanges", "name the file that a probe has written")
    return Recorded(path.name, header, budget, tuple(exchanges), digest, whole, cut)


class LogWriter:
    """Appends to a log, new or begun earlier; close it, or use it in ``with``.

    Args:
        path: of the file; only its owner may read it.
        header: whose log it is.
        budget: what may be spent, noted where it is not the one that was noted last.

    Attributes:
        recorded: the exchanges that were in it already.
        digest: of the last line.

    Raises:
        UsageError: the file is the log of another probe, or another process writes to it.
        InputError: it cannot be written, or is damaged.
    """

    def __init__(self, path: Path, header: Header, budget: Budget) -> None:
        self.recorded: tuple[Exchange, ...] = ()
        self.digest = ""
        self._file: BinaryIO = _opened(path)
        try:
            found = read_log(path) if path.stat().st_size else None
            if found is not None:
                _same(found.header, header, path.name)
                self.recorded, self.digest = found.exchanges, found.digest
        except ForebearError:
            self._file.close()
            raise
        self._file.truncate(found.whole if found else 0)
        self._file.seek(0, os.SEEK_END)
        if found is None:
            self._write({"schema": SCHEMA, **asdict(header)})
        if found is None or found.budget != budget:
            self._write({"previous": self.digest, "at": created(), "budget": asdict(budget)})

    def append(self, exchange: Exchange) -> None:
        """Write one exchange, and see it on the disk."""
        try:
            body: Json = {"body": exchange.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(exchange.body).decode()}
        fields = {k: v for k, v in asdict(exchange).items() if k not in ("body", "replayed")}
        self._write({"previous": self.digest, "at": created(), **fields, **body})

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write(self, content: Json) -> None:
        line = json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        try:
            written = self._file.write(line)
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(f"the log cannot be written ({error.strerror})") from None
        if written != len(line):
            raise InputError("the log cannot be written (no space is left)")
        self.digest = _digest(line)


def _opened(path: Path) -> BinaryIO:
    """The file, for us alone: lines of two probes would not form one chain."""
    try:
        file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass  # not on this system
    except OSError:
        file.close()
        raise UsageError(f"{path.name}: another probe writes to this log", "name another file for the log") from None
    return file


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line.rstrip(b"\n"), digest_size=_DIGEST).hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_LOG:
                raise InputError(f"{path.name}: larger than a log of exchanges gets")
            for number in range(MAX_EXCHANGES + 2):
                line = file.readline(MAX_LINE + 1)
                if not line:
                    return
                if len(line) > MAX_LINE:
                    raise FormatError(path.name, f"line {number + 1} is longer than {MAX_LINE:,} bytes")
                yield line
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from None
    raise FormatError(path.name, f"more than {MAX_EXCHANGES:,} exchanges")


def _parsed(line: bytes, name: str, number: int) -> Json:
    content = load_json(line, f"{name}, line {number}", "text")
    if not isinstance(content, dict):
        raise FormatError(name, f"line {number} is not an object of JSON")
    return content


def _header(content: Json, name: str) -> Header:
    schema = content.get("schema")
    if schema != SCHEMA:
        known = isinstance(schema, str) and schema.startswith("forebear.exchanges/")
        problem = "written by a newer Forebear" if known else "not a log of exchanges"
        raise FormatError(name, problem, "name the file that a probe has written")
    try:
        settings = content["settings"]
        header = Header(
            str(content["url"]),
            str(content["model"]),
            int(content["seed"]),
            dict(settings),
            str(content["version"]),
            str(content["created"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise FormatError(name, "its first line lacks something") from None
    return header


def _exchange(content: Json, name: str, number: int) -> Exchange:
    try:
        body = (
            content["body"].encode() if "body" in content else base64.b64decode(content["body_base64"], validate=True)
        )
        request = content["request"]
        exchange = Exchange(
            number=int(content["number"]),
            method=str(content["method"]),
            path=str(content["path"]),
            request=dict(request) if request is not None else None,
            request_headers={str(k): str(v) for k, v in content["request_headers"].items()},
            status=int(content["status"]),
            headers={str(k): str(v) for k, v in content["headers"].items()},
            body=body,
            pieces=tuple((int(at), int(ms)) for at, ms in content["pieces"]),
            milliseconds=int(content["milliseconds"]),
            problem=str(content["problem"]),
            final=content["final"] is True,
            replaces=int(content["replaces"]),
            replayed=True,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, binascii.Error):
        raise FormatError(name, f"line {number} is not an exchange") from None
    return exchange


def _budget(content: Any, name: str, number: int) -> Budget:
    try:
        prices = [None if content[k] is None else float(content[k]) for k in ("price_in", "price_out")]
        return Budget(int(content["max_requests"]), int(content["max_tokens"]), *prices)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise FormatError(name, f"line {number} is not a budget") from None


def _same(found: Header, wanted: Header, name: str) -> None:
    """Refuse to go on with the log of another probe: its answers would be taken for answers to ours."""
    for part in ("url", "model", "seed", "settings"):
        if json.dumps(getattr(found, part), sort_keys=True) != json.dumps(getattr(wanted, part), sort_keys=True):
            raise UsageError(f"{name}: a log of another probe ({part} differs)", "name another file for the log")
