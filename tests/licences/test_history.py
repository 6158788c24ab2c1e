"""Earlier revisions of a repository on a hub: licence files deleted, exchanged, labels changed."""

from __future__ import annotations

import pytest

from forebear.errors import InputError
from forebear.licences import history
from forebear.licences.history import Past, changed, read_past
from forebear.sources.hub import HubSource
from hub import Fault, Hub
from licence_cases import PERMISSIVE, STRICT2, TEXTS, detect, documents, limited

KNOWN = {one.id: one for one in (PERMISSIVE, STRICT2, limited())}
CARD = b"---\nlicense: strict\n---\n"


def past(hub: Hub, name: str = "org/model") -> tuple[Past, ...]:
    return read_past(HubSource(name))[0]


def files(**more: bytes) -> dict[str, bytes]:
    return {"README.md": CARD, "model.safetensors": b"x", **more}


def test_a_licence_that_was_deleted(hub: Hub) -> None:
    hub.add("org/model", files(LICENSE=TEXTS["strict"].encode()))
    hub.add("org/model", {**files(), "model.safetensors": b"y"})
    found = past(hub)
    assert len(found) == 2 and found[0].documents.licences == {}
    (finding,) = changed(found, detect, KNOWN)
    assert finding.id == "licence-notice-missing" and finding.level == "warning"
    assert "LICENSE was the Vole License" in finding.message and found[1].commit in finding.evidence[0]


def test_a_licence_that_was_exchanged_and_a_label_that_was_changed(hub: Hub) -> None:
    hub.add("org/model", files(LICENSE=TEXTS["strict"].encode()))
    hub.add("org/model", {"README.md": b"---\nlicense: permissive\n---\n", "LICENSE": TEXTS["permissive"].encode()})
    found = changed(past(hub), detect, KNOWN)
    assert [f.id for f in found] == ["licence-relabelled", "licence-notice-missing"]
    assert "now it states permissive" in found[0].message and "now hold permissive" in found[1].message


def test_what_was_moved_or_added_is_no_finding(hub: Hub) -> None:
    hub.add("org/model", files(LICENSE=TEXTS["strict"].encode()))
    hub.add("org/model", files(NOTICE=TEXTS["strict"].encode() + b"\nMore."))
    assert not changed(past(hub), detect, KNOWN)


def test_revisions_that_change_no_paper_are_not_read(hub: Hub) -> None:
    for k in range(5):
        hub.add("org/model", {**files(LICENSE=b"x"), "model.safetensors": bytes([k])})
    assert len(past(hub)) == 1
    assert sum("resolve-cache" in r.path for r in hub.log) == 2  # card and licence of one revision


def test_one_revision_tells_nothing() -> None:
    assert changed((), detect, KNOWN) == () and changed((Past("a", documents()),), detect, KNOWN) == ()
    two = (Past("b", documents()), Past("a", documents(LICENSE=TEXTS["strict"])))
    assert not changed(two, None, KNOWN)  # texts were not identified
    assert len(changed(two, detect, KNOWN)) == 1


def test_pages_of_commits_and_bounds(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.page = 3
    for k in range(8):
        hub.add("org/model", files(LICENSE=str(k).encode()))
    found, gap = read_past(HubSource("org/model"))
    assert len(found) == 8 and not gap
    assert [p.documents.licences["LICENSE"] for p in found] == [str(k) for k in reversed(range(8))]
    monkeypatch.setattr(history, "MAX_READ", 2)
    found, gap = read_past(HubSource("org/model"))
    assert len(found) == 2 and "2 newest" in gap
    monkeypatch.setattr(history, "MAX_COMMITS", 4)
    monkeypatch.setattr(history, "MAX_READ", 12)
    found, gap = read_past(HubSource("org/model"))
    assert len(found) == 4 and "4 newest" in gap


def test_an_earlier_revision_has_the_earlier_line(hub: Hub) -> None:
    for k in range(3):
        hub.add("org/model", files(LICENSE=str(k).encode()))
    middle = list(hub.repositories["org/model"].commits)[1]
    assert [p.documents.licences["LICENSE"] for p in past(hub, f"org/model@{middle}")] == ["1", "0"]


@pytest.mark.parametrize("body", [b"{}", b"[3]", b'[{"id": "x"}]', b'[{"id": null}]', b"no"])
def test_a_hub_that_answers_nonsense(hub: Hub, body: bytes) -> None:
    hub.add("org/model", files())
    hub.fault(Fault("/commits/", times=None, body=body))
    with pytest.raises(InputError):
        past(hub)
