"""Files: roles, both digests, the digest of the list, and files that cannot be read."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from forebear.bom.files import CHUNK, FileRecord, describe_files, manifest_digests, role_of
from forebear.errors import InputError
from forebear.sources import LocalSource
from models import Memory


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("model-00001-of-00002.safetensors", "weights"),
        ("model.safetensors.index.json", "weights"),
        ("pytorch_model.bin", "weights"),
        ("config.json", "config"),
        ("tokenizer.json", "tokenizer"),
        ("spiece.model", "tokenizer"),
        ("README.md", "card"),
        ("LICENSE.txt", "licence"),
        ("chat_template.jinja", "chat template"),
        ("modeling_x.py", "code"),
        ("license.py", "code"),
        (".env", "other"),
    ],
)
def test_roles(name: str, role: str) -> None:
    assert role_of(name) == role


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = {"a.bin": b"x" * (CHUNK + 17), "empty": b"", "z.json": b"{}"}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    steps: list[str] = []
    files, problems = describe_files(LocalSource(tmp_path), steps.append)
    assert problems == () and len(steps) == 4
    for file in files:
        data = content[file.path]
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert file.sha512 == hashlib.sha512(data).hexdigest()


@pytest.mark.skipif(not shutil.which("sha512sum"), reason="needs sha256sum and sha512sum")
def test_the_digest_of_the_list_can_be_checked_without_forebear(tmp_path: Path) -> None:
    for name in ("b", "a b", "back\\slash", "new\nline", "-n", "Ünï"):
        (tmp_path / name).write_text(name)
    digests = manifest_digests(describe_files(LocalSource(tmp_path))[0])
    for tool, name in (("sha256", "SHA-256"), ("sha512", "SHA-512")):
        line = f"export LC_ALL=C; {tool}sum -- * | {tool}sum"
        done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert digests[name] == done.stdout.split()[0]


def test_a_file_that_cannot_be_read_costs_its_own_digests_only() -> None:
    class Broken(Memory):
        def read(self, path: str, start: int, stop: int) -> bytes:
            if path == "bad":
                raise InputError("bad: permission denied", "check the rights of the file")
            return super().read(path, start, stop)

    files, problems = describe_files(Broken({"bad": bytes(5), "good": b"g"}))
    assert problems == ("bad: permission denied; check the rights of the file",)
    assert [(f.path, bool(f.sha256)) for f in files] == [("bad", False), ("good", True)]
    assert manifest_digests(files) == {} == manifest_digests(())


def test_other_weights_beside_a_named_file_are_left_out(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors", "config.json"):
        (tmp_path / name).write_text(name)
    files, _ = describe_files(LocalSource(tmp_path / "b.safetensors"))
    assert [f.path for f in files] == ["b.safetensors", "config.json"]


def test_the_digest_depends_on_names_and_bytes_but_not_on_order() -> None:
    a, b = FileRecord("a", 1, "other", "11", "22"), FileRecord("b", 1, "other", "33", "44")
    assert manifest_digests([a, b]) == manifest_digests([b, a])
    swapped = [FileRecord("b", 1, "other", "11", "22"), FileRecord("a", 1, "other", "33", "44")]
    assert manifest_digests([a, b]) != manifest_digests(swapped)
