"""Licence files that a bill of materials lists, or that the licence of a measured ancestor demands."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.files import role_of
from forebear.bom.record import Record
from forebear.catalogue.licences import DutyKind
from forebear.errors import one_line
from forebear.types import Scan

OF_FILES = frozenset({DutyKind.INCLUDE_LICENCE.value, DutyKind.NOTICE_FILE.value})
"""Duties that a file beside the weights meets."""


def checks(record: Record, here: Set[str], scan: Scan | None) -> Iterator[Check]:
    """A check for every licence file of the bill, and for every one that an ancestor's licence asks for.

    Args:
        record: what the bill says.
        here: paths of the model's files.
        scan: of the model, None where its weights were not compared.
    """
    stated = [licence.file for licence in record.licences if licence.file]
    stated += [file.path for file in record.files if role_of(file.path) == "licence"]
    for path in dict.fromkeys(stated):
        name = f"licence-files/{one_line(path, 200)}"
        if path in here:
            yield Check(name, CheckStatus.PASS, f"{one_line(path, 200)} is there.")
        else:
            said = f"{one_line(path, 200)} is listed as the text of a licence and is not there."
            yield Check(name, CheckStatus.FAIL, said)
    for duty in _unmet(scan):
        kind, ancestor = one_line(str(duty.get("kind")), 60), one_line(str(duty.get("ancestor")), 120)
        said = f"The licence of {ancestor} ({one_line(str(duty.get('licence')), 80)}) asks for it: {duty.get('why')}"
        yield Check(f"licence-files/{ancestor}/{kind}", CheckStatus.FAIL, one_line(said, 600))


def _unmet(scan: Scan | None) -> list[dict[str, Any]]:
    """Duties about files that are not met, along edges that were measured: those that a scan raises a finding of."""
    if scan is None or scan.licence is None:
        return []
    raised = [" ".join((f.message, *f.evidence)) for f in scan.findings if f.id == "licence-notice-missing"]
    wanted = [dict(d) for d in scan.licence.get("unmet", ()) if d.get("kind") in OF_FILES]
    return [d for d in wanted if any(str(d.get("ancestor")) in text for text in raised)]
