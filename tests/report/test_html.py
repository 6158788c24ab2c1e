"""Reports from saved documents: what they say and must not say, hostile documents, what a browser and a reader need."""

from __future__ import annotations

import random
import re
from base64 import b64encode
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest

import reports
from forebear.policy.answer import Decision
from forebear.report import html
from forebear.report.html.family import tree_of
from forebear.report.html.words import odds, told
from reports import HOSTILE, LONG, Document

KINDS = (
    "scan",
    "disguised",
    "twin",
    "compare",
    "tree",
    "bill",
    "policy",
    "licence",
    "set",
    "policies",
    "demo",
    "bills",
)
VOID = frozenset({"meta", "br"})
FIXED = frozenset(
    {"schema", "verdict", "status", "level", "direction", "kind", "test", "supports", "decision", "severity", "signal"}
)
"""Keys whose values are one of few; everything else is text of strangers."""


class Outline(HTMLParser):
    """What a browser would make of a page, as far as a test has to know."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return reports.everything()


@pytest.fixture(scope="module")
def pages(documents: dict[str, Document]) -> dict[str, str]:
    return {name: html.report(document) for name, document in documents.items()}


def check(text: str) -> Outline:
    """Fail unless a page loads nothing, runs nothing, can be read without eyes, and is whole."""
    found = Outline(text)
    assert not found.open
    assert not set(found.tags) & {"script", "img", "link", "iframe", "object", "form", "input", "button"}
    names = {name for _, name, _ in found.attributes}
    assert not names & {"src", "srcset", "action", "style"} and not [n for n in names if n.startswith("on")]
    assert "url(" not in text and "@import" not in text
    for address in found.values("href"):
        assert address.startswith(("#", "https://"))
    ids = found.values("id")
    assert len(set(ids)) == len(ids)
    assert all(a[1:] in ids for a in found.values("href") if a.startswith("#"))
    assert all(a in ids for a in found.values("aria-labelledby"))
    levels = [int(tag[1]) for tag in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert found.tags.count("main") == 1 and "header" in found.tags and "footer" in found.tags
    drawings = re.findall(r"<svg([^>]*)>\s*(<title>[^<]+</title>)?", text)
    assert all('role="img"' in attributes and title for attributes, title in drawings)
    assert found.tags.count("table") <= found.tags.count("caption") and len(re.findall("<th(?! scope)[ >]", text)) == 0
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;".replace("&#x27;", "'") in text
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_one_file_that_anybody_can_read(kind: str, pages: dict[str, str]) -> None:
    found = check(pages[kind])
    assert "How to reproduce it" in found.text and "Made by Forebear" in found.text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("scan", ("Related", "The weights are not independent: demo-base", "576 of 576 coins agree")),
        ("scan", ("Every relation", "p ≤ 1e-30", "by layer: 4 of 4 layers", "MLP neurons", "Apache License 2.0")),
        (
            "scan",
            ("Of 576 fair coins about 288", "at most one of 10 to the power of 30 cases", "10 to the power of -173"),
        ),
        (
            "scan",
            ("right in 144 of 144 comparisons", "It does not say", "2.2 MB in", "permuted or rotated"),
        ),
        ("scan", ("No policy was asked", "forebear scan", "another index may give another answer")),
        (
            "disguised",
            ("coordinates-scrambled", "452 of 576", "1,280 of 1,280", "Layers against layers: share"),
        ),
        ("disguised", ("trained from scratch", "unverified", "0 of 44 (none can say more than one in 45)")),
        ("twin", ("Not settled", "Nothing ties it to any of 1 comparable references", "there is no tree to draw")),
        ("twin", ("What this report leaves out", "no number of chance", "Nothing was found that has to be acted on")),
        ("compare", ("finetune against demo-base", "Related", "forebear compare", "How far the weights of each layer")),
        ("tree", ("Family tree", "3 models", "another neighbour is possible: support 20%", "broken: not a model")),
        (
            "bill",
            ("Does not verify", "contradicted", "A file is another one.", "p = 1e-12", "settle it: a base"),
        ),
        (
            "policy",
            ("No", "UK defence", "D3", "rules it out", "comes from is not established", "J. Smith"),
        ),
        ("policy", ("Moonshot AI", "China", "Singapore", "Show “Kimi K2.5” in the product's interface", "Q-BASE")),
        ("policy", ("trained from scratch", "contradicted", "depends on the revenue")),
        ("licence", ("Duties: 1 not met", "There is no NOTICE. Add it.", "org/base → org/child", "Another licence")),
        ("set", ("2 of 4 models are related", "team/permuted", "unreadable", "broken: cut off")),
        ("policies", ("1 denied", "a.json", "T2", "c.json: no JSON", "neither results nor bills of materials: 1")),
        ("bills", ("1 failed", "1 not readable", "a/bom.json", "hashes/1", "b.json: no JSON")),
        ("demo", ("2 of 3 models are related to demo-base", "an independent model")),
    ],
)
def test_a_page_says_what_the_document_holds(kind: str, said: tuple[str, ...], pages: dict[str, str]) -> None:
    text = " ".join(Outline(pages[kind]).text.split())
    for words in said:
        assert words in text, words


def test_the_word_and_the_colour_of_an_answer_go_together(documents: dict[str, Document]) -> None:
    tones = {
        "scan": ("related", "Related"),
        "twin": ("inconclusive", "Not settled"),
        "bill": ("deny", "Does not verify"),
        "licence": ("deny", "Not met"),
    }
    for kind, (tone, word) in tones.items():
        found = html.answer(html.Saved(documents[kind]))
        assert (found.tone, found.word) == (tone, word)
    for decision in Decision:
        assert html.answer(html.Saved(reports.policy(decision))).tone == decision.value
    style = html.report(documents["scan"])
    for tone in ("related", "neutral", "pass", "deny", "inconclusive"):
        assert f".{tone} {{ --verdict" in style


def test_nothing_that_is_not_established_is_said_to_be(pages: dict[str, str]) -> None:
    for kind in ("twin", "scan", "compare", "set"):
        text = Outline(pages[kind]).text
        assert "Derived" not in text and "The weights were made from" not in text
    assert "Independent" not in Outline(pages["twin"]).text
    assert "which came first is open" in Outline(pages["scan"]).text


def test_a_document_of_another_kind_is_refused() -> None:
    for document in ({}, {"schema": "forebear.probe/1"}, {"schema": 5}):
        with pytest.raises(ValueError, match="no report is written"):
            html.report(document)


def poisoned(value: Any, text: str, key: str = "") -> Any:
    """A document in which every text is a stranger's."""
    if isinstance(value, dict):
        return {k: poisoned(v, text, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v, text, key) for v in value]
    return text if isinstance(value, str) and key not in FIXED else value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [HOSTILE, LONG, "שלום‏/דגם", ""], ids=["script", "long", "right-to-left", "empty"])
