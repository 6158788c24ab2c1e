"""Files that came with a form, as uploads: the same folders and the same bounds as those of the interface."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time

from starlette.datastructures import UploadFile

from forebear.web.api.caller import Service, refused
from forebear.web.store import Token, Upload

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._+-]+")
PIECE = 1 << 20


def plain_name(name: str) -> str:
    """A stranger's file name as one that files can have here: no folder, no leading dot, plain letters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = _NOT_PLAIN.sub("-", last).strip("-").lstrip("._+-")
    return stem if len(stem) <= 120 else f"{stem[:60]}{stem[-60:]}"  # its end tells the format


def keep(service: Service, token: Token, name: str, files: list[UploadFile]) -> tuple[str, list[str]]:
    """Files as a new upload: its identifier, and the names that they have there.

    Args:
        service: whose limits hold.
        token: whose upload it is.
        name: of the model or document, as results show it.
        files: that came with a form.

    Raises:
        HTTPException: 413, 422 or 429, a sentence each; nothing is left then.
    """
    limits = service.settings
    names = [plain_name(f.filename or "") for f in files]
    if not all(names) or len(set(names)) < len(names):
        raise refused(422, "two files of one name, or one without a name", "give each a name of its own")
    kept = service.store.uploads(token.id)
    if len(kept) >= limits.uploads:
        raise refused(429, "too many uploads of this token", "they are removed after a while; or remove some")
    room = min(limits.upload_bytes, limits.kept_bytes - sum(u.bytes for u in kept))
    upload = Upload(secrets.token_hex(16), token.id, plain_name(name) or names[0], time.time())
    folder = limits.uploaded / upload.id
    service.store.add_upload(upload)  # first: a sweep removes folders that no row knows
    try:
        folder.mkdir(mode=0o700)
        for one, plain in zip(files, names, strict=True):
            size = _copied(one, folder / plain, min(room, limits.file_bytes))
            room -= size
            service.store.grow(upload.id, size)
    except BaseException as error:
        drop(service, upload.id)
        if isinstance(error, OSError):
            raise refused(507, "there is no room for it here") from None
        raise
    return upload.id, names


def drop(service: Service, id: str) -> None:
    """Remove an upload and its files."""
    service.store.drop_upload(id)
    shutil.rmtree(service.settings.uploaded / id, ignore_errors=True)


def _copied(one: UploadFile, place: os.PathLike[str], room: int) -> int:
    size = 0
    with open(place, "xb") as out:
        while piece := one.file.read(PIECE):
            size += len(piece)
            if size > room:
                raise refused(413, "no room for so many bytes", "send less, or remove uploads")
            out.write(piece)
    return size
