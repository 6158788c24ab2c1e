"""The formats that bills of materials come in: one entry each, in the order in which a document is tried."""

from __future__ import annotations

from functools import partial

from forebear.bom import cyclonedx, spdx
from forebear.bom.reading import Document, Format, Reading
from forebear.errors import InputError, UsageError, one_line


def _cyclonedx(version: str, written: bool) -> Format:
    return Format(
        f"CycloneDX {version}",
        lambda document: document.get("bomFormat") == "CycloneDX" and document.get("specVersion") == version,
        cyclonedx.read,
        partial(cyclonedx.write, version=version) if written else None,
        f"bom-{version}.schema.json",
    )


FORMATS = (
    _cyclonedx("1.7", written=True),
    _cyclonedx("1.6", written=True),
    _cyclonedx("1.5", written=False),
    Format("SPDX 3.0.1", spdx.matches, spdx.read, spdx.write, "spdx-3.0.1.schema.json"),
)


def format_of(document: Document) -> Format:
    """The format that a document is in.

    Raises:
        InputError: it is in none of :data:`FORMATS`; the message says what it seems to be.
    """
    for known in FORMATS:
        if known.matches(document):
            return known
    listed = ", ".join(f.name for f in FORMATS)
    if document.get("bomFormat") == "CycloneDX":
        version = one_line(str(document.get("specVersion")), 40)
        raise InputError(f"CycloneDX {version} is a version that is not read; these are: {listed}")
    if "spdxVersion" in document:
        version = one_line(str(document["spdxVersion"]), 40)
        raise InputError(f"{version} is a version that is not read; these are: {listed}")
    raise InputError(f"this is no bill of materials in a format that is read: {listed}")


def read_bom(document: Document) -> Reading:
    """A bill of materials in whichever format it is; raises as :func:`format_of` and the format's reader do."""
    return format_of(document).read(document)


def format_named(name: str) -> Format:
    """The format that a user names: ``cyclonedx``, ``cyclonedx-1.6``, ``spdx``; ``UsageError`` for any other."""
    plain = name.lower().replace(" ", "-")
    for known in FORMATS:
        own = known.name.lower().replace(" ", "-")
        if known.write is not None and plain in (own, own.partition("-")[0]):
            return known
    listed = ", ".join(f.name.lower().replace(" ", "-") for f in FORMATS if f.write)
    raise UsageError(f"{one_line(name, 60)} is no format that is written", f"use one of {listed}")
