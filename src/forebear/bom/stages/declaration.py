"""``forebear-training.yaml``: how a model was made, in its developer's words (``forebear.training/1``).

The file is read strictly: a field that is not known is refused with the nearest that is, for a misspelt ``withheld``
would turn what somebody keeps back into what nobody mentioned. The JSON Schema is ``data/schemas/training.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path as FilePath
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from forebear.artifacts import bounded_yaml
from forebear.artifacts.text import read_whole
from forebear.bom.stages.base import flat
from forebear.bom.training import (
    Dataset,
    DatasetRole,
    Energy,
    EnergyActivity,
    Input,
    InputKind,
    Presence,
    Stage,
    StageKind,
    Training,
)
from forebear.bom.values import Country, Gap, GapState, Said, Setting
from forebear.errors import FormatError, UsageError, one_line
from forebear.sources import Source

SCHEMA = "forebear.training/1"
FILES = ("forebear-training.yaml", "forebear-training.yml")
MAX_FILE = 500_000
MAX_ITEMS = 1_000
HINT = "see examples/forebear-training.yaml"

Short = Annotated[str, Field(min_length=1, max_length=300)]
Line = Annotated[str, Field(max_length=2_000)]
Figure = Annotated[float, Field(ge=0, le=1e40, allow_inf_nan=False)]


def _presence(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def _texts(value: Any) -> Any:
    """Numbers are texts here: ``version: 1.0``."""
    return flat(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _gaps(value: Any) -> Any:
    """``[reward_data]``, or a mapping with reasons."""
    if isinstance(value, str):
        return {value: ""}
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return dict.fromkeys(value, "")
    return {k: v or "" for k, v in value.items()} if isinstance(value, dict) else value


Label = Annotated[str, BeforeValidator(_texts), Field(max_length=300)]
Reasons = Annotated[dict[Short, Line], Field(max_length=MAX_ITEMS)]
Gaps = Annotated[Reasons, BeforeValidator(_gaps, json_schema_input_type=Reasons | list[Short] | Short)]
Settings = Annotated[dict[Short, Any], Field(max_length=MAX_ITEMS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class DeveloperFile(_Strict):
    """Who made the model."""

    name: Short
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2")
    url: Line = ""


class BaseFile(_Strict):
    """A model that this one was made from."""

    name: Short = Field(description="hub id; withhold it with `withheld: [base_model]`")
    revision: Label = Field("", description="commit")
    relation: Label = Field("", description="finetune, adapter, quantized, merge, rl, continued_pretraining, ...")


class InputFile(_Strict):
    """What goes into a stage."""

    kind: InputKind = InputKind.MODEL
    name: Short
    revision: Label = ""
    role: Line = ""


class StageFile(_Strict):
    """One step of making the model."""

    kind: StageKind
    name: Label = ""
    method: Line = Field("", description="LoRA, DPO, GRPO, slerp, AWQ, ...")
    inputs: Annotated[tuple[InputFile, ...], Field(max_length=MAX_ITEMS)] = ()
    outputs: Annotated[tuple[Short, ...], Field(max_length=MAX_ITEMS)] = ()
    reward: Line = Field("", description="of reinforcement learning: where rewards come from")
    settings: Settings = Field({}, description="hyperparameters by name")
    software: Annotated[tuple[Line, ...], Field(max_length=MAX_ITEMS)] = ()
    hardware: Line = ""
    hours: Figure | None = Field(None, description="accelerator hours")
    flops: Figure | None = Field(None, description="floating-point operations")
    started: Label = ""
    ended: Label = ""


class DatasetFile(_Strict):
    """Data that went into the model, or that it was tested on."""

    name: Short
    roles: Annotated[tuple[DatasetRole, ...], Field(min_length=1, max_length=10)] = (DatasetRole.UNSPECIFIED,)
    version: Label = ""
    url: Line = ""
    description: Line = ""
    licence: Line = ""
    size: Annotated[Line, BeforeValidator(_texts)] = ""
    collected: Line = Field("", description="how it was obtained")
    personal: Annotated[Presence, BeforeValidator(_presence)] = Field(
        Presence.UNKNOWN, description="whether it holds personal information"
    )
    synthetic_from: Annotated[tuple[Short, ...], Field(max_length=MAX_ITEMS)] = Field(
        (), description="models whose outputs it consists of"
    )
    supplier: Label = ""


class EnergyFile(_Strict):
    """Energy, where it is known; what is not known is left out."""

    activity: EnergyActivity
    kwh: Figure
    tonnes_co2: Figure | None = None
    method: Line = ""


class Declaration(_Strict):
    """How a model was made. What is left out is not stated; what is kept back stands under `withheld`."""

    schema_: Literal["forebear.training/1"] = Field(alias="schema")
    model: Label = Field("", description="the model that this is about")
    developer: DeveloperFile | None = None
    from_scratch: bool | None = Field(None, description="it was trained from random values, from no other model")
    base_models: Annotated[tuple[BaseFile, ...], Field(max_length=MAX_ITEMS)] = ()
    licence: Line = ""
    stages: Annotated[tuple[StageFile, ...], Field(max_length=MAX_ITEMS)] = Field((), description="in order")
    datasets: Annotated[tuple[DatasetFile, ...], Field(max_length=MAX_ITEMS)] = ()
    energy: Annotated[tuple[EnergyFile, ...], Field(max_length=MAX_ITEMS)] = ()
    withheld: Gaps = Field({}, description="known, and not said: topics, or topics with reasons")
    unknown: Gaps = Field({}, description="not known to whoever writes this")

    def training(self, file: str) -> Training:
        """Stages, datasets, energy and gaps, each said by the file."""
        by = Said(by=file)
        return Training(
            stages=tuple(_stage(s, file, by) for s in self.stages),
            datasets=tuple(Dataset(**d.model_dump(), said=by) for d in self.datasets),
            energy=tuple(Energy(**e.model_dump(), said=by) for e in self.energy),
            gaps=tuple(
                Gap(field=topic, state=state, why=why, said=by)
                for state, stated in ((GapState.WITHHELD, self.withheld), (GapState.UNKNOWN, self.unknown))
                for topic, why in stated.items()
            ),
        )


def _stage(stage: StageFile, file: str, by: Said) -> Stage:
    values = stage.model_dump(exclude={"settings", "inputs"})
    stated = tuple(Setting(name=k, value=flat(v)) for k, v in stage.settings.items())
    inputs = tuple(Input(**i.model_dump()) for i in stage.inputs)
    return Stage(**values, inputs=inputs, settings=stated, file=file, said=by)


def read_declaration(path: str | FilePath) -> Declaration:
    """The declaration in a file that a user names.

    Raises:
        UsageError: there is no such file, or it is no declaration; the message names the field.
    """
    name = one_line(FilePath(path).name, 200)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", HINT) from None
    try:
        return parse(raw, name)
    except FormatError as error:
        raise UsageError(error.message, error.hint or HINT) from None


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


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12), as it is shipped."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://forebear.dev/schemas/training.json",
        **Declaration.model_json_schema(by_alias=True),
    }


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
