"""Whose word a string of a tree is: asked, served, listed, an error, or somebody's text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from forebear.traffic import fields
from forebear.traffic.base import Side
from forebear.traffic.sightings import Role
from forebear.traffic.values import Node


def role_of(node: Node, side: Side, failed: bool, listed: bool) -> Role:
    """The role of a field that names a model.

    Args:
        node: the field.
        side: who speaks; in a log the keys above tell.
        failed: whether the answer is an error as a whole.
        listed: whether it is an entry of a list of models.
    """
    if side is Side.REQUEST:
        return Role.ASKED
    labels = [node.label, *node.labels()]
    if failed or any(fields.is_failure(label) for label in labels):
        return Role.ERROR
    if listed:
        return Role.LISTED
    if side is Side.RESPONSE:
        return Role.SERVED
    for label in reversed(labels):  # a body is that of the request or of the response around it
        if fields.is_said(label):
            return Role.SERVED
        if fields.is_asked(label):
            return Role.ASKED
    routed = node.siblings is not None and "model_group" in node.siblings  # LiteLLM: the group is what was asked
    return Role.SERVED if routed else Role.LOGGED


def is_theirs(node: Node) -> bool:
    """Whether a string stands where users and their tools speak."""
    return node.label in fields.THEIRS or any(label in fields.THEIRS for label in node.labels())


def is_failure(node: Node) -> bool:
    """Whether a string tells of an error."""
    return any(fields.is_failure(label) for label in (node.label, *node.labels()))


def is_list(tree: Any) -> bool:
    """Whether a tree is a list of models: ``{"object": "list", "data": [{"object": "model", …}]}``, and its kin."""
    if not isinstance(tree, dict):
        return False
    data = tree.get("data")
    entries: Iterable[Any] = data if isinstance(data, list) else ()
    return _is_model(tree) or any(isinstance(entry, dict) and _is_model(entry) for entry in entries)


def in_list(node: Node, listing: bool) -> bool:
    """Whether a string is a model's name in a list of models; ``listing``: the whole tree is one."""
    label = fields.normal(node.label)
    if label in fields.LISTS and isinstance(node.key, int):
        return True
    if label not in fields.LISTED:
        return False
    above = [fields.normal(up) for up in node.labels()]
    if node.siblings is not None and _is_model(node.siblings):
        return listing or "data" in above
    return bool(above) and above[0] in fields.LISTS


def _is_model(entry: dict[str, Any]) -> bool:
    if entry.get("object") == "model" or entry.get("type") == "model":
        return True
    return "id" in entry and ("context_length" in entry or "architecture" in entry)  # OpenRouter
