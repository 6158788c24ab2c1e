"""CycloneDX 1.7 (ECMA-424), JSON: https://cyclonedx.org/docs/1.7/json/.

Decisions that the standard leaves open:

- **Ancestry.** ``pedigree.ancestors`` holds models whose direction was measured, and those that the model's own files
  name as its base (marked ``forebear:direction.by = declared``); a measured dependence without a direction is a
  variant, whose definition is just that. Base models are outside of this delivery and hence no dependencies.
- **Confidence.** ``evidence.identity[].confidence`` is optional and left out: nobody can state how probable it is that
  a model *is* the ancestor. ``methods[].confidence`` is required; see :attr:`Observation.confidence` for what it is.
  A mere declaration gets 0, since no one measured it, and its words say so.
- **Hashes of the model** are over its list of files, see :func:`~forebear.bom.files.manifest_digests`.
- **Who said what** is in ``citations``: declared facts are attributed to the file that states them, measured ones to
  Forebear. The author of a card is not known, so no person or organisation is named.
- Energy, considerations and authors are left out: no field of a card's front matter states them as the standard
  wants them, and a zero would be a lie.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from forebear.artifacts.documents import CARD
from forebear.bom.card import purl
from forebear.bom.files import FileRecord
from forebear.bom.old_record import Observation, Record, Relative, Slot
from forebear.errors import one_line
from forebear.types import Json
from forebear.version import __version__

SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
MODEL = "model"
TOOL = "tool/forebear"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://forebear.dev/bom")
_MANIFEST = "the lines that sha256sum and sha512sum print for its files, in byte order of their names"
_SLOTS = {Slot.ANCESTOR: "ancestors", Slot.DESCENDANT: "descendants", Slot.VARIANT: "variants"}
_ROOT = "/metadata/component"
_PARAMETERS = f"{_ROOT}/modelCard/modelParameters"
_OF_CARD = ("forebear:library", "forebear:language")
_MEASURED = "Measured by Forebear from the files."
_DECLARED = "Stated in this file by whoever published the model; not verified unless said."
_TECHNIQUES = {
    "sign-code": "binary-analysis",
    "aligned-coins": "binary-analysis",
    "delta": "binary-analysis",
    "content": "hash-comparison",
}


def cyclonedx(record: Record) -> Json:
    """The document. Equal records give equal documents, also in the serial number."""
    datasets = [_dataset(name) for name in record.card.datasets]
    files = [_file(f) for f in record.files]
    document: Json = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {
            "timestamp": record.created,
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [_tool()]},
            "component": _model(record),
        },
        "components": files + datasets,
        "dependencies": [{"ref": MODEL, "dependsOn": [c["bom-ref"] for c in files + datasets]}],
        "compositions": _compositions(record),
        "properties": _properties(
            *(("unknown", what) for what in record.unknown),
            *(("not-tested", what) for what in record.not_tested),
            *(("left-out", what) for what in record.card.left_out),
            *(("problem", what) for what in record.problems),
        ),
    }
    document["citations"] = _citations(document, record)
    document = _without_empty(document)
    content = json.dumps(document, sort_keys=True, ensure_ascii=True).encode()
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())
    return {**dict(list(document.items())[:3]), "serialNumber": serial.urn, **document}


def _tool() -> Json:
    return {"type": "application", "bom-ref": TOOL, "name": "forebear", "version": __version__}


def _model(record: Record) -> Json:
    card, group, name = record.card, *_split(record.name)
    weights = [f for f in record.files if f.role == "weights"]
    sizes = [("shape." + key, str(value)) for key, value in record.shape.items() if value is not None]
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "group": group,
        "name": name,
        "version": record.version,
        "purl": record.purl,
        "hashes": [{"alg": alg, "content": content} for alg, content in record.digests.items()],
        "licenses": [
            {"license": {**({"id": x.spdx} if x.spdx else {"name": x.name}), "acknowledgement": "declared"}}
            for x in card.licences
        ],
        "externalReferences": [{"type": kind, "url": url} for kind, url in card.links],
        "pedigree": _pedigree(record),
        "modelCard": {
            "modelParameters": {
                "task": card.task,
                "architectureFamily": record.family,
                "modelArchitecture": record.architecture,
                "datasets": [{"ref": _ref("dataset", name)} for name in card.datasets],
            },
            "properties": _properties(
                ("parameters", _number(record.parameters)),
                *sizes,
                ("library", card.library),
                *(("language", x) for x in card.languages),
            ),
        },
        "tags": list(card.tags),
        "properties": _properties(
            ("name.from", record.named_by),
            ("hashes.of", _MANIFEST if record.digests else ""),
            ("weights.files", str(len(weights))),
            ("weights.bytes", str(sum(f.size for f in weights))),
            *(("claim", claim) for claim in record.claims),
            *(("finding", finding) for finding in record.findings),
        ),
    }


def _file(file: FileRecord) -> Json:
    hashes = [(alg, content) for alg, content in (("SHA-256", file.sha256), ("SHA-512", file.sha512)) if content]
    return {
        "type": "file",
        "bom-ref": file_ref(file.path),
        "name": one_line(file.path) or "unprintable",
        "hashes": [{"alg": alg, "content": content} for alg, content in hashes],
        "properties": _properties(
            ("role", file.role),
            ("bytes", str(file.size)),
            ("hashes.by", "the hub; the file was not downloaded" if file.stated else ""),
        ),
    }


def _dataset(name: str) -> Json:
    ref, (group, short) = _ref("dataset", name), _split(name)
    contents = {"type": "dataset", "name": name}
    return {"type": "data", "bom-ref": ref, "group": group, "name": short, "data": [contents]}


def _pedigree(record: Record) -> Json:
    pedigree: Json = {key: [_relative(r) for r in record.relatives if r.slot is slot] for slot, key in _SLOTS.items()}
    return {**pedigree, "notes": record.notes}


def _relative(relative: Relative) -> Json:
    group, name = _split(relative.name)
    methods = [_method(o) for o in relative.observations]
    if relative.declared_in:
        kind = f" as {relative.declared_relation}" if relative.declared_relation else ""
        said = f"Declared: {relative.declared_in} names it as base model{kind}. {relative.claim}"
        methods.append({"technique": "manifest-analysis", "confidence": 0, "value": said.strip()})
    open_direction = "declared" if relative.declared_in else "not established"
    by = open_direction if relative.direction == "unknown" else "measured"
    best = next((o for o in relative.observations if o.log10_p is not None), None)
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref("relative", relative.name),
        "group": group,
        "name": name,
        "purl": relative.purl,
        "isExternal": True,
        "evidence": {
            "identity": [
                {
                    "field": "name",
                    "concludedValue": relative.name,
                    "methods": methods,
                    "tools": [TOOL],
                }
            ]
        },
        "properties": _properties(
            ("verdict", str(relative.verdict) if relative.verdict else "not measured"),
            ("relation", relative.relation),
            ("relation.declared", relative.declared_relation),
            ("direction.by", by),
            ("why", relative.why),
            ("log10_p", _number(relative.log10_p)),
            ("log10_e", _number(relative.log10_e)),
            ("test", str(best.test) if best else ""),
            ("null", (best.null or "") if best else ""),
            ("n", str(best.n) if best else ""),
            ("slices-digest", relative.digest or ""),
        ),
    }


def _method(observation: Observation) -> Json:
    technique = _TECHNIQUES.get(observation.signal.partition("/")[0], "other")
    confidence = observation.confidence
    about = f"Measured by {observation.signal}: {observation.summary}"
    if observation.equal:
        about += " Confidence: that every value is equal."
    elif confidence:
        about += " Confidence: that the weights are not independent, not that one descends from the other."
    else:
        about += " No probability is claimed for this, hence confidence 0."
    return {"technique": technique, "confidence": confidence, "value": one_line(about, 2_000)}


def _compositions(record: Record) -> list[Json]:
    """What is known to be incomplete: training data and code are nobody's to list from the files alone."""
    lists: list[Json] = [{"bom-ref": "composition/model", "aggregate": "incomplete", "dependencies": [MODEL]}]
    inside = [_ref("dataset", d) for d in record.card.datasets] + [_ref("relative", r.name) for r in record.relatives]
    if inside:
        lists.append({"bom-ref": "composition/unexamined", "aggregate": "unknown", "assemblies": inside})
    return lists


