"""``forebear policy`` as people call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from documents import check_document
from forebear.cli import app
from forebear.errors import ForebearError, UsageError
from forebear.policy.load import packs
from models import tiny_llama
from policies import rule, written

KIMI = "moonshotai/Kimi-K2.5"


def call(tmp_path: Path, *arguments: object, code: int | None = None) -> Any:
    environment = {"FOREBEAR_HOME": str(tmp_path / "home"), "NO_COLOR": "1", "SOURCE_DATE_EPOCH": "1795000000"}
    done = CliRunner().invoke(app, ["policy", *map(str, arguments)], env=environment)
    if isinstance(done.exception, ForebearError):
        raise done.exception
    assert code is None or done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done


def bill(folder: Path, *ancestors: str, name: str = "bom.json") -> Path:
    made = [{"type": "machine-learning-model", "group": a.split("/")[0], "name": a.split("/")[-1]} for a in ancestors]
    model = {"type": "machine-learning-model", "name": "acme/model", "pedigree": {"ancestors": made}}
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(
        json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model}}), "utf-8"
    )
    return path


def test_the_exit_code_is_the_decision(tmp_path: Path) -> None:
    target = bill(tmp_path, KIMI)
    ours = written(tmp_path, rule())
    for policy, code in ((ours, 0), ("uk-public-sector", 3), ("uk-defence", 1)):
        done = call(tmp_path, "check", target, "--policy", policy, "--format", "json", code=code)
        document = json.loads(done.stdout)
        check_document(document)
        assert document["decision"] == {0: "pass", 1: "deny", 3: "inconclusive"}[code]


def test_every_format_tells_the_decision(tmp_path: Path) -> None:
    target = bill(tmp_path, KIMI)
    texts = {f: call(tmp_path, "check", target, "-p", "uk-defence", "-f", f, code=1).stdout for f in
             ("table", "md", "html", "json", "sarif", "junit")}  # fmt: skip
    for how in ("table", "md", "html", "json"):
        assert "acme/model" in texts[how] and "D1" in texts[how] and "China" in texts[how], how
    assert "What was not checked" in texts["table"] and "<html" in texts["html"]
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    assert {"policy/D1"} <= {r["ruleId"] for r in results if r["level"] == "error"}
    case = ElementTree.fromstring(texts["junit"].encode()).find(".//testcase")
    assert case is not None and case.find("failure") is not None
    open_ = call(tmp_path, "check", target, "-p", "baseline", "-f", "junit", code=3).stdout
    skipped = ElementTree.fromstring(open_.encode()).find(".//testcase/skipped")
    assert skipped is not None


def test_folders_and_several_documents_have_a_row_each_and_the_worst_exit_code(tmp_path: Path) -> None:
    folder = tmp_path / "boms"
    bill(folder, KIMI, name="a.json")
    bill(folder, name="b.json")
    done = call(tmp_path, "check", "-r", folder, "-p", "baseline", "-f", "json", code=1)
    document = json.loads(done.stdout)
    check_document(document)
    assert document["counts"] == {"pass": 0, "deny": 1, "inconclusive": 1, "unread": 0}
    both = call(tmp_path, "check", folder / "a.json", folder / "b.json", "-p", "baseline", code=1).stdout
    assert "a.json" in both and "b.json" in both and "2 documents" in both
    (folder / "c.json").write_text("{", "utf-8")
    assert "c.json" in call(tmp_path, "check", "-r", folder, "-p", "baseline", code=4).output
    for how in ("md", "sarif", "junit"):
        assert "a.json" in call(tmp_path, "check", "-r", folder, "-p", "baseline", "-f", how, code=4).stdout
    with pytest.raises(ForebearError, match="single model"):
        call(tmp_path, "check", "-r", folder, "-p", "baseline", "--bom", folder / "a.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ForebearError, match="no results and no bills"):
        call(tmp_path, "check", "-r", tmp_path / "empty", "-p", "baseline")


def test_models_of_one_bill_are_told_apart_in_every_format(tmp_path: Path) -> None:
    models = [{"type": "machine-learning-model", "name": f"acme/m{n}"} for n in range(2)]
    folder = tmp_path / "boms"
    folder.mkdir()
    (folder / "x.json").write_text(json.dumps({"bomFormat": "CycloneDX", "components": models}), "utf-8")
    texts = {f: call(tmp_path, "check", "-r", folder, "-p", "baseline", "-f", f, code=1).stdout for f in
             ("table", "md", "sarif", "junit")}  # fmt: skip
    assert "2 models in 1 document: 2 deny" in texts["table"] and all("acme/m1" in t for t in texts.values())
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    assert len({str(r["partialFingerprints"]) for r in results}) == len(results) == 2
    cases = ElementTree.fromstring(texts["junit"].encode()).findall(".//testcase")
    assert len({(c.get("classname"), c.get("name")) for c in cases}) == len(cases) == 2


def test_a_file_that_is_not_there_is_2_and_one_that_is_wrong_is_4(tmp_path: Path) -> None:
    target, there = bill(tmp_path), tmp_path / "wrong.yaml"
    there.write_text("nonsense: 3\n", "utf-8")
    (tmp_path / "wrong.json").write_text("{", "utf-8")
    for option in ("--org", "--waivers", "--answers", "--policy", "--bom"):
        policy = () if option == "--policy" else ("-p", "baseline")
        missing, wrong = tmp_path / "none.yaml", tmp_path / "wrong.json" if option == "--bom" else there
        for file, code in ((missing, 2), (wrong, 4)):
            with pytest.raises(ForebearError) as caught:
                call(tmp_path, "check", target, *policy, option, file)
            assert caught.value.exit_code == code and file.name in str(caught.value), option
    for file, code in ((tmp_path / "none.json", 2), (tmp_path / "wrong.json", 4)):
        with pytest.raises(ForebearError) as caught:
            call(tmp_path, "check", file, "-p", "baseline")
        assert caught.value.exit_code == code


def test_waivers_and_their_day(tmp_path: Path) -> None:
    target = bill(tmp_path)
    ours = written(tmp_path, rule(when={"field": "parent.state", "is": "absent"}))
    waivers = tmp_path / "waivers.yaml"
    entry = "{rule: R1, model: acme/model, owner: A. Person, reason: known, expires: '%s'}"
    for day, code in (("2026-11-18", 0), ("2026-11-17", 1)):  # the epoch of these tests is on 2026-11-18
        waivers.write_text(f"waivers:\n  - {entry % day}\n", "utf-8")
        done = call(tmp_path, "check", target, "-p", ours, "--waivers", waivers, code=code)
        assert ("A. Person" in done.stdout) and (("expired" in done.stdout) is (code == 1))


def test_packs_are_listed_shown_and_tested(tmp_path: Path) -> None:
    listed = json.loads(call(tmp_path, "list", "-f", "json", code=0).stdout)
    check_document(listed)
    assert [p["name"] for p in listed["policies"]] == list(packs())
    assert next(p for p in listed["policies"] if p["name"] == "us-dod")["off"] == ["S3", "S3-OWN"]
    assert "us-dod" in call(tmp_path, "list", code=0).stdout
    shown = json.loads(call(tmp_path, "show", "us-dod", "-f", "json", code=0).stdout)
    check_document(shown)
    text = call(tmp_path, "show", "us-dod", code=0).stdout
    assert "switched off" in text and "does not decide" in text and "legal advice" in text
    for name in packs():
        tested = call(tmp_path, "test", name, "--strict", "-f", "json", code=0)
        check_document(json.loads(tested.stdout))


def test_a_policy_whose_examples_are_wrong_or_missing_fails(tmp_path: Path) -> None:
    right = [{"name": "x", "fails": ["R1"]}]
    call(tmp_path, "test", written(tmp_path, rule(), examples=right), code=0)
    strict = call(tmp_path, "test", written(tmp_path, rule(), examples=right), "--strict", code=1)
    assert "no example shows R1: true" in strict.stdout
    wrong = call(tmp_path, "test", written(tmp_path, rule(), examples=[{"name": "x", "holds": ["R1"]}]), code=1)
    assert "R1 is false, and should be true" in wrong.stdout
    assert "no examples" in call(tmp_path, "test", written(tmp_path, rule()), code=1).output


def test_the_questionnaire_goes_out_and_comes_back(tmp_path: Path) -> None:
    document = json.loads(call(tmp_path, "questions", "-f", "json", code=0).stdout)
    check_document(document)
    assert len(document["questions"]) == 8
    some = json.loads(call(tmp_path, "questions", "--pack", "eu-ai-act", "-f", "json", code=0).stdout)
    assert {q["id"] for q in some["questions"]} == {"Q-METHOD", "Q-LIC", "Q-DATA"}
    assert "A good answer" in call(tmp_path, "questions", "-f", "md", code=0).stdout
    form = tmp_path / "answers.yaml"
    call(tmp_path, "questions", "-f", "yaml", "-o", form, code=0)
    form.write_text(form.read_text("utf-8").replace("    base:  # names", f"    base: {KIMI}"), "utf-8")
    done = call(tmp_path, "questions", "--answers", form, "--against", bill(tmp_path, KIMI), "-f", "json", code=0)
    answered = json.loads(done.stdout)
    check_document(answered)
    assert [c["status"] for c in answered["claims"]] == ["unverified"] and "Q-RUN" in answered["open"]
    assert "unverified" in call(tmp_path, "questions", "--answers", form, code=0).stdout
    with pytest.raises(ForebearError, match="needs --answers"):
        call(tmp_path, "questions", "--against", bill(tmp_path))


def test_a_scan_decides_too(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model", seed=1)
    environment = {"FOREBEAR_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}

    def scan(*arguments: object) -> Any:
        return CliRunner().invoke(app, ["scan", str(model), *map(str, arguments)], env=environment)

    weights = rule(when={"field": "access", "is": "weights"}, message="{model.name} was read.")
    for severity, code in (("error", 1), ("review", 3), ("note", 0)):
        done = scan("--policy", written(tmp_path, {**weights, "severity": severity}), "-f", "json")
        document = json.loads(done.stdout)
        check_document(document)
        assert done.exit_code == code and document["policy"]["findings"][0]["message"] == "model was read."
    ours = written(tmp_path, weights)
    assert "R1" in scan("--policy", ours).stdout and "R1" in scan("--policy", ours, "-f", "md").stdout
    assert "policy" not in json.loads(scan("-f", "json").stdout)
    for wrong in (
        ["--org", "x.yaml"],
        ["--policy", ours, "-r"],
        ["--policy", ours, "-f", "sarif"],
        ["--policy", "none"],
    ):
        assert isinstance(scan(*wrong).exception, ForebearError), wrong


def test_a_scan_of_pointers_decides_by_the_papers_as_the_check_does(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text(f"---\nlicense: mit\nbase_model: {KIMI}\n---\n", "utf-8")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 4\n"
    (folder / "model.safetensors").write_text(pointer, "utf-8")
    environment = {"FOREBEAR_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    done = CliRunner().invoke(app, ["scan", str(folder), "-p", "uk-defence", "-f", "json"], env=environment)
    checked = call(tmp_path, "check", folder, "-p", "uk-defence", "-f", "json", code=4)
    scanned, decided = json.loads(done.stdout), json.loads(checked.stdout)
    check_document(scanned)
    assert done.exit_code == 4 and "Git LFS" in done.stderr
    for key in ("decision", "why", "findings", "not_checked"):
        assert scanned["policy"][key] == decided[key], key
    assert decided["decision"] == "deny"
    for how in ("table", "md"):
        text = CliRunner().invoke(app, ["scan", str(folder), "-p", "uk-defence", "-f", how], env=environment)
        assert text.exit_code == 4 and "Only its papers were read" in text.stdout and "D1" in text.stdout, how
    bare = CliRunner().invoke(app, ["scan", str(folder)], env=environment)
    assert isinstance(bare.exception, ForebearError) and bare.exception.exit_code == 4


def test_answers_that_are_held_against_nothing_are_said_to_be(tmp_path: Path) -> None:
    call(tmp_path, "questions", "-o", tmp_path / "asked.csv", code=0)
    assert (tmp_path / "asked.csv").read_text("utf-8").startswith("id,field,kind")
    (tmp_path / "answers.yaml").write_text("answers: {Q-BASE: {base: acme/base}}\n", "utf-8")
    alone = call(tmp_path, "questions", "--answers", tmp_path / "answers.yaml", code=0).stdout
    assert "nothing was given to hold it against" in " ".join(alone.split()) and "evidence" not in alone


def test_a_scan_into_a_file_by_its_name_is_what_the_next_command_reads(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "mine", seed=4)
    environment = {"FOREBEAR_HOME": str(tmp_path / "home"), "FOREBEAR_OFFLINE": "1"}
    saved = tmp_path / "scan.json"
    done = CliRunner().invoke(app, ["scan", str(model), "-o", str(saved)], env=environment)
    assert done.exit_code == 0, done.output
    check_document(json.loads(saved.read_text("utf-8")))
    assert "mine" in call(tmp_path, "check", saved, "-p", "baseline", "-o", tmp_path / "page.html").stdout + (
        (tmp_path / "page.html").read_text("utf-8")
    )
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!")


def test_a_signature_over_a_bill_is_verified_or_not_said_to_be(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from signers import key_files

    own, envelope = bill(tmp_path, KIMI), tmp_path / "bom.dsse.json"
    (key, public), (_, other) = key_files(tmp_path, "ours"), key_files(tmp_path, "other")
    done = CliRunner().invoke(app, ["attest", "--bom", str(own), "--key", str(key), "--output", str(envelope)])
    assert done.exit_code == 0, (done.output, done.exception)

    def found(*options: object) -> dict[str, str]:
        done = call(tmp_path, "check", own, "--policy", "baseline", "--format", "json", *options)
        return {f["rule"]: f["severity"] for f in json.loads(done.stdout)["findings"]}

    over = ("--signature", envelope)
    assert "T8" in found() and "T9" not in found()
    assert not {"T8", "T9"} & set(found(*over, "--key", public))
    assert found(*over, "--key", other)["T9"] == "error"
    own.write_text(own.read_text("utf-8") + "\n", "utf-8")
    assert found(*over, "--key", public)["T9"] == "error"


def test_half_of_a_signature_is_a_wrong_call(tmp_path: Path) -> None:
    own = bill(tmp_path, KIMI)
    (tmp_path / "x").write_text("{}")
    model = tiny_llama(tmp_path / "model")
    for target, options in (
        (own, ("--key", tmp_path / "x")),
        (own, ("--signature", tmp_path / "x")),
        (model, ("--signature", tmp_path / "x", "--key", tmp_path / "x")),
    ):
        with pytest.raises(UsageError, match="--signature"):
            call(tmp_path, "check", target, "--policy", "baseline", *options)
