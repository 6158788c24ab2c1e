"""The model as an ``ai_AIPackage``: what it is, in SPDX's own properties, and back.

Decisions that the standard leaves open:

- ``ai_domain`` is the task, ``ai_typeOfModel`` says in words which architecture; of other documents the first domain is
  the task, and types of models are kept as properties.
- ``ai_hyperparameter`` holds the sizes of the architecture (``architecture.layers``) and the number of parameters.
  Hyperparameters of training belong to the stage where they were used, a ``build_Build``.
- ``ai_informationAboutTraining`` is the record's answer to where the model comes from.
- Properties of SPDX that a record has no field for (:data:`SINGLE`, :data:`SEVERAL`, :data:`PAIRS`) are properties of
  the record's model under SPDX's own names, and are written as what they were.
"""

from __future__ import annotations

from collections.abc import Iterable

from forebear.bom.record import Model
from forebear.bom.spdx import terms
from forebear.bom.spdx.elements import Elements, entries_of
from forebear.bom.spdx.nodes import Node
from forebear.bom.training import Energy
from forebear.bom.values import Hash, Link, Setting
from forebear.types import Json

FAMILY = "architecture family: "
ARCHITECTURE = "architecture: "
SIZE = "architecture."
PARAMETERS = "parameters"
_PRESENCE = frozenset({"yes", "no", "noAssertion"})
SINGLE: dict[str, frozenset[str]] = {
    "summary": frozenset(),
    "comment": frozenset(),
    "software_copyrightText": frozenset(),
    "software_sourceInfo": frozenset(),
    "software_primaryPurpose": terms.PURPOSES - {"model"},
    "ai_autonomyType": _PRESENCE,
    "ai_useSensitivePersonalInformation": _PRESENCE,
    "ai_safetyRiskAssessment": frozenset({"serious", "high", "medium", "low"}),
}
"""Properties with one value that a record's model keeps by their names, and the values they may have (any text)."""
SEVERAL = (
    "software_attributionText",
    "ai_domain",
    "ai_typeOfModel",
    "ai_standardCompliance",
    "ai_modelDataPreprocessing",
    "ai_modelExplainability",
)
"""The same with any number of values."""
PAIRS = ("ai_hyperparameter", "ai_metricDecisionThreshold")
"""The same for names with values: ``ai_hyperparameter.epochs``."""


def write_model(to: Elements, agents: Json) -> str:
    """Writes the model; ``agents`` are SPDX's fields that say whose it is. Returns its id."""
    model, record = to.record.model, to.record
    pairs = {name: _pairs(model.properties, name) for name in PAIRS}
    sizes = [(SIZE + s.name, s.value) for s in model.sizes]
    count = [(PARAMETERS, str(model.parameters))] if model.parameters is not None else []
    page = model.links[0].url if model.links and _is_page(model.links[0]) else ""
    key = to.add(
        "model",
        terms.MODEL,
        **{
            **_own(model),
            "name": model.name,
            "description": model.description,
            "verifiedUsing": hashes(model.hashes, model.hashes_of),
            "externalRef": [link(x) for x in model.links[bool(page) :]],
            **agents,
            "releaseTime": terms.instant(model.released, dates=True),
            "software_packageVersion": model.version,
            "software_packageUrl": model.purl if terms.is_uri(model.purl) else "",
            "software_downloadLocation": model.download if terms.is_uri(model.download) else "",
            "software_homePage": page,
            "ai_hyperparameter": entries_of([*count, *sizes, *pairs["ai_hyperparameter"]]),
            "ai_metricDecisionThreshold": entries_of(pairs["ai_metricDecisionThreshold"]),
            "ai_metric": entries_of((m.name, m.value) for m in record.metrics),
            "ai_informationAboutApplication": "\n".join(model.uses),
            "ai_informationAboutTraining": record.notes,
            "ai_limitation": "\n".join(model.limitations),
            "ai_energyConsumption": _energy(record.energy),
        },
    )
    to.stands_for("model", key, model)
    return key


