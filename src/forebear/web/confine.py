"""What a worker may touch: checked at the moment of connecting and of opening, whatever library does it.

A target comes from a stranger, and so does what stands in a document that a job reads. Two checks hang on the
interpreter's audit events (PEP 578), so that no name, redirect, second answer of a name server or path inside a file
gets around them:

- ``socket.connect`` sees the address that was resolved. Private, loopback, link-local and otherwise special ranges
  are refused, but for those that the operator names. Only TCP and UDP over IP are let through at all.
- ``open`` and listings of folders see the path. Links are followed first; what lies outside of the job's own folder,
  the index, the cache and the installation is refused.

This keeps honest code from being misled. It is no jail for hostile code, which never runs here.
"""

from __future__ import annotations

import ipaddress
import os
import site
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.errors import UsageError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LISTINGS = ("os.listdir", "os.scandir")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod")
_SYSTEM = ("/dev/null", "/dev/urandom", "/proc/meminfo", "/proc/cpuinfo", "/sys/devices/system/cpu", "/sys/fs/cgroup")
_SHARED = ("/usr/share/zoneinfo", "/etc/ssl", "/usr/share/ca-certificates", "/usr/lib/ssl", "/etc/mime.types")
SECRET = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")
"""Parts of names of environment variables that a job does not inherit: its targets are strangers' choice."""
DATABASE = "FOREBEAR_DATABASE"
"""The variable with the address of the service's own data; a password may be in it."""


class Denied(UsageError):
    """A job reached for an address that it may not connect to. No ``OSError``: it is not tried again."""


class DeniedFile(UsageError, PermissionError):
    """A job reached for a file that it may not touch; what can do without the file goes on."""


def private(address: str, allowed: Iterable[_Network] = ()) -> bool:
    """Whether an IP address is not one of the public Internet, nor in a range that is allowed.

    Addresses that stand for an IPv4 address (mapped, 6to4, Teredo, NAT64) are judged by that as well.

    Raises:
        ValueError: it is no IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(ip in network for network in allowed):
        return False
    inner: list[ipaddress.IPv4Address] = []
    if isinstance(ip, ipaddress.IPv6Address):
        inner += [i for i in (ip.ipv4_mapped, ip.sixtofour) if i is not None]
        inner += list(ip.teredo or ())
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.ipv4_mapped is not None or ip in _NAT64:
            return any(private(str(i), allowed) for i in inner)
    return not ip.is_global or ip.is_multicast or any(private(str(i), allowed) for i in inner)


@dataclass
class Confinement:
    """The bounds of one worker process; ``run`` is the folder of the job in hand.

    Args:
        networks: ranges that may be connected to though they are private.
        offline: nothing may be connected to.
        readable: folders that may be read.
        writable: folders that may be written, and read.
        closed: folders within these that are neither, as the service's own: other jobs' files lie there.
    """

    networks: tuple[_Network, ...]
    offline: bool
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    closed: tuple[str, ...] = ()
    run: str = ""

    def connect(self, address: Any) -> None:
        """Raise :class:`Denied` unless a socket may be connected to an address."""
        if self.offline:
            raise Denied("this service is offline", "name an upload")
        if not isinstance(address, tuple) or not isinstance(address[0], str):
            raise Denied("only addresses of the Internet can be reached from here", "give https://host/…")
        try:
            refused = private(address[0], self.networks)
        except ValueError:
            refused = True  # a name that was not resolved: whatever it will be, it was not checked
        if refused:
            raise Denied("a private address, which this service does not connect to", "its operator can allow a range")

    def touch(self, path: Any, write: bool = False) -> None:
        """Raise :class:`DeniedFile` unless a path may be read, or written."""
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        real = os.path.realpath(os.fsdecode(path))
        if _below(real, (self.run,)) or real == os.devnull:
            return
        places = self.writable if write else (*self.writable, *self.readable)
        if _below(real, self.closed) or not _below(real, places):
            raise DeniedFile(
                "outside of what jobs of this service may read",
                "send the files, or ask the operator: forebear serve --allow-path",
            )

    def watch(self, event: str, values: tuple[Any, ...]) -> None:
        """The audit hook."""
        if event == "open":
            path, mode, flags = values
            written = os.O_WRONLY | os.O_RDWR | os.O_CREAT
            write = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & written)
            self.touch(path, write)
        elif event in ("socket.connect", "socket.sendto"):
            self.connect(values[1])
        elif event in _LISTINGS:
            self.touch("." if values[0] is None else values[0])
        elif event in _CHANGES:
            self.touch(values[0], write=True)
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
            raise DeniedFile("a program that would be started", "name files that can be read without one")


def _below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of some folders, or in one."""
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders if folder)


def confinement(
    networks: Iterable[str], offline: bool, paths: Iterable[str], writable: Iterable[str], closed: Iterable[str] = ()
) -> Confinement:
    """The bounds of a worker: the installation and ``paths`` to read, ``writable`` to write but for ``closed``."""
    package = Path(__file__).resolve().parent.parent
    installed = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(package), *site.getsitepackages()]
    own = f"/proc/{os.getpid()}"
    readable = [*installed, *paths, *_SYSTEM, *_SHARED, own]
    return Confinement(
        tuple(ipaddress.ip_network(n) for n in networks),
        offline,
        tuple(dict.fromkeys(os.path.realpath(p) for p in readable)),
        tuple(dict.fromkeys(os.path.realpath(p) for p in writable)),
        tuple(os.path.realpath(p) for p in closed),
    )


def forget_secrets() -> None:
    """Take what looks like a secret out of the environment: no job may spend the operator's rights."""
    for name in list(os.environ):
        if any(part in name.upper() for part in SECRET) or name.upper().startswith("AWS_") or name == DATABASE:
            del os.environ[name]
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
    os.environ["HF_TOKEN_PATH"] = os.devnull
