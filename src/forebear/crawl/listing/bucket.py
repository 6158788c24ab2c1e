"""Every model below a folder of a bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters
from forebear.errors import InputError
from forebear.sources.hub import WEIGHTS
from forebear.sources.remote import bucket_folders

_BUCKET = re.compile(r"(s3|gs)://[^/]", re.ASCII)


class BucketLister:
    """``s3://`` and ``gs://``. A folder with weights is a model; its name is its path below the one that is crawled."""

    def lists(self, source: str) -> bool:
        """See :meth:`Lister.lists <forebear.crawl.listing.base.Lister.lists>`."""
        return _BUCKET.match(source) is not None

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """See :meth:`Lister.models <forebear.crawl.listing.base.Lister.models>`."""
        root = source.rstrip("/")
        found = False
        for folder, files in bucket_folders(root):
            weights = [f for f in files if f[0].lower().endswith(WEIGHTS)]
            if not weights:
                continue
            found = True
            revision = sha256(repr(sorted(files)).encode("utf-8", "surrogatepass")).hexdigest()[:40]
            name = folder.removeprefix(root).strip("/") or root.rpartition("/")[2]
            only_gguf = all(name.lower().endswith(".gguf") for name, _, _ in weights)
            skip = "nothing but GGUF files (--gguf reads them)" if only_gguf and not filters.gguf else ""
            yield Wanted(folder, name, revision, skip)
        if not found:
            raise InputError(f"{root}: no model in it or below", "is it the folder?")
