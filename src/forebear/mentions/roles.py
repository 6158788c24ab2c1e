"""What a file is for, by its path: code that runs, examples, tests, documents."""

from __future__ import annotations

import re

from forebear.mentions.base import Role
from forebear.mentions.words import words

_TEST_FOLDERS = words("test_folders")
_DOC_FOLDERS = words("doc_folders")
_EXAMPLE_FOLDERS = words("example_folders")
_TEST_FILE = re.compile(
    r"(?:^test_|_test\.|_tests\.|\.test\.|\.spec\.|^conftest\.py$|test\.(?:java|kt|cs|php|swift)$|_spec\.rb$)"
)
_DOC_FILE = re.compile(r"\.(?:md|mdx|markdown|rst|adoc|qmd|rmd|txt)$")
_EXAMPLE_FILE = re.compile(
    r"(?:\.example|\.sample|\.template|\.dist|\.tmpl)(?:\.|$)|(?:^|[._\-])(?:example|sample)s?[._\-]"
)


def role_of(path: str) -> Role:
    """The role of a file; tests within examples are tests, and requirements are code although they are texts."""
    parts = path.lower().split("/")
    folders, name = set(parts[:-1]), parts[-1]
    if folders & _TEST_FOLDERS or _TEST_FILE.search(name):
        return Role.TEST
    if (folders & _DOC_FOLDERS or _DOC_FILE.search(name)) and not name.startswith(("requirements", "constraints")):
        return Role.DOCS
    if folders & _EXAMPLE_FOLDERS or _EXAMPLE_FILE.search(name):
        return Role.EXAMPLE
    return Role.CODE
