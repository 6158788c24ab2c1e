"""Stand-ins without weights: bills of materials, and a capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from captures import KIMI, Talk, har, saved
from standins.stage import Stage

Json = dict[str, Any]
MODEL = "machine-learning-model"


def ancestor(name: str, relation: str = "", licence: str = "", above: Sequence[Json] = ()) -> Json:
    """A component of a pedigree, with how the supplier says that the model was made from it."""
    group, _, short = name.rpartition("/")
    out: Json = {"type": MODEL, "name": short, **({"group": group} if group else {})}
    if relation:
        out["properties"] = [{"name": "forebear:relation.declared", "value": relation}]
    if licence:
        out["licenses"] = [{"license": {"name": licence}}]
    return {**out, **({"pedigree": {"ancestors": list(above)}} if above else {})}


def bom(name: str, ancestors: Sequence[Json] = (), supplier: str = "", licence: str = "", **more: Any) -> Json:
    """CycloneDX 1.6 of a model, as a supplier would write it."""
    component: Json = {"bom-ref": "model", **ancestor(name, licence=licence, above=ancestors), **more}
    if supplier:
        component["supplier"] = {"name": supplier}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "metadata": {"timestamp": "2026-05-28T10:00:00Z", "component": component}, "components": [],
    }  # fmt: skip


def _written(stage: Stage, document: Mapping[str, Any]) -> Path:
    return stage.write("model.cdx.json", document)


def composer_capture(stage: Stage) -> Path:
    asked = {"model": KIMI, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    talk = Talk("https://api.example/v1/chat/completions", asked, {"choices": [{"message": {"content": "Hi"}}]})
    return stage.saved("traffic", saved(stage.folder, har([talk]), "capture.har"))


def composer_bom(stage: Stage) -> Path:
    base = ancestor("moonshotai/Kimi-K2.5", "rl")
    return _written(stage, bom("Composer 2.5", [base], "Anysphere", "proprietary"))


SAYS_SCRATCH: Json = {"properties": [{"name": "forebear:claim", "value": "trained from scratch"}]}


def gigachat_bom(stage: Stage) -> Path:
    document = bom("ai-sage/GigaChat3-702B-A36B-preview", (), "Sber", "MIT", **SAYS_SCRATCH)
    return _written(stage, document)


def pangu_bom(stage: Stage) -> Path:
    return _written(stage, bom("Pangu Pro MoE (72B-A16B)", (), "Huawei"))


def minimax_bom(stage: Stage) -> Path:
    return _written(stage, bom("MiniMaxAI/MiniMax-M2", (), "MiniMax"))


def encoder_bom(stage: Stage) -> Path:
    encoder = ancestor("vision encoder", above=[ancestor("Qwen/Qwen2.5-VL-7B-Instruct", "component_shared")])
    document = bom("example/sovereign-32b", (), "Example", **SAYS_SCRATCH)
    document["metadata"]["component"]["components"] = [{"bom-ref": "encoder", **encoder}]
    return _written(stage, document)


def swe_withheld(stage: Stage) -> Path:
    return _written(stage, bom("frontier-1.5", [ancestor("withheld", "rl")], "A vendor", "proprietary"))


def swe_absent(stage: Stage) -> Path:
    return _written(stage, bom("frontier-1.5", (), "A vendor", "proprietary"))


TWO_EDGES = (ancestor("meta-llama/Llama-3.1-8B", "finetune"), ancestor("deepseek-ai/DeepSeek-R1", "distilled"))


def distill_bom(stage: Stage) -> Path:
    return _written(stage, bom("acme/r1-distill-8b", TWO_EDGES, "Acme", "MIT"))


def distill_own_bom(stage: Stage) -> Path:
    return _written(stage, bom("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", TWO_EDGES, "DeepSeek", "MIT"))


def yandex_bom(stage: Stage) -> Path:
    base = ancestor("Qwen/Qwen2.5-32B", "continued_pretraining")
    return _written(stage, bom("YandexGPT 5 Pro", [base], "Yandex", "proprietary"))


def hunyuan_bom_before(stage: Stage) -> Path:
    return _written(stage, bom("tencent/Hunyuan-Large", (), "Tencent", "hunyuan-community-2024"))


def hunyuan_bom_after(stage: Stage) -> Path:
    return _written(stage, bom("tencent/Hunyuan-A13B-Instruct", (), "Tencent", "hunyuan-community-eu-uk-kr"))


PAPERS: tuple[Callable[[Stage], Path], ...] = (
    *(composer_capture, composer_bom, gigachat_bom, pangu_bom, minimax_bom, encoder_bom, swe_withheld, swe_absent),
    *(distill_bom, distill_own_bom, yandex_bom, hunyuan_bom_before, hunyuan_bom_after),
)
