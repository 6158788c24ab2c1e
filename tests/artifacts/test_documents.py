"""Cards and licence files: kept as found, never believed, never dangerous."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts import read_artifact
from forebear.artifacts.documents import MAX_CARD, MAX_FRONT_MATTER, decode, read_documents, split_card
from forebear.errors import ForebearError
from forebear.sources import LocalSource
from models import Memory, refused, tiny_llama


def card(header: str, body: str = "# Model\n") -> str:
    return f"---\n{header}\n---\n{body}"


def front(header: str) -> dict[str, Any]:
    return dict(split_card(card(header))[0])


def doubling(line: str, levels: int = 40) -> str:
    """Each line twice the one before: a screenful of text, a terabyte unfolded."""
    return "\n".join(["k0: &k0 {x: lol}"] + [line.format(new=f"k{k}", old=f"k{k - 1}") for k in range(1, levels)])


# front matter


def test_a_card_is_taken_apart_at_its_front_matter() -> None:
    matter, body = split_card("---\nlicense: mit\nbase_model:\n- a/b\n- c/d\n---\n# Title\n---\nmore\n")
    assert matter == {"license": "mit", "base_model": ["a/b", "c/d"]}
    assert body == "\n# Title\n---\nmore\n"


@pytest.mark.parametrize(
    "text", ["", "# Title\n", "---", "---\nno end\n", "text\n---\na: b\n---\n", "----\na: b\n----\n"]
)
def test_a_card_without_front_matter_is_all_body(text: str) -> None:
    assert split_card(text) == ({}, text)


@pytest.mark.parametrize("header", ["", "# only a comment", "null", "~"])
def test_empty_front_matter_is_empty(header: str) -> None:
    assert split_card(card(header, "body")) == ({}, "\nbody")


@pytest.mark.parametrize("text", ["---\r\nlicense: mit\r\n---\r\nbody", "\ufeff---\nlicense: mit\n---\nbody"])
def test_front_matter_of_other_systems_is_read(text: str) -> None:
    matter, body = split_card(text)
    assert matter == {"license": "mit"} and body.strip() == "body"


def test_values_keep_their_types_where_json_has_them() -> None:
    assert front("a: 1\nb: 1.5\nc: true\nd: null\ne: [x, {f: y}]\n1: z") == {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": None,
        "e": ["x", {"f": "y"}],
        "1": "z",
    }


def test_values_that_json_does_not_have_become_text() -> None:
    assert front("a: 2024-01-01\nb: !!set {x, w}\nc: !!binary aGk=\n2024-01-01: d") == {
        "a": "2024-01-01",
        "b": ["w", "x"],
        "c": "b'hi'",
        "2024-01-01": "d",
    }


def test_aliases_mean_what_they_stand_for() -> None:
    """PyYAML writes them whenever one list stands in two places."""
    assert front("base_model: &id001\n- a/b\nmerged: *id001") == {"base_model": ["a/b"], "merged": ["a/b"]}


@pytest.mark.parametrize("header", ["a: " + "1" * 5_000, "a: 0x" + "f" * 5_000, "a: 1" + ":59" * 5_000])
def test_endless_numbers_stay_text(header: str) -> None:
    """Python refuses to print an integer of more than 4,300 digits: it must not come that far."""
    assert front(header) == {"a": header[3:]}


@pytest.mark.parametrize(
    "line",
    [
        "{new}: &{new} [*{old}, *{old}]",
        "{new}: &{new} {{a: *{old}, b: *{old}}}",
        "{new}: &-{new} [*{old}, *{old}]",
        "{new}: &{new} {{<<: [*{old}, *{old}]}}",
        "{new}: &{new} {{!!merge <<: [*{old}, *{old}]}}",
        "{new}: &{new}\n  ? {{x: *{old}, y: *{old}}}\n  : z",
    ],
)
def test_a_bomb_is_refused_in_no_time(line: str) -> None:
    with refused("README.md: its front matter is not valid YAML"):
        front(doubling(line))
    if "-" in line:
        with refused("README.md: its front matter is not valid YAML"):
            front(doubling(line).replace("&k", "&-k").replace("*k", "*-k").replace("&--", "&-"))


def test_a_long_text_repeated_by_alias_is_refused() -> None:
    with refused("not valid YAML"):
        front(f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 1_000)}]")


@pytest.mark.parametrize("header", ["a: &a [*a]", "a: &a {b: *a}", "&a a: {b: *a, c: &c [*c]}"])
def test_a_value_within_itself_is_refused(header: str) -> None:
    with refused("not valid YAML"):
        front(header)


@pytest.mark.parametrize(
    "header",
    [
        "a: [",
        "a: b: c",
        "\ta: b",
        "a: *nothing",
        "a: !!python/object/apply:os.system [exit]",
        "a: !!python/name:os.system",
        "a: !unknown b",
        "? [a]\n: b",
        "? {a: b}\n: c",
        "<<: 5",
        "a: 2024-99-99",
        'a: !!int ""',
        'a: !!float ""',
        "a: !!bool perhaps",
        "a: !!timestamp yesterday",
        "a: !!omap [1]",
        "a: \x07",
        "[" * 100_000,
        "- " * 50_000,
        "{a: " * 20_000,
    ],
)
def test_damaged_front_matter_is_refused(header: str) -> None:
    with refused("README.md: its front matter is not valid YAML"):
        front(header)


@pytest.mark.parametrize("header", ["- a\n- b", "just text", "5", "2024-01-01"])
def test_front_matter_that_is_no_mapping_is_refused(header: str) -> None:
    with refused("README.md: its front matter is not a mapping"):
        front(header)


def test_the_message_says_in_which_line_of_the_card() -> None:
    with refused("not valid YAML at line 4"):
        front("a: b\nc: d\n]\nf: g")


def test_front_matter_longer_than_any_real_one_is_refused() -> None:
    with refused("front matter of 200,001 characters"):
        front("#" * MAX_FRONT_MATTER)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(max_size=60)
    | st.text(alphabet="ab01:-?!&*<>=|%@`#'\"[]{},~. \n\t", max_size=60)
    | st.lists(
        st.sampled_from([*"ab:?-[]{},|>~\n1", "&a", "*a", "<<", "!!int", "!!set", "!!timestamp", "''"]), max_size=30
    ).map(" ".join)
)
def test_any_front_matter_is_json_or_refused(header: str) -> None:
    try:
        matter, _ = split_card(card(header))
    except ForebearError:
        with refused("README.md: "):
            split_card(card(header))
    else:
        json.dumps(matter).encode("utf-8")
        json.dumps(matter, ensure_ascii=False).encode("utf-8")


# files


def test_card_and_licence_files_are_found() -> None:
    names = ["LICENSE", "LICENCE.md", "license.txt", "COPYING", "NOTICE", "USE_POLICY.md", "Acceptable-Use.md"]
    names += ["MODEL_LICENSE", "THIRD_PARTY_NOTICES.txt", "Llama-3.1-Community-License.md", "Gemma_Terms_of_Use.pdf"]
    others = ["readme.md", "config.json", "unlicensed.txt", "notes/x_LICENSE.txt", "a-license.safetensors"]
    files = {n: n.encode() for n in [*names, *others]}
    documents, problems = read_documents(Memory({**files, "README.md": b"---\nlicense: mit\n---\ntext"}))
    assert documents.licences == {n: "" if n.endswith(".pdf") else n for n in names}
    assert (documents.front_matter, documents.card, problems) == ({"license": "mit"}, "\ntext", ())


def test_there_need_not_be_documents() -> None:
    documents, problems = read_documents(Memory({}))
    assert (documents.front_matter, documents.card, documents.licences, problems) == ({}, "", {}, ())


def test_a_card_that_is_not_utf_8_is_kept_and_listed() -> None:
    documents, problems = read_documents(Memory({"README.md": "---\nlicense: mit\n---\nWärme".encode("latin-1")}))
    assert documents.front_matter == {"license": "mit"}
    assert documents.card == "\nW\ufffdrme"
    assert problems == ("README.md: not valid UTF-8 at byte 22; save it as UTF-8",)


def test_a_licence_that_is_not_utf_8_is_kept_and_listed() -> None:
    documents, problems = read_documents(Memory({"LICENSE": b"\xa9 1999"}))
    assert documents.licences == {"LICENSE": "\ufffd 1999"}
    assert len(problems) == 1


def test_the_text_behind_damaged_front_matter_is_kept() -> None:
    documents, problems = read_documents(Memory({"README.md": b"---\na: [\n---\nTrained from scratch.\n"}))
    assert "Trained from scratch." in documents.card
    assert documents.front_matter == {} and "not valid YAML" in problems[0]


def test_documents_that_are_too_large_are_listed_and_not_read(tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    for name in ("README.md", "LICENSE", "NOTICE"):
        with open(tmp_path / name, "wb") as stream:
            stream.truncate(10 * MAX_CARD)
    artifact = read_artifact(LocalSource(tmp_path))
    assert [p.split(":")[0] for p in artifact.problems] == ["LICENSE", "NOTICE", "README.md"]
    assert artifact.documents.licences == {}
    assert artifact.source.bytes_read < 100_000


def test_names_and_bytes_of_strangers_do_no_harm_in_problems() -> None:
    _, problems = read_documents(Memory({"LICENSE\n\x1b[31m": b"\xff"}))
    assert len(problems) == 1 and problems[0].isprintable()


def test_undecodable_bytes_are_replaced_one_by_one() -> None:
    assert decode("é".encode(), "f") == ("é", "")
    assert decode(b"a\xffb\xff", "f") == ("a\ufffdb\ufffd", "f: not valid UTF-8 at byte 1; save it as UTF-8")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_a_card(raw: bytes, fenced: bool) -> None:
    raw = b"---\n" + raw + b"\n---\n" if fenced else raw
    documents, problems = read_documents(Memory({"README.md": raw, "LICENSE": raw}))
    assert documents.licences.keys() == {"LICENSE"}
    assert all(p.isprintable() for p in problems)


def test_a_licence_that_is_no_text_is_listed_and_no_problem(tmp_path: Path) -> None:
    (tmp_path / "LICENSE.pdf").write_bytes(b"%PDF-1.7 \xff\xfe")
    documents, problems = read_documents(LocalSource(tmp_path))
    assert (dict(documents.licences), problems) == ({"LICENSE.pdf": ""}, ())