def test_text_of_strangers_stays_text_and_stays_short(kind: str, text: str, documents: dict[str, Document]) -> None:
    page = html.report(poisoned(documents[kind], text))
    check(page)
    assert "\u202e" not in page and "\x1b" not in page and "<script" not in page and len(page) < 400_000
    if text == HOSTILE:
        assert "&lt;script&gt;" in page


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, with the object or list that it is in."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from leaves(item)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_with_anything_in_any_place_is_no_error(kind: str, documents: dict[str, Document]) -> None:
    chance = random.Random(kind)
    strange: tuple[Any, ...] = (
        None,
        [],
        {},
        "x",
        -1,
        10**30,
        float("nan"),
        float("inf"),
        True,
        [[1, 2], "y", None],
        {"n": -3},
        0.5,
    )
    for _ in range(12):
        document = deepcopy(documents[kind])
        places = [(box, key) for box, key in leaves(document) if key != "schema"]
        for box, key in chance.sample(places, min(len(places), 25)):
            box[key] = chance.choice(strange)
        check(html.report(document))


def test_a_tree_of_a_thousand_models_stays_usable() -> None:
    page = html.report(reports.tree(1_000, f"org/{'long-' * 200}{{}}"))
    assert len(page.encode()) < 3_000_000
    found = check(page)
    assert found.tags.count("details") >= 1 and 'class="big"' in page and 'tabindex="0"' in page
    assert "955 more rows" in found.text or "959 more rows" in found.text
    rows = len(re.findall(r'<tr role="row"><th scope="row"', page))
    assert rows == 999


def test_a_tree_is_read_back_as_it_was_written() -> None:
    document = reports.tree(4)
    found = tree_of(document).to_json()
    for one, other in zip(found["edges"], document["edges"], strict=True):
        for key in ("a", "b", "direction", "verdict", "log10_p", "support", "rival", "uncertain"):
            assert one[key] == other[key], key


def test_hidden_states_are_drawn_beside_their_cohort_and_layer_by_layer() -> None:
    document = reports.compare()
    between = {"a": [0, 2], "b": [0, 1, 2], "cosine": [[0.9, 0.1, 0.2], [0.3, 0.4, "x"]]}
    details = {"cosine": 0.85, "cohort_cosines": [0.1, 0.05, -0.2, None], "layers_between": between}
    document["evidence"].append(
        {
            **document["evidence"][0],
            "signal": "activations/1",
            "test": "none",
            "n": 0,
            "log10_p": None,
            "details": details,
        }
    )
    page = html.report(document)
    text = " ".join(check(page).text.split())
    assert "(line, 0.85) and to 3 independent references (dots): 0 of them are as like or more so" in text
    assert "Layers against layers: how alike texts lie" in text and "the highest value is 0.90" in text
    assert page.count('class="null"') == 3 and page.count("fill-opacity") == 5


def test_the_parents_of_a_merge_have_their_shares() -> None:
    document = reports.scan()
    best = document["ancestors"][0]
    parents = [{"name": "demo-base", "coefficient": 0.6}, {"name": "another", "coefficient": 0.4}]
    best |= {"verdict": "merge", "relation": {"kind": "merge", "direction": "a_to_b", "details": {"parents": parents}}}
    page = html.report(document)
    text = check(page).text
    assert "coefficient 0.60" in text and "coefficient 0.40" in text and "another" in text
    assert page.count('<path class="merge"') == 3  # two edges and the key


