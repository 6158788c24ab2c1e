"""SPDX identifiers, as the validator accepts them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from forebear.bom.licences import spdx_id


@pytest.mark.parametrize(
    ("declared", "spdx"),
    [
        ("apache-2.0", "Apache-2.0"),
        (" MIT ", "MIT"),
        ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("llama3.1", None),
        ("gemma", None),
        ("apache", None),
        ("MIT OR Apache-2.0", None),
        ("", None),
        ("# SPDX licence list", None),
    ],
)
def test_only_listed_identifiers_are_identifiers(declared: str, spdx: str | None) -> None:
    assert spdx_id(declared) == spdx


def test_the_bundled_list_is_that_of_the_schema() -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "spdx_ids.py"))
    assert script["TARGET"].read_text("utf-8") == script["listing"]()
