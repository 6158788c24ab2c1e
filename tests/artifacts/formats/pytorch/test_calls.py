"""What the calls of a pickle make, and which of them are said to be dangerous. None is carried out."""

from __future__ import annotations

import argparse
import collections
import datetime
import pathlib
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from forebear.artifacts.formats.pytorch.calls import MAX_DIMENSIONS
from forebear.artifacts.formats.pytorch.harmless import HARMLESS, harmless, standard
from forebear.artifacts.formats.pytorch.machine import unpickled
from forebear.artifacts.formats.pytorch.values import Global, Log, Opaque, Storage, Strided
from forebear.artifacts.formats.pytorch.window import Window
from forebear.errors import FormatError
from models import refused
from torch_files import Call, Kept, Name, New, Raw, code, pickled

KEPT = Kept(("storage", Name("torch", "FloatStorage"), "0", "cpu", 12))
V2 = Name("torch._utils", "_rebuild_tensor_v2")
V3 = Name("torch._utils", "_rebuild_tensor_v3")
HOOKS = Call(Name("collections", "OrderedDict"))
TENSOR = Call(V2, (KEPT, 0, (3, 4), (4, 1), False, HOOKS))


def run(value: Any) -> tuple[Any, Log]:
    data = value if isinstance(value, bytes) else pickled(value)
    log = Log()
    return unpickled(Window("x.pkl", lambda a, b: data[a:b], 0, len(data), "data.pkl"), log), log


def test_a_tensor_is_a_shape_over_a_storage() -> None:
    found, log = run({"a": TENSOR})
    tensor = found["a"]
    assert isinstance(tensor, Strided) and isinstance(tensor.storage, Storage)
    assert (tensor.dtype, tensor.shape, tensor.strides, tensor.offset) == ("F32", (3, 4), (4, 1), 0)
    assert (tensor.storage.key, tensor.storage.size) == ("0", 12) and log.storages == {"0": tensor.storage}
    assert not log.dangers and not log.passed and not log.unknown


@pytest.mark.parametrize(
    "value",
    [
        Call(Name("torch._utils", "_rebuild_parameter"), (TENSOR, True, HOOKS)),
        Call(Name("torch._utils", "_rebuild_parameter_with_state"), (TENSOR, True, HOOKS, {"x": 1})),
        Call(Name("torch._tensor", "_rebuild_from_type_v2"), (V2, Name("torch", "Tensor"), TENSOR.arguments, {})),
        Call(Name("torch._utils", "_rebuild_tensor"), TENSOR.arguments[:4]),
        Call(V2, (KEPT, 0, Call(Name("torch", "Size"), ((3, 4),)), (4, 1), False, HOOKS, {"meta": 1})),
        Call(V3, (KEPT, 0, (3, 4), (4, 1), False, HOOKS, Name("torch", "float32"))),
        Call(V2, TENSOR.arguments, {"attribute": 1}),
    ],
)
def test_every_form_of_a_tensor_is_the_same_tensor(value: Any) -> None:
    found, log = run(value)
    assert isinstance(found, Strided) and (found.shape, found.strides) == ((3, 4), (4, 1))
    assert not log.dangers


def test_storages_without_a_type_take_the_tensors() -> None:
    kept = Kept(("storage", Name("torch.storage", "UntypedStorage"), "0", "cpu", 12))
    found, _ = run(Call(V3, (kept, 0, (3, 4), (4, 1), False, HOOKS, Name("torch", "float8_e4m3fn"))))
    assert (found.dtype, found.storage.dtype) == ("F8_E4M3", "U8")
    found, _ = run(Call(V3, (kept, 0, (3, 4), (4, 1), False, HOOKS, Name("torch", "float9"))))
    assert isinstance(found, Opaque)
    found, _ = run(
        Call(V2, (Kept(("storage", Name("torch", "QInt8Storage"), "0", "cpu", 1)), 0, (1,), (1,), False, HOOKS))
    )
    assert isinstance(found, Opaque)


def test_a_legacy_view_lies_behind_its_offset() -> None:
    found, _ = run(Kept(("storage", Name("torch", "FloatStorage"), "0", "cpu", 12, ("1", 4, 6))))
    assert (found.offset, found.size) == (4, 6)


