"""Files that came with a form, as uploads: the same folders and the same bounds as those of the interface."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from starlette.datastructures import UploadFile

from forebear.web.api.caller import Service, refused
from forebear.web.api.uploads import ASK, NO_ROOM
from forebear.web.crew import FORM
from forebear.web.store import Token, Upload
from forebear.web.targets import WEIGHTS

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._+-]+")
_SHARD = re.compile(r"(-\d{5}-of-\d{5}|\.\d{2})?\.[a-z0-9]+\Z", re.IGNORECASE)
GENERIC = ("model", "pytorch_model", "adapter_model", "consolidated", "weights", "diffusion_pytorch_model")
"""What files with weights are called whatever the model is."""
UNNAMED = "model"
PIECE = 1 << 20


def plain_name(name: str) -> str:
    """A stranger's file name as one that files can have here: no folder, no leading dot, plain letters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = _NOT_PLAIN.sub("-", last).strip("-").lstrip("._+-")
    return stem if len(stem) <= 120 else f"{stem[:60]}{stem[-60:]}"  # its end tells the format


def name_of(names: list[str]) -> str:
    """What an upload is called: its folder, its model's one file of weights, or its first file where it is no model.

    A browser says no folder where files are chosen one by one; "model" is then all that can be said.
    """
    first = names[0].replace("\\", "/").split("/")
    if len(first) > 1 and first[0].strip("."):
        return first[0]
    weights = {_SHARD.sub("", n) for n in names if n.lower().endswith(WEIGHTS)}
    if len(names) == 1 or not (weights or any(n.lower().endswith("config.json") for n in names)):
        return first[-1]
    return next(iter(weights)) if len(weights) == 1 and not weights & {*GENERIC} else UNNAMED


class Files:
    """The uploads that one form makes. They stay once its job is kept; otherwise nothing of them does.

    Each is noted before it is made, in the folder for what is in hand, under this server's name: what a server that was
    killed has noted there, another one removes (:meth:`~forebear.web.crew.Crew.clean`).

    Args:
        service: whose limits hold.
        token: whose uploads they are.
    """

    def __init__(self, service: Service, token: Token) -> None:
        self._service, self._token = service, token
        self._made: list[str] = []

    def __enter__(self) -> Files:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        for id in self._made:
            if failed is not None:
                drop(self._service, id)
            self._note(id).unlink(missing_ok=True)

    def keep(self, name: str, files: list[UploadFile]) -> tuple[str, list[str]]:
        """Files as a new upload: its identifier, and the names that they have there.

        Args:
            name: of the model or document, as results show it.
            files: that came with a form.

        Raises:
            HTTPException: 413, 422, 429 or 507, a sentence each.
        """
        service, limits = self._service, self._service.settings
        names = [plain_name(f.filename or "") for f in files]
        if not all(names) or len(set(names)) < len(names):
            raise refused(422, "two files of one name, or one without a name", "give each a name of its own")
        kept = service.store.uploads(self._token.id)
        if len(kept) >= limits.uploads:
            raise refused(429, "too many uploads of this token", "they are removed after a while; or remove some")
        room = min(limits.upload_bytes, limits.kept_bytes - sum(u.bytes for u in kept))
        upload = Upload(secrets.token_hex(16), self._token.id, plain_name(name) or names[0], time.time())
        folder = limits.uploaded / upload.id
        self._made.append(upload.id)
        try:
            self._note(upload.id).touch(0o600)
            service.store.add_upload(upload)  # before its folder: a sweep removes folders that no row knows
            folder.mkdir(mode=0o700)
            for one, plain in zip(files, names, strict=True):
                size = _copied(one, folder / plain, min(room, limits.file_bytes))
                room -= size
                service.store.grow(upload.id, size)
        except OSError:
            raise refused(507, NO_ROOM, ASK) from None
        return upload.id, names

    def _note(self, id: str) -> Path:
        return self._service.settings.runs / f"{self._service.crew.name}-{FORM}-{id}"


def drop(service: Service, id: str) -> None:
    """Remove an upload and its files."""
    try:
        service.store.drop_upload(id)
    finally:
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
