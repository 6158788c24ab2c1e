"""Files far away, digests of every kind, what a hub calls a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import pytest

from bills import MEASURED, NOW
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import File as Listed
from forebear.bom.record import Model, Record
from forebear.bom.values import Hash
from forebear.errors import InputError
from forebear.inspect import bom_verify_facts, bom_verify_files
from forebear.inspect.bom_verify_files import FAR, HASHES, WEAK
from forebear.sources import File, Range, Traffic

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Far:
    """A repository whose files are made up: small ones have bytes, large ones only sizes."""

    only: str | None = None
    target = name = "org/model"

    def __init__(
        self, files: dict[str, bytes | int], location: str = f"hf:org/model@{COMMIT}", far: bool = True
    ) -> None:
        self._files, self.location = files, location
        self.traffic = Traffic() if far else None
        self.asked: list[str] = []

    def files(self) -> tuple[File, ...]:
        return tuple(File(p, d if isinstance(d, int) else len(d)) for p, d in sorted(self._files.items()))

    def read(self, path: str, start: int, stop: int) -> bytes:
        self.asked.append(path)
        data = self._files[path]
        if isinstance(data, int):
            raise InputError(f"{path}: gone")
        return data[start:stop]

    def prefetch(self, ranges: Iterable[Range]) -> None:
        pass


def listed(path: str, size: int = 0, **digests: str) -> Listed:
    hashes = tuple(Hash(algorithm=a.replace("_", "-"), value=v) for a, v in digests.items())
    return Listed(path=path, size=size, hashes=hashes, said=MEASURED)


def checked(source: Far, *files: Listed, stated: dict[str, str] | None = None, **model: Any) -> dict[str, Check]:
    record = Record(model=Model(name="org/model", **model), created=NOW, files=files)
    return {c.id: c for c in bom_verify_files.checks(record, source, stated or {}, lambda _: None)}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_large_files_of_a_hub_are_compared_by_what_it_states() -> None:
    source = Far({"model.safetensors": FAR * 100, "config.json": b"{}"})
    stated = {"model.safetensors": "sha256:" + "A" * 64}
    good = checked(
        source, listed("model.safetensors", SHA_256="a" * 64), listed("config.json", SHA_256=sha(b"{}")), stated=stated
    )
    assert {c.status for c in good.values()} == {CheckStatus.PASS}
    assert "as its store states it" in good["hashes/model.safetensors"].message
    assert set(source.asked) == {"config.json"}
    bad = checked(source, listed("model.safetensors", SHA_256="b" * 64), stated=stated)
    assert bad["hashes/model.safetensors"].status is CheckStatus.FAIL
    other = checked(source, listed("model.safetensors", SHA_512="b" * 128), stated=stated)
    assert other["hashes/model.safetensors"].status is CheckStatus.UNKNOWN


def test_nobody_downloads_a_terabyte_for_a_digest() -> None:
    source = Far({"model.safetensors": FAR + 1})
    found = checked(source, listed("model.safetensors", SHA_256="a" * 64))
    assert found["hashes/model.safetensors"].status is CheckStatus.UNKNOWN and not source.asked


def test_size_comes_first() -> None:
    source = Far({"a.safetensors": b"xyz"}, far=False)
    found = checked(source, listed("a.safetensors", 4, SHA_256=sha(b"xyz")))
    assert found["hashes/a.safetensors"].status is CheckStatus.FAIL and not source.asked


@pytest.mark.parametrize("algorithm", sorted(HASHES))
def test_every_kind_of_digest(algorithm: str) -> None:
    running = HASHES[algorithm]()
    running.update(b"xyz")
    right = Listed(path="a.bin", hashes=(Hash(algorithm=algorithm, value=running.hexdigest()),))
    wrong = Listed(path="a.bin", hashes=(Hash(algorithm=algorithm, value=running.hexdigest()[::-1]),))
    source = Far({"a.bin": b"xyz"}, far=False)
    expected = CheckStatus.UNKNOWN if algorithm in WEAK else CheckStatus.PASS
    assert checked(source, right)["hashes/a.bin"].status is expected
    assert checked(source, wrong)["hashes/a.bin"].status is CheckStatus.FAIL


def test_digests_that_are_not_computed_and_files_that_cannot_be_read_are_open() -> None:
    source = Far({"a.bin": b"xyz", "b.bin": 9}, far=False)
    found = checked(source, listed("a.bin", BLAKE3="a" * 64), listed("b.bin", SHA_256="a" * 64), listed("a.bin"))
    assert {c.status for c in found.values()} == {CheckStatus.UNKNOWN}


def test_a_path_of_another_folder_means_the_only_file_of_that_name() -> None:
    source = Far({"a.bin": b"xyz", "x/b.bin": b"1", "y/b.bin": b"2"}, far=False)
    found = checked(source, listed("./a.bin", SHA_256=sha(b"xyz")), listed("models/a.bin", SHA_256=sha(b"xyz")))
    assert found["hashes/models/a.bin"].status is CheckStatus.PASS
    assert checked(source, listed("z/b.bin", SHA_256=sha(b"1")))["hashes/z/b.bin"].status is CheckStatus.FAIL


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({}, {"identity/name": "pass"}),
        ({"name": "model"}, {"identity/name": "pass"}),
        ({"name": "org/other"}, {"identity/name": "fail"}),
        ({"version": COMMIT}, {"identity/version": "pass"}),
        ({"version": COMMIT[:9]}, {"identity/version": "pass"}),
        ({"version": "f" * 40}, {"identity/version": "fail"}),
        ({"version": "v1.0"}, {"identity/version": "unknown"}),
        ({"purl": f"pkg:huggingface/org/model@{COMMIT}"}, {"identity/purl": "pass"}),
        ({"purl": f"pkg:huggingface/org/model@{'e' * 40}"}, {"identity/purl": "fail"}),
        ({"purl": "pkg:huggingface/org/other"}, {"identity/purl": "fail"}),
        ({"purl": "pkg:generic/model@1"}, {"identity/purl": "unknown"}),
    ],
)
@pytest.mark.parametrize("folder", ["", "/quantised"])
def test_what_a_hub_calls_it(folder: str, fields: dict[str, Any], statuses: dict[str, str]) -> None:
    record = Record(model=Model(**{"name": "org/model", **fields}), created=NOW)
    source = Far({"model.safetensors": b""}, f"hf:org/model{folder}@{COMMIT}")
    found = {c.id: c.status.value for c in bom_verify_facts.checks(record, source, None)}
    assert found.items() >= statuses.items()
