"""The zip file of an evidence bundle: stored files in order of their names, and no byte that could be another.

A zip file has room for much that nobody sees: comments, times, extra fields, data before and between entries, two
directories that contradict each other. A bundle has one form, so a reader writes what it has read again, and takes
only what comes out the same. Nothing is compressed, so nothing can unfold.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

from forebear.errors import FormatError, UsageError

MAX_BUNDLE = 256_000_000
MAX_FILES = 2_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
"""At most one folder, and no part that begins with a dot."""
_DATE = 0x0021  # 1 January 1980, the first day that the format knows


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """A zip file of some files, the same for the same files.

    Raises:
        UsageError: a name is not of the form that is read, or there is too much.
    """
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_BUNDLE - 400 * MAX_FILES:
        raise UsageError(
            f"too much for a bundle: at most {MAX_FILES:,} files and {MAX_BUNDLE:,} bytes", "include fewer files"
        )
    if bad := [name for name in files if not NAME.fullmatch(name)]:
        raise UsageError(f"{bad[0]}: no name for a file of a bundle", "rename it")
    return _write(files)


def _write(files: Mapping[str, bytes]) -> bytes:
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        data, encoded = files[name], name.encode("ascii")
        facts = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(encoded), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", (3 << 8) | 20) + facts
        directory += struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, len(body)) + encoded
        body += b"PK\x03\x04" + facts + encoded + data
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end


def read_archive(raw: bytes, name: str) -> dict[str, bytes]:
    """The files of a bundle.

    Raises:
        FormatError: it is none, or differs in any byte from how its files are written.
    """
    if len(raw) > MAX_BUNDLE:
        raise FormatError(name, f"more than the {MAX_BUNDLE:,} bytes of a bundle")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            listed = archive.infolist()
            if len(listed) > MAX_FILES:
                raise FormatError(name, f"more than the {MAX_FILES:,} files of a bundle")
            for entry in listed:
                if not NAME.fullmatch(entry.filename):
                    raise FormatError(name, "a file name that no bundle has")
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits or entry.file_size > len(raw):
                    raise FormatError(name, "compressed or encrypted; the files of a bundle are stored as they are")
            files = {entry.filename: archive.read(entry) for entry in listed}
    except (zipfile.BadZipFile, struct.error, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        raise FormatError(name, "no zip file, or a damaged one") from None
    if len(files) != len(listed) or _write(files) != raw:
        raise FormatError(name, "not in the form in which bundles are written: it was packed again, or altered")
    return files
