"""The public API: names, laziness, frozen values, silence."""

from __future__ import annotations

import dataclasses
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import forebear
from documents import check_document
from forebear.errors import ForebearError, FormatError, IndexError_, InputError, MissingExtra, UsageError, one_line
from forebear.report.schemas import names, schema
from forebear.types import Verdict, to_json
from models import tiny_llama


def test_every_public_name_is_there_and_none_is_a_subpackage() -> None:
    for name in forebear.__all__:
        assert getattr(forebear, name) is not None
    assert not set(forebear.__all__) & {m.name for m in pkgutil.iter_modules(forebear.__path__)}
    with pytest.raises(AttributeError):
        forebear.nonsense  # noqa: B018


def test_importing_the_package_does_not_import_numpy() -> None:
    code = "import sys, forebear, forebear.cli; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_functions_return_frozen_values_and_never_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    result = forebear.compare(str(tmp_path / "a"), str(tmp_path / "a"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.verdict = Verdict.UNRELATED  # type: ignore[misc]
    check_document(result.to_json())
    assert forebear.fingerprint(str(tmp_path / "a")).digest == result.a.digest
    index = forebear.LocalIndex(tmp_path / "home")
    assert forebear.write_bom(str(tmp_path / "a"), index).to_json()["bomFormat"] == "CycloneDX"
    assert capsys.readouterr() == ("", "")


def test_errors_know_their_exit_codes_and_stay_on_one_line() -> None:
    codes = {ForebearError: 4, UsageError: 2, InputError: 4, IndexError_: 4}
    for kind, code in codes.items():
        assert kind("a\nb\x1b", "c").exit_code == code
    assert str(FormatError("f", "broken\n", "mend it")) == "f: broken; mend it"
    extra = MissingExtra("torch", "activations")
    assert extra.exit_code == 2 and "pip install 'forebear[torch]'" in str(extra)
    assert len(one_line("x" * 10_000)) == 600


def test_schemas_are_shipped() -> None:
    assert {"scan", "compare", "common", "demo", "doctor", "explain"} <= set(names())
    with pytest.raises(KeyError):
        schema("../../etc/passwd")


def test_numbers_that_json_cannot_hold_become_null() -> None:
    assert to_json({"a": float("nan"), "b": float("inf"), "c": (1, 0.5), "d": None}) == {
        "a": None,
        "b": None,
        "c": [1, 0.5],
        "d": None,
    }


def test_verdicts_answer_as_the_contract_says() -> None:
    table = {
        "identical": (True, 0),
        "derived": (True, 0),
        "dependent": (True, 0),
        "siblings": (True, 0),
        "merge": (True, 0),
        "same_init_or_derived": (True, 3),
        "component_shared": (True, 3),
        "same_architecture": (None, 3),
        "same_tokenizer": (None, 3),
        "unrelated": (False, 1),
        "inconclusive": (None, 3),
    }
    for name, (related, code) in table.items():
        assert (Verdict(name).related, Verdict(name).expect_related_exit) == (related, code)
