"""Probes as tokens: what is left out, with which reason."""

from __future__ import annotations

from collections.abc import Mapping

from forebear.activations.encoding import spans_of
from forebear.activations.probes import Probe
from forebear.tokenization import Encoding


class Fixed:
    """Gives what it is told for each text."""

    def __init__(self, found: Mapping[str, Encoding | str]) -> None:
        self.found = found

    def encode(self, text: str) -> Encoding | str:
        return self.found[text]


def plain(*ids: int, unknown: int = 0) -> Encoding:
    return Encoding(ids, (True,) * len(ids), unknown)


def test_what_cannot_be_asked_is_left_out_with_its_reason() -> None:
    special = Encoding((1, 7, 8, 2), (False, True, True, False))
    found: dict[str, Encoding | str] = {
        "fine": special,
        "failing": "it failed",
        "empty": Encoding((1,), (False,)),
        "half known": plain(3, 0, unknown=1),
        "unknown": plain(0, 0, 3, unknown=2),
        "long": plain(*range(6)),
        "longest": plain(*range(5)),
        "beyond": plain(4, 10),
        "last": plain(9),
    }
    spans, left_out = spans_of(Fixed(found), [Probe("kind", text) for text in found], rows=10, positions=5)
    assert [span.probe for span in spans] == [0, 3, 6, 8]
    assert spans[0].ids.tolist() == [1, 7, 8, 2] and spans[0].counted.tolist() == [1, 2]
    assert {(out.probe, out.why) for out in left_out} == {
        (1, "it failed"),
        (2, "its tokenizer finds no token in it"),
        (4, "its tokenizer knows less than half of it"),
        (5, "it is 6 tokens, more than 5"),
        (7, "token 10 has no embedding"),
    }
