"""The zip of a bundle: one form, and nothing that unfolds, hides or leads out."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.attest import archive
from forebear.attest.archive import read_archive, write_archive
from forebear.errors import FormatError, UsageError

FILES = {"README.md": b"# hello\n", "results/scan.json": b'{"a":1}\n', "model.sig": b""}
NAMES = st.from_regex(archive.NAME, fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=8))
def test_what_is_written_reads_back_and_other_programs_read_it(files: dict[str, bytes]) -> None:
    raw = write_archive(files)
    assert read_archive(raw, "x") == files and write_archive(dict(reversed(files.items()))) == raw
    with zipfile.ZipFile(io.BytesIO(raw)) as other:
        assert other.testzip() is None and {n: other.read(n) for n in other.namelist()} == files


def test_no_byte_can_be_another() -> None:
    raw = write_archive(FILES)
    for place in range(len(raw)):
        for bit in (0, 3, 7):
            altered = bytearray(raw)
            altered[place] ^= 1 << bit
            try:
                assert read_archive(bytes(altered), "x") != FILES
            except FormatError:
                continue
    for cut in range(len(raw)):
        with pytest.raises(FormatError):
            read_archive(raw[:cut], "x")


@pytest.mark.parametrize("junk", [b"\0", b"PK\x05\x06" + bytes(18), b"x" * 70_000])
def test_nothing_stands_before_behind_or_between(junk: bytes) -> None:
    raw = write_archive(FILES)
    middle = raw.index(b"PK\x01\x02")
    for altered in (junk + raw, raw + junk, raw[:middle] + junk + raw[middle:]):
        with pytest.raises(FormatError):
            read_archive(altered, "x")


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return buffer.getvalue()


def test_a_repacked_bundle_is_refused() -> None:
    with pytest.raises(FormatError, match="packed again, or altered"):
        read_archive(zipped(FILES), "x")
    with pytest.raises(FormatError, match="compressed or encrypted"):
        read_archive(zipped({"a": bytes(50_000_000)}, zipfile.ZIP_DEFLATED), "x")


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a/b/c", ".a", "a\\b", "a/", "C:a", "é", "a" * 120])
def test_names_that_lead_somewhere_are_refused(name: str) -> None:
    with pytest.raises(FormatError, match="file name that no bundle has"):
        read_archive(zipped({name: b""}), "x")
    with pytest.raises(UsageError, match="no name for a file"):
        write_archive({name: b""})


def test_a_name_stands_once() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            made.writestr("a", b"1")
            made.writestr("a", b"2")
    with pytest.raises(FormatError, match="packed again, or altered"):
        read_archive(buffer.getvalue(), "x")


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    many = {f"f{k}": b"" for k in range(4)}
    with pytest.raises(UsageError, match="too much for a bundle"):
        write_archive(many)
    with pytest.raises(FormatError, match="more than the 3 files"):
        read_archive(zipped(many), "x")
    monkeypatch.setattr(archive, "MAX_BUNDLE", 100)
    with pytest.raises(FormatError, match="more than the 100 bytes"):
        read_archive(bytes(101), "x")


def test_a_directory_that_lies_about_sizes_is_refused() -> None:
    raw = bytearray(write_archive({"a": b"1234"}))
    at = raw.index(b"PK\x01\x02") + 24
    for size in (0, 3, 2**31, 2**32 - 1):
        raw[at : at + 4] = struct.pack("<I", size)
        with pytest.raises(FormatError):
            read_archive(bytes(raw), "x")


def test_no_zip_is_told(tmp_path: Path) -> None:
    for raw in (b"", b"PK\x03\x04", b"hello" * 100):
        with pytest.raises(FormatError, match="no zip file"):
            read_archive(raw, "x")
