"""Reading ``forebear-training.yaml``: within bounds, and errors that name the field and the nearest that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from forebear.artifacts import bounded_yaml
from forebear.artifacts.text import read_whole
from forebear.bom.stages.declaration import SCHEMA, Declaration
from forebear.errors import FormatError, UsageError, one_line
from forebear.sources import Source

FILES = ("forebear-training.yaml", "forebear-training.yml")
MAX_FILE = 500_000
HINT = "see examples/forebear-training.yaml"


def read_declaration(path: str | Path) -> Declaration:
    """The declaration in a file that a user names.

    Raises:
        UsageError: there is no such file.
        FormatError: it is damaged, or no declaration; the message names the field.
    """
    name = one_line(Path(path).name, 200)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", HINT) from None
    return parse(raw, name)


def declaration_beside(source: Source) -> tuple[str, Declaration] | None:
    """The declaration beside a model with its file's name, None where there is none.

    Raises:
        FormatError: it is damaged, or a field of it is wrong.
    """
    names = {f.path for f in source.files()}
    name = next((n for n in FILES if n in names), None)
    return None if name is None else (name, parse(read_whole(source, name, MAX_FILE), name))


def parse(raw: bytes, name: str) -> Declaration:
    """The declaration in the bytes of a file; ``FormatError`` that names the field which is wrong."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(name, "not UTF-8", "save it as UTF-8") from None
    data = bounded_yaml.load(text, name, "it", MAX_FILE)
    bounded_yaml.once(text, name)
    if not isinstance(data, Mapping):
        raise FormatError(name, "not a mapping of fields to values", HINT)
    if data.get("schema") != SCHEMA:
        raise FormatError(name, f"its schema is {one_line(repr(data.get('schema')), 60)}", f"write schema: {SCHEMA}")
    try:
        return Declaration.model_validate(data)
    except ValidationError as error:
        raise _in_words(error, name) from None


def _in_words(error: ValidationError, name: str) -> FormatError:
    """What is wrong, by the place where it stands; a field that is not known first, for it is often the cause."""
    found = error.errors(include_url=False, include_context=False, include_input=True)
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    where = one_line(".".join(str(part) for part in first["loc"]), 200)
    if first["type"] == "extra_forbidden":
        fields = list(_fields(first["loc"][:-1]))
        near = get_close_matches(str(first["loc"][-1]), fields, 1, 0.5)
        return FormatError(name, f"{where} is no field", f"did you mean {near[0]}?" if near else _known(fields))
    if first["type"] == "missing":
        return FormatError(name, f"{where} is missing", HINT)
    given = one_line(repr(first["input"]), 80)
    if first["type"] == "enum":
        known = _choices(first["msg"])
        near = get_close_matches(str(first["input"]), known, 1, 0.6)
        return FormatError(name, f"{where}: {given}", f"did you mean {near[0]}?" if near else _known(known))
    said = first["msg"].removeprefix("Value error, ")
    return FormatError(name, f"{where}: {given}", said[:1].lower() + said[1:])


def _known(names: list[str]) -> str:
    return f"known are {', '.join(names)}"


def _choices(message: str) -> list[str]:
    """Values of an enumeration as pydantic lists them: ``Input should be 'a', 'b' or 'c'``."""
    return message.split("'")[1::2]


def _fields(place: tuple[int | str, ...]) -> Iterator[str]:
    """Names of the fields of whatever stands at a place in the file."""
    model: type[BaseModel] = Declaration
    for part in place:
        if isinstance(part, str):
            model = _inner(model, part) or model
    for name, field in model.model_fields.items():
        yield field.alias or name


def _inner(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    field = model.model_fields.get(name)
    waiting: list[Any] = [field.annotation if field else None]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        if get_origin(kind) in (tuple, Union, UnionType, Annotated):
            waiting += get_args(kind)
    return None
