"""Whether the answers in captured traffic name the model that somebody expects there, in words."""

from __future__ import annotations

from forebear.catalogue.names import ModelName, decode
from forebear.errors import UsageError, one_line
from forebear.inspect.traffic_tell import described
from forebear.traffic import Kind
from forebear.traffic.differences import differ
from forebear.traffic.result import Expected, Identified, Traffic


def wanted(expected: str) -> ModelName:
    """What the expected name says.

    Raises:
        UsageError: nothing is expected.
    """
    name = decode(expected.strip(), named=True)
    if name is None:
        raise UsageError("--expect: no name of a model", "write it as the provider does, e.g. kimi-k2.5")
    return name


def expectation(result: Traffic, expected: str) -> Expected:
    """Whether answers name the model that is expected: contradicted where one names another known model.

    Only names of answers count: what a client asks for, a list offers or a text mentions settles nothing.

    Raises:
        UsageError: nothing is expected.
    """
    name = wanted(expected)
    shown = one_line(expected.strip(), 200)
    served = [i for i in result.identifiers if i.kind is Kind.NAME and "served" in i.roles]
    same, other = list[Identified](), list[Identified]()
    for entry in served:
        said = decode(entry.identifier, named=True)
        if said is not None and not differ(name, said):
            same.append(entry)
        elif said is not None and said.family is not None:
            other.append(entry)
    met, why = _judged(same, other, served)
    word = {True: "met", False: "contradicted", None: "not settled"}[met]
    return Expected(shown, met, f"Expected {shown}: {word}. {why}.")


def _judged(same: list[Identified], other: list[Identified], served: list[Identified]) -> tuple[bool | None, str]:
    if other:
        more = f", and {len(other) - 1:,} more" if len(other) > 1 else ""
        also = f"; {_counted(same[0])} is named, too" if same else ""
        return False, f"Answers name {_counted(other[0], True)}{more}{also}"
    if same:
        return True, f"Answers name {_counted(same[0])}, and no other known model"
    if served:
        return None, f"Answers name only what is of no known family: {_counted(served[0])}"
    return None, "No answer names its model"


def _counted(entry: Identified, told: bool = False) -> str:
    count = entry.roles["served"]
    words = described(entry) if told else entry.identifier
    return f"{words} ({count:,} time{'s' if count != 1 else ''})"
