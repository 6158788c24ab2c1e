from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.licences.answer import ChangeKind
from forebear.licences.detect import MAX_PARTS, detect, detect_all
from forebear.licences.sketches import known
from shared import shared
from written_licences import ISC, KIMI, MIT


def test_a_text_is_identified_with_its_holders() -> None:
    found = detect(MIT, "LICENSE")
    assert (found.id, found.licence, found.spdx, found.exact, found.similarity) == ("MIT", "mit", "MIT", True, 1.0)
    assert found.holders == ("Copyright (c) 2024 Example Labs",)
    assert found.changes == () and found.lines == (1, 21) and found.file == "LICENSE"


def test_a_modified_licence_is_not_the_one_it_modifies() -> None:
    found = detect(KIMI)
    assert (found.id, found.licence, found.exact) == ("kimi-k2.5", "kimi-k2.5-modified-mit", True)
    assert "kimi-k2" in dict(found.nearest) and "MIT" not in (found.id,)


@pytest.mark.parametrize(
    "harmless",
    [
        " ".join(MIT.split()),
        MIT.upper(),
        MIT.replace("\n", "\r\n"),
        "\n".join("# " + line for line in MIT.split("\n")),
        MIT.replace('"', "”").replace("(c)", "©"),
        "<p>" + MIT.replace("\n\n", "</p>\n\n<p>").replace('"', "&quot;") + "</p>",
        MIT.replace("2024 Example Labs", "1999-2003, 2011 A. Person <a@example.org> and others"),
        MIT.replace("MIT License", "The MIT License (MIT)"),
        MIT[MIT.index("Copyright") :],
        "\ufeff" + MIT.replace("free", "fr\u200bee"),
    ],
)
def test_layout_and_holders_are_no_changes(harmless: str) -> None:
    found = detect(harmless, "LICENSE")
    assert (found.id, found.exact, found.changes) == ("MIT", True, ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("free of charge,", "free of charge, for non-commercial use,"),
        ("subject to", "not subject to"),
        ("and/or sell", "but not sell"),
        ("NONINFRINGEMENT", "N\u041eNINFRINGEMENT"),
        ("free", "fr\u202eee"),
        ("and/or sell", "~~and/or sell~~"),
        ("and/or sell", "<s>and/or sell</s>"),
        ("sell", "s\u0336e\u0336l\u0336l\u0336"),
        ("to any person", "to any person in Iceland"),
        ("shall be included", "may be included"),
    ],
)
def test_changes_that_matter_are_noticed(old: str, new: str) -> None:
    found = detect(MIT.replace(old, new, 1), "LICENSE")
    assert found.id == "MIT" and not found.exact
    assert any(change.matters for change in found.changes)


def test_several_texts_in_one_file_are_found_each_with_its_lines() -> None:
    both = MIT + "\n----\n\n" + ISC
    found = detect_all(both, "NOTICE")
    assert [(each.id, each.exact) for each in found] == [("MIT", True), ("ISC", True)]
    assert found[0].lines == (1, 21) and found[1].lines is not None and found[1].lines[0] > 21


def test_equal_texts_are_found_one_by_one_up_to_a_bound() -> None:
    found = detect_all(MIT * 3, "NOTICE")
    assert [(each.id, each.exact, each.partial) for each in found] == [("MIT", True, False)] * 3
    many = detect_all(MIT * (MAX_PARTS + 5), "NOTICE")
    assert len(many) == MAX_PARTS and all(each.partial for each in many)


def test_a_use_restriction_after_a_licence_is_an_added_clause() -> None:
    found = detect(MIT + "\nThe model must not be used for military purposes.\n", "LICENSE")
    assert found.id == "MIT" and not found.exact
    (change,) = found.changes
    assert change.kind is ChangeKind.ADDED and change.matters and "military" in change.text


def test_what_stands_around_a_licence_in_a_readme_is_no_change() -> None:
    card = f"# A model\n\nIt was trained on much text and must not be fed.\n\n## Licence\n\n{MIT}\n\n## Use\n\nRun it."
    assert detect(card, "README.md").exact
    assert not detect(card, "LICENSE").exact


def test_a_declaration_is_a_mention_and_no_text() -> None:
    found = detect("This model is licensed under the Llama 3.1 Community License and the Apache License, Version 2.0.")
    assert found.id is None and found.mentioned == ("llama3.1", "Apache-2.0")


@pytest.mark.parametrize(
    "text",
    ["", "\0", "a", "word " * 50_000, "the software " * 30_000, "copyright (c) " * 20_000, "\n".join(["a."] * 50_000)],
)
def test_texts_that_are_no_licence_have_no_name(text: str) -> None:
    found = detect(text, "LICENSE")
    assert found.id is None and not found.exact


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text: str) -> None:
    assert len(detect_all(text)) >= 1
    assert detect(MIT + "\n\n" + text, "README.md").id == "MIT"


