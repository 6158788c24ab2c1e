"""What a stranger may name, and how a job gets it: as files of its own, never as a path of this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from forebear.errors import InputError, UsageError, one_line
from forebear.web.confine import private
from forebear.web.settings import Settings
from forebear.web.store import Job, Store
from forebear.web.work import WORK, Work

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,119}\Z", re.ASCII)
"""Of files and uploads: no separator, no leading dot, nothing that a shell or a terminal minds."""
WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".npz", ".h5", ".ckpt", ".onnx")
"""How files with weights end."""
_ID = r"[0-9a-f]{32}"
_UPLOAD = re.compile(rf"upload:({_ID})(?:/([^/\0]{{1,120}}))?\Z")
_JOB = re.compile(rf"job:({_ID})\Z")
INDEXED = "index:"
_REMOTE = re.compile(r"https?://", re.IGNORECASE)


def check_request(work: Work, asked: Mapping[str, Any], owner: str, store: Store, settings: Settings) -> None:
    """Refuse what a job could not get, before it waits.

    Raises:
        UsageError: a target is none that can be named here, or is not the owner's.
    """
    for key, value in _named(work, asked):
        if key in work.references and value.startswith(INDEXED):
            _check_reference(value)
        else:
            try:
                _check(value, key in work.targets, key in work.documents, owner, store, settings)
            except UsageError as error:
                if key in work.references and not value.startswith(("upload:", "job:")) and is_reference(value):
                    raise UsageError(error.message, f"of the index it is {INDEXED}{one_line(value, 120)}") from None
                raise
    if work.secret:
        check_address(str(asked["url"]), settings)
    if "policies" in asked:
        _check_policies(asked["policies"], settings)


def prepare(job: Job, folder: Path, store: Store, settings: Settings) -> dict[str, Any]:
    """The request of a job with relative paths in place of uploads and jobs, which are linked into its folder.

    What the operator has for policy jobs is copied there, so that no result names a file of this machine.

    Hard links: the job keeps its input though the upload expires, and its folder holds nothing of anybody else.

    Raises:
        UsageError: as :func:`check_request`; something may have been removed since.
        InputError: the files cannot be linked.
    """
    work = WORK[job.kind]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    check_request(work, job.request, job.owner, store, settings)
    out = dict(job.request)
    alone = len(_named(work, job.request)) == 1
    for key in dict.fromkeys((*work.targets, *work.documents)):
        value, document = job.request[key], key in work.documents
        if isinstance(value, list):
            out[key] = [_placed(str(v), folder, store, settings, alone, document) for v in value]
        elif value is not None:
            out[key] = _placed(str(value), folder, store, settings, alone, document)
    if "policies" in out:
        out |= _terms(out["policies"], folder, settings)
    return out


def is_reference(name: str) -> bool:
    """Whether the index has a reference of this name; a guarded one is as if it were not there."""
    from forebear.index import open_index
    from forebear.inspect.share import is_private

    entry = open_index().get(name)
    return entry is not None and not is_private(entry)


def _check_reference(value: str) -> None:
    """Refuse a reference that the index does not have, or that is guarded."""
    if not is_reference(value.removeprefix(INDEXED)):
        raise UsageError(f"{one_line(value, 120)}: there is no such reference", "search the index for its name")


def _check_policies(names: Iterable[str], settings: Settings) -> None:
    """Refuse policies that neither ship nor are the operator's: a path would be a file of the server."""
    from forebear.policy.load import packs

    known = {*packs(), *settings.policies}
    for name in names:
        if name not in known:
            raise UsageError("an unknown policy", f"name some of {', '.join(sorted(known))}")


def _terms(names: Iterable[str], folder: Path, settings: Settings) -> dict[str, Any]:
    """The operator's files for a policy job, as copies in its folder."""
    place = _free(folder, "terms")

    def copied(file: str, kind: str) -> str:
        try:
            (place / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place / kind / Path(file).name)
        except OSError as error:
            raise InputError(f"{Path(file).name}: {error.strerror}", "the operator of this service mends it") from None
        return f"{place.name}/{kind}/{Path(file).name}"

    own = {"organisation": settings.organisation, "waivers": settings.waivers}
    return {
        "policies": [copied(settings.policies[n], "policies") if n in settings.policies else n for n in names],
        **{key: copied(file, key) for key, file in own.items() if file},
    }


