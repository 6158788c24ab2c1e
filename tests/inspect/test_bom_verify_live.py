"""Bills held against what answers: a server on loopback that speaks an API, and a hub with commits and large files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import forebear
from api import Fault, serve
from api import Model as Served
from bills import NOW, base, record_of, relatives_of, written
from documents import check_document
from edits import copy, edit, move_gains
from forebear.bom.checks import CheckStatus
from forebear.bom.record import Model, Record, Service, Status
from forebear.bom.values import Hash
from forebear.bom.verification import Outcome, Verification
from forebear.catalogue.tokenizers import battery
from forebear.cli import app
from forebear.errors import InputError
from forebear.index import BlackBoxIndex, LocalIndex, UserTokenizer
from forebear.inspect import enrol, scan
from hub import Fault as HubFault
from hub import Hub, folder_files
from models import tiny_llama
from toy_tokenizers import counts_of, letters, toy

SECRET = "sk-canary-77d0a1b2c3"
CHAT = frozenset({"openai-chat"})


# --- an endpoint


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """Two tokenizers of ours, each of a model."""
    folder = tmp_path_factory.mktemp("index")
    for name, counter, model in (("toy", toy, "kimi-k9"), ("letters", letters, "qwen9-7b")):
        tokenizer = UserTokenizer(name, battery().digest, counts_of(counter), name, 1_000, (model,))
        BlackBoxIndex(folder).add_tokenizer(tokenizer)
    return LocalIndex(folder)


def product(path: Path, served: str, **more: Any) -> Path:
    """The bill of a product that sells a model behind an API."""
    record = Record(model=Model(name=served), created=NOW, services=(Service(name="chat", model=served),), **more)
    return written(record, path)


def held(bill: Path, url: str, model: str, index: LocalIndex, **more: Any) -> Verification:
    found = forebear.verify_bom(bill, f"api:{url}#{model}", index, **more)
    check_document(found.to_json())
    return found


def test_an_endpoint_that_serves_what_the_bill_names_is_probable_and_no_more(tmp_path: Path, index: LocalIndex) -> None:
    bill = product(tmp_path / "b.json", "kimi-k9", relatives=(base("org/kimi-k9", relation="quantized"),))
    with serve(Served("kimi-k9", dialects=CHAT)) as url:
        found = held(bill, url, "kimi-k9", index)
        assert found.cost.requests == len(url.requests) > 0
    assert (found.verdict, {c.status for c in found.claims}) == (Outcome.INCONCLUSIVE, {Status.UNVERIFIED})
    assert "consistent" in " ".join(c.why for c in found.claims).lower() or "tokenizer" in found.claims[0].why


def test_another_tokenizer_behind_the_endpoint_contradicts_the_bill(tmp_path: Path, index: LocalIndex) -> None:
    bill = product(tmp_path / "b.json", "qwen9-7b", relatives=(base("qwen9-7b", relation="quantized"),))
    with serve(Served("acme-1", dialects=CHAT)) as url:  # it counts like kimi-k9
        found = held(bill, url, "acme-1", index)
    assert found.verdict is Outcome.FAILED
    assert Status.CONTRADICTED in {c.status for c in found.claims}, [c.why for c in found.claims]


def test_an_endpoint_that_stops_answering_keeps_what_was_found(tmp_path: Path, index: LocalIndex) -> None:
    bill = product(tmp_path / "b.json", "kimi-k9")
    with serve(Served("kimi-k9", dialects=CHAT), Fault("403", after=9)) as url:
        found = held(bill, url, "kimi-k9", index)
    assert found.problems and found.verdict is Outcome.INCONCLUSIVE


def test_the_key_of_an_endpoint_is_nowhere(tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(index.folder))
    monkeypatch.setenv("ACME", SECRET)
    bill = product(tmp_path / "b.json", "kimi-k9")
    arguments = ["bom", "verify", str(bill), "--api-key-env", "ACME", "--format", "json"]
    with serve(Served("kimi-k9", key=SECRET, dialects=CHAT)) as url:
        done = CliRunner().invoke(app, [*arguments, f"api:{url}#kimi-k9"])
        denied = CliRunner().invoke(app, [*arguments[:3], f"api:{url}#kimi-k9"])
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["verdict"] == "inconclusive" and SECRET not in done.output
    assert isinstance(denied.exception, InputError | SystemExit) and SECRET not in denied.output


def test_nobody_there_is_one_line(tmp_path: Path, index: LocalIndex) -> None:
    with pytest.raises(InputError):
        held(product(tmp_path / "b.json", "m"), "http://127.0.0.1:9", "m", index)


# --- a hub


@pytest.fixture
def pruned(tmp_path: Path, index: LocalIndex) -> tuple[Path, LocalIndex]:
    """A pruned copy of an indexed base: a child whose order values prove."""
    home = LocalIndex(tmp_path / "home")
    parent = tiny_llama(tmp_path / "base", seed=1)
    move_gains(parent, 1)
    card = (parent / "README.md").read_text()
    (parent / "README.md").write_text("# Of whose licence nothing is known, so that it asks for nothing\n")
    enrol(str(parent), home, "org/base")
    (parent / "README.md").write_text(card)
    target = copy(parent, "child")

    def prune(_: str, values: Any) -> Any:
        if values.ndim == 2:
            values[:, ::2] = 0
        return values

    edit(target, prune)
    return target, home


@pytest.fixture
def true(pruned: tuple[Path, LocalIndex], tmp_path: Path) -> Callable[..., Path]:
    """Writes the true bill of the child as a repository of the hub, at a commit."""
    folder, home = pruned
    relatives = relatives_of(scan(str(folder), home, fetch=False))

    def write(commit: str, **changed: Any) -> Path:
        record = record_of(folder, name="org/child", relatives=relatives)
        files = tuple(f.model_copy(update=changed) if f.role == "weights" else f for f in record.files)
        model = record.model.model_copy(update={"version": commit, "purl": f"pkg:huggingface/org/child@{commit}"})
        return written(record.model_copy(update={"model": model, "files": files}), tmp_path / "bill.json")

    return write


def statuses(found: Verification, status: CheckStatus) -> set[str]:
    return {c.id for c in found.of(status)}


def test_a_bill_is_held_against_a_pinned_commit(
    hub: Hub, pruned: tuple[Path, LocalIndex], true: Callable[..., Path]
) -> None:
    """Of the weights the hub's own SHA-256 is compared, and what moved ``main`` since does not matter."""
    folder, home = pruned
    commit = hub.add("org/child", folder_files(folder)).commit
    hub.add("org/child", {**folder_files(folder), "config.json": b"{}"})
    bill = true(commit)
    found = forebear.verify_bom(bill, f"hf:org/child@{commit}", home)
    assert found.verdict is Outcome.VERIFIED, [c.message for c in (*found.open, *found.of(CheckStatus.FAIL))]
    weights = next(c for c in found.checks if c.id == "hashes/model.safetensors")
    assert "as its store states it" in weights.message
    fetched = sum(r.sent for r in hub.log if "model.safetensors" in r.path or r.host == "lfs")
    assert fetched > 0  # slices for the test of lineage, and not for a digest
    moved = forebear.verify_bom(bill, "org/child", home)
    assert {"hashes/config.json", "identity/version"} <= statuses(moved, CheckStatus.FAIL)


