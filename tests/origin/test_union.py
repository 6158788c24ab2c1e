"""Countries along a chain: who brings which, what counts, and what is only listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chained import KIMI, PATH, ancestor, bill, check_value, claim, component, probe, said, scan
from forebear.catalogue.developers import developers
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.extend import complete
from forebear.origin import Countries, Origin, Role, origin_of

YANDEX = "Yandex"


def countries(origin: Origin, developer: str, role: Role) -> set[str]:
    """What a developer brings in a role."""
    return {t.country for a in origin.ancestors if a.developer_id == developer for t in a.ties if t.role is role}


def test_moonshot_is_in_singapore_and_in_beijing() -> None:
    origin = origin_of(chain_of(scan([ancestor(KIMI)])))
    check_value(origin, "origin")
    assert {"SG", "KY"} <= countries(origin, "moonshot", Role.INCORPORATED)
    assert countries(origin, "moonshot", Role.ENGINEERING) == {"CN"}
    assert countries(origin, "moonshot", Role.CONTROLLED) == {"CN"}
    found = next(a for a in origin.ancestors if a.model == KIMI)
    assert all(t.sources and t.as_of and t.confidence for t in found.ties)
    assert found.evidence[0] == (
        "Moonshot AI is incorporated in the Cayman Islands, China and Singapore; its engineering is in China; it is "
        "controlled from China."
    )


def test_a_developer_whose_answers_are_one_needs_no_sentence() -> None:
    origin = origin_of(chain_of(bill(component("mine", [component("deepseek-ai/DeepSeek-R1")]))))
    told = [s for a in origin.ancestors for s in a.evidence if a.developer_id == "deepseek"]
    assert told and not any("is incorporated in" in s for s in told)


def test_two_jurisdictions_in_one_chain() -> None:
    base = component("Qwen/Qwen2.5-32B", **said({"relation.declared": "continued_pretraining"}))
    origin = origin_of(chain_of(bill(component("YandexGPT 5 Pro", [base], supplier={"name": YANDEX}))))
    assert {"CN", "RU"} <= set(origin.controlled_from)
    assert origin.ancestors[0].developer_id == "yandex" and origin.ancestors[0].standing is None
    assert [a.disclosed for a in origin.ancestors if a.model == "Qwen/Qwen2.5-32B"] == [True]
    assert not origin.findings


def test_every_ancestor_has_its_way_to_the_model() -> None:
    origin = origin_of(chain_of(scan([ancestor(KIMI, kind="rl")])))
    subject, near, far = origin.ancestors
    assert (subject.route, subject.kinds) == ((), ())
    assert (near.route, near.kinds, near.standing) == ((KIMI, "mine"), ("rl",), Standing.MEASURED)
    assert far.route == ("Kimi-K2-Base", KIMI, "mine")
    assert (far.kinds, far.standing) == (("continued_pretraining", "rl"), Standing.CATALOGUED)


@pytest.mark.parametrize("verdict", ["dependent", "siblings", "same_init_or_derived", "component_shared"])
def test_what_is_possible_is_listed_and_not_counted(verdict: str) -> None:
    origin = origin_of(chain_of(scan([ancestor(KIMI, verdict, "unknown")])))
    assert countries(origin, "moonshot", Role.ENGINEERING) == {"CN"}
    assert (origin.incorporated_in, origin.engineering_in, origin.controlled_from) == ((), (), ())
    assert not origin.factors and not origin.findings


def test_a_leaked_name_counts_with_its_tokenizer_only() -> None:
    alone = origin_of(chain_of(probe({"kimi k2.5": ("identifier",)}, [PATH])))
    both = origin_of(chain_of(probe({"kimi k2.5": ("identifier", "token-counts/1")}, [PATH])))
    assert alone.engineering_in == () and both.engineering_in == ("CN",)


def test_a_teacher_is_listed_and_brings_no_weights() -> None:
    teacher = component("deepseek-ai/DeepSeek-R1", **said({"relation.declared": "distilled"}))
    weights = component("meta-llama/Llama-3.1-8B", **said({"relation.declared": "finetune"}))
    origin = origin_of(chain_of(bill(component("acme/mine", [teacher, weights]))))
    assert origin.controlled_from == ("US",) and "CN" not in origin.engineering_in
    assert countries(origin, "deepseek", Role.ENGINEERING) == {"CN"}
    assert [a.kinds for a in origin.ancestors if a.model == "deepseek-ai/DeepSeek-R1"] == [("distilled",)]


def test_the_best_known_of_several_ways_counts() -> None:
    subject, parent, grand = Node("mine"), Node("p", developer="mistral"), Node("g", developer="moonshot")
    edges = (
        Edge("g", "mine", EdgeKind.UNKNOWN, Standing.POSSIBLE),
        Edge("p", "mine", EdgeKind.FINETUNE, Standing.MEASURED),
        Edge("g", "p", EdgeKind.FINETUNE, Standing.DECLARED),
    )
    origin = origin_of(Chain(subject, (parent, grand), edges))
    assert next(a for a in origin.ancestors if a.model == "g").route == ("g", "p", "mine")
    assert "CN" in origin.engineering_in


def test_code_and_shape_bring_no_country() -> None:
    edges = (Edge("p", "mine", EdgeKind.ARCHITECTURE, Standing.DECLARED, declared=True),)
    origin = origin_of(Chain(Node("mine"), (Node("p", developer="meta"),), edges))
    assert origin.engineering_in == () and len(origin.ancestors) == 2


def test_who_is_not_known_is_said() -> None:
    origin = origin_of(chain_of(scan([ancestor("someone/base")])))
    assert origin.unknown == ("mine", "someone/base")
    assert [a.developer for a in origin.ancestors] == ["", ""]


def test_factors_name_who_brings_them_and_what_they_do_not_say() -> None:
    origin = origin_of(chain_of(scan([ancestor(KIMI), ancestor("deepseek-ai/DeepSeek-R1", "merge", kind="merge")])))
    law = next(f for f in origin.factors if f.id == "CN-NIL7")
    assert set(law.developers) == {"Moonshot AI", "DeepSeek"} and law.sources and law.text
    company = next(f for f in origin.factors if f.id == "US-1532-A")
    assert company.developers == ("DeepSeek",)


def test_a_country_that_nobody_retrieved_is_only_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "own.toml").write_text(OVERLAY)
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    assert developers()["acme"].name == "Acme"
    origin = origin_of(chain_of(bill(component("mine", [component("acme/base")], supplier={"name": "Meta"}))))
    assert countries(origin, "acme", Role.ENGINEERING) == {"NZ"}
    assert "NZ" not in origin.engineering_in and origin.controlled_from == ("US",)


def test_the_subject_itself_counts() -> None:
    origin = origin_of(chain_of(scan([], [claim("org/base")], name="mistralai/Something")))
    assert "FR" in origin.engineering_in and origin.ancestors[0].disclosed


def test_nothing_known_is_an_answer() -> None:
    origin = origin_of(chain_of(scan()))
    check_value(origin, "origin")
    assert origin == replace(origin, findings=(), factors=(), engineering_in=())
    assert origin.unknown == ("mine",)


OVERLAY = """
as_of = "2026-11-01"

