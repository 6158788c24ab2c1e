from __future__ import annotations

import pytest

from forebear.licences.mentions import MAX_MENTIONS, mentioned
from forebear.licences.normalise import normalise


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Released under the Apache License, Version 2.0.", ("Apache-2.0",)),
        ("The weights are under the [MIT License](LICENSE).", ("MIT",)),
        ("Gemma is provided under and subject to the Gemma Terms of Use found at x", ("gemma-tou-2025-03-24",)),
        ("licensed under the LLAMA 3.1\nCommunity License", ("llama3.1",)),
        ("under the Llama 2 Community License and the MIT License", ("llama2", "MIT")),
        ("It was trained at MIT and speaks of licences in general.", ()),
        ("", ()),
    ],
)
def test_names_of_licences(text: str, names: tuple[str, ...]) -> None:
    assert mentioned(normalise(text)) == names


def test_mentions_are_bounded() -> None:
    from forebear.licences.sketches import known

    listed = ". ".join(sketch.name for sketch in known().table)
    assert len(mentioned(normalise(listed))) == MAX_MENTIONS
