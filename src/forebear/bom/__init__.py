"""Bills of materials: one record of what is known about a model, and a writer and a reader per format.

The record keeps what was said (card, config, declaration) apart from what was measured (hashes, weights). This layer is
handed an artifact's documents and the answer of a scan; it never detects anything itself.
"""

from forebear.bom.bill import Bom
from forebear.bom.card import Card, read_card
from forebear.bom.files import FileRecord, describe_files
from forebear.bom.record import Record, Relative, Slot
from forebear.bom.values import Observation

__all__ = [
    "Bom",
    "Card",
    "FileRecord",
    "Observation",
    "Record",
    "Relative",
    "Slot",
    "describe_files",
    "read_card",
]
