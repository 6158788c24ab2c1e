"""Uploads: a folder of files, each sent as a body of its own. Nothing is unpacked, ever."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path as Folder
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from forebear.web.api.caller import Reader, Service, Serving, Submitter, refused
from forebear.web.api.shapes import REFUSALS, UploadShape
from forebear.web.requests import Request as Asked
from forebear.web.store import Token, Upload
from forebear.web.targets import NAME

router = APIRouter(tags=["uploads"], responses=REFUSALS)
NO_ROOM, ASK = "there is no room for it here", "send less, or tell the operator of this service"
UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of an upload.")]
FileName = Annotated[str, Path(max_length=120, description="Letters, digits and . _ + -, the first a letter or digit.")]


class NewUpload(Asked):
    """What a folder of files is called."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,119}$", description="Of the model, as results show it.")


def own_upload(service: Service, token: Token, id: str) -> Upload:
    """An upload of this token; else 404."""
    found = service.store.upload(id)
    if found is None or found.owner != token.id:
        raise refused(404, "there is no such upload")
    return found


def _shape(service: Service, upload: Upload) -> UploadShape:
    folder = service.settings.uploaded / upload.id
    files = sorted(f for f in os.listdir(folder) if NAME.match(f)) if folder.is_dir() else []
    return UploadShape.of(upload, files, service.settings.upload_hours)


@router.post("/uploads", status_code=201)
def new_upload(asked: NewUpload, service: Serving, token: Submitter) -> UploadShape:
    """An empty folder to send files to."""
    if len(service.store.uploads(token.id)) >= service.settings.uploads:
        raise refused(429, "too many uploads of this token", "remove some")
    upload = Upload(secrets.token_hex(16), token.id, asked.name, time.time())
    service.store.add_upload(upload)  # before its folder: a sweep removes folders that no row knows
    try:
        (service.settings.uploaded / upload.id).mkdir(mode=0o700)
    except OSError:
        service.store.drop_upload(upload.id)
        raise refused(507, NO_ROOM, ASK) from None
    return _shape(service, upload)


@router.get("/uploads")
def list_uploads(service: Serving, token: Reader) -> list[UploadShape]:
    """The uploads of this token."""
    return [_shape(service, upload) for upload in service.store.uploads(token.id)]


@router.get("/uploads/{id}")
def show_upload(id: UploadId, service: Serving, token: Reader) -> UploadShape:
    """One upload."""
    return _shape(service, own_upload(service, token, id))


@router.delete("/uploads/{id}", status_code=204)
def remove_upload(id: UploadId, service: Serving, token: Submitter) -> Response:
    """Remove an upload; jobs that run keep what they need."""
    own_upload(service, token, id)
    service.store.drop_upload(id)
    shutil.rmtree(service.settings.uploaded / id, ignore_errors=True)
    return Response(status_code=204)


@router.put(
    "/uploads/{id}/{file}",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def send_file(id: UploadId, file: FileName, request: Request, service: Serving, token: Submitter) -> UploadShape:
    """Add a file; the body is the file. A file is added once, whole or not at all."""
    upload = await run_in_threadpool(own_upload, service, token, id)
    if not NAME.match(file):
        raise refused(422, "a name that files cannot have here", "letters, digits and . _ + -, no folder")
    folder = service.settings.uploaded / id
    if upload.files >= service.settings.upload_files:
        raise refused(413, f"an upload has at most {service.settings.upload_files} files")
    if (folder / file).exists():
        raise refused(409, "there is such a file already", "remove the upload, or give another name")
    kept = await run_in_threadpool(lambda: sum(u.bytes for u in service.store.uploads(token.id)))
    limits = service.settings
    room = min(limits.file_bytes, limits.upload_bytes - upload.bytes, limits.kept_bytes - kept)
    part = limits.runs / f"{service.crew.name}-part-{secrets.token_hex(8)}"  # of a killed server it is removed
    try:
        with service.body(token):
            size = await _written(request, part, room)
        await run_in_threadpool(_put, service, part, folder / file, size)
    except FileExistsError:
        raise refused(409, "there is such a file already", "remove the upload, or give another name") from None
    except FileNotFoundError:
        raise refused(404, "there is no such upload", "it was removed meanwhile") from None
    except OSError:
        raise refused(507, NO_ROOM, ASK) from None
    finally:
        part.unlink(missing_ok=True)
    return await run_in_threadpool(lambda: _shape(service, own_upload(service, token, id)))


def _put(service: Service, part: Folder, place: Folder, size: int) -> None:
    """A file that has come to its end into its upload, and counted there, or neither."""
    os.link(part, place)  # unlike a rename it does not replace what another request put there
    try:
        service.store.grow(place.parent.name, size)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


async def _written(request: Request, part: Folder, room: int) -> int:
    """Write the body to a file as it comes; bytes that were written. 413 as soon as there are too many."""
    size = 0
    stream = await run_in_threadpool(open, part, "xb")
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > room:
                raise refused(413, "no room for so many bytes", "remove uploads, or send less")
            await run_in_threadpool(stream.write, piece)
    finally:
        stream.close()
    return size