def test_a_missing_word_of_the_body_is_never_exact() -> None:
    """But for the name of who is not liable, which the SPDX template lets anybody replace."""
    start = MIT.index("Permission")
    words = MIT[start:].split(" ")
    replaceable = " ".join(words).index("AUTHORS OR COPYRIGHT HOLDERS")
    place, free = 0, []
    for at, word in enumerate(words):
        if detect(MIT[:start] + " ".join(words[:at] + words[at + 1 :]), "LICENSE").exact:
            free.append(word)
            assert abs(place - replaceable) < len("AUTHORS OR COPYRIGHT HOLDERS"), word
        place += len(word) + 1
    assert len(free) == 4 and len(words) > 100


@pytest.mark.parametrize(
    ("name", "identifier", "licence"),
    [
        ("Kimi K2.6", "kimi-k2.6", "kimi-k2.6-modified-mit"),
        ("Kimi K2.7 Code", "kimi-k2.7-code", "kimi-k2.7-code-modified-mit"),
    ],
)
def test_licences_that_differ_in_a_name_alone_are_told_apart(name: str, identifier: str, licence: str) -> None:
    found = detect(KIMI.replace("Kimi K2.5", name), "LICENSE")
    assert (found.id, found.licence, found.exact) == (identifier, licence, True)


@pytest.mark.parametrize(("left_out", "text"), [("MIT", MIT), ("kimi-k2.5", KIMI), ("ISC", ISC)])
def test_a_licence_that_is_not_known_is_not_taken_for_another(left_out: str, text: str) -> None:
    assert not any(each.exact for each in detect_all(text, "LICENSE", known().without({left_out})))


EXPECTED = {
    "apache-2.0_qwen.txt": "Apache-2.0",
    "chatglm-6b_MODEL_LICENSE.txt": "chatglm",
    "chatglm2_MODEL_LICENSE.txt": "chatglm2",
    "chatglm3_MODEL_LICENSE.txt": "chatglm3",
    "deepseek-r1_MIT.txt": "MIT",
    "deepseek_model_license_v1.txt": "deepseek-license-1.0",
    "exaone-4.0_LICENSE.txt": "exaone-1.2-nc",
    "gemma_terms_of_use.a.txt": "gemma-tou-2025-03-24",
    "gpt-2_modified-MIT.txt": "gpt-2-modified-mit",
    "grok-1_apache-2.0.txt": "Apache-2.0",
    "internlm_LICENSE.txt": "Apache-2.0",
    "kimi-k2.5_modified-MIT.txt": "kimi-k2.5",
    "kimi-k2_modified-MIT.txt": "kimi-k2",
    "llama2_community_LICENSE.txt": "llama2",
    "llama3_community_LICENSE.txt": "llama3",
    "llama3_1_community_LICENSE.txt": "llama3.1",
    "llama3_2_community_LICENSE.txt": "llama3.2",
    "llama3_3_community_LICENSE.txt": "llama3.3",
    "llama4_community_LICENSE.txt": "llama4",
    "minimax-01_model_license.txt": "minimax-01",
    "minimax-m2_LICENSE.txt": "minimax-m2",
    "openmdw-1.0.txt": "openmdw-1.0",
    "openmdw-1.1.txt": "openmdw-1.1",
    "qwen-72b_LICENSE.md": "tongyi-qianwen-2023",
    "tongyi-qianwen_RESEARCH_LICENSE.txt": "tongyi-qianwen-research",
    "yi_LICENSE_apache.txt": "Apache-2.0",
}
"""What the collection's own list says; texts of the Apache licence and of MIT are copies that no sketch was made of."""


@pytest.mark.shared
@pytest.mark.parametrize(("file", "identifier"), EXPECTED.items())
def test_texts_of_the_collection(file: str, identifier: str) -> None:
    assert detect((shared("artefacts/licences") / file).read_text(), "LICENSE").id == identifier


@pytest.mark.parametrize(
    "line",
    [
        "Copyright (c) 2024 Example Labs. Non-commercial use only.",
        "Copyright (c) 2024 Example Labs, all rights reserved, research use only",
        "Copyright note: military use is prohibited.",
        "Copyright (c) 2024 Example Labs\nCopyright terms: not for use in the European Union",
    ],
)
def test_a_condition_in_a_copyright_line_is_no_holder(line: str) -> None:
    for text in (MIT.replace("Copyright (c) 2024 Example Labs", line), f"{line}\n\n{MIT}", f"{MIT}\n{line}\n"):
        found = detect(text, "LICENSE")
        assert found.id == "MIT" and not found.exact and any(change.matters for change in found.changes)


@pytest.mark.parametrize("holder", ["No Starch Press, Inc.", "May Industries and others", "Research Services All"])
def test_odd_names_of_holders_stay_names(holder: str) -> None:
    found = detect(MIT.replace("Example Labs", holder), "LICENSE")
    assert found.id == "MIT" and found.exact


@pytest.mark.parametrize(
    "sentence", ["禁止商业使用", "Nutzung nur für nichtkommerzielle Zwecke.", "Usage commercial interdit."]
)
def test_a_short_sentence_in_another_language_matters(sentence: str) -> None:
    found = detect(f"{MIT}\n\n{sentence}\n", "LICENSE")
    assert found.id == "MIT" and [change.matters for change in found.changes] == [True]
