"""Roles of a model whose names belong to no known family, from its own shapes, order and values alone."""

from forebear.artifacts.inference.model import infer

__all__ = ["infer"]
