"""What is not known is told in words, whatever rule of a pack waits for it."""

from __future__ import annotations

import pytest

from forebear.policy.expression import paths_of
from forebear.policy.fields import ITEM, fields
from forebear.policy.load import load_policy, packs
from forebear.policy.unknown import OF_A_MODEL, OWNERS, WORDS, in_words, listed


@pytest.mark.parametrize("pack", packs())
def test_every_field_that_a_pack_can_find_unknown_has_words(pack: str) -> None:
    policy = load_policy(pack)
    for rule in (*policy.rules, *policy.off):
        for path in paths_of(rule.when):
            full = path.replace(ITEM, rule.each, 1) if path.startswith(f"{ITEM}.") else path
            if fields()[full].nullable:
                said = in_words(full)
                assert "." not in said and "_" not in said, f"{rule.id}: {full}"


def test_words_are_about_fields_that_exist() -> None:
    paths = {*WORDS, *(f"{owner}.{name}" for owner in OWNERS for name in OF_A_MODEL)}
    assert paths <= set(fields())


def test_whose_field_it_is_is_told_and_nothing_twice() -> None:
    assert in_words("subject.military") == "whether its licences allow military use"
    assert in_words("ancestors.military") == "whether its ancestors' licences allow military use"
    assert in_words("ancestors.controlled_from") == "from where its ancestors' developers are controlled"
    elsewhere = ("is incorporated where", "are incorporated where")
    assert all(s in in_words(f"{o}.engineering_elsewhere") for s, o in zip(elsewhere, OWNERS, strict=True))
    assert listed(("bom.present", "bom.present", "runtime.country")) == (
        "whether there is a bill of materials; where inference runs"
    )
    assert in_words("org.revenue") == "org.revenue"  # no words of ours: the field itself, and not a guess
