"""Where a job may connect, and what it may open."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.web.confine import Confinement, Denied, DeniedFile, confinement, forget_secrets, private

PRIVATE = (
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_in_every_spelling(address: str) -> None:
    assert private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert not private(address)


def bounds(tmp_path: Path, offline: bool = False, networks: tuple[str, ...] = ()) -> Confinement:
    for name in ("run", "index", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
    made = confinement(networks, offline, [], [str(tmp_path / "index")], [str(tmp_path / "index" / "service")])
    made.run = str((tmp_path / "run").resolve())
    return made


def test_connections_are_judged_by_the_address_that_was_resolved(tmp_path: Path) -> None:
    confined = bounds(tmp_path, networks=("10.9.0.0/16",))
    for allowed in (("8.8.8.8", 443), ("10.9.1.1", 80), ("2606:4700::1111", 443, 0, 0)):
        confined.watch("socket.connect", (None, allowed))
    for refused in (("10.8.1.1", 80), ("127.0.0.1", 22), ("::1", 80, 0, 0), "/run/docker.sock", ("name.example", 80)):
        for event in ("socket.connect", "socket.sendto"):
            with pytest.raises(Denied):
                confined.watch(event, (None, refused))
    assert not issubclass(Denied, OSError)  # else a client would try again
    with pytest.raises(Denied, match="offline"):
        bounds(tmp_path, offline=True).connect(("8.8.8.8", 443))


def test_files_of_others_are_not_opened(tmp_path: Path) -> None:
    confined = bounds(tmp_path)
    (tmp_path / "other" / "secret").write_text("x")
    (tmp_path / "run" / "link").symlink_to(tmp_path / "other")
    for inside in (tmp_path / "run" / "a", tmp_path / "index" / "codes", os.fsencode(tmp_path / "run" / "b")):
        confined.watch("open", (inside, "rb", 0))
        confined.watch("open", (inside, "wb", 0))
    confined.watch("open", (os.__file__, "rb", 0))  # the installation
    confined.watch("open", (3, "rb", 0))
    for outside in (
        "/etc/passwd",
        tmp_path / "other" / "secret",
        tmp_path / "index" / "service" / "service.sqlite",
        tmp_path / "run" / "link" / "secret",
        tmp_path / "run" / ".." / "other" / "secret",
        f"{confined.run}-more",
        "~/.ssh/id_rsa",
    ):
        with pytest.raises(DeniedFile):
            confined.watch("open", (outside, "rb", 0))
    for event, values in (
        ("open", (os.__file__, "r+", 0)),
        ("open", (os.__file__, None, os.O_WRONLY)),
        ("os.listdir", ("/etc",)),
        ("os.scandir", (str(tmp_path),)),
        ("os.remove", (os.__file__, -1)),
        ("subprocess.Popen", ("sh", [], None, None)),
    ):
        with pytest.raises(DeniedFile):
            confined.watch(event, values)
    assert issubclass(DeniedFile, OSError)  # what can do without the file goes on


def test_jobs_do_not_inherit_the_operators_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    for name in ("HF_TOKEN", "AWS_PROFILE", "OPENAI_API_KEY", "PGPASSWORD", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.setenv(name, "x")
    try:
        forget_secrets()
        assert not {"HF_TOKEN", "AWS_PROFILE", "OPENAI_API_KEY", "PGPASSWORD"} & set(os.environ)
        assert os.environ["HF_TOKEN_PATH"] == os.devnull and "PATH" in os.environ
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_an_allowed_range_is_one() -> None:
    assert not private("10.0.0.1", [ipaddress.ip_network("10.0.0.0/8")])
    with pytest.raises(ValueError):
        private("name.example")
    assert issubclass(Denied, UsageError)
