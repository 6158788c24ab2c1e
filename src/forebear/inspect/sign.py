"""Sign a model's files in the OpenSSF model-signing format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forebear.attest.certificates import load_chain
from forebear.attest.documents import read_file
from forebear.attest.dsse import read_envelope
from forebear.attest.keyless import sign_keyless
from forebear.attest.keys import MAX_KEY, PASSPHRASE, PrivateKey, certificate_of, certified_key, read_private
from forebear.attest.oms import SIGNATURE, Manifest, read_manifest, sign_model
from forebear.errors import UsageError
from forebear.inspect.subjects import local
from forebear.types import Json, head

Step = Callable[[str], None]


@dataclass(frozen=True)
class Credentials:
    """What somebody signs with.

    Attributes:
        path: of the private key in PEM.
        key: the same, read.
        chain: DER certificates, the signer's first; empty for a bare key.
        variable: environment variable of the pass phrase.
    """

    path: Path
    key: PrivateKey
    chain: tuple[bytes, ...] = ()
    variable: str = PASSPHRASE

    @property
    def passphrase(self) -> bytes | None:
        """What protects the key, where anything does."""
        found = os.environ.get(self.variable, "") if b"ENCRYPTED" in read_file(self.path, MAX_KEY) else ""
        return found.encode("utf-8", "surrogateescape") or None


def credentials(key: str | Path, certificates: Sequence[str | Path] = (), variable: str = PASSPHRASE) -> Credentials:
    """A private key, and where there are certificates those, the signer's first.

    Raises:
        UsageError: the key cannot be opened, or the first certificate is another key's.
    """
    private = read_private(key, variable)
    chain = tuple(der for path in certificates for der in load_chain(read_file(path), os.path.basename(path)))
    if chain:
        own = certificate_of(chain[0])
        if certified_key(own, os.fspath(certificates[0])).id != private.public.id:
            raise UsageError(
                f"{certificates[0]}: the certificate of another key", "give the signer's certificate first"
            )
    return Credentials(Path(key), private, chain, variable)


@dataclass(frozen=True)
class SignedModel:
    """A signature over a model's files.

    Attributes:
        target: what was signed.
        manifest: what the signature lists.
        signature: the bytes of ``model.sig``.
        key_id: of the signer, "" where Sigstore's service signed.
    """

    target: str
    manifest: Manifest
    signature: bytes = field(repr=False)
    key_id: str = ""

    def to_json(self) -> Json:
        """The ``forebear.sign/1`` document."""
        return {
            **head("forebear.sign/1"),
            "target": self.target,
            "model": self.manifest.name,
            "root": self.manifest.root,
            "files": len(self.manifest.resources),
            "ignored": sorted(self.manifest.ignored),
            "key_id": self.key_id or None,
        }


def sign_files(
    target: str,
    signer: Credentials | None,
    output: Path = Path(SIGNATURE),
    ignore: Sequence[str] = (),
    follow_links: bool = False,
    on_step: Step = lambda _: None,
) -> SignedModel:
    """Sign every file of a model.

    Args:
        target: a folder or a file on this machine.
        signer: None for Sigstore's service, which needs the network.
        output: where the signature will be written; if that is inside of the model, it is no part of it.
        ignore: paths, relative to the folder, that are left out; the signature names them.
        follow_links: sign what symbolic links lead to.
        on_step: told what is being done.

    Raises:
        UsageError: the target is not here, or holds links that are not to be followed.
        InputError: a file cannot be read.
    """
    model = local(target)
    inside = output.resolve()
    own = [str(inside.relative_to(model))] if model.is_dir() and inside.is_relative_to(model) else []
    on_step(f"hashing {model.name}")
    left_out = [*own, *ignore]
    if signer is None:
        raw = sign_keyless(model, left_out, follow_links)
    else:
        raw = sign_model(model, signer.path, signer.key, signer.passphrase, signer.chain, left_out, follow_links)
    manifest = read_manifest(read_envelope(raw, SIGNATURE))
    return SignedModel(target, manifest, raw, signer.key.public.id if signer else "")
