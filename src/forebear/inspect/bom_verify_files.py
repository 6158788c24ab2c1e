"""A model's files held against those that a bill of materials lists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Protocol

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.files import CHUNK, READERS, FileRecord, manifest_digests, role_of
from forebear.bom.record import File, Record
from forebear.bom.values import Hash
from forebear.errors import InputError, one_line
from forebear.sources import Source

PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN


class Running(Protocol):
    """A digest that is being computed."""

    def update(self, data: bytes, /) -> None:
        """Go on with more bytes."""

    def hexdigest(self) -> str:
        """What it is."""
        ...


_NAMES = {
    **{name: name.replace("-", "").lower() for name in ("MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512")},
    **{f"SHA3-{bits}": f"sha3_{bits}" for bits in (256, 384, 512)},
}
HASHES: Mapping[str, Callable[[], Running]] = {
    **{name: partial(hashlib.new, own) for name, own in _NAMES.items()},
    **{f"BLAKE2b-{bits}": partial(hashlib.blake2b, digest_size=bits // 8) for bits in (256, 384, 512)},
}
"""Digests that are recomputed."""
WEAK = frozenset({"MD5", "SHA-1"})
"""Digests for which somebody can make a second file."""
FAR = 64_000_000
"""Bytes up to which a file on a network is downloaded for its digest where its store states none."""
MUST_BE_LISTED = frozenset({"weights"})
SHOULD_BE_LISTED = frozenset({"code", "chat template", "tokenizer"})
MANIFEST = "sha256sum"


def checks(
    record: Record, source: Source, stated: Mapping[str, str], on_step: Callable[[str], None]
) -> Iterator[Check]:
    """A check for every file that is listed, for weight files that are not, and for the model's own digest.

    Args:
        record: what the bill says.
        source: where the files are.
        stated: ``sha256:…`` by path, of files far away.
        on_step: told what is being done.
    """
    here = {f.path: f.size for f in source.files() if source.only in (None, f.path) or role_of(f.path) != "weights"}
    listed = [f for f in record.files if f.path]
    if not listed:
        said = "The bill lists no files, so nothing ties it to these."
        yield Check("hashes", UNKNOWN, said)
    found: dict[str, dict[str, str]] = {}
    on_step(f"hashing {len(listed):,} files")
    with ThreadPoolExecutor(READERS) as pool:
        for check, path, digests in pool.map(lambda f: _file(f, source, here, stated), listed):
            on_step(f"hashed {check.id}")
            found[path] = digests
            yield check
    if listed:
        yield from _unlisted(here, {_place(f.path, here) for f in listed})
    yield from _whole(record, found, source.traffic is not None)


def _place(path: str, here: Mapping[str, int]) -> str:
    """The file that a path of the bill means: itself, else the only one of that name in another folder."""
    plain = path.removeprefix("./")
    if plain in here:
        return plain
    same = _by_name(frozenset(here)).get(plain.rsplit("/", 1)[-1], ()) if "/" in path else ()
    return same[0] if len(same) == 1 else plain


@lru_cache(maxsize=1)
def _by_name(paths: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        found[name] = (*found.get(name, ()), path)
    return found


def _file(
    file: File, source: Source, here: Mapping[str, int], stated: Mapping[str, str]
) -> tuple[Check, str, dict[str, str]]:
    path, name = _place(file.path, here), f"hashes/{one_line(file.path, 200)}"
    if path not in here:
        return Check(name, FAIL, f"{_named(file)} is listed and is not there."), path, {}
    if file.size and file.size != here[path]:
        said = f"{_named(file)} has {here[path]:,} bytes; the bill says {file.size:,}: it was altered or replaced."
        return Check(name, FAIL, said), path, {}
    known = [h for h in file.hashes if h.algorithm in HASHES]
    if not known:
        what = ", ".join(h.algorithm for h in file.hashes)
        said = f"are of kinds that are not computed here ({what})" if what else "are missing"
        return Check(name, UNKNOWN, f"{_named(file)} is there; its digests in the bill {said}."), path, {}
    try:
        digests, how = _digests(source, path, here[path], known, stated.get(path, ""))
    except InputError as error:
        return Check(name, UNKNOWN, f"{_named(file)} could not be read: {error.message}"), path, {}
    if not digests:
        said = f"{_named(file)} is far away and too large to be downloaded for its digest, and its store states none."
        return Check(name, UNKNOWN, said), path, {}
    wrong = [h.algorithm for h in known if digests.get(h.algorithm, h.value) != h.value]
    if wrong:
        said = f"{_named(file)} has another {wrong[0]} than the bill says: it was altered or replaced."
        return Check(name, FAIL, said), path, digests
    told = [h.algorithm for h in known if h.algorithm in digests]
    if not told:
        said = f"{_named(file)} is far away; its store states a SHA-256 and the bill does not."
        return Check(name, UNKNOWN, said), path, digests
    if set(told) <= WEAK:
        said = f"{_named(file)} has the {', '.join(told)} that the bill says, for which a second file can be made."
        return Check(name, UNKNOWN, said), path, digests
    return Check(name, PASS, f"{_named(file)} has the {' and '.join(told)} that the bill says{how}."), path, digests


def _named(file: File) -> str:
    return one_line(file.path, 200)


def _digests(source: Source, path: str, size: int, wanted: list[Hash], stated: str) -> tuple[dict[str, str], str]:
    """Digests by algorithm, and how they are known where they were not computed."""
    if source.traffic is not None:
        if stated:
            return {"SHA-256": stated.removeprefix("sha256:").lower()}, ", as its store states it"
        if size > FAR:
            return {}, ""
    running = {h.algorithm: HASHES[h.algorithm]() for h in wanted}
    for start in range(0, size, CHUNK):
        data = source.read(path, start, min(start + CHUNK, size))
        for one in running.values():
            one.update(data)
    return {name: one.hexdigest() for name, one in running.items()}, ""


def _unlisted(here: Mapping[str, int], listed: set[str]) -> Iterator[Check]:
    """Files that the bill does not have: a weight file can change what the model is."""
    extra = sorted(set(here) - listed)
    for path in extra:
        role, name = role_of(path), one_line(path, 200)
        if role in MUST_BE_LISTED and any(role_of(p) == role for p in listed):
            yield Check(f"hashes/{name}", FAIL, f"{name} holds weights and is not in the bill.")
        elif role in MUST_BE_LISTED or role in SHOULD_BE_LISTED:
            yield Check(f"hashes/{name}", UNKNOWN, f"{name} ({role}) is not in the bill, so nothing says what it was.")


def _whole(record: Record, found: Mapping[str, dict[str, str]], far: bool) -> Iterator[Check]:
    """The model's own digest: over the list of its files, or that of its only weight file.

    A store far away states one kind of digest alone, so another cannot be computed: one strong one that holds suffices.
    """
    held = ""
    for digest in sorted(record.model.hashes, key=lambda h: h.algorithm != "SHA-256"):
        name = f"hashes/model/{digest.algorithm}"
        if MANIFEST in record.model.hashes_of:
            files = [FileRecord(path, 0, "", d.get("SHA-256", ""), d.get("SHA-512", "")) for path, d in found.items()]
            again = manifest_digests(files).get(digest.algorithm)
            what = "the list of its files"
        else:
            weights = [d for path, d in found.items() if role_of(path) == "weights"]
            again = weights[0].get(digest.algorithm) if len(weights) == 1 else None
            what = "its weight file"
        if again is None and held and far and digest.algorithm in HASHES:
            said = f"The {digest.algorithm} of the model was not computed; its {held} holds."
            yield Check(name, CheckStatus.NOT_APPLICABLE, said)
        elif again is None:
            said = f"The {digest.algorithm} of the model could not be computed again from the files that are listed."
            yield Check(name, UNKNOWN, said)
        elif again != digest.value:
            yield Check(name, FAIL, f"The {digest.algorithm} over {what} is another one than the bill says.")
        else:
            held = held or ("" if digest.algorithm in WEAK else digest.algorithm)
            yield Check(name, PASS, f"The {digest.algorithm} over {what} is the one that the bill says.")
