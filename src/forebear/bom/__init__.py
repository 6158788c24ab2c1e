"""Bills of materials: one record of what is known about a model, and one emitter per format.

The record keeps what was said (card, config) apart from what was measured (hashes, weights). This layer is handed
an artifact's documents and the answer of a scan; it never detects anything itself.
"""

from forebear.bom.card import Card, read_card
from forebear.bom.files import FileRecord, describe_files
from forebear.bom.old_record import Bom, Licence, Observation, Record, Relative, Slot

__all__ = [
    "Bom",
    "Card",
    "FileRecord",
    "Licence",
    "Observation",
    "Record",
    "Relative",
    "Slot",
    "describe_files",
    "read_card",
]
