"""Versions as families write them, however a name does: k2p5, K2-5 and k2_5 are k2.5; v3p1 of Llama is 3.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from forebear.catalogue.names.families import Family
from forebear.catalogue.names.vocabulary import VERSION
from forebear.catalogue.names.words import Word

_LARGEST = 30  # a bare number above is no version, unless it is a known one


def number_at(ahead: Sequence[Word], family: Family) -> tuple[str, int] | None:
    """The version with which the words ahead begin, as the family writes it, and how many words it takes."""
    text = ahead[0].text
    if text in family.codes:
        return text, 1
    if text == "v" and len(ahead) > 1 and ahead[1].text[0].isdigit() and text not in family.variants:
        found = number_at([replace(ahead[1], text="v" + ahead[1].text, before=text), *ahead[2:]], family)
        return (found[0], found[1] + 1) if found else None
    match = VERSION.fullmatch(text)
    if not match:
        return None
    letter, major, minor, patch, suffix = match.groups()
    if letter not in {"", "v", *family.letters} or suffix not in {"", *family.suffixes}:
        return None
    known = family.versions
    used = 1
    if not minor and not suffix:
        if major not in known and len(major) > 1 and (major[0] == "0" or int(major) > _LARGEST or not letter):
            majors = {re.sub(r"^[a-z]+", "", version).split(".")[0] for version in known}
            written = f"{major[0]}.{major[1]}"
            parts = written in known or f"{letter}{written}" in known or (major[0] in majors and not ahead[0].before)
            if len(major) == 2 and major not in majors and parts:
                major, minor = major[0], major[1]  # llama31, gpt-35, v03
            elif major[0] == "0" or int(major) > _LARGEST or (len(major) == 3 and not letter):
                return None
        elif len(ahead) > 1 and (minor := _minor(ahead, f"{letter}{major}", known)):
            used = 2
    letter = "" if letter == "v" and family.plain else letter or (family.assume if len(major) < 3 else "")
    written = letter + ".".join(filter(None, (major, minor, patch))) + suffix
    return written, used


def _minor(ahead: Sequence[Word], major: str, known: tuple[str, ...]) -> str | None:
    """The number after the point where a name has another sign for it: claude-3-5, llama3_1."""
    second = ahead[1]
    if major[:1] == "v" and re.fullmatch(r"p\d", second.text) and second.before == "-":
        return second.text[1:]  # cogito-671b-v2-p1
    if second.before not in ("-", "_") or not second.text.isdigit() or len(second.text) > 2:
        return None
    if {f"{major}.{second.text}", f"{major.lstrip('v')}.{second.text}"} & set(known):
        return second.text
    if len(second.text) > 1:
        return None
    follows = ahead[2].text if len(ahead) > 2 else ""
    if re.fullmatch(r"\d{1,2}[bm]", follows):
        other_sign = ahead[2].before != second.before  # stablelm-2-1_6b
        if other_sign or second.text == "0" or (second.text == "1" and {major, major.lstrip("v")} & set(known)):
            return None
    return second.text
