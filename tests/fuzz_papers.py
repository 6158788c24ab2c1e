"""A small real document for everything that is read and is no model: bills, captures, policies, signatures, results.

The models are in ``fuzz_seeds``, code and settings in ``fuzz_code``, what servers answer in ``fuzz_servers``, what is
made of results and bills in ``fuzz_results``. Bytes are the same every time, but for keys: what is kept of a key's file
says nothing of the key.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import captures
from chained import compare, named, probe, traffic
from forebear.artifacts.documents import read_documents
from forebear.attest.bundle import verify_bundle
from forebear.attest.certificates import certified, load_chain
from forebear.attest.dsse import IN_TOTO, Envelope, read_envelope
from forebear.attest.exchange_file import survey
from forebear.attest.keys import load_private, load_public
from forebear.attest.oms import check_files, read_manifest
from forebear.attest.statements import read_statement
from forebear.attest.trust import Trust, signed
from forebear.bom.card import read_card
from forebear.bom.score import load_profile
from forebear.bom.stages import read_declaration, training_of
from forebear.catalogue.tokenizers import battery
from forebear.endpoints.base import Budget, Exchange
from forebear.endpoints.log import Header, LogWriter, read_log
from forebear.errors import ForebearError
from forebear.index import Behaviour, BlackBoxIndex, UserTokenizer
from forebear.index.local import LocalIndex
from forebear.index.repair import repair
from forebear.inspect.bom_read import read as read_bill
from forebear.inspect.licence import from_document, read_document
from forebear.inspect.traffic import read_traffic
from forebear.licences.organisation_file import read_organisation
from forebear.lineage.calibration import parse as parse_calibration
from forebear.policy.answers import read_answers
from forebear.policy.examples import test_policy as run_examples
from forebear.policy.load import load_policy
from forebear.policy.waivers import read_waivers
from forebear.signals.agreement import Continuation
from forebear.sources import open_source
from fuzz_code import CODE
from fuzz_results import RESULTS
from fuzz_servers import SERVERS
from fuzzed import Paper, copied, nothing, text

REPOSITORY = Path(__file__).parents[1]
STANDARD = REPOSITORY / "docs" / "standard" / "examples"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


# bills and results: what is said of a lineage is read from them too


def _bill(path: Path) -> tuple[str, ...]:
    read_bill(path.read_bytes(), path.name)
    return _result(path)


def _result(path: Path) -> tuple[str, ...]:
    return from_document(read_document(str(path))).gaps


# captures


def _capture(name: str) -> Paper:
    talks = [
        captures.chat(captures.KIMI, "kimi-k2.5", sent=(("Authorization", "Bearer x"),)),
        captures.chat("m", "qwen3-8b"),
    ]
    return Paper("capture", lambda folder: captures.FORMATS[name](talks), _traffic)


def _traffic(path: Path) -> tuple[str, ...]:
    return read_traffic([str(path)]).problems


# files beside a model


def _beside(name: str, content: Any) -> Paper:
    return Paper(name, text(content), lambda path: training_of(open_source(str(path.parent))).problems)


def _card(path: Path) -> tuple[str, ...]:
    documents, problems = read_documents(open_source(str(path.parent)))
    read_card(documents.front_matter)
    return (*problems, *training_of(open_source(str(path.parent))).problems)


MERGEKIT = """merge_method: dare_ties
base_model: org/base@v1
slices:
  - sources: [{model: org/one, layer_range: [0, 4], parameters: {weight: [0.3, {filter: mlp, value: 1}]}}]
models: [{model: org/two+org/lora, parameters: {weight: 0.7, density: 0.5}}]
tokenizer: {source: union}
dtype: bfloat16
"""
AXOLOTL = """base_model: org/base
adapter: lora
lora_r: 16
datasets: [{path: org/data, type: alpaca, split: train}]
rl: dpo
num_epochs: 3
learning_rate: 2e-4
"""
TRAINER = {"log_history": [{"epoch": 1.0, "loss": 2.0, "step": 10}], "max_steps": 10, "num_train_epochs": 1}
PEFT = {"base_model_name_or_path": "org/base", "peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q"]}
FACTORY = "### model\nmodel_name_or_path: org/base\nstage: dpo\ndataset: a,b\nfinetuning_type: lora\n"
CARD = "---\nlicense: [mit, other]\nbase_model: org/base\nbase_model_relation: finetune\ndatasets: [org/d]\n---\n# M\n"

# rules and answers

WAIVERS = "waivers:\n- {rule: R1, model: org/m, owner: A, reason: B, expires: 2026-12-31}\n"
ANSWERS = "answers:\n  Q-BASE: {base: [org/a, org/b], withheld: false}\n  Q-METHOD: {base_flop: 3e24}\n"
ANSWERS_CSV = "ID,Field,Answer\nQ-BASE,base,org/a; org/b\nQ-BASE,withheld,no\n"

# what is signed


def _envelope(folder: Path) -> bytes:
    """A model's signature, with every part that such a file has."""
    from forebear.inspect.sign import credentials, sign_files
    from signers import key_files

    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(b"weights")
    signer = credentials(key_files(folder)[0])
    return sign_files(str(folder / "model"), signer, folder / "model" / "model.sig").signature