def read_model(node: Node) -> Json:
    """Fields of :class:`~forebear.bom.record.Model` that a package's own properties state."""
    node.touch()
    node.take_id()
    found: Json = {"name": node.text("name"), "description": node.text("description"), "properties": []}
    found["version"] = node.text("software_packageVersion")
    found["purl"] = node.text("software_packageUrl")
    found["download"] = node.text("software_downloadLocation")
    found["released"] = node.text("releaseTime")
    found["hashes"], found["hashes_of"] = read_hashes(node)
    found["links"] = read_links(node)
    found["uses"] = node.text("ai_informationAboutApplication").splitlines()
    found["limitations"] = node.text("ai_limitation").splitlines()
    _read_own(node, found)
    _read_pairs(node, found)
    return found


def read_of_record(node: Node) -> Json:
    """Fields of :class:`~forebear.bom.record.Record` that the model's package states itself."""
    metrics = [{"name": name, "value": value} for name, value in read_pairs(node, "ai_metric")]
    return {"notes": node.text("ai_informationAboutTraining"), "metrics": metrics, "energy": _read_energy(node)}


def hashes(values: Iterable[Hash], of: str = "") -> list[Json]:
    """Digests as SPDX writes them; an algorithm that it does not know is named in a comment."""
    found = []
    for value in values:
        word = terms.HASHES.get(value.algorithm, "other")
        note = value.algorithm if word == "other" else of
        about = {"type": "Hash", "algorithm": word, "hashValue": value.value}
        found.append({**about, "comment": note} if note else about)
    return found


def read_hashes(node: Node) -> tuple[list[Json], str]:
    """Digests, and over what they are if all say the same."""
    found, notes = [], []
    for each in node.nodes("verifiedUsing"):
        if each.kind != "Hash":
            each.give_back("type")
            continue
        word = each.word("algorithm", (*terms.HASHES_BACK, "other", "crystalsDilithium", "crystalsKyber", "falcon"))
        comment = each.text("comment") if word == "other" or each.values("comment") else ""
        algorithm = terms.HASHES_BACK.get(word, comment if word == "other" else word.upper())
        found.append({"algorithm": algorithm, "value": each.text("hashValue")})
        notes += [] if word == "other" else [comment]
    if len(set(notes)) > 1:
        for each in node.nodes("verifiedUsing"):
            each.give_back("comment")
    return found, notes[0] if len(set(notes)) == 1 else ""


def link(value: Link) -> Json:
    """An address with what is behind it."""
    word = terms.LINKS.get(value.kind, value.kind if value.kind in terms.LINK_WORDS else "other")
    about = {"type": "ExternalRef", "externalRefType": word, "locator": [value.url]}
    return {**about, "comment": value.kind} if word == "other" and value.kind != "other" else about


def read_links(node: Node) -> list[Json]:
    """Addresses; the home page first."""
    page = node.text("software_homePage")
    found = [{"kind": "website", "url": page}] if page else []
    for each in node.nodes("externalRef", "ExternalRef"):
        word = each.word("externalRefType", terms.LINK_WORDS) or "other"
        comment = each.text("comment") if word == "other" else ""
        kind = comment or terms.LINKS_BACK.get(word, word)
        found += [{"kind": kind, "url": url} for url in each.texts("locator")]
    return found


def read_pairs(node: Node, key: str) -> list[tuple[str, str]]:
    """Names and values of a property."""
    return [(each.text("key"), each.text("value")) for each in node.nodes(key, "DictionaryEntry")]


def _is_page(value: Link) -> bool:
    return value.kind == "website" and terms.is_uri(value.url)


