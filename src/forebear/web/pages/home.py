"""The first page: one box for a name, an address, an identifier or files, and what became of earlier questions."""

from __future__ import annotations

import codecs
import os
import re
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from forebear.catalogue.developers import find_models
from forebear.catalogue.names import ModelName, decode, find
from forebear.errors import one_line
from forebear.index import open_index
from forebear.inspect.holdings import choose
from forebear.sources.hub import is_hub
from forebear.traffic.read import FORMATS, format_of
from forebear.traffic.stream import GZIP
from forebear.web import requests
from forebear.web.api.caller import Service, Serving, refused
from forebear.web.pages.asks import FORMS, NAMED, asked, show, start, upload
from forebear.web.pages.files import Files
from forebear.web.pages.jobs import rows_of
from forebear.web.pages.references import HELD
from forebear.web.pages.render import page
from forebear.web.pages.visitor import Posted, Sent, Visiting, Visitor
from forebear.web.targets import WEIGHTS, is_reference

router = APIRouter()
FEW = 5
"""Jobs on the first page."""
LOOK = 1 << 20
"""Bytes of a file that are looked at, to tell what it is."""
MOST_IDENTIFIERS = 200
MOST_HELD = 12
"""References of the index that are named beside what an identifier says."""
MOST_TEXT = 100_000
"""Of a text that is pasted; more is a capture, and a job."""
_BILL = re.compile(rb'"bomFormat"|"spdxVersion"|spdx\.org/rdf|cyclonedx\.org/schema')
_IDENTIFIER = re.compile(r"\S{2,512}\Z")


@router.get("/")
def home(request: Request, service: Serving, visitor: Visiting) -> Response:
    """The box."""
    return _home(request, service, visitor)


def _home(
    request: Request, service: Service, visitor: Visitor, written: str = "", problem: HTTPException | None = None
) -> Response:
    said: Any = problem.detail if problem is not None else {}
    values = {
        "written": written,
        "problem": said.get("message", "") if isinstance(said, dict) else str(said),
        "hint": said.get("hint", "") if isinstance(said, dict) else "",
        "jobs": rows_of(service, visitor, service.store.jobs(visitor.token.id, FEW)),
        "offline": service.settings.offline,
    }
    return page(request, "home.html", visitor, values, problem.status_code if problem is not None else 200)


@router.post("/start/ask")
def ask(request: Request, service: Serving, visitor: Visiting, sent: Posted) -> Response:
    """What was written or dropped, to where it is answered."""
    written, files = sent.text("ask"), sent.files()
    try:
        if files:
            return _files(service, visitor, sent, files)
        return _written(request, service, visitor, sent, written)
    except HTTPException as error:
        if error.status_code not in (413, 422):
            raise
        return _home(request, service, visitor, written, error)


def _files(service: Service, visitor: Visitor, sent: Sent, files: list[UploadFile]) -> Response:
    """A bill of materials is verified, a capture read, a model scanned, a saved result decided on."""
    kind = kind_of(files)

    def read(kept: Files) -> requests.Request:
        target = upload(kept, files)
        if kind == "bom":
            return asked(requests.BomRequest, bom=target)
        if kind == "policy":
            return asked(requests.PolicyRequest, target=target)
        if kind == "scan":
            return asked(requests.ScanRequest, target=target)
        return _captures(service, target)

    if kind == "traffic":
        check_captures(files)
    return start(service, visitor, sent, kind, read)


