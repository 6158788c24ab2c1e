"""Exchange files as bytes: what goes in comes out, and nothing else does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchanges import HUB, ME, entry, flipped, mark, parts, write
from forebear.attest.exchange import Terms, from_record, settled, to_record, withheld
from forebear.attest.exchange_file import LIMITS, MAGIC, STRETCH, pieces, stretches, survey, vouched
from forebear.attest.keys import read_private, read_public
from forebear.attest.trust import Trust
from forebear.errors import FormatError, InputError, UsageError
from forebear.index import Entry
from forebear.signals.activations import ACTIVATIONS_BYTES, Activations
from forebear.signals.patterns import PATTERNS, doubt
from forebear.signals.sign_code import INFERRED
from index.fingerprints import same
from signers import key_files

ALL = Terms(paths=True)


def test_every_field_comes_back() -> None:
    one = entry("org/model", 1)
    active = Activations.from_bytes(np.random.default_rng(0).integers(0, 256, ACTIVATIONS_BYTES, np.uint8).tobytes())
    one = replace(one, fingerprint=replace(one.fingerprint, activations=active))
    back = settled(from_record(to_record(one, Terms()), "f", 1))
    assert same(back.fingerprint, one.fingerprint)
    assert (back.location, back.added, back.provenance) == (HUB, one.added, ME)
    assert back.fingerprint.activations is not None and back.fingerprint.activations.to_bytes() == active.to_bytes()
    (tower,) = back.fingerprint.towers
    assert tower.component == "vision" and tower.code.bits.tobytes() == one.fingerprint.towers[0].code.bits.tobytes()


def test_sketches_and_places_are_left_out_as_asked() -> None:
    here = replace(entry("m", 1), location="/home/me/secret/model")
    assert withheld(here, Terms()) and not withheld(here, ALL)
    assert b"secret" not in to_record(here, Terms()) and b"secret" in to_record(here, ALL)
    for place in ("https://user:word@example.org/m", "s3://bucket/m", "hf:../../etc/passwd/x y"):
        assert withheld(replace(here, location=place), Terms())
    small = from_record(to_record(here, Terms(sketches=False)), "f", 1).fingerprint
    assert small.spectra is None and small.tokens is None and len(small.towers) == 1


def test_what_others_wrote_into_cards_is_made_plain() -> None:
    one = entry("m", 1)
    said = replace(one.fingerprint.declared, licence="a\x1b[2J\nb \ud800", base_models=("x" * 900,) * 300)
    back = from_record(to_record(replace(one, fingerprint=replace(one.fingerprint, declared=said)), Terms()), "f", 1)
    assert back.fingerprint.declared.licence == "a [2J b"
    assert len(back.fingerprint.declared.base_models) == 200 and len(back.fingerprint.declared.base_models[0]) <= 300


def test_what_spoils_a_code_is_found_from_its_bits() -> None:
    """A file cannot say that a model which repeats itself can be relied on."""
    one = entry("m", 1)
    code = one.fingerprint.code
    row = np.tile(np.unpackbits(code.bits)[:512], 4)
    bits = np.concatenate([row, np.unpackbits(code.bits)[2048:]])
    copied = replace(code, bits=np.packbits(bits) & code.valid)
    back = settled(from_record(to_record(replace(one, fingerprint=replace(one.fingerprint, code=copied)), ALL), "f", 1))
    assert any("residual width" in why for why in back.fingerprint.code.repeats)
    guessed = replace(one, fingerprint=replace(one.fingerprint, code=replace(code, repeats=(INFERRED, "x"))))
    assert settled(from_record(to_record(guessed, ALL), "f", 1)).fingerprint.code.repeats == (INFERRED,)


def test_that_rows_follow_a_pattern_goes_along() -> None:
    """Bits do not show it, so who had the weights has to say it: else two innocents of one recipe would be related."""
    one = entry("m", 1)
    why = doubt("residual", PATTERNS[0])
    leaning = replace(one.fingerprint.code, repeats=(INFERRED, why))
    tower = replace(one.fingerprint.towers[0], code=replace(one.fingerprint.towers[0].code, repeats=(why,)))
    sent = to_record(replace(one, fingerprint=replace(one.fingerprint, code=leaning, towers=(tower,))), ALL)
    back = settled(from_record(sent, "f", 1))
    assert back.fingerprint.code.repeats == (INFERRED, why) and back.fingerprint.towers[0].code.repeats == (why,)
    assert to_record(back, ALL) == sent
    assert b"patterns" in sent and b"patterns" not in to_record(one, ALL)


def changed(change: Callable[[dict[str, Any]], Any], spelled: Callable[[Any], bytes] | None = None) -> bytes:
    raw = to_record(entry("m", 1), Terms())
    size = int.from_bytes(raw[:4], "big")
    data = json.loads(raw[4 : 4 + size])
    change(data)
    plain = json.dumps(data, sort_keys=True, separators=(",", ":")).encode() if spelled is None else spelled(data)
    return len(plain).to_bytes(4, "big") + plain + raw[4 + size :]


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("name", value="a\nb"),
        put("name", value=""),
        put("name", value=7),
        put("digest", value="../../etc"),
        put("digest", value=None),
        put("content", value="not hex"),
        put("dtype", value="<script>"),
        put("location", value="x" * 5_000),
        put("location", value="a\x07b"),
        put("added", value="yesterday"),
        put("shape", "parameters", value="many"),
        put("shape", "parameters", value=-1),
        put("shape", "parameters", value=10**40),
        put("shape", "parameters", value=True),
        put("shape", "width", value={"a": 1}),
        put("shape", "x" * 100, value=1),
        put("shape", "family", value="y" * 200),
        put("shape", "layers", value=1.5),
        put("shape", "width", value="wide"),
        put("shape", "kv_heads", value=["a"]),
        put("shape", "head_dim", value=0.5),
        put("shape", "family", value=["llama"]),
        put("shape", "family", value=7),
        put("shape", "coins", value="glu"),
        lambda d: d["shape"].pop("coins"),
        put("code", "layers", value=[0] * 16),
        put("code", "layers", value=[-1] * 15),
        put("code", "layers", 0, value=10**9),
        put("code", "groups", value=["nothing"]),
        put("code", "keyed_by", value="name"),
        put("code", "inferred", value=0),
        put("code", "patterns", value=[]),
        put("code", "patterns", value=None),
        put("code", "patterns", value=["residual rows are odd"]),
        put("code", "patterns", value=[doubt("glu", PATTERNS[0])] * 2),
        put("code", "patterns", value=[["glu"]]),
        put("code", "patterns", value=[doubt("residual", PATTERNS[0]), doubt("glu", PATTERNS[0])]),
        put("code", "patterns", value=sorted(doubt("glu", pattern) for pattern in PATTERNS[:2])),
        put("vocabulary", "smallest", value=[2, 1]),
        put("vocabulary", "smallest", value=list(range(300))),
        put("vocabulary", "size", value=-1),
        put("vocabulary", value=[]),
        put("declared", "base_models", value="org/base"),
        put("declared", "base_models", value=["a"] * 500),
        put("declared", "from_scratch", value=1),
        put("declared", "licence", value="a\tb"),
        put("sketches", "spectra", value=10**12),
        put("sketches", "spectra", value=-1),
        put("sketches", "spectra", value=True),
        put("sketches", "more", value=0),
        put("towers", value=[]),
        put("towers", 0, "component", value="a\nb"),
        lambda d: d["towers"].extend(d["towers"] * 20),
        put("provenance", "private", value="no"),
        put("provenance", "by", value="x" * 1_000),
        put("provenance", "more", value=""),
        lambda d: d["provenance"].pop("by"),
        put("more", value=1),
        lambda d: d.pop("dtype"),
    ],
)
def test_no_field_can_hold_what_an_index_does_not(change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(FormatError, match="entry 3"):
        from_record(changed(change), "f.fbx", 3)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda d: json.dumps(d).encode(),
        lambda d: json.dumps(d, separators=(",", ":")).encode()[::-1],
        lambda d: b"[" * 100_000,
        lambda d: b'{"name":NaN}',
        lambda d: b"\xff\xfe",
        lambda d: json.dumps(list(d)).encode(),
    ],
)
def test_there_is_one_spelling(spelled: Callable[[Any], bytes]) -> None:
    assert from_record(changed(lambda d: None), "f", 1).name == "m"
    with pytest.raises(FormatError):
        from_record(changed(lambda d: None, spelled), "f", 1)


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", b"\xff\xff\xff\xff{}", b"\0\0\0\2{}", b"\0\0\0\0"])
def test_no_record_at_all(raw: bytes) -> None:
    with pytest.raises(FormatError):
        from_record(raw, "f", 1)


# -- files --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return [to_record(entry(name, seed), Terms()) for seed, name in enumerate("abc")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return key_files(tmp_path_factory.mktemp("keys"))


def test_a_file_is_the_same_for_the_same_records(records: list[bytes], keys: tuple[Path, Path], tmp_path: Path) -> None:
    key = read_private(keys[0])
    raw = b"".join(pieces(records, key))
    assert raw == b"".join(pieces(records, key)) and raw.startswith(MAGIC)
    (tmp_path / "f").write_bytes(raw)
    seen: list[Entry] = []
    sheet = survey(tmp_path / "f", seen.append)
    assert [e.name for e in seen] == ["a", "b", "c"] and sheet.entries == 3
    found = vouched(sheet, Trust(read_public([keys[1]])), "f")
    assert found.valid and found.signers[0].key is not None
    assert [e.name for batch in stretches(tmp_path / "f", sheet) for e in batch] == ["a", "b", "c"]


def test_no_byte_of_a_signed_file_can_be_another(records: list[bytes], keys: tuple[Path, Path], tmp_path: Path) -> None:
    """Every byte of what is not an entry, and a sample of those that are."""
    raw = b"".join(pieces(records, read_private(keys[0])))
    trust, path = Trust(read_public([keys[1]])), tmp_path / "f"
    *entries, foot, _ = parts(raw)
    rng = random.Random(1)
    places = [*range(len(MAGIC)), *(start + k for start, _ in entries for k in range(9))]
    places += rng.sample(range(entries[0][0], entries[-1][1]), 60) + rng.sample(range(foot[0], len(raw)), 150)
    for place in places:
        for value in {raw[place] ^ 1, raw[place] ^ 0x80}:
            path.write_bytes(raw[:place] + bytes([value]) + raw[place + 1 :])
            try:
                sheet = survey(path, lambda e: None)
                valid = sheet.envelope is not None and vouched(sheet, trust, "f").valid
            except InputError:
                valid = False
            assert not valid, place


def test_a_file_that_was_cut_is_refused_wherever(records: list[bytes], keys: tuple[Path, Path], tmp_path: Path) -> None:
    raw, path = b"".join(pieces(records, read_private(keys[0]))), tmp_path / "f"
    ends = [end for _, end in parts(raw)]
    for size in {0, 5, len(MAGIC), *ends[:-2], *(end - 1 for end in ends), *(end - 300 for end in ends), ends[0] + 2}:
        path.write_bytes(raw[:size])
        with pytest.raises(FormatError):
            survey(path, lambda e: None)
    path.write_bytes(raw[: ends[-2]])  # the signature alone is gone: then it is an unsigned file
    assert survey(path, lambda e: None).envelope is None


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (MAGIC + b"E\xff\xff\xff\xff", "at most"),
        (MAGIC + b"E\0\x0f\x42\x41" + bytes(1_000_001), "at most"),
        (MAGIC + b"F\x7f\0\0\0", "at most"),
        (MAGIC + b"Z\0\0\0\1a", "kind"),
        (MAGIC + b"S\0\0\0\2{}", "before its end"),
        (MAGIC, "cut off"),
        (b"forebear-index/2\n" + bytes(100), "version 2.*reads version 1.*upgrade"),
        (b"PK\x03\x04" + bytes(100), "no exchange file"),
        (b"", "no exchange file"),
        (b"SQLite format 3\0", "no exchange file"),
    ],
)
def test_absurd_files(raw: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.fbx"
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=f"(?s){why}") as error:
        survey(path, lambda e: None)
    assert "theirs.fbx: " in str(error.value) and "\n" not in str(error.value)


def test_order_repeats_and_appendices(records: list[bytes], tmp_path: Path) -> None:
    a, b, _ = records
    for wrong in ([b, a], [a, a]):
        with pytest.raises(FormatError, match="twice, or out of order"):
            survey(write(tmp_path / "f", wrong), lambda e: None)
    raw = write(tmp_path / "f", [a]).read_bytes()
    for more in (b"\0", raw[len(MAGIC) :], b"E\0\0\0\0"):
        (tmp_path / "f").write_bytes(raw + more)
        with pytest.raises(FormatError):
            survey(tmp_path / "f", lambda e: None)
    shorter = b"".join([MAGIC, raw[len(MAGIC) :].replace(b'"entries":1', b'"entries":2')])
    (tmp_path / "f").write_bytes(shorter)
    with pytest.raises(FormatError, match="1 entries, where its foot says 2"):
        survey(tmp_path / "f", lambda e: None)


def test_a_signature_of_another_file_or_kind(records: list[bytes], keys: tuple[Path, Path], tmp_path: Path) -> None:
    key, trust, path = read_private(keys[0]), Trust(read_public([keys[1]])), tmp_path / "f"
    one, two = (b"".join(pieces(some, key)) for some in (records, records[:2]))
    foreign = [*parts(two)][-1]
    path.write_bytes(one[: [*parts(one)][-1][0]] + two[foreign[0] :])
    found = vouched(survey(path, lambda e: None), trust, "f")
    assert not found.valid and any("not this file" in c.message for c in found.checks)
    other = key_files(tmp_path, "other")
    path.write_bytes(one)
    assert not vouched(survey(path, lambda e: None), Trust(read_public([other[1]])), "f").valid


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    base = mark("m", 1)
    made = [Entry(replace(base, name=f"m{k:04}"), "", "2026-01-01T00:00:00Z") for k in range(STRETCH + 3)]
    path = write(tmp_path / "f", [to_record(e, Terms()) for e in made])
    sheet = survey(path, lambda e: None)
    assert len(sheet.stretches) == 2
    batches = stretches(path, sheet)
    assert len(next(batches)) == STRETCH
    made[-1] = replace(made[-1], fingerprint=replace(made[-1].fingerprint, code=flipped(base.code, 0.5)))
    with open(path, "r+b") as stream:  # in place, behind the back of the one who reads
        stream.write(b"".join(pieces([to_record(e, Terms()) for e in made])))
    with pytest.raises(InputError, match="changed while it was read"):
        list(stretches(path, sheet))
    write(path, [to_record(e, Terms()) for e in made[:-1]])
    with pytest.raises(InputError, match="changed while it was read"):
        list(stretches(path, sheet))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        survey(tmp_path / "nothing", lambda e: None)
    with pytest.raises(InputError, match="no regular file"):
        survey(tmp_path, lambda e: None)
    assert max(LIMITS.values()) <= 1_000_000


def test_the_reader_in_the_documentation_reads_it(records: list[bytes], tmp_path: Path) -> None:
    """The format is as docs/index-exchange.md says: its few lines, which import nothing of Forebear, read a file."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "index-exchange.md").read_text("utf-8")
    code = page.split("<!-- reader -->\n```python\n")[1].split("```")[0]
    known: dict[str, Any] = {}
    exec(code, known)
    found = list(known["entries"](write(tmp_path / "f", records)))
    assert [data["name"] for data, _ in found] == ["a", "b", "c"]
    one, (data, rest) = entry("a", 0).fingerprint, found[0]
    assert rest[:512] == (one.code.bits & one.code.valid).tobytes() and rest[512:1024] == one.code.valid.tobytes()
    assert rest[1024:5120] == one.code.signature.astype("<f2").tobytes()
    assert len(rest) == 5120 * 2 + sum(data["sketches"].values())
