"""Profiles: those that come with the package, a user's own, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebear.bom.score import load_profile, profiles
from forebear.bom.score.places import parse
from forebear.catalogue.instruments import instruments
from forebear.errors import InputError, UsageError

OWN = """schema = "forebear.profile/1"
id = "house"
title = "House rules"
version = "1"
notice = "ours"
[[element]]
id = "name"
title = "Name"
cluster = "model"
text = "what it is called"
places = ["model.name"]
clears = "name it"
"""


def test_those_of_the_package_are_complete_and_cite_instruments_that_exist() -> None:
    found = profiles()
    assert set(found) == {"g7-ai", "uk-base-model", "spdx-ai"}
    known = set(instruments())
    for profile in found.values():
        assert profile.notice and set(profile.cites) <= known
        for element in profile.elements:
            assert element.text and element.clears and set(element.cites) <= known
    clusters: dict[str, int] = {}
    for element in found["g7-ai"].elements:
        clusters[element.cluster] = clusters.get(element.cluster, 0) + 1
    assert list(clusters.values()) == [10, 9, 13, 10, 2, 4, 2]  # the instrument's seven clusters, fifty elements


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "house.toml"
    path.write_text(OWN)
    profile = load_profile(str(path))
    assert profile.id == "house" and profile.elements[0].places == ("model.name",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("model.name", "model.nmae", "did you mean name?"),
        ("model.name", "modell.name", "did you mean model?"),
        ("model.name", "files[roel=weights].path", "did you mean role?"),
        ("model.name", "model.name[x=y].z", "chooses nothing"),
        ("model.name", "model name", "no place"),
        ("places", "place", "did you mean places?"),
        ('places = ["model.name"]', "places = []", "no places"),
        ('title = "Name"', 'title = "Name"\nneed = "must"', "required, recommended"),
        ('title = "Name"', 'title = "Name"\nevery = "model.tags"', "no entries"),
        ('title = "Name"', 'title = "Name"\nonly_if = "stage"', "did you mean stages?"),
        ("forebear.profile/1", "forebear.profile/9", "no profile"),
        ("[[element]]", "[[element", "no TOML"),
        (OWN[OWN.index("[[") :], "", "no elements"),
        (OWN[OWN.index("[[") :], OWN[OWN.index("[[") :] * 2, "stands there twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "house.toml"
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_profile(str(path))
    assert said in str(caught.value) and "house.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean g7-ai"):
        load_profile("g7ai")
    with pytest.raises(UsageError, match="no such file"):
        load_profile(str(tmp_path / "none.toml"))
    with pytest.raises(InputError):
        load_profile(f"{tmp_path}/")
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="longer"):
        load_profile(str(large))


def test_places_are_read_strictly() -> None:
    (first, second) = parse("relatives[slot=ancestor,child=].name")
    assert first.filters == (("slot", "ancestor"), ("child", "")) and second.field == "name"
    assert parse("bill.format")[0].field == "bill"
    for bad in ("", ".", "relatives[]", "relatives[slot].name", "model..name", "model.name.more"):
        with pytest.raises(ValueError, match=r"place|chooses|field"):
            parse(bad)