def _citations(document: Json, record: Record) -> list[Json]:
    """Who said what: declared facts by the file that states them, measured facts by Forebear."""
    model = document["metadata"]["component"]
    pointers = {
        TOOL: _measured(model, record),
        file_ref(CARD): _said_by_card(model, record),
        file_ref("config.json"): [_PARAMETERS + "/modelArchitecture"] if record.architecture else [],
    }
    for slot, key in _SLOTS.items():
        for number, relative in enumerate(r for r in record.relatives if r.slot is slot):
            methods = f"{_ROOT}/pedigree/{key}/{number}/evidence/identity/0/methods"
            pointers[TOOL] += [f"{methods}/{k}" for k in range(len(relative.observations))]
            if relative.declared_in:  # the declaration is the last method
                pointers.setdefault(file_ref(relative.declared_in), []).append(
                    f"{methods}/{len(relative.observations)}"
                )
    known = {TOOL, *(file_ref(f.path) for f in record.files)}
    return [
        {
            "bom-ref": f"citation/{ref}",
            "pointers": fields,
            "timestamp": record.created,
            "attributedTo": ref,
            "note": _MEASURED if ref == TOOL else _DECLARED,
        }
        for ref, fields in pointers.items()
        if fields and ref in known
    ]


def _measured(model: Json, record: Record) -> list[str]:
    out = [f"{_ROOT}/hashes"] if model["hashes"] and not any(f.stated for f in record.files) else []
    out += [_PARAMETERS + "/architectureFamily"] if record.family else []
    out += [f"{_ROOT}/pedigree/notes"] if record.notes else []
    out += _card_properties(model, lambda name: name not in _OF_CARD)
    return out + [f"/components/{k}/hashes" for k, f in enumerate(record.files) if f.sha256 and not f.stated]


