"""The table of the worked example in docs/origin.md, row by row."""

from __future__ import annotations

import pytest

from chained import PATH, Json, edge, named, probe, traffic
from forebear.lineage.chains import chain_of
from forebear.origin import origin_of

SENTENCE = (
    "Moonshot AI is incorporated in the Cayman Islands, China and Singapore; its engineering is in China; it is "
    "controlled from China."
)


@pytest.mark.parametrize(
    ("document", "standing", "declared", "engineering", "levels"),
    [
        (traffic(named(PATH, "asked")), "possible", False, (), []),
        (probe({"kimi k2.5": ("identifier", "token-counts/1")}, [PATH]), "probable", False, ("CN",), ["warning"]),
        (traffic(named("composer-2", "asked")), "catalogued", False, ("CN", "US"), ["warning"]),
        (traffic(named("composer-2.5", "asked")), "catalogued", True, ("CN", "US"), []),
    ],
)
def test_composer_2(
    document: Json, standing: str, declared: bool, engineering: tuple[str, ...], levels: list[str]
) -> None:
    chain = chain_of(document)
    origin = origin_of(chain)
    found = edge(chain, "Kimi-K2.5")
    assert (found.kind, found.standing, found.declared) == ("rl", standing, declared)
    assert origin.engineering_in == engineering
    assert [f.level for f in origin.findings] == levels
    assert any(SENTENCE in a.evidence for a in origin.ancestors if a.developer_id == "moonshot")
    assert edge(chain, "Kimi-K2-Base").standing == "catalogued"