@pytest.mark.parametrize(
    "value",
    [
        Call(V2, (KEPT, 0, (3, 4), (4,), False, HOOKS)),
        Call(V2, (KEPT, -1, (3, 4), (4, 1), False, HOOKS)),
        Call(V2, (KEPT, 0, (3, -4), (4, 1), False, HOOKS)),
        Call(V2, (KEPT, 0, (3, 4), (4, -1), False, HOOKS)),
        Call(V2, (KEPT, 0, (3, "4"), (4, 1), False, HOOKS)),
        Call(V2, (KEPT, 0, (3, 2**70), (4, 1), False, HOOKS)),
        Call(V2, (KEPT, True, (3, 4), (4, 1), False, HOOKS)),
        Call(V2, (KEPT, 0, (1,) * (MAX_DIMENSIONS + 1), (1,) * (MAX_DIMENSIONS + 1), False, HOOKS)),
        Call(V2, (KEPT, 0)),
        Call(V2, ("storage", 0, (3, 4), (4, 1), False, HOOKS)),
        Call(Name("torch._utils", "_rebuild_parameter"), (1, True, HOOKS)),
        Call(Name("torch", "Size"), (5,)),
        Call(Name("collections", "OrderedDict"), (5,)),
        Call(Name("collections", "OrderedDict"), ([1, 2],)),
        Kept(("storage",)),
        Kept(("storage", Name("torch", "FloatStorage"), 0, "cpu", 12)),
        Kept(("storage", Name("torch", "FloatStorage"), "0", "cpu", -1)),
        Kept(("other", 1, 2, 3, 4)),
        Kept(()),
    ],
)
def test_impossible_tensors_are_refused(value: Any) -> None:
    with refused("x.pkl: byte ", "of data.pkl", "finds something else than it needs"):
        run(value)


class Plain(dict):  # type: ignore[type-arg]
    """Somebody's own class."""


HARMLESS_VALUES = [
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    collections.Counter("abca"),
    collections.deque([1, 2]),
    argparse.Namespace(lr=0.1),
    {1, 2},
    frozenset([1]),
    complex(1, 2),
    bytearray(b"x"),
    range(3),
    slice(1, 2),
    datetime.datetime(2024, 1, 2),
    pathlib.PurePosixPath("a/b"),
    np.float32(1.5),
    np.arange(6).reshape(2, 3),
    np.array(["a"]),
    np.dtype("<f4"),
    np.random.RandomState(1).get_state(),
]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("value", HARMLESS_VALUES, ids=lambda v: type(v).__name__)
def test_plain_data_is_no_danger(value: Any, protocol: int) -> None:
    _, log = run(pickle.dumps(value, protocol))
    assert not log.dangers and not log.unknown


