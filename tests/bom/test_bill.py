"""What a bill is written as."""

from __future__ import annotations

import pytest

from forebear.bom import Bom
from forebear.bom.record import Model, Record
from forebear.errors import UsageError

RECORD = Record(model=Model(name="acme/mine"), created="2026-01-01T00:00:00Z", problems=("x: damaged",))


def test_its_formats() -> None:
    bom = Bom(RECORD)
    assert bom.problems == ("x: damaged",)
    assert bom.to_json() == bom.write("cyclonedx") == bom.write("cyclonedx-1.7")
    assert bom.write("cyclonedx-1.6")["specVersion"] == "1.6"
    document = bom.write("record")
    assert (document["schema"], document["created"]) == ("forebear.bom-record/1", RECORD.created)


@pytest.mark.parametrize("name", ["", "xml", "cyclonedx-1.5", "cyclonedx-9", "json"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="use one of"):
        Bom(RECORD).write(name)
