"""Package URLs: what the specification allows, and what each rule of it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.bom.check.purl import MAX, defect

COMMIT = "f" * 40


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:huggingface/distilbert-base-uncased@043235d6088ecd3dd5fb5ca3592b6913fd516027",
        f"pkg:huggingface/meta-llama/Llama-3.1-8B@{COMMIT}",
        "pkg:huggingface/microsoft/deberta-v3-base@559062ad13d311b87b2c455e67dcd5f1c8f65111?repository_url=https://hub-ci.huggingface.co",
        "pkg:npm/%40angular/animation@12.3.1",
        "pkg:npm/foobar@12.3.1",
        "pkg:docker/cassandra@sha256:244fd47e07d1004f0aed9c",
        "pkg:golang/google.golang.org/genproto#googleapis/api/annotations",
        "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources",
        "pkg:generic/a",
        "PKG:GITHUB/package-url/purl-spec@244fd47e07d1004f0aed9c",
        "pkg://rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
    ],
)
def test_valid(purl: str) -> None:
    assert defect(purl) == ""


@pytest.mark.parametrize(
    ("purl", "words"),
    [
        ("not a purl", "pkg:"),
        ("", "pkg:"),
        ("npm/foo", "pkg:"),
        ("pkg:", "type"),
        ("pkg:/x", "no name"),
        ("pkg:n&g?inx/nginx", "type"),
        ("pkg:3nginx/nginx", "type"),
        ("pkg:npm", "no name"),
        ("pkg:npm/", "no name"),
        ("pkg:npm/@1.0", "percent-encoded"),
        ("pkg:npm/a@", "version is empty"),
        ("pkg:maven/a//b@1", "namespace is empty"),
        ("pkg:generic/a b", "percent-encoded"),
        ("pkg:generic/ä", "percent-encoded"),
        ("pkg:generic/a%zz", "percent-encoded"),
        ("pkg:generic/a@1 2", "percent-encoded"),
        ("pkg:generic/a?k", "no key"),
        ("pkg:generic/a?in production=true", "no key"),
        ("pkg:generic/a?k=1&K=2", "twice"),
        ("pkg:generic/a?k=ä", "percent-encoded"),
        ("pkg:generic/a#b/../c", "subpath"),
        ("pkg:huggingface/a/b/c", "one owner"),
        ("pkg:huggingface/a/b@main", "commit"),
        (f"pkg:huggingface/a/b@{'F' * 40}", "commit"),
        (f"pkg:huggingface/a/b@{'f' * 41}", "commit"),
    ],
)
def test_each_rule(purl: str, words: str) -> None:
    assert words in defect(purl)


def test_a_url_without_end_is_refused() -> None:
    assert defect("pkg:generic/" + "a" * MAX)


@given(st.text(max_size=60))
def test_nothing_crashes_it(text: str) -> None:
    assert isinstance(defect("pkg:" + text), str) and isinstance(defect(text), str)
