"""Random fingerprints, without any files; run as a script, it adds many of them to an index."""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forebear.index import LocalIndex
from forebear.signals import Fingerprint
from forebear.signals.alignment import SIGNATURE_DIMS
from forebear.signals.declared import Declared
from forebear.signals.layout import SLOTS
from forebear.signals.sign_code import CODE_BYTES, SignCode
from forebear.signals.spectra import PARTS, PLACES, PROFILE, Spectra
from forebear.signals.token_geometry import TokenGeometry, described
from forebear.signals.vocabulary import Vocabulary

SHAPE: dict[str, Any] = {
    "parameters": 1_100_048_384,
    "family": "llama",
    "coins": ["residual", "glu", "value_output", "query_key"],
    "width": 2048,
    "intermediate": 5632,
    "experts": 0,
    "heads": None,
    "kv_heads": 4,
    "head_dim": 64,
    "rope": "halves",
    "rotary": 64,
    "rows": "value",
    "layers": 22,
    "vocabulary": 32_000,
    "query_heads": 32,
}


def make_code(seed: int, density: float = 0.9) -> SignCode:
    """A code of fair coins, of which a share is valid."""
    rng = np.random.default_rng(seed)
    valid = np.packbits(rng.random(8 * CODE_BYTES) < density)
    bits = rng.integers(0, 256, CODE_BYTES, dtype=np.uint8) & valid
    signature = rng.normal(size=(SLOTS, 2, SIGNATURE_DIMS)).astype(np.float16)
    signature[-1] = np.nan  # as where a layer was not read
    layers = (*(int(v) for v in rng.permutation(64)[: SLOTS - 1]), -1)
    return SignCode(bits, valid, layers, signature, ("residual", "glu"), "token", ("layers 1 and 2 are copies",))


def make_fingerprint(name: str, seed: int, **changes: Any) -> Fingerprint:
    """A random model; ``changes`` replace attributes."""
    rng = np.random.default_rng([seed, 1])
    made = Fingerprint(
        name,
        f"/models/{name}",
        hashlib.blake2b(f"{seed}".encode(), digest_size=20).hexdigest(),
        dict(SHAPE),
        make_code(seed),
        Vocabulary(32_000, f"{seed:040x}", tuple(sorted(int(v) for v in rng.integers(0, 2**32, 256)))),
        Declared(("org/base", "org/other"), "finetune", "apache-2.0", ("LICENSE", "NOTICE"), True),
        "BF16",
        f"{seed + 1:040x}",
    )
    return replace(made, **changes)


def make_sketches(seed: int, vocabulary: int = 0) -> tuple[Spectra, TokenGeometry]:
    """Sketches of a random model: like those of all others, with something of its own."""
    rng = np.random.default_rng([seed, 2])
    shape = (PLACES, len(PARTS), PROFILE)
    trend = np.sin(np.arange(PLACES * len(PARTS) * PROFILE)).reshape(shape)
    profiles = 5.0 + trend * (1 + rng.normal()) + 0.1 * rng.standard_normal(shape)
    texts = np.random.default_rng(0).standard_normal((12, 64))
    rows = 3 * (texts @ np.linalg.qr(rng.standard_normal((64, 64)))[0])[np.repeat(np.arange(12), 8)]
    rows = rows + rng.standard_normal(rows.shape)
    hashes = np.arange(vocabulary, vocabulary + len(rows), dtype=np.uint32)
    return Spectra(profiles.astype(np.float16)), described(hashes, rows.astype(np.float32))


def make_sketched(name: str, seed: int) -> Fingerprint:
    """A random model with sketches."""
    spectra, tokens = make_sketches(seed)
    return replace(make_fingerprint(name, seed), spectra=spectra, tokens=tokens)


def disguised(mark: Fingerprint, seed: int) -> Fingerprint:
    """The same model with other coordinates and a little training: another code, nearly the same sketches."""
    assert mark.spectra is not None and mark.tokens is not None
    rng = np.random.default_rng([seed, 3])
    profiles = mark.spectra.profiles + 0.03 * rng.standard_normal(mark.spectra.profiles.shape)
    moved = rng.integers(-6, 7, mark.tokens.codes.shape)
    codes = np.clip(mark.tokens.codes + moved, -127, 127).astype(np.int8)
    return replace(
        make_fingerprint(f"{mark.name}-disguised", 1000 + seed),
        spectra=Spectra(profiles.astype(np.float16)),
        tokens=TokenGeometry(mark.tokens.hashes, codes),
    )


def same_sketches(one: Fingerprint, two: Fingerprint) -> bool:
    """Whether both have equal sketches, or both none."""
    mine, theirs = ([None if s is None else s.to_bytes() for s in (m.spectra, m.tokens)] for m in (one, two))
    return mine == theirs


def same_code(one: SignCode, two: SignCode) -> bool:
    """Whether two codes are equal in every field."""
    return (
        np.array_equal(one.bits, two.bits)
        and np.array_equal(one.valid, two.valid)
        and np.array_equal(one.signature, two.signature, equal_nan=True)
        and one.signature.dtype == two.signature.dtype
        and (one.layers, one.groups, one.keyed_by, one.repeats) == (two.layers, two.groups, two.keyed_by, two.repeats)
    )


def same(one: Fingerprint, two: Fingerprint) -> bool:
    """Whether two fingerprints are equal in every field."""
    plain = ("name", "target", "digest", "shape", "vocabulary", "declared", "dtype", "content")
    alike = same_code(one.code, two.code) and same_sketches(one, two)
    return alike and all(getattr(one, k) == getattr(two, k) for k in plain)


def as_of_before(folder: Path, version: int) -> None:
    """Undo the migrations after a version, as an index looks that an older Forebear wrote."""
    undone = {
        5: ("DROP TABLE towers",),
        6: ("DROP TABLE provenance", "DROP TABLE listings"),
        7: (
            *(f"DROP TRIGGER models_{event}" for event in ("come", "go", "change", "move")),
            *(f"DROP TRIGGER sketches_{event}" for event in ("come", "go", "change")),
            *(f"DROP TRIGGER towers_{event}" for event in ("come", "go")),
            "DROP TABLE tally",
            "DROP TABLE shapes",
            "ALTER TABLE models DROP COLUMN seal",
        ),
        8: (
            *(f"DROP TRIGGER sketched_{event}" for event in ("come", "go", "change")),
            "DROP TABLE changes",
            "ALTER TABLE tally DROP COLUMN sketched",
        ),
    }
    with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as db:
        for number in range(max(undone), version, -1):
            for statement in undone[number]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {version}")


def add_many(folder: Path, first: int, stop: int) -> None:
    """Add models ``m{first}`` to ``m{stop - 1}``, telling after each one that it is there."""
    index = LocalIndex(folder)
    for seed in range(first, stop):
        index.add(make_fingerprint(f"m{seed}", seed), f"/models/m{seed}")
        sys.stdout.write(f"m{seed}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    add_many(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
