"""A policy file as it is written (``forebear.policy-file/1``): its keys and their types, checked by pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, ValidationError

from forebear.errors import FormatError, one_line
from forebear.lineage.chain import Standing
from forebear.policy.answer import Decision, Severity
from forebear.policy.fields import nearest

Text = Annotated[str, StringConstraints(max_length=2_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Ids = Annotated[tuple[Id, ...], Field(max_length=200)]


class _Strict(BaseModel):
    """Unknown keys are refused, and no value is turned into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class RuleFile(_Strict):
    """A rule as it is written; ``when`` is parsed apart."""

    id: Id
    title: Line
    severity: Severity
    each: Line | None = None
    when: dict[str, Any]
    message: Line
    standing: Standing = Standing.CATALOGUED
    clears: Text = ""
    cites: Ids = ()
    not_decided: Text = ""
    asks: Ids = ()
    enabled: StrictBool = True
    waivable: StrictBool = True


class ExampleFile(_Strict):
    """An example as it is written."""

    name: Line
    input: dict[str, Any] = Field(default_factory=dict)
    holds: Ids = ()
    fails: Ids = ()
    unknown: Ids = ()
    decision: Decision | None = None


class PolicyFile(_Strict):
    """A policy as it is written."""

    format: Literal["forebear.policy-file/1"] = Field(alias="schema")
    name: Id
    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    title: Line
    audience: Text = Field(default="", alias="for")
    notice: Text = ""
    extends: Ids = ()
    lists: dict[Id, Annotated[tuple[Line, ...], Field(min_length=1, max_length=500)]] = Field(default_factory=dict)
    enable: Ids = ()
    disable: Ids = ()
    rules: Annotated[tuple[RuleFile, ...], Field(max_length=1_000)] = ()
    examples: Annotated[tuple[ExampleFile, ...], Field(max_length=2_000)] = ()


def policy_file(value: Any, file: str) -> PolicyFile:
    """A policy file from what YAML gives.

    Raises:
        FormatError: a key is unknown (the nearest is named) or missing, or a value of another type.
    """
    if not isinstance(value, Mapping):
        raise FormatError(file, "this is no policy: it holds no keys", "see docs/policy.md")
    try:
        return PolicyFile.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False)  # a key that is not known first, for it is often the cause
        first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
        raise FormatError(file, f"{_place(first['loc'], value)}: {_said(first)}", _hint(first)) from None


def _place(loc: Iterable[int | str], value: Any) -> str:
    """Where it stands, rules and examples by their names: ``rule UK3: severity``."""
    words: list[str] = []
    at: Any = value
    for key in loc:
        at = (
            at[key]
            if isinstance(at, list) and isinstance(key, int) and key < len(at)
            else (at.get(key) if isinstance(at, Mapping) else None)
        )
        if isinstance(key, int):
            name = at.get("id") or at.get("name") if isinstance(at, Mapping) else None
            words[-1:] = [f"{words[-1].removesuffix('s')} {one_line(str(name or key + 1), 80)}"]
        else:
            words.append(one_line(str(key), 80))
    return ": ".join(words) or "the file"


def _said(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such key"
    if error["type"] == "missing":
        return "is missing"
    return one_line(str(error["msg"]), 200)


def _hint(error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return "see docs/policy.md"
    kinds: dict[str, type[_Strict]] = {"rules": RuleFile, "examples": ExampleFile}
    kind = kinds.get(str(error["loc"][0]), PolicyFile)
    known = [f.alias or name for name, f in kind.model_fields.items()]
    return nearest(str(error["loc"][-1]), known)