ATTACKS = {
    "reduce": Call(Name("os", "system"), ("id",)),
    "posix": Call(Name("posix", "system"), ("id",)),
    "old name": Call(Name("__builtin__", "eval"), ("1",)),
    "inst": Raw(b"(" + code("id") + b"ios\nsystem\n"),
    "obj": Raw(b"(" + code(Name("os", "system")) + code("id") + b"o"),
    "stack global": Raw(code("os") + code("system") + b"\x93" + code(("id",)) + b"R"),
    "dotted name": Raw(code("torch") + code("serialization.os.system") + b"\x93" + code(("id",)) + b"R"),
    "through a harmless module": Call(Name("transformers.trainer_utils", "os.system"), ("id",)),
    "a harmless module's other function": Call(Name("torch", "hub.load"), ("x",)),
    "new with arguments": New(Name("numpy", "memmap"), ("/etc/passwd",)),
    "new of a standard class": New(Name("subprocess", "Popen")),
    "new with keywords": Raw(code(Name("subprocess", "Popen")) + code(()) + code({}) + b"\x92"),
    "copyreg": Call(Name("copyreg", "__newobj__"), (Name("subprocess", "Popen"), "id")),
    "old copyreg": Call(
        Name("copy_reg", "_reconstructor"), (Name("subprocess", "Popen"), Name("builtins", "object"), None)
    ),
    "wrapped in a tensor": Call(
        Name("torch._tensor", "_rebuild_from_type_v2"), (Name("os", "system"), Name("torch", "Tensor"), ("id",), {})
    ),
    "twice wrapped": Call(
        Name("torch._tensor", "_rebuild_from_type_v2"),
        (
            Name("torch._tensor", "_rebuild_from_type_v2"),
            Name("torch", "Tensor"),
            (Name("os", "system"), 1, ("id",), {}),
            {},
        ),
    ),
    "getattr of a module": Call(Name("builtins", "getattr"), (Name("os", "path"), "system")),
    "getattr deeper": Call(Name("builtins", "getattr"), (Name("torch", "Tensor"), "__init__.__globals__")),
    "what getattr gave": Call(Call(Name("builtins", "getattr"), (Name("torch", "Size"), "count")), ("id",)),
    "partial": Call(Call(Name("functools", "partial"), (Name("os", "system"), "id"))),
    "change of a class": Raw(code(Name("torch", "Tensor")) + code({"__reduce__": 1}) + b"b"),
    "items of sys.modules": Raw(code(Name("sys", "modules")) + code("os") + code(1) + b"s"),
    "append to sys.path": Raw(code(Name("sys", "path")) + code("/tmp") + b"a"),
    "extension": Raw(b"\x82\x07"),
    "wide extension": Raw(b"\x84\x07\x00\x00\x00"),
    "a number called": Call(5, ("id",)),
    "a function of somebody": Call(Name("evil", "function"), ()),
    "an unhashable function": Call([1], ()),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_could_run_code_is_said_with_its_place(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(sys.modules)
    monkeypatch.setattr("os.system", lambda _: pytest.fail("was called"))
    _, log = run({"first": 1, "attack": ATTACKS[attack], "a": TENSOR})
    assert len(log.dangers) >= 1
    assert all("of data.pkl)" in clause and clause.isprintable() for clause in log.dangers.values())
    assert not {m.partition(".")[0] for m in set(sys.modules) - before} & {"torch", "transformers", "evil"}


def test_an_attack_in_front_of_damage_is_kept() -> None:
    log, data = Log(), pickled(Call(Name("os", "system"), ("id",)))[:-1] + b"\xff"
    with pytest.raises(FormatError):
        unpickled(Window("x", lambda a, b: data[a:b], 0, len(data)), log)
    assert list(log.dangers) == [Global("os", "system")]
    assert log.dangers[Global("os", "system")].startswith("calls os.system (byte ")


def test_a_bare_object_of_an_unknown_class_is_noted_and_no_danger() -> None:
    found, log = run(New(Name("llava.train.train", "TrainingArguments"), (), {"lr": 0.1}))
    assert isinstance(found, Opaque) and found.state == [{"lr": 0.1}]
    assert not log.dangers and [str(c) for c in log.unknown] == ["llava.train.train.TrainingArguments"]
    _, log = run({"known": New(Name("transformers.training_args", "TrainingArguments"), (), {"lr": 0.1})})
    assert not log.dangers and not log.unknown


def test_a_name_that_is_never_called_is_no_danger() -> None:
    _, log = run({"function": Name("os", "system")})
    assert not log.dangers


def test_a_member_of_an_enumeration_is_data_in_every_python() -> None:
    of = Name("transformers.trainer_utils", "IntervalStrategy")
    for value in (Call(of, ("steps",)), Call(Name("builtins", "getattr"), (of, "STEPS"))):
        _, log = run(value)
        assert not log.dangers and [str(c) for c in log.passed] == ["transformers.trainer_utils.IntervalStrategy"]


def test_the_list_of_harmless_names_holds_nothing_that_acts() -> None:
    acting = "eval exec compile open getattr setattr __import__ system popen input print map filter apply breakpoint"
    assert not {g for g in HARMLESS if g.name in acting.split() or "." in g.name}
    assert all(not harmless(Global(m, "system")) for m in ("os", "posix", "nt", "torch", "builtins"))
    assert standard(Global("os.path", "join")) and standard(Global("nt", "x")) and not standard(Global("torch", "x"))