def _named(work: Work, asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every target and document of a request, with its key."""
    out: list[tuple[str, str]] = []
    for key in dict.fromkeys((*work.targets, *work.documents)):
        value = asked[key]
        if value is not None:
            out += [(key, str(v)) for v in (value if isinstance(value, list | tuple) else [value])]
    return out


def _check(value: str, model: bool, document: bool, owner: str, store: Store, settings: Settings) -> None:
    if match := _UPLOAD.match(value):
        upload = store.upload(match[1])
        if upload is None or upload.owner != owner:
            raise UsageError(f"upload:{match[1]}: there is no such upload", "it may have expired; send it again")
        if match[2] is None and not model:
            raise UsageError(f"{value}: a folder", "name the file: upload:ID/FILE")
        if match[2] is not None and not (NAME.match(match[2]) and (settings.uploaded / match[1] / match[2]).is_file()):
            raise UsageError(f"upload:{match[1]}: has no such file", "look at its files: GET /api/v1/uploads/ID")
        return
    if match := _JOB.match(value):
        job = store.job(match[1])
        if not document:
            raise UsageError(f"{value}: a document, and no model", "give upload:ID, org/name or https://…")
        if job is None or job.owner != owner or store.result(match[1]) is None:
            raise UsageError(f"{value}: there is no such result", "name a job of yours that is done")
        return
    if not model:
        raise UsageError(f"{one_line(value, 80)}: no document that can be named here", "give upload:ID/FILE or job:ID")
    if settings.offline:
        raise UsageError("this service is offline", "upload the model")
    if _REMOTE.match(value):
        check_address(value, settings)
        return
    from forebear.sources.hub import is_hub

    if not is_hub(value if value.startswith("hf:") else f"hf:{value}"):
        raise UsageError(
            f"{one_line(value, 80)}: no model that can be named here", "give upload:ID, org/name or https://…"
        )


def check_address(address: str, settings: Settings) -> None:
    """Refuse an address that shows by itself that it is unusable; where it leads is checked on connecting.

    Raises:
        UsageError: it is none, holds a password, or names a private place.
    """
    import ipaddress

    try:
        parts = urlsplit(address)
        host, usable = parts.hostname or "", parts.scheme.lower() in ("http", "https") and parts.port != 0
    except ValueError:
        host, usable = "", False
    if not host or not usable or not address.isprintable() or " " in address:
        raise UsageError("not a usable address", "give https://host/…")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{one_line(host, 80)}: an address with a user name or password in it", "leave them out")
    if settings.offline:
        raise UsageError("this service is offline", "upload what is to be looked at")
    allowed = tuple(ipaddress.ip_network(n) for n in settings.networks)
    try:
        refused = private(host, allowed)
    except ValueError:
        bare = host.rstrip(".").lower()
        refused = not allowed and (bare == "localhost" or bare.endswith((".localhost", ".local", ".internal")))
    if refused:
        raise UsageError(
            f"{one_line(host, 80)}: a private address, which this service does not connect to",
            "give a public one, or ask the operator: forebear serve --allow-network",
        )


def _placed(value: str, folder: Path, store: Store, settings: Settings, alone: bool, document: bool) -> str:
    """Where a job finds a target: a path relative to its folder, or the address or repository as it was named."""
    if match := _UPLOAD.match(value):
        upload = store.upload(match[1])
        assert upload is not None  # just checked
        try:
            found = [e for e in sorted((settings.uploaded / upload.id).iterdir()) if NAME.match(e.name)]
            files = {e.name: e for e in found if not e.is_symlink() and e.is_file()}
            if match[2] in files and upload.name in files and _bare(match[2], len(files), alone, document):
                bare = _free(folder, match[2])
                os.link(files[match[2]], bare)
                return bare.name
            place = _free(folder, Path(upload.name).stem if upload.name in files else upload.name)
            place.mkdir()
            for name, entry in files.items():
                os.link(entry, place / name)
        except OSError as error:
            raise InputError(f"upload:{upload.id}: {error.strerror}", "send it again") from None
        return f"{place.name}/{match[2]}" if match[2] else place.name
    if match := _JOB.match(value):
        file = _free(folder, f"{match[1]}.json")
        file.write_bytes(store.result(match[1]) or b"")
        return file.name
    return value if _REMOTE.match(value) or value.startswith(("hf:", INDEXED)) else f"hf:{value}"


def _bare(file: str, files: int, alone: bool, document: bool) -> bool:
    """Whether a file of an upload that is named after it lies in the job's own folder, by the name that it was sent by.

    That is a document, or weights with no neighbour. ``model.safetensors`` is called by its folder.
    """
    if file.lower().endswith(WEIGHTS):
        return alone and files == 1 and file != "model.safetensors"
    return document


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that is not taken."""
    place, k = folder / name, 1
    while place.exists():
        k += 1
        place = folder / f"{name}-{k}"
    return place
