"""What a model's card says of its making: datasets, results, tags that name a method, a trainer's hyperparameters.

Tags are words that programs and people set: a stage that they name is declared, without any detail. A card's text is
not read, but for blocks that programs write in one fixed form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.artifacts.documents import CARD
from forebear.bom.stages.base import MAX_ITEMS, Papers, Plain, Reader, dataset_name, datasets, flat, listed, said, text
from forebear.bom.stages.methods import method_named
from forebear.bom.training import DatasetRole, Metric, Stage, StageKind, Training
from forebear.bom.values import Setting

_SOFTWARE = {"trl": "TRL", "unsloth": "unsloth", "axolotl": "axolotl", "llama-factory": "LLaMA-Factory"}
_QUANTIZED = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "hqq": "HQQ",
}
_MERGED = frozenset({"mergekit", "merge"})
_LISTED = re.compile(
    r"following hyperparameters were used during training:\s*\n(?P<lines>(?:[ \t]*[-*] [^\n]{1,400}\n?){1,60})"
)
_VERSIONS = re.compile(r"### Framework versions\s*\n+(?P<lines>(?:[ \t]*[-*] [^\n]{1,200}\n?){1,30})", re.IGNORECASE)


def read(papers: Papers) -> Training:
    """Datasets without a role, results, and stages by tags and a trainer's list."""
    front, body = papers.card
    if not front and not body:
        return Training()
    names = [dataset_name(n) for n in listed(front.get("datasets"))]
    return Training(
        stages=tuple(_stages(front, body)),
        datasets=datasets(names, DatasetRole.UNSPECIFIED, CARD),
        metrics=tuple(_metrics(front))[:MAX_ITEMS],
    )


def _stages(front: Plain, body: str) -> Iterator[Stage]:
    tags = [t.lower() for t in listed(front.get("tags")) if isinstance(t, str)]
    software = tuple(dict.fromkeys(title for tag, title in _SOFTWARE.items() if tag in tags))
    versions = tuple(f"{pair.name} {pair.value}" for pair in _pairs(_VERSIONS, body))
    stated = tuple(_pairs(_LISTED, body))
    methods = list(dict.fromkeys(known for tag in tags if len(tag) > 2 and (known := method_named(tag)) is not None))
    for kind, method in methods:
        settings = stated if len(methods) == 1 else ()
        yield _stage(kind, method, "its tags", settings, (*software, *(versions if settings else ())))
    if stated and len(methods) != 1:
        yield _stage(StageKind.OTHER, "", "its list of hyperparameters", stated, (*software, *versions))
    if _MERGED & set(tags):
        yield _stage(StageKind.MERGE, "", "its tags", (), ("mergekit",) if "mergekit" in tags else ())
    for tag, title in _QUANTIZED.items():
        if tag in tags:
            yield _stage(StageKind.QUANTIZATION, title, "its tags")


def _stage(
    kind: StageKind, method: str, note: str, stated: tuple[Setting, ...] = (), software: tuple[str, ...] = ()
) -> Stage:
    return Stage(kind=kind, method=method, settings=stated, software=software, file=CARD, said=said(CARD, note))


def _pairs(pattern: re.Pattern[str], body: str) -> Iterator[Setting]:
    """``- learning_rate: 2e-05`` and ``- Transformers 4.44.0`` as names and values."""
    match = pattern.search(body)
    for line in match["lines"].splitlines() if match else ():
        name, colon, value = line.strip(" \t-*").partition(":")
        if not colon:
            name, _, value = name.strip().rpartition(" ")
        if name.strip() and value.strip():
            yield Setting(name=name.strip(), value=value.strip())


def _metrics(front: Plain) -> Iterator[Metric]:
    """``model-index`` (https://huggingface.co/docs/hub/model-cards): results by dataset and metric."""
    for model in listed(front.get("model-index")):
        for result in listed(model.get("results")) if isinstance(model, dict) else ():
            if not isinstance(result, dict):
                continue
            on = result.get("dataset")
            dataset = text(on.get("name")) or text(on.get("type")) if isinstance(on, dict) else ""
            for metric in listed(result.get("metrics")):
                if not isinstance(metric, dict):
                    continue
                name, value = text(metric.get("name")) or text(metric.get("type")), flat(metric.get("value"))
                if name and value:
                    yield Metric(name=name, value=value, dataset=dataset, said=said(CARD))


READER = Reader("the model's card", read)
