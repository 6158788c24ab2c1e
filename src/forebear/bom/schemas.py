"""The official JSON Schemas of the formats, and what of a document violates them.

``jsonschema`` checks; where ``jsonschema-rs`` is installed (extra ``[fast]``) it checks the same in a thousandth of the
time, which matters for SPDX: its schema takes the other seconds. Nothing is ever fetched: every schema that another
refers to is here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from forebear.errors import one_line

MOST = 100
"""Violations that are told; a document with more is wrong anyway."""
BASE = "http://cyclonedx.org/schema/"
_REFERRED = ("spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json")
Validate = Callable[[Any], Iterable[Any]]


@dataclass(frozen=True)
class Violation:
    """One thing that the schema forbids: where (JSON pointer, "" for the document) and what."""

    pointer: str
    message: str


def violations(document: Any, schema: str) -> tuple[Violation, ...]:
    """What of a document its schema forbids, at most :data:`MOST`; empty for a valid one.

    Args:
        document: JSON as read.
        schema: a file in ``data/standards``.
    """
    return tuple(islice(_told(_validator(schema)(document)), MOST))


def _told(errors: Iterable[Any]) -> Iterator[Violation]:
    for error in errors:
        path = error.instance_path if hasattr(error, "instance_path") else error.absolute_path
        yield Violation(pointer(path), one_line(str(error.message), 300))


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901) from keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


@cache
def load(schema: str) -> Any:
    """A schema as JSON."""
    return json.loads((files("forebear") / "data" / "standards" / schema).read_text("utf-8"))


@cache
def _validator(schema: str) -> Validate:
    try:
        import jsonschema_rs
    except ImportError:
        return _slow(schema)
    resources = [(BASE + name, load(name)) for name in _REFERRED]
    registry = jsonschema_rs.Registry(resources, retriever=_refuse)
    checker = jsonschema_rs.validator_for(load(schema), registry=registry, retriever=_refuse)
    return lambda document: checker.iter_errors(document)


def _slow(schema: str) -> Validate:
    import jsonschema
    from referencing import Registry, Resource

    registry: Any = Registry().with_resources((BASE + n, Resource.from_contents(load(n))) for n in _REFERRED)
    kind = jsonschema.validators.validator_for(load(schema))
    checker = kind(load(schema), registry=registry)
    return lambda document: checker.iter_errors(document)


def _refuse(uri: str) -> Any:
    raise LookupError(f"{uri} is not among the schemas that come with forebear")
