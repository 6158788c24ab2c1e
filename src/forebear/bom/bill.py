"""The answer of ``bom``: a record, and the documents that it is written as."""

from __future__ import annotations

from dataclasses import dataclass

from forebear.bom.record import Record
from forebear.types import Json


@dataclass(frozen=True)
class Bom:
    """A bill of materials.

    Attributes:
        record: what it says, in no format's terms.
    """

    record: Record

    @property
    def problems(self) -> tuple[str, ...]:
        """Inputs that could not be read; the rest is in the bill."""
        return self.record.problems

    def to_json(self) -> Json:
        """The CycloneDX 1.7 document."""
        return self.write("cyclonedx")

    def write(self, format_name: str) -> Json:
        """The document in a format: ``cyclonedx``, ``cyclonedx-1.6``, ``spdx``; ``record`` for the record itself.

        Raises:
            UsageError: no format of that name is written.
        """
        if format_name == "record":
            return self.record.to_document()
        from forebear.bom.formats import format_named

        writer = format_named(format_name).write
        assert writer is not None  # formats that are only read have no name here
        return writer(self.record)
