"""How the model was made: stages as the tasks of one workflow, one after the other.

What goes in or comes out and stands nowhere else in the document (a reward model, a checkpoint in between) is a
component of the formula. Hyperparameters are parameters of a task; what a task has no field for (kind, method, reward)
is in properties.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise

from forebear.bom.cyclonedx.properties import Fields, build, complete
from forebear.bom.cyclonedx.terms import MODEL, MODEL_TYPE, Refs, is_time, name_at, named
from forebear.bom.cyclonedx.tree import NAME, Node, Trail
from forebear.bom.training import Input, InputKind, Stage, StageKind
from forebear.types import Json

_TYPES = {StageKind.MERGE: "merge", StageKind.OTHER: "other"}
_KINDS = {InputKind.DATASET: "data", InputKind.CODE: "application"}


@dataclass
class Places:
    """Where what goes into stages stands.

    Attributes:
        refs: gives references to what stands nowhere yet.
        models, datasets: references of relatives and datasets by name.
        components: of the formula: what stood nowhere.
        trail: knows the components by reference.
    """

    refs: Refs
    models: dict[str, str]
    datasets: dict[str, str]
    trail: Trail
    components: list[Json] = field(default_factory=list)
    _made: dict[tuple[str, str], str] = field(default_factory=dict)

    def ref(self, name: str, kind: InputKind) -> str:
        """The reference of a model, a dataset, or code by name; a component is made where there is none."""
        known = self.datasets if kind is InputKind.DATASET else {} if kind is InputKind.CODE else self.models
        component_type = _KINDS.get(kind, MODEL_TYPE)
        ref = known.get(name) or self._made.get((component_type, name))
        if ref is None:
            ref = self._made[component_type, name] = self.refs.new("formula", name)
            self.components.append({"type": component_type, "bom-ref": ref, **named(name)})
            self.trail.refs[ref] = self.components[-1]
        return ref


def formulation(stages: tuple[Stage, ...], places: Places) -> list[Json]:
    """One formula with one workflow, empty without stages."""
    if not stages:
        return []
    refs = [f"stage/{number}" for number in range(1, len(stages) + 1)]
    tasks = [_task(stage, ref, places) for stage, ref in zip(stages, refs, strict=True)]
    after = [{"ref": later, "dependsOn": [earlier]} for earlier, later in pairwise(refs)]
    workflow: Json = {
        "bom-ref": "workflow/making",
        "uid": "making",
        "name": "How the model was made",
        "taskTypes": list(dict.fromkeys(kind for task in tasks for kind in task["taskTypes"])),
        "tasks": tasks,
    }
    if after:
        workflow["taskDependencies"] = after
    formula: Json = {"bom-ref": "formula/making"}
    if places.components:
        formula["components"] = places.components
    return [{**formula, "workflows": [workflow]}]


def _task(stage: Stage, ref: str, places: Places) -> Json:
    inputs = [_input(each, places) for each in stage.inputs]
    parameters = [{"name": s.name, "value": s.value} for s in stage.settings]
    if parameters:
        inputs.append({"parameters": _distinct(parameters)})
    outputs = [places.ref(name, InputKind.MODEL) for name in stage.outputs] or [MODEL]
    native: Json = {
        "bom-ref": ref,
        "uid": ref,
        "taskTypes": [_TYPES.get(stage.kind, "build")],
        **({"name": stage.name} if stage.name else {}),
        **({"inputs": _distinct(inputs)} if inputs else {}),
        "outputs": _distinct([{"type": "artifact", "resource": {"ref": each}} for each in outputs]),
        **({"timeStart": stage.started} if is_time(stage.started) else {}),
        **({"timeEnd": stage.ended} if is_time(stage.ended) else {}),
    }
    return complete(stage, native, _stage, places.trail)


def _input(item: Input, places: Places) -> Json:
    native = {"resource": {"ref": places.ref(item.name, item.kind)}}
    return complete(item, native, _taken, places.trail)


def _distinct(items: list[Json]) -> list[Json]:
    """The standard wants lists without repetitions; what is said twice is in properties then."""
    return list({json.dumps(item, sort_keys=True): item for item in reversed(items)}.values())[::-1]


def stages_of(document: Node) -> list[Stage]:
    """The tasks of every workflow, as the document orders them."""
    found = []
    for formula in document.children("formulation"):
        for workflow in formula.children("workflows"):
            found += [build(Stage, task, _stage) for task in workflow.children("tasks")]
    return [stage for stage in found if stage is not None]


def _stage(task: Node) -> Fields:
    kinds = task.items("taskTypes")
    merge = kinds == ["merge"]
    if merge:
        task.trail.see(kinds, 0)
    given = task.children("inputs")
    inputs = [build(Input, each, _taken) for each in given if "resource" in each.value]
    parameters = [p for each in given for p in each.children("parameters") if isinstance(p.value.get("name"), str)]
    return {
        "kind": StageKind.MERGE if merge else StageKind.OTHER,
        "name": task.text("name", NAME),
        "inputs": [each for each in inputs if each is not None],
        "settings": [{"name": p.text("name"), "value": p.text("value")} for p in parameters],
        "outputs": [name for each in task.children("outputs") if (name := _output(each)) is not None],
        "started": task.text("timeStart", NAME),
        "ended": task.text("timeEnd", NAME),
    }


def _taken(node: Node) -> Fields:
    resource = node.child("resource")
    ref = resource.value.get("ref") if resource is not None else None
    target = node.trail.refs.get(ref) if isinstance(ref, str) else None
    name = name_at(ref, node.trail.refs) if isinstance(ref, str) else None
    if resource is not None and name is not None:
        resource.see("ref")
    kind = target.get("type") if target is not None else None
    known = {MODEL_TYPE: InputKind.MODEL, "data": InputKind.DATASET}
    return {"kind": known.get(kind, InputKind.CODE) if isinstance(kind, str) else InputKind.CODE, "name": name or ""}


def _output(node: Node) -> str | None:
    """The name of what came out, None for the model that the document is about."""
    resource = node.child("resource")
    ref = resource.value.get("ref") if resource is not None else None
    name = name_at(ref, node.trail.refs) if isinstance(ref, str) and ref != MODEL else None
    if resource is not None and name is not None:
        resource.see("ref")
    return name
