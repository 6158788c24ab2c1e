"""The example package, installed as a stranger would install it: each kind of plugin does its work, as third party."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import forebear
from crawls import Here
from documents import check_document
from forebear.artifacts import read_artifact
from forebear.cli import app
from forebear.crawl import Asked, Jobs, crawl
from forebear.crawl.engines import processes
from forebear.errors import FormatError
from forebear.index import LocalIndex
from forebear.plugins import KINDS, plugin, plugins
from forebear.policy.load import load_policy
from forebear.sources import LocalSource
from models import tiny_llama

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was installed into, without a network."""
    target = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([*line, "--target", target, EXAMPLE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def site(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.delenv("FOREBEAR_PLUGINS", raising=False)
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    return installed


def archive(model: Path, out: Path) -> Path:
    """A model's weights as a numpy archive, with its other files."""
    out.mkdir()
    tensors = read_artifact(LocalSource(model)).weights.tensors
    arrays: dict[str, Any] = {name: tensor.values() for name, tensor in tensors.items()}
    np.savez(out / "weights.npz", **arrays)
    for name in ("config.json", "tokenizer.json"):
        (out / name).write_bytes((model / name).read_bytes())
    return out


def test_an_installed_package_is_found_by_its_entry_points(site: Path) -> None:
    found = [(p.kind, p.name, p.title) for kind in KINDS for p in plugins(kind)]
    assert found == [
        ("readers", "npz", "npz (third party: forebear-npz 0.1)"),
        ("signals", "row-norms", "row-norms (third party: forebear-npz 0.1)"),
        ("renderers", "csv", "csv (third party: forebear-npz 0.1)"),
        ("policies", "acme", "acme (third party: forebear-npz 0.1)"),
    ]


def test_only_named_packages_are_loaded_where_some_are_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_PLUGINS", "other, Forebear_NPZ")
    assert plugin("readers", "npz") is not None
    for none in ("none", "other", ""):
        monkeypatch.setenv("FOREBEAR_PLUGINS", none)
        assert not plugins("readers")


def test_what_a_plugin_read_is_compared_and_never_called_identical(site: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    archive(tmp_path / "a", tmp_path / "b")
    same = forebear.compare(str(tmp_path / "a"), str(tmp_path / "a"), effort="deep")
    assert same.verdict == "identical"
    read = forebear.compare(str(tmp_path / "a"), str(tmp_path / "b"), effort="deep")
    assert read.verdict.related and read.verdict not in ("identical", "derived")
    coins = next(e for e in read.evidence if e.signal == "sign-code/1")
    assert coins.details["trusted_model"] == "a"  # the one that Forebear read itself
    assert any("read by npz (third party: forebear-npz 0.1)" in gap.why for gap in read.coverage.not_tested)


def test_two_models_of_a_plugin_establish_nothing(site: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    for name in "bc":
        archive(tmp_path / "a", tmp_path / name)
    result = forebear.compare(str(tmp_path / "b"), str(tmp_path / "c"), effort="deep")
    assert result.verdict == "inconclusive" and result.related is None


def test_a_remark_is_shown_and_changes_nothing(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    tiny_llama(tmp_path / "b", seed=2)
    with_it = forebear.compare(str(tmp_path / "a"), str(tmp_path / "b"))
    check_document(with_it.to_json())
    remark = with_it.evidence[-1]
    assert remark.signal == "plugin:forebear-npz/row-norms" and remark.summary.startswith("third party: forebear-npz")
    assert (remark.supports, remark.test, remark.log10_p, remark.n) == ("nothing", "none", None, 0)
    monkeypatch.setenv("FOREBEAR_PLUGINS", "none")
    without = forebear.compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (without.verdict, without.log10_p, without.why) == (with_it.verdict, with_it.log10_p, with_it.why)
    assert without.evidence == with_it.evidence[:-1]


def test_a_renderer_and_a_policy_are_chosen_by_name(site: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    result = tmp_path / "result.json"
    result.write_text(json.dumps(forebear.compare(str(tmp_path / "a"), str(tmp_path / "a")).to_json()))
    run = CliRunner()
    done = run.invoke(app, ["report", str(result), "--renderer", "csv"])
    assert done.exit_code == 0 and done.stdout.startswith(
        "against,signal,supports,test,n,log10_p\na,sign-code/1,related"
    )
    assert "written by the renderer csv (third party: forebear-npz 0.1)" in done.stderr
    assert run.invoke(app, ["policy", "test", "acme"]).exit_code == 0  # its own examples hold
    assert load_policy("acme").ref.title == "What Acme asks of a model (third party: forebear-npz 0.1)"
    assert {"T1", "ACME1"} <= {rule.id for rule in load_policy("acme").rules}
    assert "(third party: forebear-npz 0.1)" in " ".join(run.invoke(app, ["policy", "list"]).stdout.split())


def test_a_crawl_calls_nothing_that_a_plugin_read_the_same_as_another(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where values lie is the plugin's word; of two models that Forebear read itself it is said."""
    monkeypatch.setattr(processes, "ProcessEngine", Here)
    shelf = tmp_path / "shelf"
    for name in ("a", "d"):
        tiny_llama(shelf / name, seed=1)
    for name in ("b", "c"):
        archive(shelf / "a", shelf / name)
    index = LocalIndex(tmp_path / "index")
    crawl(Asked(str(shelf), workers=1), index=index, job=tmp_path / "jobs.db")
    with closing(Jobs(tmp_path / "jobs.db", index.where)) as jobs:
        became = {Path(job.target).name: (job.state.value, job.same_as) for job in jobs.all()}
    assert became == {
        "a": ("done", ""),
        "b": ("done", ""),
        "c": ("done", ""),
        "d": ("same", "a"),
    }
    own, read = index.get("a"), index.get("b")
    assert own is not None and read is not None and own.fingerprint.digest != read.fingerprint.digest
    assert np.array_equal(own.fingerprint.code.bits, read.fingerprint.code.bits)


def test_a_folder_of_models_has_those_of_plugins(site: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "set" / "a", seed=1)
    archive(tmp_path / "set" / "a", tmp_path / "set" / "b")
    from forebear.inspect.discover import discover

    assert [m.path for m in discover(str(tmp_path / "set")).models] == ["a", "b"]


def test_a_damaged_archive_is_one_line(site: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    archive(tmp_path / "a", tmp_path / "b")
    file = tmp_path / "b" / "weights.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"weights.npz: no archive of numpy's"):
        read_artifact(LocalSource(tmp_path / "b"))


def test_doctor_lists_plugins(site: Path) -> None:
    document = json.loads(CliRunner().invoke(app, ["doctor", "--format", "json"]).stdout)
    check_document(document)
    rows = {c["name"]: c["seen"] for c in document["checks"]}
    assert rows["plugin npz"] == "readers, third party: forebear-npz 0.1"