def _signature(path: Path) -> tuple[str, ...]:
    envelope = read_envelope(path.read_bytes(), path.name)
    signed(envelope, Trust(at=NOW))
    read_manifest(envelope, path.name)
    return ()


def _manifest(path: Path) -> None:
    """What a model's signature lists, held against the model's files."""
    envelope = Envelope(path.read_bytes(), IN_TOTO, ())
    model = path.parent / "model"
    model.mkdir(exist_ok=True)
    (model / "weights.bin").write_bytes(b"weights")
    check_files(read_manifest(envelope, path.name), model)


def _statement(folder: Path) -> bytes:
    return read_envelope(_envelope(folder)).payload


def _bundle(folder: Path) -> bytes:
    from evidence_bundles import papers

    return papers(folder / "papers").bundle.read_bytes()


def _verified(path: Path) -> tuple[str, ...]:
    verify_bundle(path.read_bytes(), Trust(at=NOW), path.name)
    return ()


def _certificates(folder: Path) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec

    from signers import certificate, pem

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    above = certificate(root, "authority", authority=True)
    return pem(certificate(leaf, "signer", (root, above)), above)


def _chain(path: Path) -> tuple[str, ...]:
    chain = load_chain(path.read_bytes(), path.name)
    if not chain:
        return (f"{path.name}: no certificate",)
    certified(chain[:1], chain[1:], NOW)
    return ()


def _pem(public: bool) -> Callable[[Path], bytes]:
    def write(folder: Path) -> bytes:
        from signers import key_files

        return key_files(folder)[int(public)].read_bytes()

    return write


def _exchange(folder: Path) -> bytes:
    """Two entries, one with everything that an entry can have."""
    from exchanges import HUB, entry, mark
    from forebear.attest.exchange import Terms, to_record
    from forebear.attest.exchange_file import pieces
    from forebear.index import Entry

    entries = [entry("a", 1), Entry(mark("b", 2), HUB, "2026-01-01T00:00:00Z")]
    return b"".join(pieces([to_record(e, Terms()) for e in entries]))


def _record() -> bytes:
    from exchanges import entry
    from forebear.attest.exchange import Terms, to_record

    return to_record(entry("a", 1), Terms())


def _entry_text(folder: Path) -> bytes:
    """What a record says of a model, without its codes."""
    raw = _record()
    return raw[4 : 4 + int.from_bytes(raw[:4], "big")]


def _entry(path: Path) -> None:
    """A whole file around it, as whoever wrote that text would have written it."""
    from forebear.attest.exchange_file import pieces

    raw, said = _record(), path.read_bytes()
    codes = raw[4 + int.from_bytes(raw[:4], "big") :]
    file = path.with_name("index.fbx")
    file.write_bytes(b"".join(pieces([len(said).to_bytes(4, "big") + said + codes])))
    survey(file, lambda entry: None)


@cache
def _home() -> Path:
    """An index of two models that have everything that an entry can have."""
    from exchanges import rich

    made = LocalIndex(Path(tempfile.mkdtemp(prefix="forebear-fuzz-")))
    for name, seed in (("a", 1), ("b", 2)):
        made.add(rich(name, seed), "hf:org/m@c0ffee")
    shares = Continuation("tree", {"tree": 0.7, "river": 0.3})
    known = BlackBoxIndex(made.folder)
    known.add_tokenizer(UserTokenizer("t", battery().digest, (1, 2, 3), "d", 1_000, ("m",)))
    known.add_behaviour(Behaviour("m", "p", {"q": shares}, "hf:org/m", ("t",)))
    return made.folder


def _asked_index(path: Path) -> tuple[str, ...]:
    """Everything that is asked of an index, then what repair makes of it."""
    from exchanges import rich

    mark, said = rich("a", 1), []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(_home() / "codes.bin", folder)
        shutil.copy(path, folder)
        index, known = LocalIndex(Path(folder)), BlackBoxIndex(Path(folder))
        for ask in (
            lambda: [e.name for e in index.entries()],
            lambda: index.get("a"),
            lambda: index.search(mark.code),
            lambda: [index.search_towers(tower) for tower in mark.towers],
            lambda: index.nominate(mark),
            lambda: (index.info(), index.count(), index.comparable(mark.shape), index.changed()),
            lambda: list(index.listings()),
            lambda: (known.tokenizers(), known.behaviours()),
            lambda: repair(Path(folder)),
        ):
            try:
                ask()
            except ForebearError as error:
                said.append(str(error).replace(folder, "index"))
    return tuple(said)


# measurements


