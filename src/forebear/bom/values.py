"""The small values that a record of a model consists of: texts, who said it, hashes, gaps, observations.

They are pydantic models: frozen, strict about unknown keys, and with a JSON form that reads back to an equal value.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from forebear.errors import one_line
from forebear.types import Json, Test

MAX_TEXT = 2_000
MAX_LONG = 20_000

Text = Annotated[str, AfterValidator(lambda text: one_line(text, MAX_TEXT))]
"""One printable line; longer or dirtier texts are made so, whoever wrote them."""
Name = Annotated[str, AfterValidator(lambda text: one_line(text, 300))]
"""The name of a model, a dataset, a person: a shorter line."""


def _paragraphs(text: str) -> str:
    return "\n".join(one_line(line, MAX_LONG) for line in text.splitlines()).strip()[:MAX_LONG].strip()


Long = Annotated[str, AfterValidator(_paragraphs)]
"""Printable lines: notes, the text of a licence clause."""


def _path(value: Any) -> Any:
    return os.fsencode(value).decode("utf-8", "backslashreplace") if isinstance(value, str) else value


Path = Annotated[str, BeforeValidator(_path), AfterValidator(lambda text: one_line(text, 4_000))]
"""A file's path inside of the model; bytes that are no UTF-8 are escaped, what is not printable becomes a space."""
Digest = Annotated[
    str,
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    StringConstraints(pattern=r"^[0-9a-f]{8,256}$"),
]
"""Lower-case hexadecimal."""
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""


class Value(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    def to_json(self) -> Json:
        """Plain JSON types, without what was left at its default; ``type(self).model_validate`` reads it back."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Basis(StrEnum):
    """How a statement is known: the levels of assurance, lowest first, and what our own catalogue adds."""

    DECLARED = "declared"
    CATALOGUED = "catalogued"
    ATTESTED = "attested"
    PROBED = "probed"
    MEASURED = "measured"


class Said(Value):
    """Who says something.

    Attributes:
        basis: how it is known.
        by: file (``README.md``), tool (``forebear sign-code/1``), catalogue's source, or person; "" where not known.
        note: in what words, or under what reservation.
    """

    basis: Basis = Basis.DECLARED
    by: Text = ""
    note: Text = ""


class Hash(Value):
    """A digest; ``algorithm`` as CycloneDX writes it (``SHA-256``)."""

    algorithm: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9-]{1,20}$")]
    value: Digest


class Link(Value):
    """An address with what is behind it, in CycloneDX's words (``website``, ``license``, ``citation``)."""

    kind: Name
    url: Text


class Setting(Value):
    """A name with a value: a hyperparameter, somebody else's property."""

    name: Text
    value: Text = ""


class GapState(StrEnum):
    """Why something is missing: who knows it does not say, or whoever wrote this could not find out."""

    WITHHELD = "withheld"
    UNKNOWN = "unknown"


class Gap(Value):
    """Something that a reader expects and that is not there. What is neither stated nor a gap is absent.

    Attributes:
        field: ``base_model``, ``training_data``, ``licence``, ``reward_data``, ... (path in the record, or topic).
        state: withheld or unknown.
        why: in words.
        said: who withholds, or who could not find out.
    """

    field: Name
    state: GapState
    why: Text = ""
    said: Said = Said()


class Observation(Value):
    """One measurement.

    Attributes:
        signal, summary, null, n, log10_p: those of :class:`forebear.types.Evidence`.
        test: what stands behind the p-value.
        log10_e: p-value times the number of references looked at (log10), None where there is no exact test.
        equal: every value is equal, by full hashes.
    """

    signal: Name
    summary: Text
    test: Test = Test.NONE
    null: Text = ""
    n: Count = 0
    log10_p: Annotated[float, Field(le=0, allow_inf_nan=False)] | None = None
    log10_e: Annotated[float, Field(allow_inf_nan=False)] | None = None
    equal: bool = False

    @property
    def confidence(self) -> float:
        """Confidence, 0 to 1, *that the weights are not independent* (never that one descends from the other).

        1 for equal hashes of every value. For an exact test 1 − E, where E is the p-value times the number of
        references that were tried, and at most :data:`CONFIDENCE_CAP`: a level of significance, not the probability
        of a hypothesis. 0 for everything else: no probability is claimed for it.
        """
        if self.equal:
            return 1.0
        if self.test is not Test.EXACT or self.log10_e is None:
            return 0.0
        return round(min(CONFIDENCE_CAP, max(0.0, 1 - 10 ** min(0.0, self.log10_e))), 6)


CONFIDENCE_CAP = 1 - 1e-6
"""One minus the E-value at which dependence counts as established: no more is claimed, however small p is."""
