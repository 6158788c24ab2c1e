"""How a model was made, as tasks of a workflow."""

from __future__ import annotations

from typing import Any

from bom.cyclonedx.documents import properties, record
from forebear.bom.cyclonedx import read, write
from forebear.bom.record import Relative, Slot
from forebear.bom.training import Dataset, Input, InputKind, Stage, StageKind
from forebear.bom.values import Setting

BASE = Relative(name="org/base", slot=Slot.ANCESTOR)
DATA = Dataset(name="org/data")


def formula(*stages: Stage) -> Any:
    written = record(relatives=(BASE,), datasets=(DATA,), stages=stages)
    document = write(written)
    assert read(document).records == (written,)
    (found,) = document["formulation"]
    return found


def test_stages_are_tasks_one_after_the_other() -> None:
    kinds = (StageKind.PRETRAINING, StageKind.SFT, StageKind.MERGE, StageKind.OTHER)
    (workflow,) = formula(*(Stage(kind=kind) for kind in kinds))["workflows"]
    assert [task["taskTypes"] for task in workflow["tasks"]] == [["build"], ["build"], ["merge"], ["other"]]
    assert workflow["taskDependencies"] == [
        {"ref": "stage/2", "dependsOn": ["stage/1"]},
        {"ref": "stage/3", "dependsOn": ["stage/2"]},
        {"ref": "stage/4", "dependsOn": ["stage/3"]},
    ]
    assert workflow["taskTypes"] == ["build", "merge", "other"]


def test_no_stages_no_formula() -> None:
    assert "formulation" not in write(record())


def test_inputs_refer_to_what_stands_in_the_document_already() -> None:
    inputs = (
        Input(kind=InputKind.MODEL, name="org/base"),
        Input(kind=InputKind.DATASET, name="org/data", role="prompts"),
    )
    found = formula(Stage(kind=StageKind.SFT, inputs=inputs))
    task = found["workflows"][0]["tasks"][0]
    assert [each["resource"]["ref"] for each in task["inputs"]] == ["relative/org/base", "dataset/org/data"]
    assert properties(task["inputs"][1])["role"] == "prompts"
    assert task["outputs"] == [{"type": "artifact", "resource": {"ref": "model"}}]
    assert "components" not in found


def test_what_stands_nowhere_else_is_a_component_of_the_formula() -> None:
    rewards = Input(kind=InputKind.REWARD_MODEL, name="org/rewards")
    code = Input(kind=InputKind.CODE, name="org/base")  # the name of a model, and no model
    stages = (
        Stage(kind=StageKind.RL, inputs=(rewards, code), outputs=("org/step-1",), reward="a reward model"),
        Stage(kind=StageKind.RL, inputs=(rewards, Input(kind=InputKind.MODEL, name="org/step-1"))),
    )
    found = formula(*stages)
    assert [(c["type"], c["group"], c["name"]) for c in found["components"]] == [
        ("machine-learning-model", "org", "rewards"),
        ("application", "org", "base"),
        ("machine-learning-model", "org", "step-1"),
    ]
    first = found["workflows"][0]["tasks"][0]
    assert properties(first)["reward"] == "a reward model"
    assert properties(first["inputs"][0])["kind"] == "reward_model"


def test_hyperparameters_are_parameters() -> None:
    settings = (Setting(name="learning_rate", value="1e-5"), Setting(name="epochs", value="3"))
    task = formula(Stage(kind=StageKind.SFT, settings=settings))["workflows"][0]["tasks"][0]
    assert task["inputs"] == [
        {"parameters": [{"name": "learning_rate", "value": "1e-5"}, {"name": "epochs", "value": "3"}]}
    ]


def test_what_is_said_twice_stays_said_twice() -> None:
    """The standard's lists hold nothing twice; the record does."""
    same = Input(kind=InputKind.MODEL, name="org/base")
    setting = Setting(name="seed", value="1")
    task = formula(Stage(kind=StageKind.MERGE, inputs=(same, same), settings=(setting, setting)))["workflows"][0][
        "tasks"
    ]
    assert len(task[0]["inputs"]) == 2
    assert properties(task[0])["inputs.+1.name"] == "org/base"


def test_times_are_written_where_they_are_times() -> None:
    stages = (
        Stage(kind=StageKind.SFT, started="2026-01-02T03:04:05Z", ended="early 2026"),
        Stage(kind=StageKind.SFT, started="2026-13-02T03:04:05Z"),
    )
    first, second = formula(*stages)["workflows"][0]["tasks"]
    assert first["timeStart"] == "2026-01-02T03:04:05Z"
    assert "timeEnd" not in first
    assert properties(first)["ended"] == "early 2026"
    assert "timeStart" not in second


def test_tasks_by_other_tools() -> None:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"type": "machine-learning-model", "bom-ref": "m", "name": "m"}},
        "components": [{"type": "data", "bom-ref": "d", "name": "corpus"}],
        "formulation": [
            {
                "workflows": [
                    {
                        "bom-ref": "w",
                        "uid": "w",
                        "taskTypes": ["build"],
                        "tasks": [
                            {
                                "bom-ref": "t",
                                "uid": "t",
                                "name": "fine-tune",
                                "taskTypes": ["build"],
                                "inputs": [{"resource": {"ref": "d"}}, {"resource": {"ref": "nowhere"}}],
                            }
                        ],
                    }
                ]
            }
        ],
    }
    reading = read(document)
    (stage,) = reading.records[0].stages
    assert (stage.kind, stage.name) == (StageKind.OTHER, "fine-tune")  # what kind of task it was, nobody says
    assert stage.inputs[0] == Input(kind=InputKind.DATASET, name="corpus")
    task = "/formulation/0/workflows/0/tasks/0"
    assert f"{task}/inputs/0/resource/ref" not in reading.unread
    assert f"{task}/inputs/1/resource/ref" in reading.unread
    assert f"{task}/taskTypes/0" in reading.unread
