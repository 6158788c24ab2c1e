"""Plugins that do not work: one clear line, whatever they do, and the answer is the one without them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import forebear
from forebear.artifacts import read_artifact
from forebear.artifacts.formats import third_party
from forebear.cli import app
from forebear.errors import FormatError, InputError, PluginError
from forebear.plugins import plugins
from forebear.policy.load import load_policy
from forebear.sources import LocalSource
from models import tiny_llama

BROKEN = '''
import sys
import numpy as np
from dataclasses import replace
from forebear.artifacts import Tensor, Weights
from forebear.plugins import Remark

class Quits:
    @staticmethod
    def compare(a, b):
        sys.exit("bye")

class Lies:
    @staticmethod
    def compare(a, b):
        return {"log10_p": -1000, "supports": "related"}

class Infinite:
    @staticmethod
    def compare(a, b):
        return Remark("very sure", float("inf"))

class Rows:
    """A reader that makes values up, in the way that the file's first bytes ask for."""
    @staticmethod
    def handles(source):
        return any(f.path.endswith(".odd") for f in source.files())

    @staticmethod
    def read(source):
        how = source.read("a.odd", 0, 5)
        tensor = Tensor("x", "F32", (2, 2), "a.odd", 0, source)
        if how == b"none!":
            return None
        if how == b"raise":
            raise ZeroDivisionError("sum\\nof nothing")
        if how == b"class":
            class Made(Tensor):
                def rows(self, start, stop):
                    return np.ones((2, 2), np.float32)
            tensor = Made("x", "F32", (2, 2), "a.odd", 0, source)
        wrong = {b"short": {"shape": (999, 2)}, b"other": {"path": "../b"}, b"dtype": {"dtype": "F31"}}
        config = {"a": object()} if how == b"confi" else {}
        return Weights("odd", {"x": replace(tensor, **wrong.get(how, {}))}, (), config)

class Fails:
    @staticmethod
    def handles(source):
        raise OSError("no such device")

POLICY = 7

def render(document):
    document["verdict"] = "unrelated"
    return 7
'''
ENTRIES = """
[forebear.signals]
quits = broken_one:Quits
lies = broken_one:Lies
infinite = broken_one:Infinite
gone = broken_one:Gone
missing = not_there:At

[forebear.readers]
fails = broken_one:Fails
odd = broken_one:Rows

[forebear.renderers]
seven = broken_one:render

[forebear.policies]
seven = broken_one:POLICY
baseline = broken_one:POLICY
"""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package as pip leaves it, whose every plugin is wrong in its own way."""
    site = tmp_path / "site"
    about = site / "broken_one-2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-one\nVersion: 2\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    (site / "broken_one.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("FOREBEAR_PLUGINS", raising=False)
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    third_party._tell.cache_clear()


def odd(folder: Path, how: bytes) -> LocalSource:
    folder.mkdir(exist_ok=True)
    (folder / "a.odd").write_bytes(how + bytes(95))
    return LocalSource(folder)


@pytest.mark.usefixtures("broken")
def test_signals_that_fail_are_listed_with_their_reason(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    result = forebear.compare(str(tmp_path / "a"), str(tmp_path / "a"))
    assert not any(e.signal.startswith("plugin:") for e in result.evidence)
    said = {g.what.split()[1]: g.why for g in result.coverage.not_tested if g.what.startswith("signal ")}
    assert said.keys() == {"quits", "lies", "infinite", "gone", "missing"}
    assert "SystemExit: bye" in said["quits"] and "returned dict" in said["lies"]
    assert "no finite number" in said["infinite"] and "AttributeError" in said["gone"]
    assert "ModuleNotFoundError" in said["missing"] and "third party: broken-one 2" in said["missing"]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        (b"none!", PluginError, "read returned NoneType"),
        (b"raise", PluginError, "ZeroDivisionError: sum of nothing"),
        (b"class", PluginError, "x is no Tensor of the source that was given"),
        (b"short", InputError, "a.odd: tensor x ends behind the file"),
        (b"other", InputError, "../b: tensor x ends behind the file"),
        (b"dtype", PluginError, "x has no shape, dtype or offset that is known"),
        (b"confi", PluginError, "config that it returned is no JSON object"),
    ],
)
def test_a_reader_cannot_make_values_up(how: bytes, error: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        read_artifact(odd(tmp_path / "m", how))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.usefixtures("broken")
def test_a_reader_that_cannot_even_look_is_left_out_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = read_artifact(odd(tmp_path / "m", b"right"))  # the other reader still reads
    assert found.weights.format == "odd (third party: broken-one 2)" and found.architecture is None
    (line,) = [r.getMessage() for r in caplog.records]
    assert line.startswith("readers plugin fails (third party: broken-one 2): OSError: no such device; mend it")


@pytest.mark.usefixtures("broken")
def test_what_forebear_reads_itself_no_plugin_is_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    odd(tmp_path / "a", b"right")
    assert read_artifact(LocalSource(tmp_path / "a")).weights.third_party == "" and not caplog.records


@pytest.mark.usefixtures("broken")
def test_renderers_and_policies_that_do_not_work_exit_2(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    result = tmp_path / "result.json"
    result.write_text(json.dumps(forebear.compare(str(tmp_path / "a"), str(tmp_path / "a")).to_json()))
    odd_one = tmp_path / "odd.json"
    odd_one.write_text('{"schema": "forebear.scan/9"}')
    run = CliRunner()
    for line, words in (
        (["report", str(result), "--renderer", "seven"], "it has to return a text"),
        (["report", str(result), "--renderer", "other"], "those installed: seven (third party: broken-one 2)"),
        (["policy", "show", "seven"], "it has to be a text of YAML"),
        (["report", str(odd_one), "--renderer", "seven"], "odd.json: schema: forebear.scan/9 is none that is known"),
    ):
        done = run.invoke(app, line)
        assert isinstance(done.exception, forebear.UsageError | FormatError) and words in str(done.exception), line
    done = run.invoke(app, ["policy", "list"])
    assert done.exit_code == 0 and "policies plugin seven (third party: broken-one 2)" in done.stderr
    assert load_policy("baseline").ref.title == "Baseline transparency"  # a pack's name is always the pack's


@pytest.mark.usefixtures("broken")
def test_doctor_says_how_to_mend_it() -> None:
    checks = {c["name"]: c for c in json.loads(CliRunner().invoke(app, ["doctor", "-f", "json"]).stdout)["checks"]}
    assert checks["plugin missing"]["status"] == "note" and "FOREBEAR_PLUGINS=none" in checks["plugin missing"]["mend"]


def test_a_kind_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="sources"):
        plugins("sources")