def check_captures(files: list[UploadFile]) -> None:
    """Refuse what is neither a capture nor anything else that is asked about here, before it is kept.

    Raises:
        HTTPException: 422; one of the files is an archive, a picture or a document of another kind.
    """
    for one in files:
        head = one.file.read(LOOK)
        one.file.seek(0)
        name = one_line(str(one.filename), 120)
        if head.startswith(b"PK\x03\x04"):
            raise refused(422, f"an archive: {name}", "send what is in it; a bundle of evidence: forebear verify")
        if head.startswith((GZIP, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or format_of(head) is not FORMATS[-1]:
            continue
        if b"\0" in head or name.lower().endswith((".yaml", ".yml")):
            raise refused(
                422, f"not recognised: {name}", "send a model's files, a bill, a capture (HAR, a log) or a saved result"
            )


def _captures(service: Service, target: str) -> requests.Request:
    """The request to read an upload: its one file, or all of them."""
    folder = service.settings.uploaded / target.removeprefix("upload:")
    names = [target] if "/" in target else [f"{target}/{name}" for name in sorted(os.listdir(folder))]
    return asked(requests.TrafficRequest, files=tuple(names))


def kind_of(files: list[UploadFile]) -> str:
    """The kind of job for some files, by their names and, of one JSON document, by its first keys."""
    names = [str(f.filename).lower() for f in files]
    if any(name.endswith(WEIGHTS) or name.endswith("config.json") for name in names):
        return "scan"
    if len(files) == 1 and names[0].endswith((".json", ".xml", ".bom", ".spdx", ".jsonld")):
        start_of = files[0].file.read(LOOK)
        files[0].file.seek(0)
        if _BILL.search(start_of):
            return "bom"
        if b'"forebear.' in start_of[:4_000] and _is_result(start_of):
            return "policy"
    return "traffic"


def _is_result(content: bytes) -> bool:
    return re.search(rb'"schema"\s*:\s*"forebear\.(scan|compare|probe|traffic)/1"', content) is not None


def _written(request: Request, service: Service, visitor: Visitor, sent: Sent, written: str) -> Response:
    if not written:
        raise refused(422, f"nothing to ask about: {NAMED[0]}, or an identifier", NAMED[1])
    if "\n" in written or len(written) > 512:
        return _identify(request, visitor, written)
    if re.match(r"https?://", written, re.IGNORECASE):
        if (named := _of_the_hub(written)) is not None:
            written = named
        elif not written.split("?", 1)[0].lower().endswith(WEIGHTS):
            return show(request, visitor, FORMS["probe"], {"url": written})
    if is_reference(written) and not _published(written):
        return RedirectResponse(f"/model?name={quote(written)}", 303)
    if re.match(r"https?://", written, re.IGNORECASE) or (_hub(written) and not service.settings.offline):
        return start(service, visitor, sent, "scan", lambda _: asked(requests.ScanRequest, target=written))
    found = decode(written, named=True) if _IDENTIFIER.match(written) else None
    if found is not None and found.family is not None:
        return _identify(request, visitor, written)
    return RedirectResponse(f"/references?q={quote(written[:200])}", 303)


def _published(name: str) -> bool:
    """Whether a reference was read from a hub, where its name may be asked about as well."""
    entry = open_index().get(name)
    return entry is not None and entry.location.startswith("hf:")


def _of_the_hub(address: str) -> str | None:
    """The repository, at its revision where one is named, of an address on the hub's site; None for another's."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.hostname not in ("huggingface.co", "www.huggingface.co", "hf.co"):
        return None
    owner, name, *rest = [*parts.path.strip("/").split("/"), ""][:5]
    pinned = f"@{rest[1]}" if len(rest) > 1 and rest[0] in ("tree", "blob", "resolve") and rest[1] else ""
    return f"{owner}/{name}{pinned}"


def _hub(written: str) -> bool:
    return (written.startswith("hf:") and is_hub(written)) or (written.count("/") == 1 and is_hub(written))


@router.get("/identify")
def identify_form(request: Request, visitor: Visiting) -> Response:
    """A field for identifiers, or a text that has some."""
    return page(request, "identify.html", visitor, {"written": "", "found": [], "asked": False, "held": ()})


@router.post("/identify")
def identify(request: Request, service: Serving, visitor: Visiting, sent: Posted) -> Response:
    """What identifiers say; captures become jobs."""
    files = sent.files()
    if files:
        check_captures(files)
        return start(service, visitor, sent, "traffic", lambda kept: _captures(service, upload(kept, files)))
    return _identify(request, visitor, sent.text("text"))


def _identify(request: Request, visitor: Visitor, written: str) -> Response:
    """Every identifier of a text, and which models of the catalogue its words leave open."""
    single = decode(written, named=True) if _IDENTIFIER.match(written) else None
    names = [single] if single is not None else _in(written)
    found = [{"said": n, "fields": _fields(n), "models": find_models(n.identifier)[:12]} for n in names]
    held = choose(HELD.of(open_index())[0], written)[:MOST_HELD] if single is not None else ()
    values = {"written": written, "found": found, "asked": True, "held": [row.name for row in held]}
    return page(request, "identify.html", visitor, values)


def _in(text: str) -> list[ModelName]:
    """The identifiers of a text, each once."""
    found = {name.identifier: name for _, _, name in islice(find(text[:MOST_TEXT]), MOST_IDENTIFIERS * 5)}
    return list(found.values())[:MOST_IDENTIFIERS]


_SAID = (
    ("family", "family"),
    ("version", "version"),
    ("developer", "developer of the family"),
    ("size", "size"),
    ("stage", "training"),
    ("date", "date"),
    ("step", "step"),
    ("variant", "variant"),
    ("quantization", "number format"),
    ("provider", "provider"),
    ("account", "account"),
    ("line", "line"),
    ("base", "base"),
    ("revision", "revision"),
)


def _fields(name: Any) -> list[tuple[str, str]]:
    return [(title, str(value)) for key, title in _SAID if (value := getattr(name, key)) is not None]
