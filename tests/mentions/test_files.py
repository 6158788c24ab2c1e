"""Every kind of file: what names a model in it, where, and what looks like a name and is none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from forebear.mentions import Kind, Mention, Role, Surety, mentions_in
from forebear.mentions.files import python

CERTAIN, LIKELY, POSSIBLE = Surety


def names(path: str, text: str) -> list[tuple[str, str, str]]:
    return [(m.model, m.kind.value, m.surety.value) for m in mentions_in(path, text)]


def one(path: str, text: str) -> Mention:
    (found,) = mentions_in(path, text)
    lines = text.split("\n")
    written = lines[found.line - 1][found.column - 1 : found.end_column - 1]
    assert found.model in written.replace("\\", "/"), (written, found)
    return found


@pytest.mark.parametrize(
    ("code", "model", "kind", "surety"),
    [
        ('AutoModel.from_pretrained("acme/thing")', "acme/thing", "hub", "certain"),
        ("AutoModel.from_pretrained('bert-base-uncased')", "bert-base-uncased", "hub", "certain"),
        ('NAME = "acme/thing-2"\nm = X.from_pretrained(NAME)', "acme/thing-2", "hub", "certain"),
        ('class C:\n    name = "acme/x-1"\nm = X.from_pretrained(C.name)', "acme/x-1", "hub", "certain"),
        ('pipeline("text-generation", model="acme/thing")', "acme/thing", "hub", "certain"),
        ('pipeline("text-generation", "acme/thing")', "acme/thing", "hub", "certain"),
        ('hf_hub_download(repo_id="acme/thing", filename="x.bin")', "acme/thing", "hub", "certain"),
        ('snapshot_download("acme/thing")', "acme/thing", "hub", "certain"),
        ('SentenceTransformer("all-MiniLM-L6-v2")', "all-MiniLM-L6-v2", "hub", "certain"),
        ('LLM(model="Qwen/Qwen2.5-7B-Instruct")', "Qwen/Qwen2.5-7B-Instruct", "hub", "likely"),
        ('client.chat.completions.create(model="gpt-4o", messages=m)', "gpt-4o", "name", "likely"),
        ('litellm.completion(model="anthropic/claude-3-opus")', "anthropic/claude-3-opus", "name", "likely"),
        ('ollama.pull("phi3:mini")', "phi3:mini", "ollama", "certain"),
        ('x = os.getenv("LLM_MODEL", "gpt-4.1")', "gpt-4.1", "name", "likely"),
        ('p.add_argument("--model", default="facebook/opt-125m")', "facebook/opt-125m", "hub", "likely"),
        ('def f(a, model: str = "gpt-4o"): ...', "gpt-4o", "name", "likely"),
        ('def f(*, model="gpt-4o"): ...', "gpt-4o", "name", "likely"),
        ('c = {"model": "gpt-4o"}', "gpt-4o", "name", "likely"),
        ('c["model"] = "gpt-4o"', "gpt-4o", "name", "likely"),
        ('model = args.model or "gpt-4o"', "gpt-4o", "name", "likely"),
        ('x = "claude-3-5-sonnet-20241022"', "claude-3-5-sonnet-20241022", "name", "possible"),
        ('m = Llama(model_path="./models/q.gguf")', "./models/q.gguf", "file", "likely"),
        ('é = "ü"; m = X.from_pretrained("acme/thing")', "acme/thing", "hub", "certain"),
        ('m = X.from_pretrained("""acme/thing""")', "acme/thing", "hub", "certain"),
    ],
)
def test_python(code: str, model: str, kind: str, surety: str) -> None:
    found = one("app.py", code)
    assert (found.model, found.kind.value, found.surety.value) == (model, kind, surety)


@pytest.mark.parametrize(
    "code",
    [
        '"""Uses gpt-4o."""',
        '# model="gpt-4o"',
        'x = "text/plain"',
        'headers = {"model": "application/json"}',
        'model = "default"',
        'm = X.from_pretrained("./local/folder-of-mine" + name)',
        'm = X.from_pretrained(f"acme/{name}")',
        'm = X.from_pretrained("your-org/your-model")',
        'm = X.from_pretrained("path/to/model")',
        'model = "models/user.py"',
        'class Model: table = "users/1"',
        'say("I like GPT-4 a lot")',
        'key = model = "sk-proj-abcdefghijklmnopqrstuvwx"',
        'model = load("config.json")',
        'import os; os.system("ls src/lib")',
    ],
)
def test_python_that_names_none(code: str) -> None:
    assert mentions_in("app.py", code) == ()


def test_a_fixed_revision_and_remote_code_are_seen_through_a_name() -> None:
    text = 'M = "acme/thing-7"\nx = A.from_pretrained(M, revision="abc", trust_remote_code=True)\n'
    found = one("app.py", text)
    assert (found.line, found.revision, found.remote_code) == (1, "abc", True)


@pytest.mark.parametrize(
    "text",
    [
        "model: &m\n  name: acme/thing-7b\n",
        "model: !Model # the default\n  name: acme/thing-7b\n",
        "model:  # the default\n  name: acme/thing-7b\n",
        "base_model: &base acme/thing-7b\n",
        'base_model: &base "acme/thing-7b"\n',
        "model: >-\n  acme/thing-7b\n",
        "models: &all\n  - acme/thing-7b\n",
    ],
)
def test_anchors_tags_and_comments_of_yaml_hide_no_field(text: str) -> None:
    found = one("values.yaml", text)
    assert (found.model, found.surety) == ("acme/thing-7b", LIKELY)


@pytest.mark.parametrize(
    ("path", "text", "model"),
    [
        ("Dockerfile", "RUN python -c \"X('a'); SentenceTransformer('all-MiniLM-L6-v2')\"", "all-MiniLM-L6-v2"),
        ("Dockerfile", 'RUN python - <<EOF\nAutoModel.from_pretrained("acme/thing")\nEOF', "acme/thing"),
        ("ci.yml", "run: python -c 'snapshot_download(repo_id=\"acme/thing\")'", "acme/thing"),
        ("run.sh", "lm_eval --model hf --model_args pretrained=acme/thing,dtype=float", "acme/thing"),
    ],
)
def test_calls_in_commands(path: str, text: str, model: str) -> None:
    found = one(path, text)
    assert (found.model, found.kind, found.surety) == (model, Kind.HUB, CERTAIN)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("run.sh", "vllm serve acme/thing --served-model-name gpt-4"),
        ("Dockerfile", 'CMD ["--model", "acme/thing-7b", "--served-model-name", "gpt-4"]'),
        ("values.yaml", "model: acme/thing-7b\nservedModelName: gpt-4\n"),
        ("app.py", 'LLM(model="acme/thing-7b", served_model_name="gpt-4")'),
    ],
)
def test_the_label_under_which_a_model_is_served_is_no_model(path: str, text: str) -> None:
    assert "gpt-4" not in {model for model, _, surety in names(path, text) if surety != "possible"}


@pytest.mark.parametrize(
    "line",
    [
        "fetch(`https://${host}/v1`, { model: 'gpt-4o' })",
        "const a = `${x}`; ask({ model: 'gpt-4o' }); const b = `${y}`",
        "const a = `${x} and ${`more ${y}`}`; ask({ model: 'gpt-4o' })",
        "const a = `x ${f({ model: 'gpt-4o' })} //`",
        "const a = `${root}/**`; ask({ model: 'gpt-4o' })",
        "const quotes = /[\"']/; ask({ model: 'gpt-4o' })",
        "const tick = /`/g; ask({ model: 'gpt-4o' })",
        "const half = a / b; ask({ model: 'gpt-4o' }) // c / d",
        "ask({ model: `gpt-4o` })",
        "// `it's\nask({ model: 'gpt-4o' })",
        "const prompt = `say ${what}`\n\n// an `unclosed one\nask({ model: 'gpt-4o' })",
    ],
)
def test_templates_and_patterns_hide_no_strings(line: str) -> None:
    """A template with code in it had made the rest of its line a comment, or what lay between two of them a string."""
    found = one("app.ts", line)
    assert (found.model, found.how) == ("gpt-4o", "field model")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app.rb", "# model: 'gpt-3.5-turbo'\nx = \"#{y}\" # isn't\nask(model: 'gpt-4o')"),
        ("app.ex", "ask(model: 'gpt-4o') # not 'gpt-4'"),
        ("app.lua", "-- it's 'gpt-4'\nask{model = 'gpt-4o'}"),
        ("ask.sql", "-- don't ask 'gpt-4'\nSELECT ai('gpt-4o', x)"),
    ],
)
def test_comments_begin_with_the_sign_of_the_language(path: str, text: str) -> None:
    assert one(path, text).model == "gpt-4o"


@pytest.mark.parametrize(
    "code",
    [
        'load_dataset("HuggingFaceH4/ultrachat_200k", split="train")',
        'datasets.load_dataset(path="HuggingFaceH4/ultrachat_200k")',
        'Config(dataset_name="HuggingFaceH4/ultrachat_200k")',
        'EVAL_DATASET = "HuggingFaceH4/ultrachat_200k"',
        'c = {"dataset": "HuggingFaceH4/ultrachat_200k"}',
    ],
)
def test_a_data_set_in_an_account_that_publishes_models_is_no_model(code: str) -> None:
    assert names("app.py", code) == []
    assert names("app.py", 'x = "HuggingFaceH4/ultrachat_200k"')  # what it is does not show


def test_python_that_does_not_parse_is_read_for_its_strings() -> None:
    assert names("old.py", 'print "x"\nm = f.from_pretrained("acme/thing")') == [("acme/thing", "hub", "certain")]


def test_a_notebook_points_into_its_own_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["from_pretrained('a/b')"]},
        {"cell_type": "code", "source": ["!ollama pull llama3.2:3b\n", "%pip install x\n", "m = 1\n"]},
        {"cell_type": "code", "source": 'llm = LLM(model="Qwen/Qwen2.5-7B-Instruct")'},
    ]
    text = json.dumps({"cells": cells}, indent=1)
    found = mentions_in("a.ipynb", text)
    assert [(m.model, m.kind) for m in found] == [
        ("llama3.2:3b", Kind.OLLAMA),
        ("Qwen/Qwen2.5-7B-Instruct", Kind.HUB),
    ]
    for mention in found:
        assert mention.model in text.split("\n")[mention.line - 1]
    assert mentions_in("b.ipynb", "{") == () == mentions_in("c.ipynb", '{"cells": 3}')


@pytest.mark.parametrize(
    ("path", "code", "model", "kind"),
    [
        ("a.ts", 'const m = openai("gpt-4o")', "gpt-4o", "name"),
        ("a.ts", 'const M = process.env.CHAT_MODEL ?? "gpt-4.1-mini"', "gpt-4.1-mini", "name"),
        (
            "a.tsx",
            "fetch(u, {body: JSON.stringify({model: 'claude-3-haiku-20240307'})})",
            "claude-3-haiku-20240307",
            "name",
        ),
        ("a.js", 'await pipeline("feature-extraction", "Xenova/all-MiniLM-L6-v2")', "Xenova/all-MiniLM-L6-v2", "hub"),
        ("a.js", "AutoModel.from_pretrained('acme/thing')", "acme/thing", "hub"),
        ("a.go", 'cfg := Config{Model: "gpt-4o"}', "gpt-4o", "name"),
        ("a.rs", 'let model = "mistralai/Mistral-7B-v0.1";', "mistralai/Mistral-7B-v0.1", "hub"),
        ("a.sql", "UPDATE t SET model = 'gpt-4-turbo-preview'", "gpt-4-turbo-preview", "name"),
    ],
)
def test_other_languages(path: str, code: str, model: str, kind: str) -> None:
    found = one(path, code)
    assert (found.model, found.kind.value) == (model, kind)


def test_comments_of_other_languages_are_passed_over() -> None:
    assert mentions_in("a.ts", '// const model = "gpt-4o"\n/* "gpt-4o" */ const a = "image/png"') == ()


@pytest.mark.parametrize(
    ("path", "text", "model", "kind"),
    [
        ("Modelfile", "# x\nFROM llama3.1:8b\nSYSTEM hi\n", "llama3.1:8b", "ollama"),
        ("m/Modelfile", "FROM ./q4.gguf\n", "./q4.gguf", "file"),
        ("Modelfile.x", "FROM hf.co/acme/thing-GGUF:Q4_K_M\n", "acme/thing-GGUF", "hub"),
        ("Dockerfile", "FROM python:3.12\nRUN ollama pull nomic-embed-text\n", "nomic-embed-text", "ollama"),
        ("Dockerfile", "RUN huggingface-cli download acme/thing --local-dir /m\n", "acme/thing", "hub"),
        ("Dockerfile", "RUN hf download --quiet acme/thing\n", "acme/thing", "hub"),
        ("Dockerfile", 'CMD ["vllm", "serve", "acme/thing"]\n', "acme/thing", "hub"),
        ("run.sh", "git clone https://huggingface.co/acme/thing\n", "acme/thing", "hub"),
        ("run.sh", "vllm serve acme/thing --port 1\n", "acme/thing", "hub"),
        ("run.sh", "export LLM_MODEL=qwen2.5:7b\n", "qwen2.5:7b", "ollama"),
        ("compose.yml", 's:\n  command: ["--model", "Qwen/Qwen2.5-7B"]\n', "Qwen/Qwen2.5-7B", "hub"),
        ("compose.yml", "s:\n  command: [--model, acme/thing-7]\n", "acme/thing-7", "hub"),
        ("compose.yml", "s:\n  command: --model=Qwen/Qwen2.5-7B --x\n", "Qwen/Qwen2.5-7B", "hub"),
        ("pod.yaml", "args:\n- --model\n- google/gemma-2-9b\n", "google/gemma-2-9b", "hub"),
        ("pod.yaml", "env:\n- name: MODEL_ID\n  value: google/gemma-2-9b\n", "google/gemma-2-9b", "hub"),
        ("values.yaml", 'spec:\n- modelURL: "facebook/opt-125m"\n', "facebook/opt-125m", "hub"),
        ("compose.yml", "e:\n  - M_MODEL=${M_MODEL:-BAAI/bge-m3}\n", "BAAI/bge-m3", "hub"),
        ("litellm.yaml", "model_list:\n- litellm_params:\n    model: azure/gpt-4o\n", "azure/gpt-4o", "name"),
        ("c.yaml", "model:\n  name: mistralai/Mistral-7B-v0.1\n", "mistralai/Mistral-7B-v0.1", "hub"),
        ("c.yaml", "models:\n  - gpt-4o # first\n", "gpt-4o", "name"),
        ("c.toml", '[llm]\nmodel = "gpt-4o"\n', "gpt-4o", "name"),
        ("c.json", '{"base_model": "meta-llama/Llama-3.1-8B"}', "meta-llama/Llama-3.1-8B", "hub"),
        (".env", "OPENAI_MODEL=gpt-4o\n", "gpt-4o", "name"),
        ("chart/t.yaml", 'x: {{ .V }}\nmodel: "gpt-4o"\n', "gpt-4o", "name"),
        (".github/workflows/w.yml", "steps:\n- run: ollama run llama3.2\n", "llama3.2", "ollama"),
        ("requirements.txt", "numpy\nopenai-whisper==20240930\n", "openai-whisper", "package"),
        ("pyproject.toml", 'dependencies = ["en_core_web_sm @ https://x"]\n', "en-core-web-sm", "package"),
    ],
)
def test_settings_and_commands(path: str, text: str, model: str, kind: str) -> None:
    (found,) = mentions_in(path, text)
    assert (found.model, found.kind.value) == (model, kind)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", "FROM ollama/ollama:latest\n"),
        ("c.yaml", "model: {{ .Values.model }}\nimage: org/name:1.2\nmodel_type: llama\n"),
        ("c.yaml", "# model: gpt-4o\nuser_model: customer\n"),
        ("w.yml", "uses: actions/checkout@v4\nwith:\n  path: src/lib\n"),
        ("package.json", '{"name": "gpt-tools", "files": ["src/model.js"], "license": "MIT"}'),
        ("requirements.txt", "llama-index==0.10\nopenai>=1\n"),
        ("run.sh", "# ollama pull llama3\necho done\n"),
        ("page.md", "We like gpt-4o and `from_pretrained`.\n"),
    ],
)
def test_what_looks_alike(path: str, text: str) -> None:
    assert mentions_in(path, text) == ()


def test_documents_are_read_in_their_code_blocks_alone() -> None:
    text = "Try gpt-4o.\n\n```sh\nollama pull llama3.2:1b\n```\n"
    found = one("README.md", text)
    assert (found.model, found.line, found.role) == ("llama3.2:1b", 4, Role.DOCS)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("src/app.py", Role.CODE),
        ("tests/app.py", Role.TEST),
        ("src/test_app.py", Role.TEST),
        ("web/a.spec.ts", Role.TEST),
        ("docs/conf.py", Role.DOCS),
        ("examples/run.py", Role.EXAMPLE),
        ("examples/tests/run.py", Role.TEST),
        (".env.example", Role.EXAMPLE),
    ],
)
def test_roles(path: str, role: Role) -> None:
    assert one(path, 'model="gpt-4o"').role is role


@pytest.mark.parametrize(
    "path", ["a.py", "a.ts", "a.yaml", "a.json", "a.sh", "a.ipynb", "a.md", "Modelfile", "requirements.txt"]
)
@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "model: " + "a/" * 20_000,
        '"model": "' + "\\" * 20_000,
        "--model " * 4_000,
        "model = [" + "'x'," * 3_000,
        "- " * 10_000 + "model",
        "1" + "+1" * 10_000,
        "from_pretrained(" * 2_000,
        "/*" * 100_000,
        "`${" * 30_000,
        "`\\`" * 30_000,
        "`${}" * 30_000 + "`",
        "=/[" * 30_000,
        "\x00\ud800\u2028model='gpt-4o'",
        "```\n" * 5_000,
    ],
)
def test_hostile_text_is_answered_soon(path: str, text: str, deadline: None) -> None:
    for mention in mentions_in(path, text):
        assert mention.line >= 1


def test_one_long_line_and_a_long_notebook_take_time_linear_in_them() -> None:
    """In a process of its own, by its time on the processor: a string took the whole line, a hit all lines."""
    program = (
        "import json, resource; resource.setrlimit(resource.RLIMIT_CPU, (40, 40))\n"
        "from forebear.mentions.files import notebook, python\n"
        "code = 'x = [' + '\"é\",' * 60_000 + ']; m = X.from_pretrained(\"acme/thing\")'\n"
        "hits = list(python.read(code))\n"
        "assert next(h.column for h in hits if h.value == 'acme/thing') == code.index('acme/') + 1\n"
        "lines = [f'x{k} = \"é{k}\"' for k in range(20_000)]\n"
        "cell = {'cell_type': 'code', 'source': [line + chr(10) for line in lines]}\n"
        "hits = list(notebook.read(json.dumps({'cells': [cell]}, indent=1)))\n"
        "assert len(hits) == 20_000 and len({h.line for h in hits}) == 20_000\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_tree_that_is_too_large_is_read_for_its_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.mentions.files.python.MOST_NODES", 5)
    assert ("acme/thing", "hub", "certain") in names("a.py", 'm = X.from_pretrained("acme/thing")')


def test_an_empty_string_is_no_call_whose_model_is_not_named() -> None:
    hits = list(python.read('a = ""\nmodel = ""\nm = X.from_pretrained("")\nn = X.from_pretrained(a())\n'))
    assert [(h.line, h.how) for h in hits if not h.value] == [(4, "from_pretrained")]


@pytest.mark.parametrize(
    ("value", "model"),
    [
        ("hf://acme/thing", "acme/thing"),
        ("hf://acme/thing/model.gguf", "acme/thing"),
        ("hf://datasets/acme/thing", None),
        ("hf://acme", None),
    ],
)
def test_paths_of_the_hub(value: str, model: str | None) -> None:
    found = names("a.py", f'm = X.from_pretrained("{value}")')
    assert found == ([(model, "hub", "certain")] if model else [])


def test_several_names_whose_lines_a_notebook_does_not_show() -> None:
    code = 'a = X.from_pretrained("acme/one")\\u0020\\nb = X.from_pretrained("acme/two")'.replace('"', "'")
    text = '{"cells": [{"cell_type": "code", "source": "' + code + '"}]}'
    assert {model for model, _, _ in names("a.ipynb", text)} == {"acme/one", "acme/two"}


@pytest.mark.parametrize("before", [0, 300, 1_990, 2_000, 5_000, 60_000])
def test_settings_without_line_breaks_are_read_to_their_end(before: int) -> None:
    """A build's JSON is one line; what stands far behind in it is used all the same."""
    filler = ", ".join(f'"k{k}": {k}' for k in range(before // 10))
    text = "{" + (filler + ", " if filler else "") + '"model": "mistralai/Mistral-7B-Instruct-v0.2", "z": 1}'
    (found,) = mentions_in("settings.json", text)
    assert found.model == "mistralai/Mistral-7B-Instruct-v0.2" and found.surety is Surety.LIKELY
    assert text[found.column - 1 : found.end_column - 1] == found.model


def test_a_notebook_that_is_cut_off_is_read_by_its_lines() -> None:
    """A merge that was left half done, or a file that ends within a cell, hides no model."""
    text = '{\n "cells": [\n  {\n   "source": [\n    "m = A.from_pretrained(\\"acme/thing-7b\\")\\n",\n'
    found = mentions_in("a.ipynb", text + '    "!ollama pull llama3.2"\n<<<<<<< HEAD\n')
    assert [(m.model, m.line, m.column, m.how) for m in found] == [
        ("acme/thing-7b", 5, 30, "from_pretrained"),
        ("llama3.2", 6, 19, "ollama"),
    ]
    assert not mentions_in("a.ipynb", '{"cells": 3')
