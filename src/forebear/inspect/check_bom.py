"""One bill of materials of all models of a repository: CycloneDX 1.6, with where each is named as its evidence."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator

from forebear.bom.card import purl
from forebear.bom.cyclonedx.licences import plain_licences
from forebear.bom.cyclonedx.terms import MODEL_TYPE, Refs, named
from forebear.catalogue.developers import developer_of, published
from forebear.catalogue.licences import licences
from forebear.inspect.check_models import Checked
from forebear.inspect.check_result import Check
from forebear.mentions import Kind
from forebear.types import Json, created
from forebear.version import __version__

VERSION = "1.6"
"""Nothing in such a bill needs a later one, and what takes bills in (Dependency-Track) refuses 1.7 still."""
MAX_PLACES = 1_000
"""Places of one model that are listed."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://forebear.dev/check")


def bill_of(check: Check) -> Json:
    """The bill: the repository as an application that depends on every model that counts.

    Models that only tests, examples and documents name are left out; packages that bring models are no models. Equal
    checks give equal bills, also in the serial number.
    """
    refs = Refs()
    root = refs.new("application", os.path.basename(os.path.abspath(check.target)) or "repository")
    models = [m for m in check.models if m.counts and m.kind is not Kind.PACKAGE]
    components = [_component(model, refs.new("model", model.name)) for model in models]
    document: Json = {
        "metadata": {
            "timestamp": created(),
            "tools": {"components": [{"type": "application", "name": "forebear", "version": __version__}]},
            "component": {"type": "application", "bom-ref": root, "name": root.partition("/")[2]},
        },
        "components": components,
        "dependencies": [
            {"ref": root, **({"dependsOn": [c["bom-ref"] for c in components]} if components else {})},
            *({"ref": c["bom-ref"]} for c in components),
        ],
        "compositions": [{"aggregate": "unknown", "dependencies": [root]}],
    }
    content = json.dumps(document, sort_keys=True).encode()
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": serial.urn,
        "version": 1,
        **document,
    }


def _component(model: Checked, ref: str) -> Json:
    component: Json = {"type": MODEL_TYPE, "bom-ref": ref, **named(model.name)}
    revisions = {m.revision for m in model.mentions}
    if len(revisions) == 1 and (revision := revisions.pop()):
        component["version"] = revision
    if model.kind is Kind.HUB and (address := purl(model.name, component.get("version", ""))):
        component["purl"] = address
    developer = developer_of(model.developer) if model.developer else None
    if maker := developer.name if developer is not None else model.maker:
        component["manufacturer"] = {"name": maker}
    if listed := plain_licences(map(_spdx, model.licences), VERSION):
        component["licenses"] = listed
    if ancestors := list(_ancestors(model)):
        component["pedigree"] = {"ancestors": ancestors, "notes": _notes(model)}
    places = [
        {"location": m.path, "line": m.line, **({"offset": m.column} if m.column else {}), "symbol": m.how}
        for m in model.mentions[:MAX_PLACES]
    ]
    if places or model.path:
        component["evidence"] = {"occurrences": places or [{"location": model.about}]}
    facts = {
        "kind": model.kind.value,
        "surety": model.surety.value,
        "source": model.source,
        "identified as": model.model,
        "verdict": model.verdict or "",
        "controlled from": " ".join(model.controlled_from),
    }
    component["properties"] = [{"name": f"forebear:{key}", "value": value} for key, value in facts.items() if value]
    return component


def _ancestors(model: Checked) -> Iterator[Json]:
    """What it is known to come from; what is only possible stays out of a bill."""
    for ancestor in model.ancestors:
        if ancestor.standing != "possible":
            known = published().get(ancestor.name)
            name = known.repository if known is not None and known.repository else ancestor.name
            yield {"type": MODEL_TYPE, **named(name), **({"purl": p} if (p := purl(name)) else {})}


def _notes(model: Checked) -> str:
    told = (f"{a.name}: {a.kind}, {a.standing}" for a in model.ancestors if a.standing != "possible")
    return "; ".join(told)


def _spdx(licence: str) -> str:
    """The SPDX identifier of a licence of the catalogue where it has one, else its own."""
    known = licences().get(licence)
    return known.spdx or known.name if known is not None else licence