def _own(model: Model) -> Json:
    """SPDX's own properties that the model keeps by their names, and what the architecture is in words."""
    said: dict[str, list[str]] = {}
    for setting in model.properties:
        said.setdefault(setting.name, []).append(setting.value)
    found: Json = {"software_primaryPurpose": "model"}
    for name, allowed in SINGLE.items():
        value = next(iter(said.get(name, [])), "")
        found |= {name: value} if value and (not allowed or value in allowed) else {}
    found |= {name: said.get(name, []) for name in SEVERAL}
    found["ai_domain"] = [model.task, *found["ai_domain"]] if model.task else []
    families = [FAMILY + model.family] if model.family else []
    classes = [ARCHITECTURE + model.architecture] if model.architecture else []
    found["ai_typeOfModel"] = families + classes + found["ai_typeOfModel"]
    return found


def _read_own(node: Node, found: Json) -> None:
    own: list[Json] = found["properties"]
    for name, allowed in SINGLE.items():
        usual = "model" if name == "software_primaryPurpose" else ""
        value = node.word(name, allowed | {usual}) if allowed else node.text(name)
        own += [{"name": name, "value": value}] if value not in ("", usual) else []
    for name in SEVERAL:
        values = node.texts(name)
        if name == "ai_domain" and values:
            found["task"] = values.pop(0)
        for value in values:
            if name == "ai_typeOfModel" and value.startswith(FAMILY) and "family" not in found:
                found["family"] = value.removeprefix(FAMILY)
            elif name == "ai_typeOfModel" and value.startswith(ARCHITECTURE) and "architecture" not in found:
                found["architecture"] = value.removeprefix(ARCHITECTURE)
            else:
                own.append({"name": name, "value": value})


def _read_pairs(node: Node, found: Json) -> None:
    sizes: list[Json] = found.setdefault("sizes", [])
    for name in PAIRS:
        for key, value in read_pairs(node, name):
            if name == "ai_hyperparameter" and key.startswith(SIZE):
                sizes.append({"name": key.removeprefix(SIZE), "value": value})
            elif name == "ai_hyperparameter" and key == PARAMETERS and value.isdecimal() and len(value) < 19:
                found["parameters"] = int(value)
            else:
                found["properties"].append({"name": f"{name}.{key}", "value": value})


def _pairs(properties: Iterable[Setting], name: str) -> list[tuple[str, str]]:
    start = f"{name}."
    keys = [(p.name.removeprefix(start), p.value) for p in properties if p.name.startswith(start)]
    return [(key, value) for key, value in keys if not (key.startswith(SIZE) or key == PARAMETERS)]


def _energy(energy: Iterable[Energy]) -> Json:
    found: dict[str, list[Json]] = {}
    for each in energy:
        if each.activity in terms.ENERGY:
            amount = {"ai_energyQuantity": terms.decimal(each.kwh), "ai_energyUnit": "kilowattHour"}
            about = {"type": "ai_EnergyConsumptionDescription", **amount}
            found.setdefault(terms.ENERGY[each.activity], []).append(about)
    return {"type": "ai_EnergyConsumption", **found} if found else {}


def _read_energy(node: Node) -> list[Json]:
    found = []
    for every in node.nodes("ai_energyConsumption", "ai_EnergyConsumption"):
        for activity, key in terms.ENERGY.items():
            for each in every.nodes(key, "ai_EnergyConsumptionDescription"):
                found += _amount(each, activity.value)
    return found


def _amount(node: Node, activity: str) -> list[Json]:
    unit = node.word("ai_energyUnit", ("kilowattHour", "megajoule", "other"))
    stated = node.values("ai_energyQuantity")
    amount = terms.number(str(stated[0][1])) if stated else None
    if unit not in ("kilowattHour", "megajoule") or amount is None:
        node.give_back("ai_energyUnit")
        return []
    node.graph.take_all(stated)
    if unit == "kilowattHour":
        return [{"activity": activity, "kwh": amount}]
    return [{"activity": activity, "kwh": amount / 3.6, "method": f"stated as {stated[0][1]} megajoules"}]
