"""Arbitrary records: every field of every value, with texts that are names elsewhere, odd, hostile or empty.

What a field may hold is taken from the value types themselves, so a field that is added is covered from then on.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from annotated_types import Ge, Le
from hypothesis import strategies as st
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from forebear.bom.record import File, Model, Record, Relative, Service
from forebear.bom.training import Dataset, Input, Stage
from forebear.bom.values import Hash, Value

V = TypeVar("V", bound=Value)
NAMES = ("org/base", "org/child", "Org.2/Base-1", "base", "forebear")
"""Names that fields draw from, so that they refer to each other by chance: parents, inputs, cycles."""
TEXTS = (
    *NAMES,
    "README.md",
    "models/model-00001-of-00002.safetensors",
    "MIT",
    "Apache-2.0 OR MIT",
    "LicenseRef-scancode-llama-3.1",
    "https://example.org/a?b=c&d=%20#e",
    "pkg:huggingface/org/base@0123abc",
    "pkg:generic/base@1",
    "2026-01-02T03:04:05Z",
    "2026-01-02",
    "text",
    "unknown",
    "sign-code/1",
    "forebear:said.basis",
    "[]",
    "null",
    "0.10",
    "a/b~0c~1d.e[0]",
    'quote " backslash \\ <b>&amp;</b>',
    "ümläut 模型 🦙 \u202e\u0000\u2028",
)
DIGESTS = ("MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "SHA3-256", "BLAKE2b-256", "BLAKE3", "CRC32C")
_SIZES = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}

texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))


def _hash(draw: st.DrawFn) -> dict[str, str]:
    """Mostly as long as its algorithm makes it, sometimes not."""
    algorithm = draw(st.sampled_from(DIGESTS))
    size = draw(st.sampled_from((_SIZES.get(algorithm, 64), 64, 9)))
    seed = draw(st.integers(0, 2**32 - 1))
    return {"algorithm": algorithm, "value": f"{seed:08x}".ljust(size, "0")[:size]}


def _plain(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """Texts and numbers within their limits."""
    if annotation is str:
        pattern = next((m.pattern for m in metadata if isinstance(m, StringConstraints)), None)
        return texts if pattern is None else st.from_regex(str(pattern), fullmatch=True)
    least: Any = next((m.ge for m in metadata if isinstance(m, Ge)), None)
    most: Any = next((m.le for m in metadata if isinstance(m, Le)), None)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(least, most)
    if annotation is float:
        return st.floats(least, most, allow_nan=False, allow_infinity=False)
    raise TypeError(f"no strategy for {annotation}")


def _strategy(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        first, *rest = arguments
        flat = [m for item in rest for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return _strategy(first, [*metadata, *flat])
    if origin is tuple:
        return st.lists(_strategy(arguments[0], []), max_size=2).map(tuple)
    if NoneType in arguments:
        other = next(a for a in arguments if a is not NoneType)
        return st.none() | _strategy(other, metadata)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return values(annotation)
    return _plain(annotation, metadata)


@cache
def _fields(kind: type[Value]) -> dict[str, st.SearchStrategy[Any]]:
    fields = {}
    for name, field in kind.model_fields.items():
        anything = _strategy(field.annotation, list(field.metadata))
        fields[name] = anything if field.is_required() else st.just(field.get_default()) | anything
    return fields


@st.composite
def values(draw: st.DrawFn, kind: type[V]) -> V:
    """Arbitrary values of a kind: each field at its default or anything that it allows."""
    if kind is Hash:
        return kind.model_validate(_hash(draw))
    return kind(**{name: draw(strategy) for name, strategy in _fields(kind).items()})


def records() -> st.SearchStrategy[Record]:
    """Arbitrary records."""
    return values(Record)


def families() -> st.SearchStrategy[Record]:
    """Records whose relatives, stages and datasets name each other: chains, orphans, cycles, the same name twice."""
    name = st.sampled_from(NAMES)
    relatives = st.lists(st.tuples(values(Relative), name, st.just("") | name), max_size=5).map(
        lambda rows: tuple(r.model_copy(update={"name": own, "child": child}) for r, own, child in rows)
    )
    inputs = st.lists(st.tuples(values(Input), name), max_size=3).map(
        lambda rows: tuple(i.model_copy(update={"name": own}) for i, own in rows)
    )
    stages = st.lists(st.tuples(values(Stage), inputs), max_size=3).map(
        lambda rows: tuple(s.model_copy(update={"inputs": given}) for s, given in rows)
    )
    return st.builds(
        Record,
        model=values(Model),
        created=st.just("2026-01-02T03:04:05Z"),
        files=st.lists(values(File), max_size=2).map(tuple),
        relatives=relatives,
        stages=stages,
        datasets=st.lists(values(Dataset), max_size=3).map(tuple),
        services=st.lists(values(Service), max_size=2).map(tuple),
    )


_FILLED = {
    "purl": "pkg:huggingface/org/base@0123abc",
    "url": "https://example.org/page",
    "download": "https://example.org/weights",
    "created": "2026-01-02T03:04:05Z",
    "started": "2025-01-02T03:04:05Z",
    "ended": "2025-02-02T03:04:05+01:00",
    "spdx": "Apache-2.0",
}
_PATTERNED = {"country": "FR", "algorithm": "SHA-256", "value": "ab" * 32}


def filled(kind: type[V]) -> V:
    """A value with every field set to something that is not its default."""
    return kind(**{name: _full(kind, name, field.annotation, field) for name, field in kind.model_fields.items()})


def _full(kind: type[Value], name: str, annotation: Any, field: FieldInfo | None = None) -> Any:
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _full(kind, name, arguments[0])
    if get_origin(annotation) is tuple:
        return (_full(kind, name, arguments[0], field),)
    if NoneType in arguments:
        return _full(kind, name, next(a for a in arguments if a is not NoneType), field)
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return filled(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        default = field.default if field is not None else None
        return next(each for each in reversed(list(annotation)) if each != default and (each,) != default)
    if annotation is str:
        patterned = kind is Hash or name == "country"
        return _PATTERNED[name] if patterned else _FILLED.get(name, f"{name} of {kind.__name__}")
    negative = annotation is float and name.startswith("log10")
    return {bool: True, int: 7, float: -2.5 if negative else 2.5}[annotation]
