"""What can be asked: one model per kind of job. Their JSON Schemas are part of ``/openapi.json``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Effort = Literal["quick", "standard", "deep"]
Target = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2_000,
        description="A model: `upload:ID` (a folder), `upload:ID/FILE`, `org/name` or `org/name@revision` on the hub, "
        "or `https://…` of a weight file.",
    ),
]
Compared = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2_000,
        description="As the `target` of a scan, or `index:NAME`: a reference of this service's index.",
    ),
]
Document = Annotated[
    str, Field(min_length=1, max_length=400, description="A document: `upload:ID/FILE`, or `job:ID` for its result.")
]
Short = Annotated[str, Field(max_length=200)]


class Request(BaseModel):
    """What all have in common: nothing is accepted that is not understood."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScanRequest(Request):
    """Where does a model come from?"""

    target: Target
    effort: Effort = "standard"
    fetch: bool = Field(
        True, strict=True, description="Read the codes of known bases from the hub where the index has no ancestor."
    )


class CompareRequest(Request):
    """Is `b` related to `a`?"""

    a: Compared
    b: Compared
    effort: Effort = "standard"


class BomRequest(Request):
    """Does a bill of materials say the truth?"""

    bom: Document
    target: Target | None = None
    effort: Effort = "standard"
    model: Short = ""
    profiles: tuple[Short, ...] = Field((), max_length=10)


class PolicyRequest(Request):
    """May a model be used, by policies that ship with Forebear or are the operator's?"""

    target: Annotated[str, Field(min_length=1, max_length=2_000, description="A document or a model.")]
    policies: tuple[Short, ...] = Field(("baseline",), min_length=1, max_length=10)
    effort: Effort = "standard"
    model: Short = ""


class SearchRequest(Request):
    """Which references have codes that agree most with a model's?"""

    target: Target
    limit: int = Field(10, ge=1, le=1000)


class TrafficRequest(Request):
    """Which models does captured traffic name?"""

    files: tuple[Document, ...] = Field(min_length=1, max_length=64)


class ProbeRequest(Request):
    """Which model is behind an endpoint?"""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    model: Annotated[str, Field(min_length=1, max_length=400)]
    key: SecretStr = Field(SecretStr(""), max_length=4_000, description="Used for this job, and never written down.")
    expect: Annotated[str, Field(min_length=1, max_length=400)] | None = None
    effort: Effort = "standard"
    max_requests: int = Field(250, ge=1, le=2_000)
    max_tokens: int = Field(100_000, ge=1, le=2_000_000)


class WriteRequest(Request):
    """The bill of materials of a model, or of a saved result of ``scan``, ``compare``, ``probe`` or ``traffic``."""

    target: Annotated[str, Field(min_length=1, max_length=2_000, description="A document or a model.")]
    format: Literal["cyclonedx", "cyclonedx-1.6", "spdx"] = "cyclonedx"
    effort: Effort = "standard"
    model: Short = ""


class FamilyRequest(Request):
    """The references of the index as a family tree."""


class DemoRequest(Request):
    """The bundled demonstration."""
