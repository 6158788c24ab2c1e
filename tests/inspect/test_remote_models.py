"""A model read from a hub is the model read from its folder: roles, values, code, verdict."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boms import check_bom
from edits import drifted
from forebear.artifacts import read_artifact
from forebear.artifacts.formats.safetensors import HEADER_WINDOW
from forebear.index import LocalIndex
from forebear.inspect import compare, enrol, scan, write_bom
from forebear.signals import fingerprint
from forebear.sources import open_source
from forebear.types import Scan, Verdict
from hub import Fault, Hub, folder_files
from models import framed, refused, tiny_llama
from shared import shared


@pytest.fixture
def models(hub: Hub, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """A base, a drifted child and an independent twin, in folders and on the hub."""
    found = {
        "base": tiny_llama(tmp_path / "base", seed=1),
        "twin": tiny_llama(tmp_path / "twin", seed=2, sharded=True),
    }
    found["child"] = drifted(found["base"], "child", 0.3)
    for name, folder in found.items():
        hub.add(f"org/{name}", folder_files(folder))
    yield found


def same_model(local: str, remote: str) -> None:
    one, two = read_artifact(open_source(local)), read_artifact(open_source(remote))
    assert dict(one.names) == dict(two.names)
    assert one.weights.tensors.keys() == two.weights.tensors.keys()
    for name, tensor in one.weights.tensors.items():
        assert np.array_equal(tensor.values(), two.weights.tensors[name].values(), equal_nan=True), name
    a, b = fingerprint(one), replace(fingerprint(two), name=one.name)
    assert (a.digest, a.shape, a.vocabulary) == (b.digest, b.shape, b.vocabulary)
    assert a.code.n == b.code.n and a.code.groups == b.code.groups and a.code.layers == b.code.layers
    assert bytes(a.code.bits) == bytes(b.code.bits) and bytes(a.code.valid) == bytes(b.code.valid)


def test_roles_values_and_code_are_the_same(models: dict[str, Path]) -> None:
    for name, folder in models.items():
        same_model(str(folder), f"org/{name}")


def test_sketches_are_measured_of_local_models_only(models: dict[str, Path], tmp_path: Path) -> None:
    """They read up to 150 MB: nothing that a distant model, or a quick look, is worth."""
    index = LocalIndex(tmp_path / "sketched")
    measured = {
        "local": enrol(str(models["base"]), index, "local"),
        "quick": enrol(str(models["child"]), index, "quick", effort="quick"),
        "distant": enrol("org/twin", index, "distant"),
    }
    for name, done in measured.items():
        entry = index.get(name)
        assert entry is not None
        both = {m.spectra is not None and m.tokens is not None for m in (done.fingerprint, entry.fingerprint)}
        assert both == {name == "local"}
    found = index.nominate(measured["local"].fingerprint, 3).found
    assert found[0].name == "local" and {n.name for n in found[1:]} == {"quick", "distant"}


def test_the_verdict_is_the_same(models: dict[str, Path]) -> None:
    for name in ("base", "child", "twin"):
        local = compare(str(models["base"]), str(models[name]))
        remote = compare("org/base", f"org/{name}")
        assert (remote.verdict, remote.log10_p, remote.relation) == (local.verdict, local.log10_p, local.relation)
        assert remote.b.digest == local.b.digest


def essence(result: Scan) -> tuple[object, ...]:
    return (
        result.verdict,
        result.log10_p,
        result.model.digest,
        [(a.name, a.verdict, a.log10_p) for a in result.ancestors],
    )


def test_a_scan_of_the_hub_is_a_scan_of_the_folder(models: dict[str, Path], hub: Hub, tmp_path: Path) -> None:
    local, remote = LocalIndex(tmp_path / "local"), LocalIndex(tmp_path / "remote")
    enrol(str(models["base"]), local, "org/base")
    enrol("org/base", remote)
    entry = remote.get("org/base")
    assert entry is not None and entry.location == f"hf:org/base@{hub.repositories['org/base'].commit}"
    for name in ("child", "twin"):
        found = scan(f"org/{name}", remote)
        assert essence(found) == essence(scan(str(models[name]), local))
        assert found.verdict is (Verdict.INCONCLUSIVE if name == "twin" else found.verdict)
    assert scan("org/child", remote).ancestors[0].name == "org/base"
    assert scan("org/base", remote).verdict is Verdict.INDEXED


def test_a_reference_that_cannot_be_reached_is_judged_by_its_code(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = LocalIndex(tmp_path / "index")
    enrol("org/base", index)
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    found = scan(str(models["child"]), index)
    assert found.ancestors[0].name == "org/base"
    assert any("--offline" in u.why and "its stored code was used" in u.why for u in found.coverage.not_tested)


def test_the_cost_is_what_went_over_the_wire(models: dict[str, Path], hub: Hub, tmp_path: Path) -> None:
    hub.fault(Fault("lfs/store", status=503))
    cost = scan("org/child", LocalIndex(tmp_path / "index")).cost
    assert cost.requests == len(hub.log)
    assert cost.bytes_read == sum(r.sent for r in hub.log)


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("lfs/store", after=20_000, times=3)],
        [Fault("lfs/store", after=20_000, reset=True, times=3)],
        [Fault("resolve", status=503, times=2), Fault("/api/models", status=429, headers={"Retry-After": "0"})],
        [Fault("lfs/store", whole=True, times=None)],
        [Fault("lfs/store", headers={"Content-Range": "bytes 0-1/2000000"}, status=503)],
        [Fault("", pause=0.01, times=None)],
    ],
)
def test_faults_lose_nothing(models: dict[str, Path], hub: Hub, faults: list[Fault], tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "index")
    enrol(str(models["base"]), index, "base")
    expected = essence(scan(str(models["child"]), index))
    for fault in faults:
        hub.fault(fault)
    assert essence(scan("org/child", index)) == expected


def test_shard_headers_come_together(hub: Hub, tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "m", seed=1, sharded=True, hidden=256, intermediate=1_024)
    hub.add("org/m", folder_files(folder))
    shards = len(list(folder.glob("*.safetensors")))
    hub.fault(Fault("lfs/store", pause=0.05, times=None))
    read_artifact(open_source("org/m"))
    headers = [r.range for r in hub.log if r.host == "lfs"]
    assert headers == [f"bytes=0-{HEADER_WINDOW - 1}"] * shards
    assert hub.most_at_once > 1


def test_a_long_header_takes_one_more_request(hub: Hub, tmp_path: Path) -> None:
    data = bytes(400_000)
    entries = {
        f"a{'x' * 90}{k}": {"dtype": "U8", "shape": [400], "data_offsets": [400 * k, 400 * k + 400]}
        for k in range(1_000)
    }
    raw = framed(entries, data)
    hub.add("org/m", {"model.safetensors": raw, "config.json": b"{}"})
    read_artifact(open_source("org/m"))
    end = len(raw) - len(data)
    ranges = [r.range for r in hub.log if r.host == "lfs"]
    assert ranges == [f"bytes=0-{HEADER_WINDOW - 1}", f"bytes={HEADER_WINDOW}-{end - 1}"]


def test_a_header_that_claims_too_much_is_not_fetched(hub: Hub) -> None:
    hub.add("org/m", {"model.safetensors": (2**40).to_bytes(8, "little") + bytes(1_000_000)})
    with refused("model.safetensors: its header claims"):
        read_artifact(open_source("org/m"))
    assert sum(r.sent for r in hub.log if r.host == "lfs") == HEADER_WINDOW


def test_the_bill_of_materials_names_the_repository_at_its_commit(models: dict[str, Path], hub: Hub) -> None:
    bill = write_bom("org/twin", scan=False)
    record = bill.record
    assert (record.model.name, record.model.version) == ("org/twin", hub.repositories["org/twin"].commit)
    assert record.model.download == "", "the hub of a test is nobody else's address"
    here = {p.name: p.read_bytes() for p in models["twin"].iterdir()}
    short = {f.path: next(h.value for h in f.hashes if h.algorithm == "SHA-256") for f in record.files}
    assert short == {n: hashlib.sha256(data).hexdigest() for n, data in here.items()}
    stated = {f.path: f.said for f in record.files if f.said.basis == "declared"}
    assert set(stated) == {name for name in here if name.endswith(".safetensors")}
    assert all(said.by == "the hub" and "not downloaded" in said.note for said in stated.values())
    assert [h.algorithm for h in record.model.hashes] == ["SHA-256"]  # of the weights nobody has computed the other
    by = {a.fields: a.said for a in record.attributions}
    assert by[("hashes",)].basis == "declared" and by[("name", "version", "purl")].by == "the hub"
    document = bill.to_json()
    weights = next(c for c in document["components"] if c["name"] in stated)
    assert [h["alg"] for h in weights["hashes"]] == ["SHA-256"]
    check_bom(document)


def command(hub: Hub, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", **more}
    line = [sys.executable, "-m", "forebear", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=120)


def test_the_command_line_ends_in_one_line_and_the_right_code(
    models: dict[str, Path], hub: Hub, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = command(hub, home, "scan", "org/child", "--format", "json")
    assert done.returncode == 0 and done.stderr == "" and '"inconclusive"' in done.stdout
    hub.add("org/gated", {"config.json": b"{}"}, gated=True)
    token = "hf_wrong-token-0123456789"
    hub.forget()
    for arguments, more, code, words in (
        (["org/none"], {}, 4, "not found or gated; set HF_TOKEN"),
        (["org/child"], {"HF_TOKEN": token}, 4, "the hub refuses HF_TOKEN"),
        (["org/child", "--offline"], {}, 2, "the network is off limits"),
        (["org/child"], {"HF_HUB_OFFLINE": "1"}, 2, "the network is off limits"),
        (["org/child"], {"FOREBEAR_OFFLINE": "1"}, 2, "the network is off limits"),
    ):
        before = len(hub.log)
        done = command(hub, home, "scan", *arguments, **more)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
        assert words in done.stderr and done.stdout == "" and token not in done.stderr
        assert (len(hub.log) == before) == (code == 2)


def test_no_log_or_output_shows_a_secret(models: dict[str, Path], hub: Hub, tmp_path: Path) -> None:
    hub.add("org/private", folder_files(models["child"]), private=True)
    hub.signature = "signature-of-a-url"
    hub.fault(Fault("lfs/store", status=503, times=2))
    for form in ("json", "table", "md"):
        more = {"HF_TOKEN": hub.token, "FOREBEAR_LOG_LEVEL": "debug"}
        done = command(hub, tmp_path / "home", "scan", "org/private", "--format", form, **more)
        assert done.returncode == 0
        assert hub.token not in done.stdout + done.stderr and hub.signature not in done.stdout + done.stderr
        assert form != "json" or "answers 503; next attempt" in done.stderr
    files = [p for place in ("cache", "home") for p in (tmp_path / place).rglob("*") if p.is_file()]
    assert files and not any(s.encode() in p.read_bytes() for p in files for s in (hub.token, hub.signature))


def test_the_zoo_is_the_same_through_the_hub(hub: Hub, tmp_path: Path) -> None:
    folders = sorted(p for p in (shared("zoo") / "models").iterdir() if (p / "model.safetensors").exists())[::6]
    assert folders
    for folder in folders:
        hub.add(f"zoo/{folder.name}", folder_files(folder))
        same_model(str(folder), f"zoo/{folder.name}")
        local, remote = compare(str(folders[0]), str(folder)), compare(f"zoo/{folders[0].name}", f"zoo/{folder.name}")
        assert (local.verdict, local.log10_p) == (remote.verdict, remote.log10_p)