def _said_by_card(model: Json, record: Record) -> list[str]:
    card = record.card
    out = [f"{_ROOT}/name"] if record.named_by == "its card" else []
    out += [f"{_ROOT}/{key}" for key in ("licenses", "externalReferences", "tags") if model[key]]
    out += [f"{_PARAMETERS}/{key}" for key, said in (("task", card.task), ("datasets", card.datasets)) if said]
    out += _card_properties(model, lambda name: name in _OF_CARD)
    return out + [f"/components/{len(record.files) + k}" for k in range(len(card.datasets))]


def _card_properties(model: Json, wanted: Callable[[str], bool]) -> list[str]:
    properties = enumerate(model["modelCard"]["properties"])
    return [f"{_ROOT}/modelCard/properties/{k}" for k, p in properties if wanted(p["name"])]


def file_ref(path: str) -> str:
    """The ``bom-ref`` of a file: its exact name, percent-encoded."""
    return "file/" + quote(os.fsencode(path), safe="")


def _ref(kind: str, name: str) -> str:
    return f"{kind}/{quote(name, safe='/')}"


def _split(name: str) -> tuple[str, str]:
    """Group and name of a hub id; other names have no group."""
    group, _, short = name.rpartition("/") if purl(name) else ("", "", name)
    return group, short


def _properties(*pairs: tuple[str, str]) -> list[Json]:
    return [{"name": f"forebear:{name}", "value": one_line(value, 2_000)} for name, value in pairs if value]


def _number(value: int | float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.6g}"


def _without_empty(value: Any) -> Any:
    """The same without empty texts, lists and objects: what is not known is left out, not written as nothing."""
    if isinstance(value, Mapping):
        kept = ((key, _without_empty(item)) for key, item in value.items())
        return {key: item for key, item in kept if not _empty(item)}
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | Iterable) and not value)
