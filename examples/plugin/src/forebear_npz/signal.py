"""How far the norms of embedding rows agree: a remark, and by no means evidence of descent."""

from __future__ import annotations

import numpy as np

from forebear.artifacts import Artifact
from forebear.artifacts.roles import tensors_by_role
from forebear.plugins import Remark

ROWS = 512


class RowNorms:
    """Correlation of the norms of the first embedding rows. Independent models of one tokenizer have it, too."""

    @staticmethod
    def compare(a: Artifact, b: Artifact) -> Remark | None:
        """A remark, None where one of the two has no embedding."""
        tables = [tensors_by_role(model).get("embed") for model in (a, b)]
        if tables[0] is None or tables[1] is None:
            return None
        rows = min(ROWS, tables[0].shape[0], tables[1].shape[0])
        norms = [np.linalg.norm(table.rows(0, rows), axis=1) for table in tables if table is not None]
        if rows < 3 or min(float(n.std()) for n in norms) == 0.0:
            return None
        r = float(np.corrcoef(norms[0], norms[1])[0, 1])
        return Remark(f"norms of the first {rows:,} embedding rows correlate with r = {r:.2f}", r)
