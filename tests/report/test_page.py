"""The buyer's page: what it says and must not say, that strangers' text stays text, and that it can be read."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from decided import SUBJECT, answer, chain, licence, origin, page
from forebear.licences.answer import DutyStatus, LicenceAnswer
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.origin import Origin
from forebear.policy.answer import Decision, PolicyFinding, Severity
from forebear.policy.questions import questions
from forebear.report.markdown import escape
from forebear.report.page import html, markdown, page_of
from forebear.report.page import words as page_words
from forebear.report.page.rules import in_words
from forebear.report.page.words import step

HOSTILE = "<script>alert(1)</script>\x1b[31m | [x](javascript:y) `z` \u202e &amp; ${style}"
VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})


class Outline(HTMLParser):
    """Tags that are open, headings in order, what is loaded, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    found.close()
    return found


def both() -> Iterator[str]:
    """The text of both writers, without markup."""
    yield markdown(page()).replace("\\", "").replace("**", "")
    yield outline(html(page())).text


def test_both_writers_say_all_that_a_buyer_needs() -> None:
    for text in both():
        for said in (
            *(
                "No",
                "UK defence",
                "The policy is not met. Where the model comes from",
                "capture.har asks for",
                "Kimi-K2.5",
            ),
            *("possible, not established", "Show “Kimi K2.5” in the product's interface", "depends on that the model"),
            *(
                "Moonshot AI PTE. LTD.",
                "Singapore",
                "China",
                "contracting party",
                "It does not decide: what anybody did",
            ),
            *("rules it out", "JSP 936, by a summary", "whether the model is safe", "J. Smith"),
            *("Rules that cannot be told", "Military use is allowed", "the model's own developer and licences"),
            *(
                "It states the licence MIT License (README.md: license)",
                "the text of MIT License, with 1 change that matter",
            ),
            *("Met, or not asked for here: Keep the copyright notice", "Note T8: The bill of materials is unsigned."),
            *("2027-01-31", "weights.", "what the product's interface shows", "Which model were the weights"),
            *("forebear policy check t.json", "ab" * 32, "sha256 cd", "LICENSE of moonshotai/Kimi-K2.5 at 3e60763"),
            *("no legal advice", "It is not known who made Kimi-K9", "To clear D3: Access to the weights"),
        ):
            assert said in text, said


def test_the_two_writers_have_the_same_sections_in_the_same_order() -> None:
    titles = [s.title for s in page().sections]
    assert re.findall(r"^## (.+)$", markdown(page()), re.MULTILINE) == titles
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html(page())) == titles


@pytest.mark.parametrize("decision", list(Decision))
def test_every_decision_has_its_word_and_colour(decision: Decision) -> None:
    made = page(answer=answer(decision))
    assert made.word == page_words.DECISIONS[decision][0]
    assert f'<header class="{decision.value}">' in html(made)
    css = (resources.files("forebear") / "data" / "page" / "page.css").read_text("utf-8")
    assert f".{decision.value} {{" in css


def test_a_possible_step_is_never_told_as_a_fact() -> None:
    possible = page()
    for text in (markdown(possible), html(possible)):
        assert "perhaps trained with reinforcement learning" in text
        assert "derived" not in text and "descends from Kimi" not in text.replace(
            "that the model descends from Kimi", ""
        )
    measured = markdown(page(chain=chain(Standing.MEASURED), licence=licence(DutyStatus.UNMET, Standing.MEASURED)))
    assert "perhaps" not in measured and "**not met**" in measured
    for kind in EdgeKind:
        assert step(Edge("a", "b", kind, Standing.POSSIBLE)).startswith("perhaps ")


def test_the_first_lines_tell_the_nearest_ancestor_of_another_maker_and_how_it_is_known() -> None:
    assert page().answer.endswith(
        "It may come from Kimi-K2.5 of Moonshot AI, whose engineering is in China (possible, not established)."
    )
    sure = page(chain=chain(Standing.MEASURED)).answer
    assert "It comes from Kimi-K2.5 of Moonshot AI" in sure and sure.endswith("(measured on the weights).")
    assert page(chain=Chain(Node(SUBJECT))).answer.endswith("No ancestor is known.")
    outputs = Chain(Node("m"), (Node("t"),), (Edge("t", "m", EdgeKind.TRAINED_ON_OUTPUTS, Standing.DECLARED),))
    assert page(chain=outputs).answer.endswith("No ancestor is known.")