def test_weights_that_were_replaced_on_the_hub(
    hub: Hub, pruned: tuple[Path, LocalIndex], true: Callable[..., Path]
) -> None:
    folder, home = pruned
    commit = hub.add("org/child", folder_files(folder)).commit
    wrong = true(commit, hashes=(Hash(algorithm="SHA-256", value="a" * 64),))
    found = forebear.verify_bom(wrong, f"org/child@{commit}", home)
    assert "hashes/model.safetensors" in statuses(found, CheckStatus.FAIL)


def test_a_file_that_the_repository_does_not_have(
    hub: Hub, pruned: tuple[Path, LocalIndex], true: Callable[..., Path]
) -> None:
    folder, home = pruned
    files = folder_files(folder)
    commit = hub.add("org/child", {k: v for k, v in files.items() if k != "tokenizer.json"}).commit
    found = forebear.verify_bom(true(commit), f"org/child@{commit}", home)
    assert "hashes/tokenizer.json" in statuses(found, CheckStatus.FAIL)


def test_a_gated_repository_and_one_that_is_not_there(
    hub: Hub, pruned: tuple[Path, LocalIndex], true: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = pruned
    commit = hub.add("org/child", folder_files(folder), gated=True).commit
    bill = true(commit)
    with pytest.raises(InputError, match="not found or gated"):
        forebear.verify_bom(bill, "hf:org/nowhere", home)
    closed = forebear.verify_bom(bill, f"hf:org/child@{commit}", home)  # its list of files is open to everybody
    assert closed.verdict is Outcome.INCONCLUSIVE and "set HF_TOKEN" in closed.problems[0]
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.granted.add("org/child")
    assert forebear.verify_bom(bill, f"hf:org/child@{commit}", home).verdict is Outcome.VERIFIED


def test_a_file_that_the_hub_does_not_give_is_open(
    hub: Hub, pruned: tuple[Path, LocalIndex], true: Callable[..., Path]
) -> None:
    folder, home = pruned
    commit = hub.add("org/child", folder_files(folder)).commit
    bill = true(commit)
    hub.fault(HubFault("tokenizer.json", status=403, times=99))
    found = forebear.verify_bom(bill, f"org/child@{commit}", home)
    assert "hashes/tokenizer.json" in statuses(found, CheckStatus.UNKNOWN)
    assert found.verdict is not Outcome.VERIFIED
