"""Signing without a key of one's own: Sigstore's service, where there is network and it is asked for.

Everything is left to the libraries: certificates that live for minutes, the public log, the roots of trust. What cannot
be said in this package's words is told in theirs.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forebear.attest.oms import SIGNATURE, hashing_for_signing, library
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import InputError, UsageError, one_line
from forebear.sources import offline


def sign_keyless(model: Path, ignore: Sequence[str] = (), follow_links: bool = False) -> bytes:
    """A model's signature by Sigstore, for the identity that the environment or a browser vouches for.

    Raises:
        UsageError: the network may not be used.
        InputError: a file cannot be read, or the service did not sign.
    """
    _network()
    config = hashing_for_signing(ignore, follow_links)
    from model_signing import signing

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / SIGNATURE
        try:
            with _quietly():
                signer = signing.Config().use_sigstore_signer(use_ambient_credentials=True)
                signer.set_hashing_config(config).sign(model, made)
        except Exception as error:  # files, network, OpenID Connect and the log each have errors of their own
            why = f"{model}: Sigstore did not sign ({one_line(str(error), 200)})"
            raise InputError(why, "sign with --key where its service cannot be reached") from None
        return made.read_bytes()


def check_keyless(model: Path, signature: Path, identity: str, issuer: str) -> Check:
    """A signature by Sigstore and the model's files.

    Args:
        model: folder or file.
        signature: the file ``model.sig``.
        identity: who has to have signed (an address, a workflow).
        issuer: who has to have vouched for that (an OpenID Connect provider).

    Raises:
        UsageError: the network may not be used.
    """
    _network()
    library()
    from model_signing import verifying

    try:
        with _quietly():
            config = verifying.Config().use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
            config.verify(model, signature)
    except _out_of_reach() as error:
        why = f"Sigstore's service could not be asked ({one_line(str(error), 200)}), so nothing was verified."
        return Check("signature", CheckStatus.UNKNOWN, why)
    except Exception as error:  # as above; whatever it was, nothing is verified
        return Check("signature", CheckStatus.FAIL, f"Sigstore's library refuses it: {one_line(str(error), 200)}.")
    return Check("signature", CheckStatus.PASS, f"It is by {one_line(identity, 120)}, and all files are as signed.")


def _out_of_reach() -> tuple[type[Exception], ...]:
    """Errors that say nothing about a signature: the service or its roots of trust could not be fetched."""
    from sigstore.errors import NetworkError, TUFError

    return NetworkError, TUFError, ConnectionError, TimeoutError


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what HTTP libraries log of every attempt: the answer is one line."""
    logger = logging.getLogger("urllib3")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _network() -> None:
    if offline():
        raise UsageError("Sigstore takes the network, which may not be used here", "sign and verify with --key")
