"""How a model was made: datasets that it was trained or tested on, and stages as builds with inputs and outputs.

Decisions that the standard leaves open:

- ``trainedOn`` and ``testedOn`` say what a dataset was used for; in which kind of training, an annotation. A dataset
  that is only listed is related by ``other``: nobody said that the model was trained on it.
- ``dataset_datasetType`` is required and no record has it: ``noAssertion``.
- A stage is a ``build_Build``; its ``buildType`` is ``https://forebear.dev/build/`` and its kind. Settings, method and
  reward are parameters; software, hardware, hours and operations are the environment.
- What a stage names and the record does not describe (a teacher, an intermediate checkpoint) is a ``software_Package``
  with a name and a purpose, not an ``ai_AIPackage``: a name is no description.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.spdx import parts, terms
from forebear.bom.spdx.elements import Elements, entries_of
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.nodes import Node, Relation
from forebear.bom.spdx.packages import read_pairs
from forebear.bom.training import Dataset, DatasetRole, InputKind, Presence, Stage, StageKind
from forebear.types import Json

DATA = frozenset({"training_data", "datasets", "pretraining_data", "reward_data", "dataset"})
"""Fields of gaps that say that datasets are missing."""
_PARAMETERS = ("method", "reward")
_HOURS = "accelerator_hours"


def write_datasets(to: Elements, model: str, models: dict[str, str]) -> dict[str, str]:
    """Every dataset; gives their ids by name, of several with one name the first."""
    state = "incomplete" if any(g.field in DATA for g in to.record.gaps) else "noAssertion"
    known: dict[str, str] = {}
    for each in to.record.datasets:
        key = _dataset(to, each)
        to.stands_for("dataset", key, each)
        known.setdefault(each.name, key)
        for kind in dict.fromkeys(terms.USED[role] for role in each.roles):
            to.relate(model, kind, [key], completeness=state)
        for name in each.synthetic_from:
            to.relate(models.get(name) or to.named(name, "model"), "generates", [key])
    return known


def _dataset(to: Elements, each: Dataset) -> str:
    key = to.add(
        "dataset",
        terms.DATASET,
        name=each.name,
        description=each.description,
        suppliedBy=to.agent(each.supplier) if each.supplier else "",
        originatedBy=[to.agent(name) for name in dict.fromkeys(each.originators)],
        builtTime=terms.instant(each.built, dates=True),
        releaseTime=terms.instant(each.released, dates=True),
        software_packageVersion=each.version,
        software_downloadLocation=each.url if terms.is_uri(each.url) else "",
        software_primaryPurpose="data",
        dataset_datasetType=["noAssertion"],
        dataset_datasetSize=int(each.size) if each.size.isdecimal() and len(each.size) < 19 else None,
        dataset_dataCollectionProcess=each.collected,
        dataset_hasSensitivePersonalInformation="no" if each.personal is Presence.NO else "",
    )
    to.licensed(key, terms.expression(each.licence) if each.licence else "")
    return key


def datasets_of(graph: Graph, model: str, files: list[str]) -> dict[str, Json]:
    """Datasets that a model, or one of its files, was trained or tested on, by id."""
    used: dict[str, list[str]] = {}
    for source in [model, *files]:
        for relation in graph.going(source, *terms.USED_BACK):
            key = _data(graph, relation)
            if key and (relation.kind != "other" or graph.nodes[key].kind == terms.DATASET):
                relation.use()
                role = terms.USED_BACK[relation.kind].value
                used[key] = [*(r for r in used.get(key, []) if r != role), role]
    return {key: dataset(graph.nodes[key]) | {"roles": sorted(roles, key=_RANK.index)} for key, roles in used.items()}


_RANK = [role.value for role in DatasetRole]


def _data(graph: Graph, relation: Relation) -> str:
    """The dataset that a relation leads to: what it names, or what contains that; "" for what is no data."""
    key = relation.target
    while key in graph.holders:
        graph.holders[key].use()
        key = graph.holders[key].source
    return key if _kind(graph, key) in (terms.DATASET, terms.FILE, terms.PACKAGE) else ""


def dataset(node: Node) -> Json:
    """Fields of :class:`~forebear.bom.training.Dataset` that a package states itself."""
    graph = node.graph
    node.touch()
    if node.kind == terms.FILE:
        return {"name": node.text("name"), "description": node.text("description")}
    node.word("software_primaryPurpose", ("data",))
    if [value for _, value in node.values("dataset_datasetType")] == ["noAssertion"]:
        graph.take_all(node.values("dataset_datasetType"))
    sensitive = node.word("dataset_hasSensitivePersonalInformation", terms.SENSITIVE)
    if sensitive == "no":  # no sensitive information may still be personal
        node.give_back("dataset_hasSensitivePersonalInformation")
    found: Json = {"name": node.text("name"), "description": node.text("description"), "supplier": parts.supplier(node)}
    found["originators"] = [agent.text("name") for agent in node.nodes("originatedBy", *terms.AGENTS)]
    found["built"], found["released"] = node.text("builtTime"), node.text("releaseTime")
    found["version"] = node.text("software_packageVersion")
    found["url"] = node.text("software_downloadLocation")
    found["size"] = _size(node)
    found["collected"] = node.text("dataset_dataCollectionProcess")
    found["personal"] = terms.SENSITIVE.get(sensitive, Presence.UNKNOWN).value
    found["licence"] = terms.conjunction(parts.expressions_of(graph, node.id))
    makers = [r for r in graph.coming(node.id, "generates") if _kind(graph, r.source) in (terms.MODEL, terms.PACKAGE)]
    found["synthetic_from"] = [_named(relation, relation.source) for relation in makers]
    return found


def _kind(graph: Graph, key: str) -> str:
    return graph.nodes[key].kind if key in graph.nodes else ""


def _size(node: Node) -> str:
    for pointer, value in node.values("dataset_datasetSize"):
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
            node.graph.take(pointer)
            return str(value)
        node.graph.defect(pointer, "dataset_datasetSize should be a number that is not negative")
    return ""


def _named(relation: Relation, key: str) -> str:
    relation.use()
    return relation.node.graph.nodes[key].text("name")


def write_stages(to: Elements, model: str, models: dict[str, str], datasets: dict[str, str]) -> None:
    """Every stage, in order."""
    for stage in to.record.stages:
        key = _stage(to, stage)
        to.stands_for("stage", key, stage)
        for each in stage.inputs:
            kind, purpose = terms.INPUTS.get(each.kind, (terms.MODEL, "model"))
            known = {terms.MODEL: models, terms.DATASET: datasets}.get(kind, {})
            to.relate(key, "hasInput", [known.get(each.name) or to.named(each.name, purpose, each.revision)])
        made = [models.get(name) or to.named(name, "model") for name in stage.outputs]
        to.relate(key, "hasOutput", dict.fromkeys(made) or [model])


def _stage(to: Elements, stage: Stage) -> str:
    around = [*(("software", x) for x in stage.software), ("hardware", stage.hardware)]
    around += [(_HOURS, "" if stage.hours is None else repr(stage.hours))]
    around += [("flops", "" if stage.flops is None else repr(stage.flops))]
    words = [(name, getattr(stage, name)) for name in _PARAMETERS]
    return to.add(
        "stage",
        terms.BUILD,
        name=stage.name,
        build_buildType=terms.STAGES[stage.kind],
        build_parameter=entries_of([pair for pair in words if pair[1]] + [(s.name, s.value) for s in stage.settings]),
        build_environment=entries_of(pair for pair in around if pair[1]),
        build_buildStartTime=terms.instant(stage.started),
        build_buildEndTime=terms.instant(stage.ended),
    )


def stage(node: Node, model: str) -> Json:
    """Fields of :class:`~forebear.bom.training.Stage` that a build states; a type of others is a setting."""
    node.touch()
    node.take_id()
    kind = node.text("build_buildType")
    found: Json = {"name": node.text("name"), "settings": [], "software": [], "outputs": []}
    found["kind"] = terms.STAGES_BACK.get(kind, StageKind.OTHER).value
    if kind and kind not in terms.STAGES_BACK:
        found["settings"].append({"name": "build_buildType", "value": kind})
    found["started"], found["ended"] = node.text("build_buildStartTime"), node.text("build_buildEndTime")
    for name, value in read_pairs(node, "build_parameter"):
        if name in _PARAMETERS and name not in found:
            found[name] = value
        else:
            found["settings"].append({"name": name, "value": value})
    for name, value in read_pairs(node, "build_environment"):
        _environment(found, name, value)
    found["inputs"] = list(_inputs(node))
    for relation in node.graph.going(node.id, "hasOutput"):
        if relation.target in node.graph.nodes:
            relation.use()
            found["outputs"] += [] if relation.target == model else [_named(relation, relation.target)]
    return found


def _environment(found: Json, name: str, value: str) -> None:
    field = {_HOURS: "hours", "flops": "flops"}.get(name, "")
    if name == "software":
        found["software"].append(value)
    elif name == "hardware" and name not in found:
        found[name] = value
    elif field and field not in found and terms.number(value) is not None:
        found[field] = terms.number(value)
    else:
        found["settings"].append({"name": f"environment.{name}", "value": value})


def _inputs(build: Node) -> Iterator[Json]:
    graph = build.graph
    for relation in graph.going(build.id, "hasInput"):
        kind = {terms.MODEL: InputKind.MODEL, terms.DATASET: InputKind.DATASET}.get(_kind(graph, relation.target))
        if kind is None and _kind(graph, relation.target) not in (terms.FILE, terms.PACKAGE):
            continue
        node = graph.nodes[relation.target]
        if kind is None:
            purpose = node.word("software_primaryPurpose", terms.PURPOSES)
            kind = {"model": InputKind.MODEL, "data": InputKind.DATASET}.get(purpose, InputKind.CODE)
        node.touch()
        found = {"kind": kind.value, "name": _named(relation, node.id)}
        yield found | {"revision": node.text("software_packageVersion")}