[source.of-a-test]
what = "Remembered by a test"
read = "2026-11-01"
kind = "memory"

[[developer]]
id = "acme"
name = "Acme"
hub_accounts = ["acme"]
sources = ["of-a-test"]
confidence = "unverified"

[[developer.engineering_in]]
country = "NZ"
sources = ["of-a-test"]
confidence = "unverified"
"""


def test_what_is_only_possible_is_told_apart_from_the_unions() -> None:
    edge = Edge("Kimi-K2.5", "mine", EdgeKind.RL, Standing.POSSIBLE)
    found = origin_of(complete(Chain(Node("mine"), (Node("Kimi-K2.5"),), (edge,), access=Access.DOCUMENTS)))
    assert found.engineering_in == () and found.possible.engineering_in == ("CN",)
    assert "SG" in found.possible.incorporated_in and found.possible.controlled_from == ("CN",)
    sure = replace(edge, standing=Standing.DECLARED)
    found = origin_of(complete(Chain(Node("mine"), (Node("Kimi-K2.5"),), (sure,), access=Access.DOCUMENTS)))
    assert found.engineering_in == ("CN",) and found.possible.engineering_in == ()


def test_outputs_alone_bring_no_country_even_possibly() -> None:
    edge = Edge("Kimi-K2.5", "mine", EdgeKind.TRAINED_ON_OUTPUTS, Standing.POSSIBLE)
    found = origin_of(complete(Chain(Node("mine"), (Node("Kimi-K2.5"),), (edge,), access=Access.DOCUMENTS)))
    assert found.possible == Countries()
