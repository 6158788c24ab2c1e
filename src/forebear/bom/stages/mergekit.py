"""``mergekit_config.yml`` of mergekit (https://github.com/arcee-ai/mergekit): which models were merged, and how.

All methods have one shape: ``models``, or ``slices`` of layers, each with parameters; a ``base_model``; or ``experts``
of a mixture. A reference is ``owner/name``, with ``@revision`` and ``+lora`` behind it, or a mapping of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from forebear.artifacts import bounded_yaml
from forebear.artifacts.documents import CARD
from forebear.bom.stages.base import MAX_ITEMS, Papers, Plain, Reader, flat, listed, model_input, said, settings, text
from forebear.bom.training import Input, InputKind, Stage, StageKind, Training
from forebear.errors import FormatError

FILES = ("mergekit_config.yml", "mergekit_config.yaml", "mergekit_moe_config.yml", "mergekit_moe_config.yaml")
_SETTINGS = ("parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template", "gate_mode")
_IN_CARD = re.compile(r"YAML configuration was used[^\n]{0,80}\n+```ya?ml\n(.{1,50000}?)\n```", re.DOTALL)
MOE = "mixture of experts"


def read(papers: Papers) -> Training:
    """The merge of the configuration file, else of the one that mergekit writes into its card."""
    name = papers.has(*FILES)
    if name:
        data = papers.yaml(name)
        return Training(stages=tuple(_stage(data, name))) if data is not None else Training()
    _, body = papers.card
    match = _IN_CARD.search(body)
    if match is None:
        return Training()
    try:
        data = bounded_yaml.load(match[1], CARD, "its configuration of mergekit", len(match[1]))
    except FormatError as error:
        papers.problems.append(str(error))
        return Training()
    return Training(stages=tuple(_stage(data, CARD))) if isinstance(data, dict) else Training()


def _stage(data: Plain, file: str) -> Iterator[Stage]:
    """The stage; none where the mapping has neither models nor slices nor experts."""
    inputs = list(_inputs(data))[:MAX_ITEMS]
    if not inputs:
        return
    base = list(_model(data.get("base_model"), "base"))
    yield Stage(
        kind=StageKind.MERGE,
        method=text(data.get("merge_method")) or (MOE if isinstance(data.get("experts"), list) else ""),
        inputs=tuple(_first_base(base, inputs)),
        settings=settings(data, _SETTINGS),
        software=("mergekit",),
        file=file,
        said=said(file),
    )


def _first_base(base: list[Input], inputs: list[Input]) -> list[Input]:
    """The base in front; where it is one of the models, with that model's weights in its role."""
    if not base:
        return inputs
    same = [i for i in inputs if (i.kind, i.name, i.revision) == (base[0].kind, base[0].name, base[0].revision)]
    role = "; ".join(dict.fromkeys(["base", *(i.role for i in same if i.role)]))
    first = base[0].model_copy(update={"role": role})
    return [first, *base[1:], *(i for i in inputs if i not in same)]


def _inputs(data: Plain) -> Iterator[Input]:
    for entry in listed(data.get("models")):
        if isinstance(entry, dict):
            yield from _model(entry.get("model"), _weights(entry))
    for part in listed(data.get("slices")):
        for entry in listed(part.get("sources")) if isinstance(part, dict) else ():
            if isinstance(entry, dict):
                yield from _model(entry.get("model"), " in ".join(filter(None, (_weights(entry), _layers(entry)))))
    for entry in listed(data.get("experts")):
        if isinstance(entry, dict):
            yield from _model(entry.get("source_model"), "expert")


def _model(stated: Any, role: str) -> Iterator[Input]:
    """A model and the adapter that was applied to it first."""
    if isinstance(stated, dict):
        inner = stated.get("model")
        path, revision = (
            (text(inner.get("path")), text(inner.get("revision"))) if isinstance(inner, dict) else (text(inner), "")
        )
        lora = stated.get("lora")
        adapter = text(lora.get("path")) if isinstance(lora, dict) else text(lora)
    else:
        whole, _, adapter = text(stated).partition("+")
        path, _, revision = whole.partition("@")
    yield from model_input(path, revision=revision, role=role)
    name, _, version = adapter.partition("@")
    yield from model_input(name, InputKind.ADAPTER, version, f"applied to {path}" if path else "")


def _weights(entry: Plain) -> str:
    """``weight 0.3, density 0.5``: parameters as stated."""
    stated = entry.get("parameters")
    if not isinstance(stated, dict):
        return ""
    return ", ".join(f"{key} {_value(value)}" for key, value in stated.items() if value is not None)


def _value(stated: Any) -> str:
    """A weight; one per group of layers, or by a filter, in brackets."""
    return f"[{flat(stated)}]" if isinstance(stated, list) and not flat(stated).startswith("[") else flat(stated)


def _layers(entry: Plain) -> str:
    """``layers 0-15`` of the half-open ``[0, 16]``."""
    span = entry.get("layer_range")
    if not isinstance(span, list) or len(span) != 2 or not all(type(v) is int for v in span):
        return ""
    return f"layers {span[0]}-{span[1] - 1}"


READER = Reader("mergekit's configuration", read)
