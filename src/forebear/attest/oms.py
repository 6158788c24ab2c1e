"""Model files signed in the OpenSSF model-signing format (OMS v1.0), by its own library.

The library hashes and signs; what it is lax about is done here: envelopes are read strictly, every signature counts, a
certificate has to be valid at the stated time, and which files a signature leaves out is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from forebear.attest.documents import sha256
from forebear.attest.dsse import Envelope, read_envelope
from forebear.attest.keys import PrivateKey
from forebear.attest.statements import MODEL, read_statement
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.files import role_of
from forebear.errors import FormatError, InputError, MissingExtra, UsageError, one_line
from forebear.types import finite

SIGNATURE = "model.sig"
GIT = (".git", ".gitattributes", ".github", ".gitignore")
MOST_RESOURCES = 1_000_000
MOST_TOLD = 20


def library() -> Any:
    """The library's module for hashing; raises ``MissingExtra``."""
    try:
        from model_signing import hashing
    except ImportError:
        raise MissingExtra("sign", "the OpenSSF model-signing format") from None
    return hashing


@dataclass(frozen=True)
class Manifest:
    """What a model signature lists.

    Attributes:
        name: of the model, as the signer's folder was called.
        root: SHA-256 over the digests in their order. It does not cover the names; the signature does.
        resources: digest by file (``path``), or by stretch of one (``path:start:end``).
        serialization: how files were hashed.
        ignored: paths that the signer left out.
    """

    name: str
    root: str
    resources: Mapping[str, str]
    serialization: Mapping[str, Any]
    ignored: tuple[str, ...]


def sign_model(
    model: Path,
    key_path: Path,
    key: PrivateKey,
    passphrase: bytes | None = None,
    chain: tuple[bytes, ...] = (),
    ignore: Sequence[str] = (),
    follow_links: bool = False,
) -> bytes:
    """The signature of every file below a folder, or of one file, as ``model.sig`` holds it.

    Args:
        model: folder or file.
        key_path: where the private key lies; the library wants to read it itself.
        key: the same key.
        passphrase: that protects it.
        chain: DER certificates, the signer's first; they take the place of the key's hint.
        ignore: paths below the folder that are left out, beside git's own; the signature says which.
        follow_links: hash what symbolic links lead to, instead of refusing them.

    Raises:
        InputError: a file cannot be read, or is a link and links are not followed.
    """
    library()
    from model_signing import signing

    config = hashing_for_signing(ignore, follow_links)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / SIGNATURE
        try:
            signer = signing.Config().use_elliptic_key_signer(private_key=key_path, password=passphrase)
            signer.set_hashing_config(config).sign(model, made)
        except (ValueError, OSError) as error:
            raise unreadable(model, error) from None
        raw = made.read_bytes()
    if not chain:
        return raw
    envelope = read_envelope(raw, SIGNATURE)
    return Envelope(envelope.payload, envelope.payload_type, envelope.signatures, chain).to_bytes()


def hashing_for_signing(ignore: Sequence[str], follow_links: bool) -> Any:
    """The library's settings: SHA-256 of whole files, git's own files and ``ignore`` left out."""
    config = library().Config().set_ignored_paths(paths=list(ignore), ignore_git_paths=True)
    return config.set_allow_symlinks(follow_links)


def read_manifest(envelope: Envelope, name: str = SIGNATURE) -> Manifest:
    """What a model signature lists, whether or not it is valid.

    Raises:
        FormatError: it is of another kind or version, or its root digest is not that of its list.
    """
    statement = read_statement(envelope.payload, name)
    if statement.predicate_type != MODEL:
        kind = one_line(statement.predicate_type, 80)
        raise FormatError(name, f"no model signature of version 1.0 ({kind})")
    listed, how = statement.predicate.get("resources"), statement.predicate.get("serialization")
    if not isinstance(listed, list) or not isinstance(how, dict) or not 0 < len(listed) <= MOST_RESOURCES:
        raise FormatError(name, "a model signature without resources or serialization")
    resources: dict[str, str] = {}
    for entry in listed:
        path, digest = _resource(entry, name)
        if path in resources:
            raise FormatError(name, f"{one_line(path, 80)} is listed twice")
        resources[path] = digest
    ignored = how.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(p, str) for p in ignored):
        raise FormatError(name, "ignore_paths that is no list of paths")
    if len(statement.subjects) != 1 or statement.subjects[0].sha256 != root_of(resources.values()):
        raise FormatError(name, "its root digest is not that of the files it lists")
    subject = statement.subjects[0]
    return Manifest(subject.name, subject.sha256, resources, how, tuple(ignored))