def test_a_deep_model_has_a_bar_for_each_layer() -> None:
    document = reports.scan()
    details = document["ancestors"][0]["evidence"][0]["details"]
    details["layers"] = [{"a": k, "b": k, "n": 100, "agree": 50 + k % 51, "log10_p": -float(k % 9)} for k in range(126)]
    text = check(html.report(document)).text
    assert "42 of 126 layers have a p-value of one in a million or less" in text


def test_secrets_of_an_address_are_not_shown() -> None:
    document = reports.scan()
    document["model"]["target"] = "https://me:word@host.example/model.safetensors?X-Amz-Signature=abc123"
    text = html.report(document)
    assert "host.example" in text and "abc123" not in text and "me:word" not in text


def test_a_known_command_is_told_as_it_was_typed() -> None:
    how = html.Reproduction("forebear scan ./x --effort deep", (("org.yaml", "SHA-256 00"),))
    text = Outline(html.report(reports.scan(), how)).text
    assert "forebear scan ./x --effort deep" in text and "org.yaml: SHA-256 00" in text
    assert "does not hold the command line" not in text


def test_fragments_are_the_sections_of_the_page(documents: dict[str, Document], pages: dict[str, str]) -> None:
    found = html.fragments(html.Saved(documents["scan"]))
    assert [f.name for f in found] == [
        n for n in (*(p.name for p in html.SECTIONS), "absent") if f'id="{n}"' in pages["scan"]
    ]
    assert all(f.markup in pages["scan"] for f in found)


@pytest.mark.parametrize(
    ("log10_p", "said"),
    [
        (0.0, "more than half of all cases"),
        (-1.0, "about one of 10 cases"),
        (-3.1, "about one of 1,200 cases"),
        (-12.4, "about one of 10 to the power of 12 cases"),
        (-30.0, "at most one of 10 to the power of 30 cases"),
    ],
)
def test_chance_in_words(log10_p: float, said: str) -> None:
    assert odds(log10_p) == said and said in told(log10_p)
    assert ("says nothing" in told(log10_p)) == (log10_p > -2)
    assert ("-173" in told(log10_p, -173.2)) == (log10_p == -30.0)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    full = colour if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:])
    parts = [int(full[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_colour_can_be_read_on_its_ground(scheme: str) -> None:
    folder = resources.files("forebear") / "data" / "page"
    colours: dict[str, str] = {}
    for file in ("page.css", "report.css"):
        css = (folder / file).read_text("utf-8")
        blocks = {"light": css.partition("@media")[0], "print": css.partition("@media print")[2]}
        blocks["dark"] = css.partition("prefers-color-scheme: dark")[2].partition("@media")[0]
        named = re.search(r":root \{(.*?)\}", blocks[scheme], re.DOTALL)
        assert named is not None
        colours |= dict(re.findall(r"--(\w+): (#[0-9a-f]+)", named[1]))
    for text in ("ink", "soft", "pass", "deny", "inconclusive", "related", "bar"):
        assert contrast(colours[text], colours["paper"]) >= 4.5, text
    for text in ("ink", "soft"):
        assert contrast(colours[text], colours["wash"]) >= 4.5, text
    for ground in ("pass", "deny", "inconclusive", "related", "soft"):
        assert contrast(colours["on"], colours[ground]) >= 4.5, ground
    for line in ("edge", "bar", "merge"):
        assert contrast(colours[line], colours["paper"]) >= 3, line
    assert contrast(colours["ink"], colours["root"]) >= 4.5


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("compare", "forebear compare "),
        ("tree", "forebear tree /models/model-0 /models/model-1 /models/model-2"),
        ("bill", "forebear bom verify bom.json ./child"),
        ("bills", "forebear bom verify -r ./bills"),
        ("policy", "forebear policy check t.json --policy uk-defence"),
        ("set", "forebear scan -r ./models"),
        ("demo", "forebear demo"),
    ],
)
def test_what_asks_the_same_again_is_the_command_of_the_document(
    documents: dict[str, Document], kind: str, said: str
) -> None:
    text = html.report(documents[kind])
    assert f"<pre><code>{said}" in text and "With the options that are the default" in text


def test_a_tree_of_an_index_is_no_call_of_tree(documents: dict[str, Document]) -> None:
    """Its members are references: their names are no targets, and their codes are not read by that command."""
    document = deepcopy(documents["tree"])
    for member in document["members"]:
        member["target"] = ""
    text = html.report(document)
    assert "<pre>" not in text and "POST /api/v1/jobs/family" in text
    many = deepcopy(documents["tree"])
    many["members"] = [{**many["members"][0], "name": f"m{k}", "target": f"/models/m{k}"} for k in range(2_000)]
    many["edges"] = []
    text = html.report(many)
    assert "<pre>" not in text and "does not hold the command line" in text
