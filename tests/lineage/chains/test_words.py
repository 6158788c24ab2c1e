"""Words that stand where a model's name should: withheld, from scratch, silence, or a name after all."""

from __future__ import annotations

import pytest

from forebear.lineage.chain import ParentState
from forebear.lineage.chains.words import nameless, says_scratch, withheld


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("withheld", ParentState.WITHHELD),
        ("Not-Disclosed", ParentState.WITHHELD),
        ("not disclosed (2)", ParentState.WITHHELD),  # letters alone count
        ("undisclosed base model", ParentState.WITHHELD),
        ("a leading open-source base model", ParentState.WITHHELD),
        ("an open weights language model", ParentState.WITHHELD),
        ("A Third-Party MODEL", ParentState.WITHHELD),
        ("kimi-k2.5-proprietary-model", None),  # that of a known family is one
        ("a leading Llama 3.1 model", None),  # wherever in the text it stands
        ("a third-party model based on Qwen2.5", None),
        ("model that is leading", None),
        ("a misleading model", None),
        ("from scratch", ParentState.FROM_SCRATCH),
        ("Trained from scratch", ParentState.FROM_SCRATCH),
        ("scratch-2", None),  # digits make it another word
        ("", ParentState.ABSENT),
        ("--", ParentState.ABSENT),
        ("n/a", ParentState.ABSENT),
        ("No base model", ParentState.ABSENT),
        ("various", ParentState.ABSENT),
        ("none-7b", None),
        ("mine", None),
    ],
)
def test_what_a_text_says_that_may_be_no_name(name: str, state: ParentState | None) -> None:
    assert nameless(name) is state
    assert withheld(name) is (state is ParentState.WITHHELD)


@pytest.mark.parametrize(
    ("claim", "scratch"),
    [
        ("Trained From Scratch: contradicted", True),
        ("it was trained from scratch", True),
        ("pretrained from scratch", False),
        ("trained from scratch: unverified; no related reference was found", True),
        ("It was not trained from scratch.", False),
        ("The model wasn't trained from scratch", False),
        ("The tokenizer was trained from scratch", False),
        ("trained from scratches", False),
        ("trained", False),
        ("", False),
    ],
)
def test_a_claim_of_training_from_scratch(claim: str, scratch: bool) -> None:
    assert says_scratch(claim) is scratch