def test_the_reasons_in_the_first_lines_are_whole() -> None:
    reason = f"What it asks for is open; it depends on: {'the revenue per month, ' * 12}whether the model is passed on."
    rule = replace(answer().findings[0], message=reason, severity=Severity.ERROR, unknown=())
    told = page(answer=replace(answer(), decision=Decision.DENY, findings=(rule,))).answer
    assert reason in told


def test_words_for_every_kind_standing_state_and_severity() -> None:
    for kind in EdgeKind:
        assert step(Edge("a", "b", kind, Standing.MEASURED))
    for standing in Standing:
        assert page_words.STANDINGS[standing]
    for state in ParentState:
        assert page_words.PARENTS[state]
    for access in Access:
        assert page_words.ACCESS[access]
    for severity in Severity:
        assert page_words.SEVERITIES[severity]
    spoken = (*page_words.STEPS.values(), *page_words.STANDINGS.values(), *page_words.DUTIES.values(), page_words.FOOT)
    assert not [s for s in spoken if re.search(r"\b(derived|stolen|copied|violat\w+)\b", s)]


def test_what_is_said_of_several_ancestors_is_said_once() -> None:
    one = replace(answer().findings[2], subject="Kimi-K2.5", message=f"Kimi-K2.5 stands above {SUBJECT}.")
    two = replace(one, subject="Kimi-K2-Base", message=f"Kimi-K2-Base stands above {SUBJECT}.")
    text = markdown(page(answer=answer(findings=(one, two))))
    assert "| Kimi-K2.5 stands above the model. Likewise Kimi-K2-Base. |" in text
    duty = licence().duties[1]
    other = replace(duty, ancestor="Kimi-K2-Base", on=("that the model descends from Kimi-K2-Base",))
    text = markdown(page(licence=replace(licence(), duties=(duty, other))))
    assert text.count("| Show “Kimi K2.5”") == 1
    assert "depends on that the model descends from Kimi-K2.5, that the model descends from Kimi-K2-Base" in text


def test_what_is_not_known_has_words() -> None:
    assert in_words("bom.signed") == in_words("bom.present") == "its bill of materials"
    assert in_words("ancestors") == in_words("ancestors.weights") == "which ancestors it has"
    assert in_words("ancestors.military") == "developers and licences of its ancestors"
    assert in_words("no.such.field") == "no.such.field"
    bom, other = (PolicyFinding(r, Severity.ERROR, "-", f"Title {r}", unknown=("bom.signed",)) for r in ("A", "B"))
    assert "| its bill of materials | A (Title A), B (Title B) |" in markdown(
        page(answer=answer(findings=(bom, other)))
    )


def test_strangers_text_stays_text() -> None:
    base = answer()
    bad = answer(
        findings=tuple(
            replace(f, message=HOSTILE, subject=HOSTILE, cites=(HOSTILE,), clears=HOSTILE) for f in base.findings
        )
    )
    node = Node(HOSTILE)
    strange = Chain(node, (Node("x" + HOSTILE),), (Edge("x" + HOSTILE, HOSTILE, EdgeKind.RL, Standing.DECLARED),))
    made = page(
        answer=replace(bad, model=HOSTILE, why=HOSTILE, questions=(HOSTILE,), not_checked=(HOSTILE,)), chain=strange
    )
    found = outline(html(made))
    assert "script" not in found.tags and not found.open
    assert "<script>alert(1)</script>" in found.text and "${style}" in found.text
    for text in (html(made), markdown(made)):
        assert "\x1b" not in text and "\u202e" not in text
    assert "<script>" not in markdown(made).replace("\\<", "").replace("\\>", "")


