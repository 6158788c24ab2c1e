"""Sigstore's service as far as its library lets a test stand in for it: a repository of roots on loopback, and fakes.

Certificates, the public log and the identity provider are the library's work and take the network; what is tested here
is what this package makes of their answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("model_signing", reason="signing needs the [sign] extra")

from sigstore import models
from sigstore._internal import tuf
from sigstore.errors import NetworkError, TUFError, VerificationError

from forebear.attest.keyless import check_keyless, sign_keyless
from forebear.bom.checks import CheckStatus
from forebear.errors import InputError

WHO = ("a@example.org", "https://issuer.example")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FOREBEAR_OFFLINE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where the library keeps roots that it has seen
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def roots(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The repository of Sigstore's roots, on loopback: it has nothing. Gives the paths that were asked for."""
    asked: list[str] = []

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    own = tuf.read_embedded  # type: ignore[attr-defined]
    monkeypatch.setattr(tuf, "read_embedded", lambda name, url: own(name, tuf.DEFAULT_TUF_URL))
    monkeypatch.setattr(models, "DEFAULT_TUF_URL", address)
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_roots_that_cannot_be_fetched_are_one_line(
    model: Path, roots: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="Sigstore did not sign") as caught:
        sign_keyless(model)
    assert "\n" not in str(caught.value) and "--key" in (caught.value.hint or "")
    assert roots  # it did ask
    signature = model.parent / "model.sig"
    signature.write_text("{}")
    found = check_keyless(model, signature, *WHO)
    assert found.status is CheckStatus.UNKNOWN and "nothing was verified" in found.message
    assert capfd.readouterr().err == ""


class Answers:
    """A configuration of the library that answers as it is told."""

    def __init__(self, answer: Exception | bytes | None) -> None:
        self.answer = answer

    def use_sigstore_signer(self, **_: Any) -> Answers:
        return self

    use_sigstore_verifier = use_sigstore_signer

    def set_hashing_config(self, _: Any) -> Answers:
        return self

    def sign(self, _: Path, made: Path) -> None:
        logging.getLogger("urllib3").warning("Retrying")
        if isinstance(self.answer, Exception):
            raise self.answer
        made.write_bytes(self.answer or b"")

    def verify(self, _: Path, __: Path) -> None:
        if isinstance(self.answer, Exception):
            raise self.answer


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, CheckStatus.PASS),
        (NetworkError("no route"), CheckStatus.UNKNOWN),
        (TUFError("stale roots"), CheckStatus.UNKNOWN),
        (TimeoutError("too slow"), CheckStatus.UNKNOWN),
        (VerificationError("Certificate's SANs do not match"), CheckStatus.FAIL),
        (ValueError("Signature mismatch: another\nfile"), CheckStatus.FAIL),
    ],
)
def test_what_the_service_says_of_a_signature(
    answer: Exception | None, status: CheckStatus, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_signing.verifying.Config", lambda: Answers(answer))
    found = check_keyless(model, model.parent / "model.sig", *WHO)
    assert found.status is status and "\n" not in found.message


def test_what_the_service_signs_is_given_back_and_a_refusal_is_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("model_signing.signing.Config", lambda: Answers(b"signed"))
    assert sign_keyless(model) == b"signed" and not caplog.records
    monkeypatch.setattr("model_signing.signing.Config", lambda: Answers(PermissionError("identity\nrefused")))
    with pytest.raises(InputError, match="identity refused") as caught:
        sign_keyless(model)
    assert "\n" not in str(caught.value)