def _log(folder: Path) -> bytes:
    path = folder / "log.jsonl"
    with LogWriter(path, Header("https://x.example/v1", "m"), Budget()) as log:
        for number in (1, 2):
            said = {"content-type": "application/json"}
            log.append(
                Exchange(number, "POST", "/v1/x", {"n": number}, {}, 200, said, b'{"model": "m"}', ((3, 1),), 12)
            )
    return path.read_bytes()


def _chained(path: Path) -> None:
    """A log whose lines follow from one another, whatever they say."""
    before, out = "", b""
    for line in path.read_bytes().splitlines(keepends=True):
        found = re.search(rb'"previous": ?"[0-9a-f]{64}"', line)
        if found is not None:
            line = line.replace(found[0], f'"previous":"{before}"'.encode())
        before, out = hashlib.blake2b(line.rstrip(b"\n"), digest_size=32).hexdigest(), out + line
    path.with_name("chained.jsonl").write_bytes(out)
    read_log(path.with_name("chained.jsonl"))


def _calibration(path: Path) -> tuple[str, ...]:
    parse_calibration(path.read_text("utf-8", "replace"), path.name)
    return ()


def _papers() -> Iterator[tuple[str, Paper]]:
    yield "bom-cyclonedx", Paper("m.cdx.json", copied(STANDARD / "conforms-measured.cdx.json"), _bill)
    yield "bom-spdx", Paper("m.spdx.json", copied(STANDARD / "conforms-measured.spdx.json"), _bill)
    yield "result-compare", Paper("r.json", text(compare("derived", "a_to_b")), _result)
    yield "result-probe", Paper("r.json", text(probe({"kimi k2.5": ("identifier",)}, ["kimi-k2.5"])), _result)
    yield "result-traffic", Paper("r.json", text(traffic(named("kimi-k2.5", "asked", "served"))), _result)
    for name in ("har", "flows", "cassette", "transcript", "json lines", "plain log", "har in gzip"):
        yield f"capture-{name.replace(' ', '-')}", _capture(name)
    yield "mergekit", _beside("mergekit_config.yml", MERGEKIT)
    yield "axolotl", _beside("axolotl_config.yml", AXOLOTL)
    yield "llama-factory", _beside("llamaboard_config.yaml", FACTORY)
    yield "trainer", _beside("trainer_state.json", TRAINER)
    yield "peft", _beside("adapter_config.json", PEFT)
    yield "quantization", _beside("quantize_config.json", {"bits": 4, "group_size": 128, "quant_method": "gptq"})
    yield "card-facts", Paper("README.md", text(CARD), _card)
    declaration = REPOSITORY / "examples" / "forebear-training.yaml"
    yield "declaration", Paper("forebear-training.yaml", copied(declaration), nothing(read_declaration))
    yield "organisation", Paper("org.yaml", copied(REPOSITORY / "examples" / "org.yaml"), nothing(read_organisation))
    pack = REPOSITORY / "src" / "forebear" / "data" / "policies" / "from-scratch.yaml"
    yield "policy", Paper("p.yaml", copied(pack), nothing(lambda path: run_examples(load_policy(str(path)))))
    profile = REPOSITORY / "src" / "forebear" / "data" / "profiles" / "g7-ai.toml"
    yield "profile", Paper("p.toml", copied(profile), nothing(lambda path: load_profile(str(path))))
    yield "waivers", Paper("waivers.yaml", text(WAIVERS), nothing(read_waivers))
    yield "answers", Paper("answers.yaml", text(ANSWERS), nothing(read_answers))
    yield "answers-csv", Paper("answers.csv", text(ANSWERS_CSV), nothing(read_answers))
    yield "signature", Paper("model.sig", _envelope, _signature)
    yield "manifest", Paper("m.json", _statement, nothing(_manifest))
    yield "statement", Paper("s.json", _statement, nothing(lambda path: read_statement(path.read_bytes(), path.name)))
    yield "bundle", Paper("bundle.zip", _bundle, _verified)
    yield "certificates", Paper("chain.pem", _certificates, _chain)
    yield "public-key", Paper("k.pem", _pem(True), nothing(lambda path: load_public(path.read_bytes(), path.name)))
    yield (
        "private-key",
        Paper("k.pem", _pem(False), nothing(lambda path: load_private(path.read_bytes(), None, path.name))),
    )
    yield "index-database", Paper("index.db", lambda folder: (_home() / "index.db").read_bytes(), _asked_index)
    yield "exchange", Paper("index.fbx", _exchange, nothing(lambda path: survey(path, lambda entry: None)))
    yield "exchange-entry", Paper("entry.json", _entry_text, nothing(_entry))
    yield "probe-lines", Paper("log.jsonl", _log, nothing(_chained))
    yield "probe-log", Paper("log.jsonl", _log, nothing(read_log))
    calibration = REPOSITORY / "src" / "forebear" / "data" / "calibration"
    yield "calibration", Paper("signals.json", copied(calibration / "signals.json"), _calibration)


PAPERS: dict[str, Paper] = {**dict(_papers()), **CODE, **RESULTS, **SERVERS}
"""Every document, by the name under which what was found of it is kept in ``tests/corpus``."""
