"""Small catalogues of a test's own."""

from __future__ import annotations

from forebear.catalogue.collection import Collection, read

SOURCES = """
as_of = "2026-11-29"
[source.page]
what = "https://example.org/about"
read = "2026-11-29"
kind = "primary"
[source.recall]
what = "remembered"
read = "2026-11-29"
kind = "memory"
"""
DEVELOPER = """
[[developer]]
id = "acme"
name = "Acme"
hub_accounts = ["acme-ai"]
also = ["Acme Research"]
owners = ["Acme Holding [page]"]
sources = ["page"]
confidence = "high"
[[developer.incorporated_in]]
country = "SG"
sources = ["page"]
confidence = "high"
[[developer.engineering_in]]
country = "CN"
sources = ["recall"]
confidence = "unverified"
"""
MODEL = """
[[model]]
name = "Kimi-K9-8B"
repository = "acme-ai/Kimi-K9-8B"
sources = ["page"]
confidence = "medium"
[[model.licences]]
licence = "acme-1.0"
sources = ["page"]
confidence = "medium"
"""
LICENCE = """
[[licence]]
id = "acme-1.0"
name = "Acme License 1.0"
spdx = "LicenseRef-acme"
hub_ids = ["acme"]
license_names = ["acme-licence"]
sources = ["page"]
confidence = "high"
[[licence.obligations]]
kind = "display_ui"
text = "Acme"
any_of = [
  { metric = "monthly_active_users", above = 100, period = "month" },
  { metric = "revenue", above = 5, currency = "USD", period = "year" },
]
"""
ALL = SOURCES + DEVELOPER + MODEL + LICENCE


def catalogue(text: str = ALL, base: Collection | None = None) -> Collection:
    """What a file's text says."""
    return read({"facts.toml": text}, base)