def test_the_file_loads_nothing_and_runs_nothing() -> None:
    found = outline(html(page()))
    assert not found.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    names = {name for _, name, _ in found.attributes}
    assert not names & {"src", "href", "srcset", "action"} and not [n for n in names if n.startswith("on")]
    assert "url(" not in html(page()) and "@import" not in html(page())
    style = re.search("<style>(.*?)</style>", html(page()), re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert ("meta", "content", f"default-src 'none'; style-src 'sha256-{digest}'") in found.attributes
    assert "style" not in names


def test_it_can_be_read_by_everybody() -> None:
    found = outline(html(page()))
    assert ("html", "lang", "en") in found.attributes
    assert found.headings[0] == 1 and set(found.headings[1:]) == {2}
    assert {"main", "header", "footer", "caption"} <= found.tags
    scopes = [v for tag, name, v in found.attributes if tag == "th" and name == "scope"]
    assert scopes.count("col") > 4 and "row" in scopes
    assert ("meta", "content", "width=device-width, initial-scale=1") in found.attributes


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_enough_in_light_and_dark() -> None:
    css = (resources.files("forebear") / "data" / "page" / "page.css").read_text("utf-8")
    screen = css[: css.index("@media print")]
    schemes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in re.findall(r":root \{(.*?)\}", screen, re.S)
    ]
    assert len(schemes) == 2
    for colours in schemes:
        for name in ("ink", "soft", "pass", "deny", "inconclusive"):
            for ground in ("paper", "wash"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("pass", "deny", "inconclusive"):
            assert contrast(colours["on"], colours[name]) >= 4.5, name


def test_on_a_phone_every_part_of_a_table_has_the_whole_width() -> None:
    css = (resources.files("forebear") / "data" / "page" / "page.css").read_text("utf-8")
    narrow = css[css.index("@media (max-width") : css.index("@media print")]
    blocks = re.findall(r"([\w ,]+) \{ display: block; width: 100%; \}", narrow)
    assert {"table", "caption", "tbody", "tr", "td"} <= {s.strip().rpartition(" ")[2] for s in blocks[0].split(",")}


def test_a_page_of_much_stays_a_page() -> None:
    error = answer().findings[2]
    findings = tuple(replace(error, rule=f"R{k}", message=f"Message {k}") for k in range(200))
    shown = licence(DutyStatus.UNMET).duties[1]
    duties = tuple(replace(shown, text=f"Model-{k}") for k in range(100))
    many = [Node(f"Model-{k}") for k in range(200)]
    edges = tuple(Edge(n.name, SUBJECT, EdgeKind.MERGE, Standing.DECLARED) for n in many)
    above = origin().ancestors[1]
    made = page(
        answer=answer(findings=findings, not_checked=tuple(f"thing {k}" for k in range(99))),
        licence=replace(licence(), duties=duties),
        chain=Chain(Node(SUBJECT), tuple(many), edges),
        origin=replace(origin(), ancestors=tuple(replace(above, developer=f"Developer-{k}") for k in range(99))),
    )
    text = markdown(made)
    assert len(text) < 25_000
    for said in ("190 more are", "90 more duties", "195 more ways", "91 more are", "and 88 more"):
        assert said in text, said


def test_a_page_that_was_just_made_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1774000000")
    file = tmp_path / "my result.json"
    file.write_bytes(b"{}")
    parts = (answer(questions=(questions()[0].id,)), chain(), licence(), origin())
    command = ("forebear", "policy", "check", "my result.json")
    text = markdown(page_of(*parts, command, (str(file), "", str(tmp_path), "no-such-file"), "abc123"))
    assert "forebear policy check 'my result.json'" in text
    assert f"my result.json: SHA-256 {sha256(b'{}').hexdigest()}" in text
    assert "abc123" in text and "2026-03-20T" in text and "no-such-file" not in text
    assert escape(questions()[0].text) in text
    assert text == markdown(page_of(*parts, command, (str(file),), "abc123"))


def test_where_nothing_is_known_it_says_so() -> None:
    bare = page(
        answer=answer(Decision.INCONCLUSIVE, findings=(), waived=(), not_checked=(), questions=()),
        chain=Chain(Node("x")),
        licence=LicenceAnswer("x"),
        origin=Origin(()),
    )
    text = markdown(bare)
    assert "No ancestor was found. That is no proof that there is none." in text
    assert "No duty was found." in text and "Nothing is known about countries." in text
    assert "No rule speaks against it, as far as facts are known." in text
    assert "## Waivers" not in text and "## Sources" not in text


def test_a_model_under_another_name_is_not_said_to_come_from_itself() -> None:
    base = chain(Standing.DECLARED)
    named = Edge("gpt 5", SUBJECT, EdgeKind.SAME_MODEL, Standing.DECLARED)
    same = replace(base, nodes=(Node("gpt 5", developer="openai"),), edges=(named,))
    said = page(chain=same).answer
    assert "It is gpt 5" in said and "It comes from" not in said
