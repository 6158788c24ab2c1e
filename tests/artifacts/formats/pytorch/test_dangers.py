"""Pickles beside the weights: what they would do is found, ordinary training files are no reproach."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from forebear.artifacts import read_artifact
from forebear.artifacts.formats.pytorch import dangers, pickle_dangers
from forebear.index import LocalIndex
from forebear.sources import LocalSource
from models import Memory, tiny_llama
from shared import shared
from torch_files import Call, Name, New, code, legacy_bytes, pickled, zip_bytes

EVIL = Call(Name("os", "system"), ("touch /tmp/evil",))
TRAINER = "transformers.trainer_utils"
ARGUMENTS = New(
    Name("transformers.training_args", "TrainingArguments"),
    (),
    {
        "output_dir": "out",
        "lr": 1e-4,
        "evaluation_strategy": Call(Name(TRAINER, "IntervalStrategy"), ("steps",)),
        "optim": Call(Name("transformers.training_args", "OptimizerNames"), ("adamw_torch",)),
        "device": Call(Name("torch", "device"), ("cuda", 0)),
        "state": New(Name("accelerate.state", "PartialState"), (), {"_cpu": False}),
    },
)


def found(**files: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return pickle_dangers(Memory({n.replace("__", "."): raw for n, raw in files.items()}), ())


def test_an_evil_pickle_beside_good_safetensors_is_a_finding(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", layers=1)
    (folder / "training_args.bin").write_bytes(zip_bytes(EVIL))
    artifact = read_artifact(LocalSource(folder))
    assert artifact.weights.format == "safetensors" and len(artifact.weights.dangers) == 1
    assert artifact.weights.dangers[0].startswith("training_args.bin calls os.system (byte ")
    result = forebear.scan(str(folder), LocalIndex(tmp_path / "home"))
    finding = next(f for f in result.findings if f.id == "pickle-unsafe")
    assert finding.level.value == "error" and "It was not run." in finding.message
    assert not Path("/tmp/evil").exists()


def test_evil_weights_are_read_and_reported(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", layers=1)
    (folder / "model.safetensors").unlink()
    weights = {"w": np.ones((2, 2), dtype=np.float32), "x": EVIL}
    (folder / "pytorch_model.bin").write_bytes(zip_bytes(weights))
    artifact = read_artifact(LocalSource(folder))
    assert artifact.weights.tensors["w"].values().tolist() == [[1, 1], [1, 1]]
    assert len(artifact.weights.dangers) == 1 and "of archive/data.pkl) when pickle.load" in artifact.weights.dangers[0]
    assert "pytorch_model.bin: 1 entries beside its tensors could not be read and are left out" in artifact.notes


@pytest.mark.parametrize(
    "raw",
    [
        zip_bytes(EVIL),
        zip_bytes(EVIL, method=zipfile.ZIP_DEFLATED),
        zip_bytes({"a": 1}, extra={"other.pkl": pickled(EVIL)}),
        legacy_bytes(EVIL),
        pickled(EVIL),
        b"cos\nsystem\n(S'id'\ntR.",
        b"I1\n0cos\nsystem\n(S'id'\ntR.",
        b"cos\nsystem\n(S'id'\ntR\xff damaged from here",
        pickled(Call(Name("torch.storage", "_load_from_bytes"), (legacy_bytes(EVIL),))),
        pickle.dumps({"a": [1, 2]}, 4)[:-1] + b"cos\nsystem\n)R.",
        pickled({f"k{k}": Call(Name(f"m{k}", "f")) for k in range(3)}),
    ],
)
@pytest.mark.parametrize("name", ["a__bin", "a__pkl", "a__pt"])
def test_every_container_of_an_evil_pickle_is_looked_into(raw: bytes, name: str) -> None:
    said, _ = found(**{name: raw})
    assert said and all(line.startswith(name.replace("__", ".") + " calls ") for line in said)


def test_ordinary_training_files_are_no_danger() -> None:
    state = {"step": 1, "base_lrs": [1e-4]}
    said, notes = found(
        training_args__bin=zip_bytes(ARGUMENTS),
        scheduler__pt=zip_bytes(state),
        optimizer__pt=legacy_bytes({"state": {0: {"exp_avg": np.ones(3, dtype=np.float32)}}}),
        vocab__pkl=pickle.dumps({"a": 1, "b": np.arange(3)}),
        stories__bin=b"\x40\0\0\0" * 99,
        pointer__bin=b"version https://git-lfs.github.com/spec/v1\n",
        text__pkl=b"cold and plain text\nof two lines\n",
    )
    assert (said, notes) == ((), ())


def test_unknown_classes_are_noted() -> None:
    said, notes = found(x__bin=zip_bytes([New(Name("my.code", f"Thing{k}")) for k in range(5)]))
    assert said == ()
    assert notes == (
        "x.bin makes objects of my.code.Thing0, my.code.Thing1, my.code.Thing2 and others, "
        "classes that are not known here; they were passed over",
    )


def test_what_is_not_examined_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said, notes = found(x__pkl=pickled({"a": 1})[:-1], y__bin=zip_bytes({"a": 1})[:-9])
    assert said == () and [n.split(" (")[0] for n in notes] == [
        "x.pkl: not examined whole as a pickle",
        "y.bin: not examined whole as a pickle",
    ]
    monkeypatch.setattr(dangers, "MAX_FILES", 2)
    _, notes = found(**{f"x{k}__pkl": pickled(1) for k in range(5)})
    assert notes == ("3 more files that may be pickles were not examined",)
    monkeypatch.setattr(dangers, "MAX_TOTAL", 10)
    _, notes = found(**{f"x{k}__pkl": pickled("twelve bytes") for k in range(5)})
    assert notes == ("4 more files that may be pickles were not examined",)


def test_the_same_bytes_are_looked_into_once() -> None:
    inner = legacy_bytes({"w": np.ones(2, dtype=np.float32)})
    load = code(Name("torch.storage", "_load_from_bytes")) + b"q\x01" + code(inner) + b"\x85q\x02"
    said, notes = found(x__pkl=b"\x80\x02(" + load + b"h\x01h\x02R" * 20_000 + b"t.")
    assert (said, notes) == ((), ())
    said, _ = found(x__pkl=pickle.dumps(1, 2)[:-1] + b"0" + load + b"R.", y__pkl=pickled(EVIL))
    assert [line.split(" (")[0] for line in said] == ["y.pkl calls os.system"]


def test_a_long_list_is_cut() -> None:
    said, _ = found(x__bin=zip_bytes([Call(Name(f"m{k}", "f")) for k in range(50)]))
    assert len(said) == dangers.MAX_LISTED + 1 and said[-1] == "x.bin has 34 more such calls"


def test_files_that_were_read_and_single_files_are_not_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(zip_bytes(EVIL))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert pickle_dangers(LocalSource(tmp_path), ("a.bin",)) == ((), ())
    assert pickle_dangers(LocalSource(tmp_path / "model.safetensors"), ()) == ((), ())
    assert len(pickle_dangers(LocalSource(tmp_path), ())[0]) == 1


@pytest.mark.shared
def test_real_training_files_of_others_are_no_danger() -> None:
    looked: list[Any] = []
    for path in sorted((shared("artefacts") / "repositories").rglob("*")):
        if path.is_dir() and any(p.suffix in (".bin", ".pt", ".pth") for p in path.iterdir()):
            said, notes = pickle_dangers(LocalSource(path), ())
            assert said == (), path
            looked += notes
    assert sorted(n.split(", ")[0] for n in looked) == [
        "training_args.bin makes objects of UnslothGRPOTrainer.UnslothGRPOConfig",
        "training_args.bin makes objects of llava.train.train.TrainingArguments",
    ]
