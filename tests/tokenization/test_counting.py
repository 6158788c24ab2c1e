"""Counting the battery: text tokens only, the same whatever stands around the guards."""

from __future__ import annotations

import json

import pytest

from forebear.catalogue.tokenizers import BASELINE, battery, guarded
from forebear.sources import LocalSource
from forebear.tokenization import Encoding, baseline_count, broken_seams, count, count_vector, encoder_of
from models import Memory
from shared import shared


class Letters:
    """A token for each character, two that are put around; ``ab`` across a seam is one."""

    def __init__(self, refuses: str = "\0") -> None:
        self.refuses = refuses

    def encode(self, text: str) -> Encoding | str:
        if self.refuses in text:
            return "it cannot"
        ids = [1] * len(text.replace("ab", "x"))
        return Encoding((0, *ids, 0), (False, *(True for _ in ids), False))


def test_what_a_tokenizer_puts_around_is_not_counted() -> None:
    assert count(Letters(), "xyz") == 3
    assert count(Letters("y"), "xyz") == "it cannot"


def test_every_probe_is_counted_in_its_guards() -> None:
    found = count_vector(Letters())
    assert found == tuple(len(guarded(probe.text).replace("ab", "x")) for probe in battery().probes)
    assert baseline_count(Letters()) == len(guarded(BASELINE))


def test_what_cannot_be_counted_names_the_probe() -> None:
    probe = battery().probes[7]
    assert count_vector(Letters(probe.text)) == f"{probe.id}: it cannot"
    assert baseline_count(Letters("Count")) == "it cannot"


class Greedy(Letters):
    """Cuts a text as a whole: what comes last changes how many tokens a long text has."""

    def encode(self, text: str) -> Encoding | str:
        size = len(text) // (2 if text.endswith("!") and "\n.\n" not in text else 1)
        return Encoding((1,) * size, (True,) * size)


def test_seams_that_break_are_found() -> None:
    assert broken_seams(Letters(), "ab", "\nUser:") == ()
    assert broken_seams(Greedy(), "x", "!") == battery().probes
    with pytest.raises(ValueError, match="it cannot"):
        broken_seams(Letters("End"), "", "")


@pytest.mark.shared
@pytest.mark.parametrize("model", ["dev-llama-1", "dev-gpt2-1"])
def test_a_tokenizer_of_the_trained_models(model: str) -> None:
    """A vocabulary that knows little of the battery is counted all the same, in bytes."""
    encoder = encoder_of(LocalSource(shared("zoo") / "models" / model))
    assert not isinstance(encoder, str)
    found = count_vector(encoder)
    assert isinstance(found, tuple) and len(found) == len(battery().probes) and min(found) > 0
    assert broken_seams(encoder, "[INST] ", " [/INST]") == ()


def test_nothing_to_count_with() -> None:
    assert encoder_of(Memory({})) == "it has no tokenizer file"
    said = encoder_of(Memory({"tokenizer.json": json.dumps([]).encode()}))
    assert said == "its tokenizer.json is no object"