def _resource(entry: Any, name: str) -> tuple[str, str]:
    listed = entry if isinstance(entry, dict) else {}
    path, digest, algorithm = (listed.get(key) for key in ("name", "digest", "algorithm"))
    if not isinstance(path, str) or not isinstance(digest, str) or not isinstance(algorithm, str):
        raise FormatError(name, "a file without name, digest or algorithm")
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\0" in path or not path:
        raise FormatError(name, "a file name that leads out of the model's folder")
    try:
        bytes.fromhex(digest)
    except ValueError:
        raise FormatError(name, f"the digest of {one_line(path, 80)} is not hexadecimal") from None
    return path, digest


def root_of(digests: Any) -> str:
    """SHA-256 over digests (hexadecimal) in the order in which they are listed."""
    return sha256(b"".join(bytes.fromhex(d) for d in digests))


def check_files(
    manifest: Manifest,
    model: Path,
    also: Sequence[str] = (),
    extra_allowed: bool = False,
    follow_links: bool = False,
) -> list[Check]:
    """The model's files against a list: altered, missing, added, and what was left out of it.

    Args:
        manifest: whose signature has been verified.
        model: folder or file.
        also: further paths that are left out (the signature itself).
        extra_allowed: files that are not listed are told and are no failure.
        follow_links: hash what symbolic links lead to, also where the signer had none.

    Raises:
        FormatError: the signature asks for a way of hashing that is not known.
        InputError: a file cannot be read.
    """
    actual = _hashed(manifest, model, also, follow_links)
    altered = [n for n, digest in manifest.resources.items() if actual.get(n, digest) != digest]
    missing = [n for n in manifest.resources if n not in actual]
    extra = [n for n in actual if n not in manifest.resources]
    fail, grey = CheckStatus.FAIL, CheckStatus.NOT_APPLICABLE if extra_allowed else CheckStatus.FAIL
    out = [*_told("altered", altered, fail, "is not as it was signed"), *_told("missing", missing, fail, "is missing")]
    out += _told("added", extra, grey, "is not among the signed files")
    if not any(c.status is fail for c in out):
        out.insert(0, Check("files", CheckStatus.PASS, f"All {len(manifest.resources):,} signed files are as signed."))
    return [*out, *_left_out(manifest, model)]


def _told(kind: str, names: list[str], status: CheckStatus, words: str) -> list[Check]:
    shown = [one_line(n, 200) for n in names[:MOST_TOLD]]
    told = [Check(f"files/{kind}/{n}", status, f"{n} {words}.") for n in shown]
    more = len(names) - MOST_TOLD
    return [*told, Check(f"files/{kind}", status, f"{more:,} more files: {kind}.")] if more > 0 else told


def _left_out(manifest: Manifest, model: Path) -> list[Check]:
    """Weights that the signer left out are covered by nothing: a signature over a README is none over a model."""
    inner = [Path(p) for p in manifest.ignored if p.split("/")[0] not in GIT and "\0" not in p]
    ignored = [p for p in inner if not p.is_absolute() and ".." not in p.parts]
    for path in ignored if model.is_dir() else ():
        found = model / path
        inside = [found] if found.is_file() else list(found.rglob("*")) if found.is_dir() else []
        weights = [str(f.relative_to(model)) for f in inside if role_of(f.name) == "weights"]
        if weights:
            message = f"{one_line(weights[0], 200)} was left out of the signature, which says nothing about it."
            return [Check("files/left-out", CheckStatus.FAIL, message)]
    return []


def _hashed(manifest: Manifest, model: Path, also: Sequence[str], follow_links: bool) -> dict[str, str]:
    hashing, how = library(), manifest.serialization
    kind, links = how.get("hash_type"), follow_links or how.get("allow_symlinks") is True
    config = hashing.Config().set_ignored_paths(paths=[*manifest.ignored, *also], ignore_git_paths=False)
    algorithm = {"sha256": "sha256", "blake2b": "blake2", "blake3": "blake3"}.get(str(kind))
    size = finite(how.get("shard_size"))
    if algorithm and how.get("method") == "files":
        config.use_file_serialization(hashing_algorithm=algorithm)
    elif algorithm and how.get("method") == "shards" and size is not None and size >= 1_000_000:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=int(size))
    else:
        raise FormatError(SIGNATURE, f"a way of hashing that is not known ({one_line(str(kind), 40)})")
    config.set_allow_symlinks(links)
    try:
        made = config.hash(model)
    except (ValueError, OSError) as error:
        raise unreadable(model, error) from None
    return {r.identifier: r.digest.digest_hex for r in made.resource_descriptors()}


def unreadable(model: Path, error: Exception) -> InputError | UsageError:
    """What the library could not read, in one line."""
    if isinstance(error, OSError):
        return InputError(f"{error.filename or model}: cannot be read ({error.strerror})")
    if "symlink" in str(error):
        return UsageError(f"{model}: holds a symbolic link", "--follow-links signs what it leads to")
    return InputError(f"{model}: cannot be signed or verified ({one_line(str(error), 200)})")
